"""From the registry's events to the parties' tables, and back again when the chain forks.

The registry's events say one change each, so a rollback forgets what is above the block and reads the
parties anew from the events that are left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlmodel import Session, col, delete, select

from api.kernel.tables import KeyRow, PartyRow, TenureRow
from chain.contracts import Artifact
from chain.indexer import ChainEvent
from chain.intents import Address
from chain.tables import BlockRow, EventRow

__all__ = ["PartyProjector"]


class PartyProjector:
    """Keeps ``parties``, ``party_keys`` and ``tenures``."""

    def apply(self, session: Session, event: ChainEvent) -> None:
        """Take one event; events of other names are not ours."""
        change = _CHANGES.get(event.name)
        if change is not None:
            change(session, event, event.arguments)
            session.flush()

    def rollback(self, session: Session, above_block: int) -> None:
        """Forget what happened above a block."""
        for table in (PartyRow, KeyRow, TenureRow):
            session.exec(delete(table))
        for event in _events_up_to(session, above_block):
            self.apply(session, event)


def _events_up_to(session: Session, block: int) -> Iterator[ChainEvent]:
    artifact = Artifact.load("Parties")
    rows = session.exec(
        select(EventRow, BlockRow.time)
        .join(BlockRow, col(BlockRow.number) == col(EventRow.block_number))
        .where(EventRow.block_number <= block)
        .order_by(col(EventRow.block_number), col(EventRow.log_index))
    ).all()
    for row, time in rows:
        topics = [row.topics[i : i + 32] for i in range(0, len(row.topics), 32)]
        event = artifact.event(topics, row.data)
        if event is not None:
            yield ChainEvent(
                row.block_number,
                row.block_hash,
                time,
                row.transaction_hash,
                row.log_index,
                Address(row.address),
                event.name,
                event.arguments,
            )


def _admitted(session: Session, event: ChainEvent, a: Mapping[str, Any]) -> None:
    session.merge(
        PartyRow(
            number=a["party"],
            profile="0x" + a["profile"].hex(),
            rulebook="0x" + a["rulebook"].hex(),
            admitted=event.block_time,
            block=event.block,
        )
    )


def _key_added(session: Session, event: ChainEvent, a: Mapping[str, Any]) -> None:
    session.merge(
        KeyRow(
            address=a["key"].lower(),
            party=a["party"],
            custodial=a["custodial"],
            since=event.block_time,
            block=event.block,
        )
    )


def _key_revoked(session: Session, event: ChainEvent, a: Mapping[str, Any]) -> None:
    row = session.get(KeyRow, a["key"].lower())
    if row is not None:
        row.until, row.block = event.block_time, event.block
        session.add(row)


def _role_granted(session: Session, event: ChainEvent, a: Mapping[str, Any]) -> None:
    session.merge(
        TenureRow(
            party=a["party"], role=a["role"], starts=a["from"], ends=a["until"] or None, block=event.block
        )
    )


def _role_ended(session: Session, event: ChainEvent, a: Mapping[str, Any]) -> None:
    # An end takes back every span that has not begun by then.
    not_begun = (
        TenureRow.party == a["party"],
        TenureRow.role == a["role"],
        col(TenureRow.starts) >= a["at"],
    )
    session.exec(delete(TenureRow).where(*not_begun))
    last = TenureRow.last(session, a["party"], a["role"])
    if last is not None and (last.ends is None or last.ends > a["at"]):
        last.ends, last.block = a["at"], event.block
        session.add(last)


def _suspension(to: bool) -> Any:
    def change(session: Session, event: ChainEvent, a: Mapping[str, Any]) -> None:
        row = session.get(PartyRow, a["party"])
        if row is not None:
            row.suspended, row.block = to, event.block
            session.add(row)

    return change


_CHANGES = {
    "Admitted": _admitted,
    "KeyAdded": _key_added,
    "KeyRevoked": _key_revoked,
    "RoleGranted": _role_granted,
    "RoleEnded": _role_ended,
    "Suspended": _suspension(True),
    "Reinstated": _suspension(False),
}
