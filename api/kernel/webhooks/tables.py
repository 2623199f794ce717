"""What the gateway remembers of webhooks: subscriptions, events, who may see them, and their deliveries.

Events hold public facts of the chain alone. Times are whole seconds of Unix time; those by which deliveries
are claimed are of the database's clock, so that gateways whose clocks differ agree.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

__all__ = [
    "EVERYBODY",
    "AudienceRow",
    "DeliveryRow",
    "DeliveryStatus",
    "Paused",
    "WebhookEventRow",
    "WebhookRow",
]

# SQLite numbers rows by itself only in a column called INTEGER.
_RowId = BigInteger().with_variant(Integer, "sqlite")
EVERYBODY = 0
"""In the place of a party's number: every party may see the event."""


class DeliveryStatus(StrEnum):
    """Where a delivery stands: ``waiting`` for its next attempt, ``delivered``, or ``dead``: given up."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class Paused(StrEnum):
    """Why a webhook is sent nothing: it is sent (``no``), its party paused it, or its receiver is gone."""

    NO = ""
    BY_PARTY = "paused"
    GONE = "gone"


class WebhookRow(SQLModel, table=True):
    """A subscription: where a party's events go.

    :ivar types: filters, a space between them
    :ivar secret: sealed, as is ``previous``, with which messages are signed too until ``previous_until``
    :ivar failures: attempts that failed since the last that did not
    :ivar rest_until: nothing is sent before, because attempts failed
    :ivar claim: of the sender that is at work on it, which has until ``claimed_until``
    """

    __tablename__ = "webhooks"

    id: str = Field(primary_key=True)
    party: int = Field(index=True, sa_type=BigInteger)
    url: str
    types: str
    description: str
    secret: bytes = Field(sa_type=LargeBinary)
    previous: bytes | None = Field(default=None, sa_type=LargeBinary)
    previous_until: int = Field(default=0, sa_type=BigInteger)
    paused: str = Field(default=Paused.NO, sa_type=String)
    failures: int = 0
    rest_until: int = Field(default=0, sa_type=BigInteger)
    claim: str = ""
    claimed_until: int = Field(default=0, sa_type=BigInteger)
    created: int = Field(sa_type=BigInteger)


class WebhookEventRow(SQLModel, table=True):
    """An event: something that happened on the chain, a retraction of it, or a ping.

    :ivar number: events of one chain are numbered in its order
    :ivar type: by which filters choose; of a retraction, that of the event it takes back
    :ivar body: as it travels
    :ivar block: none for a ping, a retraction, and an event that was taken back
    :ivar released: when it was given to those who subscribed; none while it is not deep enough
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index(
            "ix_webhook_events_unreleased",
            "number",
            sqlite_where=text("released IS NULL"),
            postgresql_where=text("released IS NULL"),
        ),
    )

    number: int = Field(default=None, sa_column=Column(_RowId, primary_key=True))
    id: str = Field(unique=True)
    type: str
    subject: str
    body: bytes = Field(sa_type=LargeBinary)
    time: int = Field(index=True, sa_type=BigInteger)
    block: int | None = Field(default=None, index=True, sa_type=BigInteger)
    released: int | None = Field(default=None, sa_type=BigInteger)


class AudienceRow(SQLModel, table=True):
    """That a party may see an event (:data:`EVERYBODY`: all may)."""

    __tablename__ = "webhook_audience"

    event: int = Field(sa_column=Column(_RowId, ForeignKey("webhook_events.number"), primary_key=True))
    party: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, index=True))


class DeliveryRow(SQLModel, table=True):
    """An event on its way to one subscription; there is one of each pair.

    :ivar attempts: since it was made, or was last replayed
    :ivar outcome: of the last attempt; ``http_status`` and ``answer``, the beginning of the body, where there
        was an answer and it was no success; ``milliseconds`` that it took
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook", "event"),
        Index(
            "ix_webhook_deliveries_waiting",
            "webhook",
            "event",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(
            "ix_webhook_deliveries_dead",
            "webhook",
            sqlite_where=text("status = 'dead'"),
            postgresql_where=text("status = 'dead'"),
        ),
    )

    id: int = Field(default=None, sa_column=Column(_RowId, primary_key=True))
    webhook: str = Field(sa_column=Column(String, ForeignKey("webhooks.id"), nullable=False))
    event: int = Field(
        sa_column=Column(_RowId, ForeignKey("webhook_events.number"), nullable=False, index=True)
    )
    status: str = Field(default=DeliveryStatus.WAITING, sa_type=String)
    attempts: int = 0
    next_attempt: int = Field(default=0, sa_type=BigInteger)
    created: int = Field(sa_type=BigInteger)
    last_attempt: int | None = Field(default=None, index=True, sa_type=BigInteger)
    outcome: str = ""
    http_status: int | None = None
    answer: str = ""
    milliseconds: int | None = None
