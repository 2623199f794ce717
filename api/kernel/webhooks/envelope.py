"""Events as they are told: CloudEvents 1.0, structured JSON, with public facts of the chain and no name.

An event's id is computed from where its act stands on the chain, so a gateway that is built anew from the
chain tells the same events under the same ids, and so does any other gateway of the same registry.

>>> event_type("bills", "AcceptOffer")
'landbridge.bills.accept-offer'
>>> wanted(["landbridge.bills.*"], "landbridge.bills.accept-offer")
True
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from chain.canonical import canonical
from chain.errors import LandbridgeError
from chain.indexer import ChainEvent

__all__ = [
    "CONTENT_TYPE",
    "FORM",
    "PING",
    "RETRACTION",
    "WebhookTypeError",
    "chain_facts",
    "check_filters",
    "envelope",
    "event_id",
    "event_type",
    "source_of",
    "wanted",
]

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
FORM: Final = "landbridge/event/1"
PING: Final = "landbridge.ping"
RETRACTION: Final = "landbridge.retraction"
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999: RFC 3339 has no later one."""


class WebhookTypeError(LandbridgeError):
    """A filter that no type of event passes."""

    code: ClassVar[str] = "webhook-type-unknown"


def event_type(room: str, name: str) -> str:
    """The type of an event: of a room, and of an act or a contract's event by name."""
    return f"landbridge.{room}." + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def source_of(chain_id: int, contract: str) -> str:
    """Where events come from: a contract on a chain, whichever gateway tells of it."""
    return f"landbridge/{chain_id}/{contract}"


def event_id(source: str, event: ChainEvent, *, time_of_telling: int = 0) -> str:
    """An event's id.

    :param time_of_telling: how often the very same event was told before, and taken back
    """
    place = (source, event.block_hash, event.transaction_hash, event.log_index, time_of_telling)
    return "evt_" + hashlib.sha256("\n".join(map(str, place)).encode()).hexdigest()[:32]


def chain_facts(source: str, event: ChainEvent, confirmations: int) -> dict[str, Any]:
    """Where an event stands on the chain, and how deep the gateway wants it before it tells of it."""
    _, chain_id, contract = source.split("/")
    return {
        "id": int(chain_id),
        "contract": contract,
        "block": event.block,
        "block_hash": event.block_hash,
        "block_time": event.block_time,
        "transaction": event.transaction_hash,
        "log_index": event.log_index,
        "confirmations": confirmations,
    }


def envelope(*, id_: str, source: str, type_: str, subject: str, time: int, data: Mapping[str, Any]) -> bytes:
    """A CloudEvent as it travels: canonical JSON, so that it is the same bytes each time.

    :param time: seconds of Unix time
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": type_,
        "subject": subject,
        "datacontenttype": "application/json",
        "data": {"event": FORM, **data},
    }
    if 0 <= time <= _LAST_SECOND:
        event["time"] = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return canonical(event)


def wanted(filters: Iterable[str], type_: str) -> bool:
    """Whether a type passes one of the filters: itself, a beginning with ``.*``, or ``*`` for all."""
    return any(one in ("*", type_) or (one.endswith(".*") and type_.startswith(one[:-1])) for one in filters)


def check_filters(filters: Sequence[str], types: Sequence[str]) -> None:
    """Refuse a filter that nothing passes: a word misspelt would be silence.

    :raises WebhookTypeError: one is such
    """
    for one in filters:
        if not any(wanted([one], type_) for type_ in types):
            raise WebhookTypeError("no event has this type", params={"type": one})
