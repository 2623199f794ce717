"""A bill's proof bundle: its shape, and how it is made (docs/proof-bundle.md).

>>> content = build(house, opened, fields=None)        # doctest: +SKIP
>>> read_bundle(seal_bundle(content), BillBundle).bill  # doctest: +SKIP
'0x…'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StrictStr
from sqlmodel import Session

from api.domains.bills import history
from api.domains.bills.tables import BillEventRow
from api.kernel.bundles import (
    FORM,
    Bundle,
    Hex32,
    NotAnchoredError,
    Number,
    Part,
    Path,
    chain_part,
)
from api.kernel.documents import Opened
from api.kernel.house import House
from api.kernel.tables import DocumentRow, PartyRow, ProfileRow
from chain.canonical import parse
from chain.db import reading
from chain.digests import Path as FieldPath
from chain.digests import open_fields
from chain.entries import act_entry, document_entry
from chain.log import LeafMissingError
from chain.tables import HeadRow

__all__ = ["ActPart", "BillBundle", "Fields", "ProfilePart", "Whole", "build"]

Signature64 = Annotated[StrictStr, Field(pattern="^0x[0-9a-f]{128}$")]
Hex = Annotated[StrictStr, Field(pattern="^(?:[0-9a-f]{2})*$", max_length=64)]


class Whole(Part):
    """The whole document, with the seed that salts its fields."""

    whole: dict[str, Any]
    seed: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")]


class Fields(Part):
    """Chosen fields alone; of the others nothing is told but how many there are."""

    fields: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=2000)]


class ActPart(Part):
    """An act that took effect: what was signed, by whom, in which block, and where it stands in the log."""

    act: Annotated[StrictStr, Field(pattern="^[A-Z][A-Za-z]{0,39}$")]
    message: dict[str, Any]
    signatures: Annotated[list[Signature64], Field(max_length=8)]
    block: Number
    time: Number
    transaction: Hex32
    index: Number
    path: Path


class ProfilePart(Part):
    """What a party said of itself, with the seed that shows it."""

    party: Annotated[StrictInt, Field(ge=1, lt=2**32)]
    content: dict[StrictStr, StrictStr]
    seed: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")]


class BillBundle(Bundle):
    """A bill with its document, all its acts and its parties."""

    kind: Literal["bill"]
    bill: Hex32
    document: Whole | Fields
    acts: Annotated[list[ActPart], Field(min_length=1, max_length=10_000)]
    profiles: Annotated[list[ProfilePart], Field(max_length=1000)]


def build(house: House, opened: Opened, *, fields: Sequence[FieldPath] | None = None) -> dict[str, Any]:
    """Make a bill's bundle under the log's newest anchored head: all of it but its sealed part and digest.

    :param opened: the bill's document
    :param fields: show these alone
    :raises FieldMissingError: the document has no such field
    :raises NotAnchoredError: the newest act, or the document, is not anchored yet: ask again in a moment
    :raises LogAlteredError: a part of the log was altered here, so that it proves nothing
    """
    log, bill = house.logbook.log, opened.digest
    room = house.rooms["bills"]
    domain = house.domain(room)
    with reading(house.engine) as session:
        head = log.newest_head(session, anchored=True)
        row, events = session.get(DocumentRow, bill), history.events_of_bill(session, bill)
        if head is None or row is None or not events:
            raise _not_yet()
        entry = document_entry(bytes.fromhex(bill[2:]), row.blob)
        acts = []
        for event in events:
            act = history.act_of(event)
            message = act.typed_data(domain)["message"]
            del message["bill"]
            leaf = _leaf(house, session, act_entry(domain.verifying_contract, act.digest(domain)), head)
            acts.append(
                {
                    "act": event.act,
                    "message": message,
                    "signatures": [
                        "0x" + (one.r + one.vs).hex() for one in history.signatures_of(house, event, act)
                    ],
                    "block": event.block,
                    "time": event.block_time,
                    "transaction": event.transaction,
                    **leaf,
                }
            )
        return {
            "bundle": FORM,
            "kind": "bill",
            "chain": chain_part(house),
            "head": {
                "size": head.size,
                "root": "0x" + head.root.hex(),
                "block": head.block_number,
                "transaction": head.transaction_hash,
            },
            "deposit": {"entry": parse(entry), **_leaf(house, session, entry, head)},
            "bill": bill,
            "document": {"whole": opened.document, "seed": opened.seed.hex()}
            if fields is None
            else {"fields": [one.to_json() for one in open_fields(opened.document, opened.seed, fields)]},
            "acts": acts,
            "profiles": _profiles(session, events),
        }


def _leaf(house: House, session: Session, entry: bytes, head: HeadRow) -> dict[str, Any]:
    log = house.logbook.log
    try:
        leaf = log.leaf_of(session, entry)
    except LeafMissingError:
        raise _not_yet() from None
    if leaf.index >= head.size:
        raise _not_yet()
    path = log.prove(session, leaf, head.size, head.root)
    return {"index": leaf.index, "path": ["0x" + one.hex() for one in path]}


def _profiles(session: Session, events: Sequence[BillEventRow]) -> list[dict[str, Any]]:
    parties = sorted({party for event in events for party in (*history.concerned(event), event.party)} - {0})
    found = []
    for party in parties:
        row = session.get(PartyRow, party)
        profile = session.get(ProfileRow, row.profile) if row else None
        if profile is not None:
            found.append({"party": party, "content": profile.content(), "seed": profile.seed})
    return found


def _not_yet() -> NotAnchoredError:
    return NotAnchoredError("not all of this is anchored yet: ask again in a moment")
