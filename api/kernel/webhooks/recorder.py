"""Events written as the indexer takes acts from the chain, in its own database transaction.

Rules:

- What a room tells of a chain's event, and to whom, is decided then: a party that may see an act then may see
  it for ever.
- An event is not told before it lies as deep as the operator asks (:mod:`api.kernel.webhooks.queue`). If its
  block leaves the chain before that, nobody hears of it.
- If its block leaves the chain afterwards, a retraction is told to the same parties. Should the same act
  stand again, in whatever block, that is a new event with an id of its own.

>>> recorder = Recorder({address: (BILLS, domain)}, confirmations=3)  # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, delete, select

from api.kernel.room import Room
from api.kernel.webhooks.envelope import RETRACTION, chain_facts, envelope, event_id, event_type, source_of
from api.kernel.webhooks.tables import EVERYBODY, AudienceRow, WebhookEventRow
from chain.canonical import parse
from chain.indexer import ChainEvent
from chain.intents import Domain

__all__ = ["Recorder"]


class Recorder:
    """The projector of webhooks; it comes after those of the rooms, whose tables it may ask.

    :param rooms: by their contract's address
    :param confirmations: said in each event
    """

    def __init__(self, rooms: Mapping[str, tuple[Room, Domain]], *, confirmations: int) -> None:
        self._rooms = dict(rooms)
        self._confirmations = confirmations

    def apply(self, session: Session, event: ChainEvent) -> None:
        """Take one event; those of contracts whose room tells nothing are not ours."""
        room, domain = self._rooms.get(event.address, (None, None))
        if room is None or domain is None or room.happening is None:
            return
        happening = room.happening(session, event, domain)
        if happening is None:
            return
        source = source_of(domain.chain_id, event.address)
        type_, id_ = event_type(room.name, happening.name), _unused_id(session, source, event)
        body = envelope(
            id_=id_,
            source=source,
            type_=type_,
            subject=happening.subject,
            time=event.block_time,
            data={
                "room": room.name,
                **happening.facts,
                "chain": chain_facts(source, event, self._confirmations),
            },
        )
        row = WebhookEventRow(
            id=id_, type=type_, subject=happening.subject, body=body, time=event.block_time, block=event.block
        )
        session.add(row)
        session.flush()
        for party in {EVERYBODY} if happening.audience is None else happening.audience - {EVERYBODY}:
            session.add(AudienceRow(event=row.number, party=party))
        session.flush()

    def rollback(self, session: Session, above_block: int) -> None:
        """Forget what nobody heard of; take back, the last first, what was told."""
        gone = session.exec(
            select(WebhookEventRow)
            .where(col(WebhookEventRow.block) > above_block)
            .order_by(col(WebhookEventRow.number).desc())
        ).all()
        for row in gone:
            if row.released is None:
                session.exec(delete(AudienceRow).where(col(AudienceRow.event) == row.number))
                session.delete(row)
            else:
                _retract(session, row)
        session.flush()


def _unused_id(session: Session, source: str, event: ChainEvent) -> str:
    """An id that no event has: the very block may have left the chain and come back."""
    time_of_telling = 0
    while True:
        id_ = event_id(source, event, time_of_telling=time_of_telling)
        known = select(WebhookEventRow.number).where(WebhookEventRow.id == id_)
        if session.exec(known).first() is None:
            return id_
        time_of_telling += 1


def _retract(session: Session, row: WebhookEventRow) -> None:
    told: Any = parse(row.body)
    now, id_ = int(time.time()), f"{row.id}_retracted"
    body = envelope(
        id_=id_,
        source=told["source"],
        type_=RETRACTION,
        subject=row.subject,
        time=now,
        data={"retracts": row.id, "type": row.type, "chain": told["data"]["chain"]},
    )
    retraction = WebhookEventRow(id=id_, type=row.type, subject=row.subject, body=body, time=now)
    session.add(retraction)
    row.block = None
    session.add(row)
    session.flush()
    audience = session.exec(select(AudienceRow.party).where(AudienceRow.event == row.number)).all()
    session.add_all([AudienceRow(event=retraction.number, party=party) for party in audience])
