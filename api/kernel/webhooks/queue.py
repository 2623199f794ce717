"""The queue of deliveries: who is due, who is at work on it, and what came of an attempt. Database work only.

Rules:

- An event becomes deliveries once it lies deep enough: in one transaction, one for each subscription that may
  see it and wants it. Events are given out in the chain's order.
- A subscription is at work in one sender at a time, whichever gateway that is in: it is claimed for a while,
  and a claim that ran out is worth nothing.
- What is due of a subscription is sent in the chain's order. One that failed is due again later; those behind
  it go on as soon as the subscription has rested, so that a single event cannot hold up a receiver for a day.
- A delivery whose attempts are used up is dead: it is kept for a while, and sent again if somebody asks.

>>> runs = claim(session, now=now_of(session), room=8, most=32, seconds=60)  # doctest: +SKIP
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, text
from sqlmodel import Session, col, delete, exists, func, or_, select, update

from api.kernel.webhooks.envelope import wanted
from api.kernel.webhooks.outcome import Outcome
from api.kernel.webhooks.tables import (
    EVERYBODY,
    AudienceRow,
    DeliveryRow,
    DeliveryStatus,
    Paused,
    WebhookEventRow,
    WebhookRow,
)
from chain.tables import BlockRow, ChainRow

__all__ = ["Item", "Run", "backoff_seconds", "claim", "is_due", "now_of", "prune", "release", "settle"]

_AT_ONCE = 500
_LONGEST_REST = 300
_LONGEST_WISH = 3600
_PRUNED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery of a run."""

    delivery: int
    event: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Deliveries of one subscription, claimed to be sent one after the other.

    :ivar sealed: the secrets that sign them, as stored
    """

    webhook: str
    claim: str
    url: str
    sealed: tuple[bytes, ...]
    items: tuple[Item, ...]


def now_of(session: Session) -> int:
    """The time by which deliveries are claimed, in seconds: the database's, where it has a clock."""
    if session.get_bind().dialect.name == "postgresql":
        return int(
            session.connection().execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
        )
    return int(time.time())


def backoff_seconds(backoff: Sequence[int], attempts: int, dice: random.Random) -> int | None:
    """Seconds until the next attempt, up to a quarter longer by chance; none if there is no next one.

    :param backoff: seconds after the first attempt, the second, …
    :param attempts: how many there were
    """
    if attempts > len(backoff):
        return None
    seconds = backoff[attempts - 1]
    return seconds + round(dice.uniform(0, seconds / 4))


def is_due(session: Session, *, confirmations: int, now: int) -> bool:
    """Whether :func:`release` or :func:`claim` would find something."""
    if session.exec(_deep_enough(session, confirmations).limit(1)).first() is not None:
        return True
    return session.exec(_claimable(now).limit(1)).first() is not None


def release(session: Session, *, confirmations: int, now: int) -> int:
    """Make deliveries of the events that have come to lie deep enough; gives how many events those were."""
    # The indexer holds this lock while it takes a block or takes it back; and another gateway may be here.
    session.exec(select(ChainRow).where(ChainRow.id == 1).with_for_update()).first()
    events = session.exec(_deep_enough(session, confirmations).limit(_AT_ONCE)).all()
    if not events:
        return 0
    audiences: dict[int, set[int]] = {event.number: set() for event in events}
    seen = select(AudienceRow).where(col(AudienceRow.event).in_(list(audiences)))
    for row in session.exec(seen):
        audiences[row.event].add(row.party)
    parties = {party for audience in audiences.values() for party in audience}
    statement = select(WebhookRow).order_by(col(WebhookRow.created), col(WebhookRow.id))
    if EVERYBODY not in parties:
        statement = statement.where(col(WebhookRow.party).in_(list(parties)))
    webhooks = session.exec(statement).all()
    made = [
        _new_delivery(webhook.id, event.number, now)
        for event in events
        for webhook in webhooks
        if {webhook.party, EVERYBODY} & audiences[event.number] and wanted(webhook.types.split(), event.type)
    ]
    if made:
        session.connection().execute(insert(DeliveryRow), made)
    for event in events:
        event.released = now
        session.add(event)
    session.flush()
    return len(events)


def claim(session: Session, *, now: int, room: int, most: int, seconds: int) -> list[Run]:
    """Claim subscriptions to which something is due, those that waited longest first.

    :param room: how many subscriptions at most
    :param most: how many deliveries of each
    :param seconds: how long the claim holds
    """
    if room < 1:
        return []
    statement = _claimable(now).order_by(col(WebhookRow.claimed_until), col(WebhookRow.id))
    rows = session.exec(statement.limit(room).with_for_update(skip_locked=True, of=WebhookRow)).all()
    runs = []
    for row in rows:
        items = session.exec(
            select(DeliveryRow.id, WebhookEventRow.id, WebhookEventRow.body)
            .join(WebhookEventRow, col(WebhookEventRow.number) == col(DeliveryRow.event))
            .where(DeliveryRow.webhook == row.id, *_due(now))
            .order_by(col(DeliveryRow.event))
            .limit(most)
        ).all()
        row.claim, row.claimed_until = secrets.token_hex(8), now + seconds
        session.add(row)
        both = row.previous is not None and row.previous_until > now
        sealed = (row.secret, row.previous) if both and row.previous else (row.secret,)
        runs.append(Run(row.id, row.claim, row.url, sealed, tuple(Item(*item) for item in items)))
    session.flush()
    return runs


def settle(
    session: Session,
    run: Run,
    outcomes: Sequence[Outcome],
    *,
    now: int,
    backoff: Sequence[int],
    dice: random.Random,
) -> None:
    """Write down what came of a run, and let go of its subscription.

    Where the claim ran out and somebody else is at work by now, what is written is theirs.

    :param outcomes: of the first so many items
    """
    row = session.exec(select(WebhookRow).where(WebhookRow.id == run.webhook).with_for_update()).first()
    if row is None or row.claim != run.claim:
        return
    row.claim, row.claimed_until = "", now
    tried = [item.delivery for item in run.items[: len(outcomes)]]
    found = session.exec(select(DeliveryRow).where(col(DeliveryRow.id).in_(tried)))
    deliveries = {delivery.id: delivery for delivery in found}
    for number, outcome in zip(tried, outcomes, strict=True):
        delivery = deliveries.get(number)
        if delivery is None:
            continue
        delivery.attempts += 1
        delivery.last_attempt, delivery.outcome = now, outcome.code
        delivery.http_status, delivery.answer = outcome.status, outcome.answer
        delivery.milliseconds = outcome.milliseconds
        if outcome.delivered:
            delivery.status = DeliveryStatus.DELIVERED
            row.failures, row.rest_until = 0, 0
        else:
            _fail(row, delivery, outcome, now, backoff, dice)
        session.add(delivery)
    session.add(row)
    session.flush()


def prune(session: Session, *, now: int, seconds: int) -> int:
    """Forget deliveries that ended long ago and pings; give up those that have waited as long.

    :param seconds: how long they are kept
    :return: how many rows that were
    """
    before = now - seconds
    late = (DeliveryRow.status == DeliveryStatus.WAITING, col(DeliveryRow.created) < before)
    expired = session.connection().execute(
        update(DeliveryRow)
        .where(col(DeliveryRow.id).in_(select(DeliveryRow.id).where(*late).limit(_PRUNED_AT_ONCE)))
        .values(status=DeliveryStatus.DEAD, outcome="expired", last_attempt=now)
    )
    old = (DeliveryRow.status != DeliveryStatus.WAITING, col(DeliveryRow.last_attempt) < before)
    deleted = session.connection().execute(
        delete(DeliveryRow).where(
            col(DeliveryRow.id).in_(select(DeliveryRow.id).where(*old).limit(_PRUNED_AT_ONCE))
        )
    )
    unsent = ~exists(select(DeliveryRow.id).where(DeliveryRow.event == WebhookEventRow.number))
    unseen = ~exists(select(AudienceRow.event).where(AudienceRow.event == WebhookEventRow.number))
    pings = session.connection().execute(
        delete(WebhookEventRow).where(col(WebhookEventRow.time) < before, unsent, unseen)
    )
    return int(expired.rowcount + deleted.rowcount + pings.rowcount)


def new_delivery(session: Session, webhook: str, event: int, now: int) -> DeliveryRow:
    """Send an event to a subscription, outside of the order in which events are given out."""
    row = DeliveryRow(**_new_delivery(webhook, event, now))
    session.add(row)
    session.flush()
    return row


def send_again(session: Session, webhook: WebhookRow, events: Sequence[int], now: int) -> None:
    """Send events to a subscription, whether they were sent before or not, as if for the first time."""
    known = select(DeliveryRow.event).where(
        DeliveryRow.webhook == webhook.id, col(DeliveryRow.event).in_(list(events))
    )
    there = set(session.exec(known))
    new = [_new_delivery(webhook.id, event, now) for event in events if event not in there]
    if new:
        session.connection().execute(insert(DeliveryRow), new)
    session.exec(
        update(DeliveryRow)
        .where(col(DeliveryRow.webhook) == webhook.id, col(DeliveryRow.event).in_(list(there)))
        .values(status=DeliveryStatus.WAITING, attempts=0, next_attempt=0, created=now)
    )
    webhook.failures, webhook.rest_until = 0, 0
    session.add(webhook)
    session.flush()


def _new_delivery(webhook: str, event: int, now: int) -> dict[str, Any]:
    return {
        "webhook": webhook,
        "event": event,
        "status": DeliveryStatus.WAITING.value,
        "attempts": 0,
        "next_attempt": 0,
        "created": now,
        "outcome": "",
        "answer": "",
    }


def _fail(
    row: WebhookRow,
    delivery: DeliveryRow,
    outcome: Outcome,
    now: int,
    backoff: Sequence[int],
    dice: random.Random,
) -> None:
    wait = backoff_seconds(backoff, delivery.attempts, dice)
    if wait is None:
        delivery.status = DeliveryStatus.DEAD
    else:
        wait = max(wait, min(outcome.retry_after or 0, _LONGEST_WISH))
        delivery.status, delivery.next_attempt = DeliveryStatus.WAITING, now + wait
    row.failures += 1
    first = backoff[0] if backoff else 1
    row.rest_until = now + min(first << min(row.failures - 1, 16), _LONGEST_REST)
    if outcome.status == 410:
        row.paused = Paused.GONE


def _deep_enough(session: Session, confirmations: int) -> Any:
    newest = session.exec(select(func.coalesce(func.max(col(BlockRow.number)), -1))).one()
    deep = newest - confirmations + 1
    return (
        select(WebhookEventRow)
        .where(
            col(WebhookEventRow.released).is_(None),
            or_(col(WebhookEventRow.block).is_(None), col(WebhookEventRow.block) <= deep),
        )
        .order_by(col(WebhookEventRow.number))
    )


def _due(now: int) -> tuple[Any, ...]:
    # Spelled out, not bound: so that the partial index serves it.
    return text("webhook_deliveries.status = 'waiting'"), col(DeliveryRow.next_attempt) <= now


def _claimable(now: int) -> Any:
    something = exists(select(DeliveryRow.id).where(DeliveryRow.webhook == WebhookRow.id, *_due(now)))
    return select(WebhookRow).where(
        WebhookRow.paused == Paused.NO,
        col(WebhookRow.claimed_until) <= now,
        col(WebhookRow.rest_until) <= now,
        something,
    )
