"""Webhooks as the house has them: made, changed, rotated, replayed; and everything that sends them.

>>> house.webhooks.ping(session, row).status  # doctest: +SKIP
'waiting'
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, func, select

from api.kernel.webhooks import queue
from api.kernel.webhooks.addresses import Addresses
from api.kernel.webhooks.envelope import PING, check_filters, envelope, event_type, wanted
from api.kernel.webhooks.post import Post
from api.kernel.webhooks.recorder import Recorder
from api.kernel.webhooks.sender import Sender
from api.kernel.webhooks.signing import SecretBox, new_secret
from api.kernel.webhooks.tables import (
    EVERYBODY,
    AudienceRow,
    DeliveryRow,
    DeliveryStatus,
    Paused,
    WebhookEventRow,
    WebhookRow,
)
from api.settings import Settings, SettingsError
from chain.errors import LandbridgeError

if TYPE_CHECKING:
    from api.kernel.room import Room
    from chain.intents import Domain

__all__ = ["WebhookLimitError", "WebhookPausedError", "Webhooks"]

_REPLAYED_AT_ONCE = 1000


class WebhookLimitError(LandbridgeError):
    """A party that has as many webhooks as one may have."""

    code: ClassVar[str] = "webhook-limit"


class WebhookPausedError(LandbridgeError):
    """A webhook to which nothing is sent now."""

    code: ClassVar[str] = "webhook-paused"


class NoSuchWebhookError(LandbridgeError):
    """No such webhook, delivery or event, or another party's: one answer for all."""

    code: ClassVar[str] = "not-found"


class Webhooks:
    """The webhooks of a gateway.

    :param rooms: with the domain of each, by their contract's address
    :param key: 32 bytes that seal secrets in the database
    """

    def __init__(
        self, engine: Engine, rooms: Mapping[str, tuple[Room, Domain]], settings: Settings, *, key: bytes
    ) -> None:
        development = settings.environment == "development"
        self._addresses = Addresses(development=development, networks=settings.webhook_networks)
        self._box = SecretBox(key)
        self._limit = settings.webhook_limit
        self._source = f"landbridge/{settings.chain_id}"
        self.types = sorted(
            event_type(room.name, name) for room, _ in rooms.values() for name in room.happening_names
        )
        """The types of events that this gateway tells."""
        self.recorder = Recorder(rooms, confirmations=settings.confirmations)
        self.sender = Sender(
            engine,
            _post(self._addresses, settings.webhook_ca_file),
            self._box.open,
            confirmations=settings.confirmations,
            backoff=settings.webhook_backoff,
            keep=settings.webhook_keep_days * 86_400,
        )

    def create(
        self, session: Session, *, party: int, url: str, types: Sequence[str], description: str
    ) -> tuple[WebhookRow, str]:
        """Make a webhook.

        :return: its row, and its secret, which is not shown again
        :raises WebhookUrlError: an address to which nothing is sent; likewise AddressForbiddenError
        :raises WebhookTypeError: a filter that no event passes
        :raises WebhookLimitError: the party has too many
        """
        address = self._addresses.normal(url)
        check_filters(types, self.types)
        count = session.exec(select(func.count()).where(WebhookRow.party == party)).one()
        if count >= self._limit:
            raise WebhookLimitError(
                "this party has as many webhooks as it may", params={"limit": self._limit}
            )
        identity, secret = "wh_" + secrets.token_hex(8), new_secret()
        row = WebhookRow(
            id=identity,
            party=party,
            url=address,
            types=" ".join(dict.fromkeys(types)),
            description=description,
            secret=self._box.seal(secret, identity),
            created=int(time.time()),
        )
        session.add(row)
        session.flush()
        return row, secret

    def change(
        self,
        session: Session,
        row: WebhookRow,
        *,
        url: str | None = None,
        types: Sequence[str] | None = None,
        description: str | None = None,
        paused: bool | None = None,
    ) -> None:
        """Change what is given.

        :raises LandbridgeError: as :meth:`create`
        """
        if url is not None:
            row.url = self._addresses.normal(url)
        if types is not None:
            check_filters(types, self.types)
            row.types = " ".join(dict.fromkeys(types))
        if description is not None:
            row.description = description
        if paused is not None:
            row.paused = Paused.BY_PARTY if paused else Paused.NO
        row.failures, row.rest_until = 0, 0  # whoever changes it has mended something
        session.add(row)
        session.flush()

    def rotate(self, session: Session, row: WebhookRow, overlap: int) -> str:
        """Give a webhook a new secret; the old one signs beside it for a while.

        :param overlap: seconds
        :return: the new one, which is not shown again
        """
        secret = new_secret()
        row.previous = row.secret if overlap else None
        row.previous_until = queue.now_of(session) + overlap if overlap else 0
        row.secret = self._box.seal(secret, row.id)
        session.add(row)
        session.flush()
        return secret

    @staticmethod
    def remove(session: Session, row: WebhookRow) -> None:
        """Delete a webhook with its deliveries."""
        session.exec(delete(DeliveryRow).where(col(DeliveryRow.webhook) == row.id))
        session.delete(row)
        session.flush()

    def ping(self, session: Session, row: WebhookRow) -> DeliveryRow:
        """Send a webhook an event that means nothing.

        :raises WebhookPausedError: nothing is sent to it now
        """
        if row.paused != Paused.NO:
            raise WebhookPausedError("nothing is sent to this webhook now")
        id_, now = "evt_" + secrets.token_hex(16), int(time.time())
        body = envelope(
            id_=id_, source=self._source, type_=PING, subject=row.id, time=now, data={"webhook": row.id}
        )
        event = WebhookEventRow(id=id_, type=PING, subject=row.id, body=body, time=now, released=now)
        session.add(event)
        session.flush()
        return queue.new_delivery(session, row.id, event.number, queue.now_of(session))

    @staticmethod
    def of_party(session: Session, party: int) -> Sequence[WebhookRow]:
        """A party's webhooks, the oldest first."""
        statement = select(WebhookRow).where(WebhookRow.party == party)
        return session.exec(statement.order_by(col(WebhookRow.created), col(WebhookRow.id))).all()

    @staticmethod
    def find(session: Session, webhook: str, party: int) -> WebhookRow:
        """A party's webhook.

        :raises NoSuchWebhookError: it has none of that id
        """
        row = session.get(WebhookRow, webhook)
        if row is None or row.party != party:
            raise NoSuchWebhookError("you have no such webhook")
        return row

    @staticmethod
    def counts(session: Session, webhooks: Iterable[str]) -> dict[tuple[str, str], int]:
        """How many deliveries of these wait and are dead, by webhook and status."""
        open_ = [DeliveryStatus.WAITING, DeliveryStatus.DEAD]
        rows = session.exec(
            select(DeliveryRow.webhook, DeliveryRow.status, func.count())
            .where(col(DeliveryRow.webhook).in_(list(webhooks)), col(DeliveryRow.status).in_(open_))
            .group_by(col(DeliveryRow.webhook), col(DeliveryRow.status))
        )
        return {(webhook, status): count for webhook, status, count in rows}

    @staticmethod
    def deliveries(
        session: Session, row: WebhookRow, *, status: str | None, before: int | None, limit: int
    ) -> list[tuple[DeliveryRow, WebhookEventRow]]:
        """A webhook's deliveries with their events, the newest first.

        :param before: the last delivery of the page before
        """
        statement = (
            select(DeliveryRow, WebhookEventRow)
            .join(WebhookEventRow, col(WebhookEventRow.number) == col(DeliveryRow.event))
            .where(DeliveryRow.webhook == row.id)
            .order_by(col(DeliveryRow.id).desc())
        )
        if status is not None:
            statement = statement.where(DeliveryRow.status == status)
        if before is not None:
            statement = statement.where(col(DeliveryRow.id) < before)
        return list(session.exec(statement.limit(limit)))

    @staticmethod
    def delivery(session: Session, row: WebhookRow, number: int) -> tuple[DeliveryRow, WebhookEventRow]:
        """One delivery of a webhook, with its event.

        :raises NoSuchWebhookError: it has none of that number
        """
        found = session.get(DeliveryRow, number)
        if found is None or found.webhook != row.id:
            raise NoSuchWebhookError("this webhook has no such delivery")
        return found, session.get_one(WebhookEventRow, found.event)

    @staticmethod
    def replay_one(session: Session, row: WebhookRow, delivery: DeliveryRow) -> None:
        """Send a delivery again, as if for the first time."""
        queue.send_again(session, row, [delivery.event], queue.now_of(session))
        session.refresh(delivery)

    def replay(
        self, session: Session, row: WebhookRow, *, since: int, after: str | None
    ) -> tuple[list[str], bool]:
        """Send again what the webhook's party may see, from a time on; also what it was never sent.

        :param since: seconds of Unix time
        :param after: an event's id: only those behind it
        :return: the ids of the events, in order, and whether there are more
        :raises NoSuchWebhookError: the party may see no event of the id ``after``
        """
        seen = select(AudienceRow.event).where(col(AudienceRow.party).in_([row.party, EVERYBODY]))
        statement = (
            select(WebhookEventRow.number, WebhookEventRow.id)
            .where(
                col(WebhookEventRow.time) >= since,
                col(WebhookEventRow.released).is_not(None),
                col(WebhookEventRow.number).in_(seen),
                col(WebhookEventRow.type).in_([one for one in self.types if wanted(row.types.split(), one)]),
            )
            .order_by(col(WebhookEventRow.number))
        )
        if after is not None:
            known = select(WebhookEventRow.number).where(
                WebhookEventRow.id == after, col(WebhookEventRow.number).in_(seen)
            )
            number = session.exec(known).first()
            if number is None:
                raise NoSuchWebhookError("you have no such event")
            statement = statement.where(col(WebhookEventRow.number) > number)
        found = session.exec(statement.limit(_REPLAYED_AT_ONCE + 1)).all()
        taken = found[:_REPLAYED_AT_ONCE]
        queue.send_again(session, row, [number for number, _ in taken], queue.now_of(session))
        return [id_ for _, id_ in taken], len(found) > len(taken)

    @staticmethod
    def state(session: Session) -> tuple[int, int, int]:
        """How many deliveries wait, how many are dead, and how many seconds the oldest has waited, of those
        whose webhook is not paused."""
        waiting = select(func.count()).where(DeliveryRow.status == DeliveryStatus.WAITING)
        dead = select(func.count()).where(DeliveryRow.status == DeliveryStatus.DEAD)
        now = queue.now_of(session)
        oldest = session.exec(
            select(func.coalesce(func.min(col(DeliveryRow.created)), now))
            .join(WebhookRow, col(WebhookRow.id) == col(DeliveryRow.webhook))
            .where(DeliveryRow.status == DeliveryStatus.WAITING, WebhookRow.paused == Paused.NO)
        ).one()
        return session.exec(waiting).one(), session.exec(dead).one(), max(0, now - oldest)


def _post(addresses: Addresses, ca_file: Path | None) -> Post:
    try:
        return Post(addresses, ca_file=ca_file)
    except OSError as error:  # of which the errors of TLS are a kind
        raise SettingsError(
            "the file named by LANDBRIDGE_WEBHOOK_CA_FILE holds no certificates",
            params={"setting": "LANDBRIDGE_WEBHOOK_CA_FILE"},
        ) from error
