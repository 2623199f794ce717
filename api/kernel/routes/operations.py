"""How the gateway is: alive, ready, measured. No token is needed, and nothing of any party is shown."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from pydantic import Field
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.kernel.bundle_form import ValidatorsPart
from api.kernel.bundles import chain_part
from api.kernel.deps import House_
from api.kernel.house import House
from api.kernel.schemas import Model, Problem
from api.kernel.scrub.findings import MEANINGS, open_counts
from api.kernel.scrub.tables import ScrubRow
from api.kernel.scrub.worker import progress
from api.kernel.webhooks.outcome import OUTCOMES
from chain import outbox
from chain.db import reading
from chain.errors import LandbridgeError

__all__ = ["Metrics", "router", "storage_code"]

router = APIRouter(tags=["operations"])


class PartHealth(Model):
    """One part of the gateway."""

    part: str
    ok: bool
    code: str


class Ready(Model):
    """Whether the gateway can do its work now; what it took before is kept either way."""

    ready: bool
    degraded: bool = Field(
        description="a part is not well; perhaps one that the gateway can work without, such as the scrubber"
    )
    parts: list[PartHealth]


class About(Model):
    """Which chain and contracts this gateway serves."""

    chain_id: int
    parties: str
    bills: str
    log: str
    administrator: str
    head: int
    embedded: bool


_LEAST_FREE = 64 << 20
"""Bytes that must be free where the gateway writes: less, and it says so before a write fails."""


def storage_code(error: SQLAlchemyError) -> str:
    """What a database error means to a caller: ``storage-full``, or ``database`` for all else."""
    cause = getattr(error, "orig", None)
    full = (
        getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL" or getattr(cause, "sqlstate", "") == "53100"
    )
    return "storage-full" if full else "database"


def _parts(house: House) -> Iterator[PartHealth]:
    try:
        with reading(house.engine) as session:
            session.connection().execute(text("SELECT 1"))
        yield PartHealth(part="database", ok=True, code="")
    except SQLAlchemyError as error:
        yield PartHealth(part="database", ok=False, code=storage_code(error))
    try:
        room = shutil.disk_usage(house.settings.data_dir).free >= _LEAST_FREE
    except OSError:
        room = False
    yield PartHealth(part="storage", ok=room, code="" if room else "storage-full")
    try:
        house.chain.block_number()
        yield PartHealth(part="node", ok=True, code="")
    except LandbridgeError as error:
        yield PartHealth(part="node", ok=False, code=error.code)
    for part, health in (
        ("relayer", house.relayer.health),
        ("indexer", house.indexer.health),
        ("log", house.logbook.health),
        ("scrubber", house.scrubber.health),
        ("signatory", house.signatory.health),
        ("webhooks", house.webhooks.sender.health),
    ):
        yield PartHealth(part=part, ok=health.ok, code=health.code)


@router.get("/health", summary="Alive")
async def health() -> dict[Literal["status"], Literal["alive"]]:
    """The process answers."""
    return {"status": "alive"}


_SPARED = frozenset({"scrubber"})
"""Parts that may be unwell while the gateway goes on. One document that rotted takes no other one away; a
gateway taken out of service for it would take away all."""


@router.get("/ready", summary="Ready", responses={503: {"model": Ready, "description": "Not now"}})
def ready(house: House_, response: Response) -> Ready:
    """Each part by name; 503 while one is not well that the gateway needs."""
    parts = list(_parts(house))
    well = all(part.ok for part in parts if part.part not in _SPARED)
    response.status_code = 200 if well else 503
    return Ready(ready=well, degraded=not all(part.ok for part in parts), parts=parts)


@router.get(
    "/v1/registry",
    summary="The registry served here",
    responses={
        502: {"model": Problem, "description": "The chain's answer cannot be used"},
        503: {"model": Problem, "description": "The chain's node is down"},
    },
)
def about(house: House_) -> About:
    """What a signer or verifier must know: the chain, and the contracts' addresses."""
    return About(
        chain_id=house.chain_id,
        parties=house.deployment.contracts["Parties"],
        bills=house.deployment.contracts["RailBills"],
        log=house.logbook.address,
        administrator=house.administrator.address,
        head=house.chain.block_number(),
        embedded=house.settings.embedded,
    )


class TrustOut(Model):
    """A trust root (docs/proof-bundle.md)."""

    trust: Literal["landbridge/trust/1"]
    chain: dict[str, Any]
    confirmations: int | None
    max_age: int
    validators: list[ValidatorsPart] | None = None


@router.get("/v1/trust", summary="A trust root, as this gateway has it", response_model_exclude_unset=True)
def trust(house: House_) -> TrustOut:
    """What ``landbridge verify --trust`` takes. Compare it with what was published elsewhere before you rely
    on it: a gateway cannot vouch for itself."""
    independent = house.settings.independent_chain and not house.settings.embedded
    known = {"validators": house.validators} if house.validators else {}
    return TrustOut(
        trust="landbridge/trust/1",
        chain=chain_part(house),
        confirmations=house.settings.confirmations if independent else None,
        max_age=86_400,
        **known,
    )


class Metrics:
    """Prometheus metrics of one gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "landbridge_http_requests",
            "Requests answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "landbridge_http_request_seconds",
            "Time to the answer",
            ("method", "route"),
            registry=self.registry,
        )

    def watch(self, house: House) -> None:
        """Add what is read from the house at each scrape."""
        self.registry.register(_HouseCollector(house))


class _HouseCollector:
    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> Iterator[Metric]:
        acts = GaugeMetricFamily("landbridge_outbox_acts", "Acts by status", labels=("status",))
        with reading(self._house.engine) as session:
            for status, count in outbox.counts(session).items():
                acts.add_metric((status,), count)
            waiting, dead, oldest = self._house.webhooks.state(session)
        yield acts
        yield from self._webhooks(waiting, dead, oldest)
        well = GaugeMetricFamily("landbridge_part_ok", "1 while the part is well", labels=("part",))
        for part in _parts(self._house):
            well.add_metric((part.part,), float(part.ok))
        yield well
        yield GaugeMetricFamily(
            "landbridge_indexed_block", "Newest block indexed", self._house.indexer.height
        )
        yield from _scrubbing(self._house)

    def _webhooks(self, waiting: int, dead: int, oldest: int) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "landbridge_webhook_attempts", "Attempts to deliver an event, by outcome", labels=("outcome",)
        )
        sent = self._house.webhooks.sender.outcomes
        for outcome in OUTCOMES:
            attempts.add_metric((outcome,), sent[outcome])
        yield attempts
        deliveries = GaugeMetricFamily(
            "landbridge_webhook_deliveries", "Deliveries that wait or were given up", labels=("status",)
        )
        deliveries.add_metric(("waiting",), waiting)
        deliveries.add_metric(("dead",), dead)
        yield deliveries
        yield GaugeMetricFamily(
            "landbridge_webhook_oldest_waiting_seconds",
            "How long the oldest delivery has waited, of webhooks that are not paused",
            oldest,
        )

    def describe(self) -> list[Any]:
        return []


def _scrubbing(house: House) -> Iterator[Metric]:
    with reading(house.engine) as session:
        row, found = session.get(ScrubRow, 1), open_counts(session)
    open_ = GaugeMetricFamily("landbridge_scrub_findings", "Open findings by code", labels=("code",))
    for code in MEANINGS:
        open_.add_metric((code,), found.get(code, 0))
    yield open_
    yield GaugeMetricFamily(
        "landbridge_scrub_progress_ratio",
        "How much of the pass over all that is stored is done",
        progress(row) if row else 0,
    )
    yield GaugeMetricFamily(
        "landbridge_scrub_last_pass_timestamp_seconds",
        "When the last whole pass ended; 0 before the first",
        row.ended or 0 if row else 0,
    )


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        503: {"model": Problem, "description": "The database cannot be used"},
    },
)
def metrics(request: Request) -> Response:
    """Counts and times; no party, token or document appears."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
