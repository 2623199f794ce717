"""Webhooks: a party's own system is told of every act that it may see (/v1/webhooks, docs/webhooks.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from sqlmodel import Session

from api.kernel.auth import Principal
from api.kernel.deps import Caller, Db, House_
from api.kernel.house import House
from api.kernel.transaction import TransactionRoute
from api.kernel.webhooks.schemas import (
    AttemptOut,
    DeliveryOut,
    DeliveryWhole,
    ReplayIn,
    ReplayOut,
    RotateIn,
    WebhookChange,
    WebhookIn,
    WebhookMade,
    WebhookOut,
)
from api.kernel.webhooks.tables import DeliveryRow, DeliveryStatus, WebhookEventRow, WebhookRow
from chain.canonical import parse

__all__ = ["router"]

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=TransactionRoute)
WebhookId = Annotated[str, Path(pattern="^wh_[0-9a-f]{1,32}$", examples=["wh_" + "5a" * 8])]
DeliveryId = Annotated[int, Path(ge=1, lt=2**53, examples=[1])]


def _party(caller: Principal) -> int:
    caller.needs("webhooks")
    return caller.acting()


def _members(session: Session, house: House, rows: list[WebhookRow]) -> list[dict[str, Any]]:
    counts = house.webhooks.counts(session, [row.id for row in rows])
    return [
        {
            "webhook": row.id,
            "url": row.url,
            "types": row.types.split(),
            "description": row.description,
            "status": row.paused or "active",
            "created": row.created,
            "old_secret_until": row.previous_until or None,
            "failures": row.failures,
            "waiting": counts.get((row.id, DeliveryStatus.WAITING), 0),
            "dead": counts.get((row.id, DeliveryStatus.DEAD), 0),
        }
        for row in rows
    ]


def _out(session: Session, house: House, row: WebhookRow) -> WebhookOut:
    return WebhookOut(**_members(session, house, [row])[0])


def _delivery(row: DeliveryRow, event: WebhookEventRow) -> dict[str, Any]:
    last = None
    if row.last_attempt is not None:
        last = AttemptOut(
            time=row.last_attempt,
            outcome=row.outcome,
            status=row.http_status,
            answer=row.answer,
            milliseconds=row.milliseconds,
        )
    body: Any = parse(event.body)
    return {
        "delivery": row.id,
        "event": event.id,
        "type": body["type"],
        "subject": event.subject,
        "time": event.time,
        "status": row.status,
        "attempts": row.attempts,
        "next_attempt": row.next_attempt if row.status == DeliveryStatus.WAITING else None,
        "last": last,
    }


def _wake(request: Request, house: House) -> None:
    """Send as soon as this is committed."""

    async def after(response: Response) -> Response:
        house.webhooks.sender.wake()
        return response

    request.state.after_commit = after


@router.post("", status_code=201, summary="Make a webhook")
def make(session: Db, house: House_, caller: Caller, response: Response, body: WebhookIn) -> WebhookMade:
    """Events that the party may see are sent there from now on, signed with the secret that is shown here
    once. A webhook outlives the token that made it."""
    party = _party(caller)
    row, secret = house.webhooks.create(
        session, party=party, url=body.url, types=body.types, description=body.description
    )
    response.headers["cache-control"] = "no-store"
    return WebhookMade(**_out(session, house, row).model_dump(), secret=secret)


@router.get("", summary="List webhooks")
def list_webhooks(session: Db, house: House_, caller: Caller) -> list[WebhookOut]:
    """The caller's party's webhooks."""
    rows = list(house.webhooks.of_party(session, _party(caller)))
    return [WebhookOut(**members) for members in _members(session, house, rows)]


@router.get("/types", summary="Types of events")
def types(house: House_, caller: Caller) -> list[str]:
    """Every type of event that this gateway tells; a filter passes one of them at least."""
    _party(caller)
    return house.webhooks.types


@router.get("/{webhook}", summary="One webhook")
def get_webhook(session: Db, house: House_, caller: Caller, webhook: WebhookId) -> WebhookOut:
    """Where it sends, what, and how it is."""
    return _out(session, house, house.webhooks.find(session, webhook, _party(caller)))


@router.patch("/{webhook}", summary="Change, pause or resume a webhook")
def change(
    request: Request, session: Db, house: House_, caller: Caller, webhook: WebhookId, body: WebhookChange
) -> WebhookOut:
    """What is not named stays. While it is paused events are kept, and are sent when it is not any more."""
    row = house.webhooks.find(session, webhook, _party(caller))
    house.webhooks.change(session, row, **body.model_dump())
    _wake(request, house)
    return _out(session, house, row)


@router.delete("/{webhook}", status_code=204, summary="Delete a webhook")
def remove(session: Db, house: House_, caller: Caller, webhook: WebhookId) -> None:
    """Nothing more is sent; what waits is dropped."""
    house.webhooks.remove(session, house.webhooks.find(session, webhook, _party(caller)))


@router.post("/{webhook}/secret", summary="Rotate a webhook's secret")
def rotate(
    session: Db, house: House_, caller: Caller, response: Response, webhook: WebhookId, body: RotateIn
) -> WebhookMade:
    """A new secret, shown once. For a while every message carries a signature of each, so that the receiver
    can change over at any moment of it."""
    row = house.webhooks.find(session, webhook, _party(caller))
    secret = house.webhooks.rotate(session, row, body.overlap)
    response.headers["cache-control"] = "no-store"
    return WebhookMade(**_out(session, house, row).model_dump(), secret=secret)


@router.post("/{webhook}/ping", status_code=202, summary="Send a test event")
def ping(request: Request, session: Db, house: House_, caller: Caller, webhook: WebhookId) -> DeliveryOut:
    """An event of type landbridge.ping, sent and tried again like any other."""
    row = house.webhooks.find(session, webhook, _party(caller))
    made = house.webhooks.ping(session, row)
    _wake(request, house)
    return DeliveryOut(**_delivery(*house.webhooks.delivery(session, row, made.id)))


@router.get("/{webhook}/deliveries", summary="List a webhook's deliveries")
def deliveries(
    session: Db,
    house: House_,
    caller: Caller,
    webhook: WebhookId,
    status: Annotated[
        Literal["waiting", "delivered", "dead"] | None, Query(description="dead: those that were given up")
    ] = None,
    before: Annotated[
        int | None, Query(ge=1, lt=2**53, description="the last delivery of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[DeliveryOut]:
    """The newest first. Those that ended are kept for some weeks."""
    row = house.webhooks.find(session, webhook, _party(caller))
    found = house.webhooks.deliveries(session, row, status=status, before=before, limit=limit)
    return [DeliveryOut(**_delivery(*one)) for one in found]


@router.get("/{webhook}/deliveries/{delivery}", summary="One delivery")
def get_delivery(
    session: Db, house: House_, caller: Caller, webhook: WebhookId, delivery: DeliveryId
) -> DeliveryWhole:
    """How it stands, and the event as it is sent."""
    row = house.webhooks.find(session, webhook, _party(caller))
    found, event = house.webhooks.delivery(session, row, delivery)
    body: Any = parse(event.body)
    return DeliveryWhole(**_delivery(found, event), body=body)


@router.post("/{webhook}/deliveries/{delivery}/replay", status_code=202, summary="Send one delivery again")
def replay_one(
    request: Request,
    session: Db,
    house: House_,
    caller: Caller,
    webhook: WebhookId,
    delivery: DeliveryId,
) -> DeliveryOut:
    """Whether it was delivered or given up, it is sent as if for the first time, under the same id."""
    row = house.webhooks.find(session, webhook, _party(caller))
    found, event = house.webhooks.delivery(session, row, delivery)
    house.webhooks.replay_one(session, row, found)
    _wake(request, house)
    return DeliveryOut(**_delivery(found, event))


@router.post("/{webhook}/replay", status_code=202, summary="Send events again since a time")
def replay(
    request: Request, session: Db, house: House_, caller: Caller, webhook: WebhookId, body: ReplayIn
) -> ReplayOut:
    """Every event since then that the party may see and the webhook wants, even from before it was made; a
    thousand a request. Each keeps its id."""
    row = house.webhooks.find(session, webhook, _party(caller))
    replayed, more = house.webhooks.replay(session, row, since=body.since, after=body.after)
    _wake(request, house)
    return ReplayOut(replayed=len(replayed), last=replayed[-1] if replayed else None, more=more)
