"""From a wish to an act on the chain: prepare, sign or take a signature, try, and put into the outbox.

- ``prepare`` fills in what the signer should not have to know: the sequence the chain expects, a deadline.
- An entrusted key signs only if the registry marks it custodial, so that no gateway can sign unseen.
- Each act is tried against the chain's present state before it is accepted; what the contract would refuse is
  refused at once, by name. What is accepted is durable before the answer leaves.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sqlmodel import Session, col, select

from api.kernel.room import RefusedByChainError, Room
from api.kernel.tables import KeyRow
from chain import outbox
from chain.contracts import encode_intents
from chain.db import reading
from chain.errors import LandbridgeError
from chain.intents import Act, IntentError, Signature, act_from_message, recover
from chain.node import NodeRefusedError
from chain.signers import ActSigner
from chain.tables import OutboxRow

if TYPE_CHECKING:
    from api.kernel.house import House

__all__ = [
    "CosignersMismatchError",
    "ExpiredError",
    "NotCustodialError",
    "UnknownActError",
    "entrusted",
    "is_stale",
    "parse_signatures",
    "prepare",
    "room_of",
    "sign",
    "sign_and_submit",
    "submit",
]

DEADLINE_SECONDS = 3600
"""How long a prepared act may execute, unless the caller names a deadline."""


class UnknownActError(LandbridgeError):
    """No room takes this act."""

    code: ClassVar[str] = "unknown-act"


class NotCustodialError(LandbridgeError):
    """The gateway holds no key of the party that the registry marks as custodial."""

    code: ClassVar[str] = "not-custodial"


class ExpiredError(LandbridgeError):
    """The act's deadline is past already."""

    code: ClassVar[str] = "intent-expired"


class CosignersMismatchError(LandbridgeError):
    """Fewer or more signatures than an act can carry."""

    code: ClassVar[str] = "cosigners-mismatch"


def room_of(house: House, name: str) -> Room:
    """The room of this name, among those whose contract takes intents.

    :raises UnknownActError: none
    """
    room = house.rooms.get(name)
    if room is None:
        raise UnknownActError(f"no room is called {name}", params={"room": name})
    return room


def prepare(
    house: House,
    room: Room,
    name: str,
    subject: bytes,
    fields: Mapping[str, Any],
    *,
    deadline: int | None = None,
) -> Act:
    """An act with its sequence and deadline filled in, ready to be signed.

    :raises UnknownActError: the room has no such act
    :raises IntentError: a field is missing, unknown or out of range
    """
    shape = next((act for act in room.acts if act.name == name), None)
    if shape is None:
        raise UnknownActError(f"no act is called {name}", params={"act": name})
    if shape.subject:
        key, type_ = shape.subject
        if key in fields:
            raise IntentError(f"the field {key} is the subject", params={"field": key})
        if type_ == "uint32" and int.from_bytes(subject, "big") >= 1 << 32:
            raise IntentError(f"the field {key} is not a {type_}", params={"field": key, "type": type_})
    # Before the chain is asked: an act that is mined in between is then counted once or twice, never not.
    waiting = _waiting(house, room, shape.name, subject)
    message: dict[str, Any] = {
        "sequence": _after(waiting, house.sequence(room, shape, subject)),
        "deadline": deadline if deadline is not None else int(time.time()) + DEADLINE_SECONDS,
        **fields,
    }
    if shape.subject:
        key, type_ = shape.subject
        message[key] = "0x" + subject.hex() if type_ == "bytes32" else int.from_bytes(subject, "big")
    return act_from_message(room.acts, name, message)


def sign(house: House, room: Room, act: Act, party: int) -> Signature:
    """Have a party's entrusted key sign.

    :raises NotCustodialError: the gateway has no key of the party that is marked custodial on the chain
    :raises SignerError: the key cannot be used now
    """
    return entrusted(house, party).sign_act(act, house.domain(room))


def sign_and_submit(
    session: Session, house: House, room: Room, act: Act, party: int, cosignatures: Sequence[Signature]
) -> OutboxRow:
    """Have a party's entrusted key sign, submit the act, and do what the room does for its signer.

    :raises LandbridgeError: as :func:`sign` and :func:`submit`
    """
    signatures = [sign(house, room, act, party), *cosignatures]
    # First, so that a stranger to a document learns nothing of what stands on the chain under its digest.
    beside = room.beside_signing(house, act, party) if room.beside_signing is not None else None
    _examine(house, room, act, signatures)
    # From here on it writes: nobody waits for the chain with the database's lock in hand.
    row = _enqueue(session, house, room, act, signatures)
    if beside is not None:
        beside(session)
    return row


def entrusted(house: House, party: int) -> ActSigner:
    """The signer of a party's entrusted key.

    :raises NotCustodialError: the gateway has no key of the party that is marked custodial on the chain
    :raises SignerError: the key may lie in a token that cannot be asked now
    """
    with reading(house.engine) as session:
        keys = session.exec(
            select(KeyRow).where(KeyRow.party == party, KeyRow.custodial, col(KeyRow.until).is_(None))
        ).all()
    for key in keys:
        signer = house.keys.signer(key.address)
        if signer is not None:
            return signer
    raise NotCustodialError(
        "this gateway holds no key that the registry marks as entrusted by the party", params={"party": party}
    )


def is_stale(house: House, room: Room, act: Act) -> bool:
    """Whether an act that is not signed yet came too late: what it was prepared for has moved on."""
    return act.sequence < house.sequence(room, act.type, act.subject)


def submit(
    session: Session, house: House, room: Room, act: Act, signatures: Sequence[Signature]
) -> OutboxRow:
    """Try a signed act against the chain and put it into the outbox.

    The same act submitted again is the same row.

    :raises RefusedByChainError: the contract would refuse it; the code names why
    :raises ExpiredError: the deadline has passed
    :raises BadSignatureError: a signature is malformed
    :raises CosignersMismatchError: no signature, or more than an act can carry
    """
    _examine(house, room, act, signatures)
    return _enqueue(session, house, room, act, signatures)


def _examine(house: House, room: Room, act: Act, signatures: Sequence[Signature]) -> None:
    """Refuse what cannot take effect. Writes nothing."""
    if not 1 <= len(signatures) <= 8:
        raise CosignersMismatchError("an act carries one to eight signatures")
    digest = act.digest(house.domain(room))
    for signature in signatures:
        recover(digest, signature)
    with reading(house.engine) as session:
        known = outbox.by_digest(session, digest) is not None
    if not known:
        if act.deadline < time.time():
            raise ExpiredError("the act's deadline has passed", params={"deadline": act.deadline})
        _try(house, room, act, signatures)


def _enqueue(
    session: Session, house: House, room: Room, act: Act, signatures: Sequence[Signature]
) -> OutboxRow:
    lane = room.lane(act.type.name, act.subject)
    return outbox.enqueue(session, act, house.domain(room), signatures, now=int(time.time()), lane=lane)


def _try(house: House, room: Room, act: Act, signatures: Sequence[Signature]) -> None:
    first, *further = signatures
    wire = act.wire(first, cosigners=len(further))
    artifact = house.artifact(room)
    waiting = _waiting(house, room, act.type.name, act.subject)
    try:
        house.chain.call(house.address(room), encode_intents(artifact, [(wire, further)]))
    except NodeRefusedError as error:
        if error.revert_data is None:
            raise
        reverted = artifact.reverted(error.revert_data)
        expected = reverted.arguments.get("expected", 0)
        if reverted.name in room.premature and act.sequence == _after(waiting, expected) > expected:
            return  # those before it are on their way
        refusal = house.refusal(room, reverted.name)
        raise RefusedByChainError(refusal.code, refusal.sentence, reverted) from error


def _waiting(house: House, room: Room, name: str, subject: bytes) -> set[int]:
    """The sequences of the acts that are on their way in the same lane."""
    lane = room.lane(name, subject)
    with reading(house.engine) as session:
        rows = outbox.unsettled(session, house.address(room), lane)
        return {outbox.wire_of(row)[1] >> 16 & 0xFFFFFFFF for row in rows}


def _after(waiting: set[int], expected: int) -> int:
    """The sequence after those that follow one another from the one that the chain expects."""
    while expected in waiting:
        expected += 1
    return expected


def parse_signatures(values: Sequence[str]) -> list[Signature]:
    """Signatures from hex with 0x, 65 or 64 bytes each.

    :raises BadSignatureError: malformed
    """
    signatures = []
    for value in values:
        try:
            raw = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            raw = b""
        signatures.append(Signature.from_rsv(raw))
    return signatures
