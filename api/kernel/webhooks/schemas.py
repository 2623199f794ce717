"""Shapes of the requests and answers of /v1/webhooks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr

from api.kernel.schemas import Model, UnixTime
from api.kernel.webhooks.outcome import OUTCOMES

__all__ = [
    "AttemptOut",
    "DeliveryOut",
    "DeliveryWhole",
    "ReplayIn",
    "ReplayOut",
    "RotateIn",
    "WebhookChange",
    "WebhookIn",
    "WebhookMade",
    "WebhookOut",
]

_EXAMPLE = {
    "url": "https://bank.example/landbridge",
    "types": ["landbridge.bills.*", "landbridge.parties.suspended"],
    "description": "trade finance desk",
}
_EVENT = "evt_" + "5a" * 16

Url = Annotated[
    StrictStr,
    Field(
        min_length=1,
        max_length=2000,
        pattern=r"^https?://[!-~]+$",
        description="where events are sent (POST): HTTPS, at a public address",
        examples=["https://bank.example/landbridge"],
    ),
]
TypeFilter = Annotated[
    StrictStr,
    Field(
        max_length=100,
        pattern=r"^(\*|landbridge(\.[a-z][a-z-]*)*(\.\*)?)$",
        description="a type of event, a beginning of types such as landbridge.bills.*, or * for all",
        examples=["landbridge.bills.*"],
    ),
]
TypeFilters = Annotated[list[TypeFilter], Field(min_length=1, max_length=50)]
Description = Annotated[
    StrictStr,
    Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="what it is for; no personal data"),
]


def _like(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class WebhookIn(Model):
    """A webhook to make."""

    model_config = _like(_EXAMPLE, {"url": "https://bank.example/landbridge"})

    url: Url
    types: TypeFilters = Field(default=["*"])
    description: Description = ""


class WebhookChange(Model):
    """What is to be changed; what is not named stays."""

    model_config = _like({"paused": True}, {"types": ["*"]})

    url: Url | None = None
    types: TypeFilters | None = None
    description: Description | None = None
    paused: StrictBool | None = Field(
        default=None, description="true: send nothing until it is false again; events are kept meanwhile"
    )


class RotateIn(Model):
    """A new secret is wanted."""

    model_config = _like({"overlap": 86_400}, {})

    overlap: StrictInt = Field(
        default=86_400,
        ge=0,
        le=7 * 86_400,
        description="seconds in which messages are signed with the old secret as well; 0 if it leaked",
    )


class ReplayIn(Model):
    """Events are to be sent again."""

    model_config = _like({"since": 1_795_400_000}, {"since": 0, "after": _EVENT})

    since: UnixTime = Field(description="events of this second of Unix time and later ones")
    after: Annotated[str, Field(pattern="^evt_[0-9a-z_]{1,60}$", examples=[_EVENT])] | None = Field(
        default=None, description="the last event of the answer before, to go on from there"
    )


class ReplayOut(Model):
    """How many events are sent again, in the chain's order."""

    replayed: int
    last: str | None = Field(description="the last of them; send it as after to go on")
    more: bool = Field(description="whether there are further ones")


class WebhookOut(Model):
    """A webhook."""

    webhook: str = Field(examples=["wh_" + "5a" * 8])
    url: str
    types: list[str]
    description: str
    status: Literal["active", "paused", "gone"] = Field(
        description="gone: the receiver answered 410, so nothing is sent until paused is set to false"
    )
    created: int = Field(description="seconds of Unix time, UTC")
    old_secret_until: int | None = Field(
        description="until when messages carry the old secret's signature too"
    )
    failures: int = Field(description="attempts that failed since the last that did not")
    waiting: int = Field(description="deliveries that wait")
    dead: int = Field(description="deliveries that were given up")


class WebhookMade(WebhookOut):
    """A webhook with its secret."""

    secret: str = Field(description="signs what is sent (Standard Webhooks); shown once")


class AttemptOut(Model):
    """An attempt."""

    time: int = Field(description="seconds of Unix time, UTC")
    outcome: str = Field(description="; ".join(f"{code}: {text}" for code, text in OUTCOMES.items()))
    status: int | None = Field(description="the HTTP status, where there was an answer")
    answer: str = Field(description="the beginning of an answer that was no success")
    milliseconds: int | None


class DeliveryOut(Model):
    """An event on its way to a webhook."""

    delivery: int
    event: str = Field(description="its id, which is also webhook-id", examples=[_EVENT])
    type: str = Field(examples=["landbridge.bills.transfer"])
    subject: str
    time: int = Field(description="when it happened: seconds of Unix time, UTC")
    status: Literal["waiting", "delivered", "dead"]
    attempts: int
    next_attempt: int | None = Field(description="not before this second of Unix time; null: none is to come")
    last: AttemptOut | None = Field(description="the last attempt")


class DeliveryWhole(DeliveryOut):
    """A delivery, and what is sent."""

    body: dict[str, Any] = Field(description="the CloudEvent")
