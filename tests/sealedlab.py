"""Bills and evidence with a history on a QBFT chain (tests/qbftlab.py), and their bundles with a sealed part.

The gateway is a real one and builds the bundles itself. Validators change on the way: so headers of two eras
stand in each bundle.

>>> with open_stage(folder, anvil.url, anvil.rpc) as stage:  # doctest: +SKIP
...     made = stage.bundles()
>>> sorted(made)                                             # doctest: +SKIP
['batch', 'delivered', 'evidence', 'fields', 'live', 'voided']
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.contracts import encode_batch
from chain.intents import Signature
from chain.signers import Keystore
from tests.integration.gateway import Gateway, open_gateway, populate
from tests.nodelab import RICH, mined, typed
from tests.qbftlab import FIRST, SECOND, QbftFront

__all__ = ["Stage", "open_stage", "trust_of"]

EVIDENCE = "0x" + "5a" * 32
SHOWN = ["/bill/number", "/issuer/party"]


def trust_of(stage: Stage) -> dict[str, Any]:
    """The gateway's trust root, with the validators that the test knows."""
    root: dict[str, Any] = stage.gateway.get(None, "/v1/trust").json()
    eras = [
        {"from": since, "addresses": sorted(one.address for one in keys)} for since, keys in stage.front.eras
    ]
    return root | {"validators": eras}


@dataclass
class Stage:
    """A gateway with all members, on a QBFT chain."""

    gateway: Gateway
    front: QbftFront

    def live(self) -> str:
        """Issued, offered in vain, transferred to the bank; the validators change after the issue."""
        gateway = self.gateway
        bill = str(gateway.full_bill()["bill"])
        self.change_validators()
        bank = gateway.party("bank")
        gateway.done(gateway.sign("importer", "Offer", bill, to=bank, expiry=2_000_000_000))
        gateway.done(gateway.sign("bank", "DeclineOffer", bill))
        gateway.done(gateway.sign("importer", "Transfer", bill, to=bank))
        return bill

    def delivered(self) -> str:
        """Presented, accepted, delivered."""
        gateway = self.gateway
        bill = str(gateway.full_bill()["bill"])
        gateway.done(gateway.sign("importer", "Surrender", bill))
        gateway.done(gateway.sign("carrier", "AcceptSurrender", bill))
        gateway.done(gateway.sign("carrier", "Deliver", bill, evidence=EVIDENCE))
        return bill

    def own(self) -> str:
        """Issued by the haulier to the owner, who keep their own keys."""
        gateway = self.gateway
        document = gateway.document(issuer="haulier", holder="owner")
        kept = gateway.store(document, author="haulier", readers=("bank",))  # who can have it opened here
        bill = str(kept["digest"])
        note, holder = kept["facts"]["note"], gateway.party("owner")
        act = gateway.act("Issue", bill, sequence=0, note=note, holder=holder, toOrder=True)
        signer = gateway.members["haulier"].signer
        assert signer is not None
        gateway.done(gateway.submit("haulier", act, signer, prefer="wait=20"))
        return bill

    def voided(self) -> str:
        """Voided by its holder and its issuer together: an act with two signatures."""
        gateway, bill = self.gateway, self.own()
        act = gateway.act("Void", bill, reason=EVIDENCE)
        owner, haulier = gateway.members["owner"].signer, gateway.members["haulier"].signer
        assert owner is not None
        assert haulier is not None
        gateway.done(gateway.submit("owner", act, owner, haulier, prefer="wait=20"))
        return bill

    def batch(self) -> str:
        """Two acts, and one on another bill, in a transaction of EIP-1559 that went past the gateway; and the
        issuer's role ended and was given anew since."""
        gateway, bill = self.gateway, self.own()
        offer = gateway.act("Offer", bill, to=gateway.party("bank"), expiry=2_000_000_000)
        withdrawn = gateway.act("WithdrawOffer", bill, sequence=offer.sequence + 1)
        room, signer = gateway.house.rooms["bills"], gateway.members["owner"].signer
        assert signer is not None
        none: list[Signature] = []
        another = gateway.act("Transfer", self.own(), to=gateway.party("bank"))  # of another bill
        acts = (offer, another, withdrawn)
        wires = [(act.wire(signer.sign(act.digest(gateway.domain()))), none) for act in acts]
        chain = gateway.house.chain
        raw = typed(
            RICH,
            nonce=chain.nonce(RICH.address),
            to=gateway.house.address(room),
            data=encode_batch(gateway.house.artifact(room), wires),
            gas=1_000_000,
            maxFeePerGas=10**11,
            maxPriorityFeePerGas=1,
        )
        assert mined(chain, chain.send_raw(raw)).succeeded
        haulier = gateway.party("haulier")
        ended = gateway.post("operator", f"/v1/parties/{haulier}/roles/end", {"role": "carrier"})
        block = gateway.done(ended)["block"]
        # A role that ends in the second after cannot be given anew before it.
        while (head := gateway.house.head()).number == block or head.timestamp <= _time(gateway, block):
            self.front.answer("evm_mine", [])
        gateway.role("haulier", "carrier")
        return bill

    def change_validators(self) -> None:
        """From the next block on, others seal."""
        if len(self.front.eras) == 1:
            self.front.eras.append((self.gateway.house.chain.block_number() + 1, SECOND))

    def bundle(self, who: str, bill: str, **body: Any) -> bytes:
        """A bill's bundle as the gateway makes it."""
        self.gateway.settle()
        answer = self.gateway.post(who, f"/v1/bills/{bill}/bundle", body)
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def evidence(self) -> bytes:
        """The bundle of a piece of evidence."""
        body = {"type": "delivery-record/1", "digest": EVIDENCE}
        leaf = self.gateway.post("carrier", "/v1/evidence", body, prefer="wait=20").json()["leaf"]
        # The state moves on: so the state header is another than the anchor's.
        self.front.answer("anvil_setBalance", ["0x" + "5a" * 20, "0x1"])
        self.front.answer("evm_mine", [])
        self.gateway.settle()
        answer = self.gateway.get("carrier", f"/v1/evidence/{leaf}/bundle")
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def bundles(self) -> dict[str, bytes]:
        """One of each kind."""
        live = self.live()
        made: dict[str, Callable[[], bytes]] = {
            "live": lambda: self.bundle("bank", live),
            "fields": lambda: self.bundle("bank", live, fields=SHOWN),
            "delivered": lambda: self.bundle("importer", self.delivered()),
            "voided": lambda: self.bundle("bank", self.voided()),
            "batch": lambda: self.bundle("bank", self.batch()),
            "evidence": self.evidence,
        }
        return {name: make() for name, make in made.items()}


def _time(gateway: Gateway, number: int) -> int:
    block = gateway.house.chain.block(number)
    assert block is not None
    return block.timestamp


@contextmanager
def open_stage(folder: Path, behind: str, rpc: Callable[..., Any]) -> Iterator[Stage]:
    """A gateway with all members in front of a node whose blocks are sealed anew.

    :param behind: the node's address
    :param rpc: calls it, to give the gateway's accounts money
    """
    keys, password = folder / "keys", "a password of tests alone"
    keys.mkdir(parents=True)
    store = Keystore(keys, password)
    accounts = {duty: store.create().address for duty in ("relayer", "log")}
    (keys / "accounts.json").write_text(json.dumps(accounts))
    for account in accounts.values():
        rpc("anvil_setBalance", account, hex(10**21))
    with (
        QbftFront(behind, [(0, FIRST)]) as front,
        open_gateway(folder, node=front.url, keystore_password=password) as gateway,
    ):
        populate(gateway)
        yield Stage(gateway, front)
