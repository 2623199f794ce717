"""One way to do an act: the gateway prepares it, a local or the entrusted key signs it, it is followed.

A local key signs only what was asked for: the act that comes back from the gateway is compared with the wish,
field by field, and its digest is computed here.

>>> doer = Doer(run, Keys(run, Path("bank.json")))                    # doctest: +SKIP
>>> doer.do("bills", "Transfer", bill, {"to": 4})["status"]           # doctest: +SKIP
'done'
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from api.cli.client import Gateway, Intent, Prepared
from api.cli.errors import CliError, ExitCode
from api.cli.files import ACT, OPENING

if TYPE_CHECKING:
    from api.cli.keys import Keys
    from api.kernel.room import Room
    from chain.intents import Act, Domain

__all__ = ["Doer", "act_file", "act_of", "opening", "room_of_domain", "sign_typed_data"]

_LONGEST_DEADLINE = 86_400  # what a gateway fills in is an hour; a day allows for clocks


class Doer:
    """Does acts for one party.

    :param keys: its own signing key; without one the gateway's entrusted key signs
    """

    def __init__(self, gateway: Gateway, keys: Keys | None, *, wait: bool = True) -> None:
        self.gateway = gateway
        self.keys = keys
        self._wait = wait

    def do(
        self,
        room: str,
        act: str,
        subject: str | int,
        fields: Mapping[str, Any],
        *,
        deadline: int | None = None,
        cosignatures: Sequence[str] = (),
        cosign: Callable[[dict[str, Any]], str] | None = None,
        before: Callable[[], object] | None = None,
    ) -> Intent:
        """Do an act.

        :param cosign: signs the prepared typed data beside the first signer
        :param before: runs when the act is signed and not yet handed in
        """
        if self.keys is None:
            if cosign is not None:
                prepared = self.gateway.prepare(room, act, subject, fields, deadline)
                check_prepared(prepared, room, act, subject, fields, deadline)
                deadline = int(prepared["typed_data"]["message"]["deadline"])
                cosignatures = [*cosignatures, cosign(prepared["typed_data"])]
            return self.gateway.sign(
                room, act, subject, fields, deadline, cosignatures=cosignatures, wait=self._wait
            )
        prepared = self.gateway.prepare(room, act, subject, fields, deadline)
        typed = check_prepared(prepared, room, act, subject, fields, deadline)
        signatures = [sign_typed_data(typed, self.keys), *cosignatures]
        if cosign is not None:
            signatures.append(cosign(typed))
        if before is not None:
            before()
        return self.gateway.submit(room, act, typed["message"], signatures, wait=self._wait)


def check_prepared(
    prepared: Prepared,
    room: str,
    act: str,
    subject: str | int,
    fields: Mapping[str, Any],
    deadline: int | None,
) -> dict[str, Any]:
    """The prepared typed data, if it is what was asked for and nothing else.

    :raises CliError: a field is another; nothing was signed
    """
    typed = prepared["typed_data"]
    found, message, domain = act_of(typed)
    wanted = dict(fields) | ({"deadline": deadline} if deadline is not None else {})
    for name, value in wanted.items():
        if _plain(message.get(name)) != _plain(value):
            raise CliError("prepared-other", ExitCode.REFUSED, field=name)
    if found.type.name != act or room_of_domain(typed["domain"]).name != room:
        raise CliError("prepared-other", ExitCode.REFUSED, field="primaryType")
    if found.type.subject and message[found.type.subject[0]] != subject:
        raise CliError("prepared-other", ExitCode.REFUSED, field=found.type.subject[0])
    if deadline is None and found.deadline > time.time() + _LONGEST_DEADLINE:
        raise CliError("prepared-other", ExitCode.REFUSED, field="deadline")
    if prepared["digest"] != "0x" + found.digest(domain).hex():
        raise CliError("prepared-other", ExitCode.REFUSED, field="digest")
    return typed


def room_of_domain(domain: Mapping[str, Any]) -> Room:
    """The room whose contract signs under a domain's name.

    :raises CliError: none is known
    """
    from api.registry import ROOMS

    for room in ROOMS:
        if room.domain_name == domain.get("name") and domain.get("version") == "1":
            return room
    raise CliError("domain-unknown", ExitCode.LOCAL, name=str(domain.get("name"))[:80])


def act_of(typed: Mapping[str, Any]) -> tuple[Act, dict[str, Any], Domain]:
    """The act that typed data stands for, its message, and its domain.

    :raises CliError: the contract, chain or address is none that is known
    :raises IntentError: a field is missing, unknown or out of range
    """
    from chain.intents import Address, Domain, act_from_message

    room, domain, message = room_of_domain(typed["domain"]), typed["domain"], typed["message"]
    chain_id, contract = domain.get("chainId"), domain.get("verifyingContract")
    if isinstance(chain_id, str) and chain_id.isdecimal():  # wallets write it either way
        chain_id = int(chain_id)
    if not isinstance(chain_id, int) or not isinstance(contract, str):
        raise CliError("domain-unknown", ExitCode.LOCAL, name=str(domain.get("name"))[:80])
    act = act_from_message(room.acts, typed["primaryType"], message)
    return act, dict(message), Domain(room.domain_name, "1", chain_id, Address(contract.lower()))


def sign_typed_data(typed: Mapping[str, Any], keys: Keys) -> str:
    """Sign an act's typed data with a party's own key; hex with 0x, 65 bytes."""
    act, _, domain = act_of(typed)
    return "0x" + keys.signer().sign_act(act, domain).rsv.hex()


def act_file(typed: Mapping[str, Any], signatures: Sequence[str], **further: Any) -> dict[str, Any]:
    """An act file's content."""
    act, _, domain = act_of(typed)
    return {
        "format": ACT,
        "room": room_of_domain(typed["domain"]).name,
        "digest": "0x" + act.digest(domain).hex(),
        "typed_data": dict(typed),
        "signatures": list(signatures),
    } | further


def opening(content: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A salted digest to be written on the chain, and the opening that shows what it stands for.

    :param content: what is said, such as a reason's text
    """
    from chain.digests import document_digest, new_seed

    seed = new_seed()
    digest = "0x" + document_digest(dict(content), seed).hex()
    return digest, {"format": OPENING, "digest": digest, "document": dict(content), "seed": seed.hex()}


def _plain(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
