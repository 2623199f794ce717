"""Gateways to be measured: real processes, with entrusted parties and with parties that keep their keys."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
from api.kernel.party_acts import PARTY_ACTS
from chain.intents import Address, Domain, act_from_message
from chain.signers import KeySigner
from tests.integration.live import Client, Gateway, Story
from vault.keys import PrivateKey


@dataclass
class Desk:
    """A party that keeps its own key."""

    number: int
    signer: KeySigner
    client: Client
    domain: Domain

    def issue(self, holder: int) -> dict[str, Any]:
        """A signed issue of a new bill, as it is submitted."""
        note, bill = ("0x" + secrets.token_hex(32) for _ in range(2))
        return self._signed(
            "Issue", {"bill": bill, "sequence": 0, "note": note, "holder": holder, "toOrder": True}
        )

    def transfer(self, issue: dict[str, Any], to: int) -> dict[str, Any]:
        """A signed transfer of a bill that was issued to this party."""
        return self._signed("Transfer", {"bill": issue["message"]["bill"], "sequence": 1, "to": to})

    def _signed(self, act: str, message: dict[str, Any]) -> dict[str, Any]:
        message |= {"deadline": int(time.time()) + 3600}
        signature = self.signer.sign(act_from_message(RAIL_BILL_ACTS, act, message).digest(self.domain))
        return {"room": "bills", "act": act, "message": message, "signatures": ["0x" + signature.rsv.hex()]}


@dataclass
class House:
    """A gateway with four parties that entrusted their keys: a carrier, and three that may hold.

    :ivar node: the address of its node; empty for its own
    """

    gateway: Gateway
    story: Story
    node: str = ""


@contextmanager
def house(folder: Path, anvil: Any = None) -> Iterator[House]:
    """Open one.

    :param anvil: the node; without one its own
    """
    folder.mkdir()
    gateway = Gateway(folder) if anvil is None else Gateway(folder, node=anvil.url)
    if anvil is not None:
        for account in gateway.senders():
            anvil.rpc("anvil_setBalance", account, hex(10**21))
    operator = gateway.operator()
    with gateway:
        yield House(gateway, Story(operator, holders=3), anvil.url if anvil is not None else "")


def own_desk(house: House) -> Desk:
    """Admit a carrier that keeps its own key."""
    operator = house.story.operator
    signer = KeySigner(secrets.token_bytes(32))
    profile = {"name": f"Bench {signer.address}", "name_zh": "测试承运人", "country": "CN"}
    keys = {"key": signer.address, "reader_key": PrivateKey.generate().public.hex()}
    prepared = operator.post("/v1/parties/admission", profile | keys).json()["typed_data"]
    domain = Domain(
        prepared["domain"]["name"],
        prepared["domain"]["version"],
        prepared["domain"]["chainId"],
        Address(prepared["domain"]["verifyingContract"]),
    )
    signature = signer.sign(act_from_message(PARTY_ACTS, "Admit", prepared["message"]).digest(domain))
    body = {"message": prepared["message"], "signature": "0x" + signature.rsv.hex()}
    operator.settled(operator.post("/v1/parties/admission/signed", body))
    number = max(party["party"] for party in operator.get("/v1/parties"))
    operator.settled(operator.post(f"/v1/parties/{number}/roles", {"role": "carrier"}))
    answer = operator.post("/v1/tokens", {"party": number, "scopes": ["read", "write"], "label": "bench"})
    registry = operator.get("/v1/registry")
    bills = Domain(RAIL_BILLS_DOMAIN, "1", registry["chain_id"], Address(registry["bills"]))
    return Desk(number, signer, Client(house.gateway.url, answer.json()["token"]), bills)
