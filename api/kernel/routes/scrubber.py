"""The scrubber, for the operator: how far it is, what it found, a pass now (/v1/operations/scrubber)."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from api.kernel.deps import Db, House_, Operator
from api.kernel.house import House
from api.kernel.schemas import Model
from api.kernel.scrub import findings
from api.kernel.scrub.findings import MEANINGS, Meaning
from api.kernel.scrub.tables import ScrubFindingRow, ScrubRow
from api.kernel.scrub.worker import begin, progress
from api.kernel.transaction import TransactionRoute

__all__ = ["router"]

router = APIRouter(prefix="/operations/scrubber", tags=["operations"], route_class=TransactionRoute)
_UNKNOWN = Meaning("error", "a finding of a newer version", "较新版本的发现")


class ScrubFindingOut(Model):
    """One thing that is, or was, wrong with what is stored."""

    code: str = Field(examples=["blob-altered"], description="stable")
    severity: Literal["error", "info"]
    place: str = Field(examples=["blob " + "5a" * 32], description="what is concerned, by its name")
    facts: dict[str, Any]
    first_seen: int
    last_seen: int
    cleared: int | None = Field(description="when a whole pass found it well again")
    en: str
    zh: str


class PassOut(Model):
    """A whole pass."""

    number: int
    began: int
    ended: int


class ScrubberOut(Model):
    """How the scrubber is."""

    status: Literal["resting", "running"]
    health: str = Field(description="ok, storage-rot, or the code of what stops it")
    number: int = Field(description="of the pass under way, or of the last; 0 before the first")
    began: int | None
    phase: str | None = Field(description="leaves, tiles, heads, documents, blobs")
    progress: float = Field(ge=0, le=1)
    checked: dict[str, int] = Field(description="what this pass has looked at, by kind")
    last: PassOut | None = Field(description="the last pass that came to its end")
    next: int | None = Field(description="when the next begins by itself")
    open: dict[str, int] = Field(description="open findings by code")
    findings: list[ScrubFindingOut]


class BegunOut(Model):
    """A pass that was begun."""

    number: int


@router.get("", summary="How the scrubber is")
def show(
    session: Db,
    house: House_,
    operator: Operator,
    cleared: Annotated[bool, Query(description="findings too that were cleared")] = False,
    start: Annotated[int, Query(ge=0, lt=2**31, description="how many findings to leave out")] = 0,
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
) -> ScrubberOut:
    """Which pass it is at, how far that has come, and what was found: what is wrong first."""
    row = session.get(ScrubRow, 1) or ScrubRow()
    found = findings.listed(session, cleared=cleared, start=start, limit=limit)
    return ScrubberOut(
        status="running" if row.phase else "resting",
        health=house.scrubber.health.code,
        number=row.number,
        began=row.began or None,
        phase=row.phase or None,
        progress=progress(row) if row.number else 0,
        checked=json.loads(row.checked),
        last=_last(row),
        next=_next(house, row),
        open=findings.open_counts(session),
        findings=[_out(one) for one in found],
    )


@router.post("", status_code=202, summary="Begin a pass now")
def begin_now(session: Db, operator: Operator) -> BegunOut:
    """One that is under way begins again: so all that it will say was seen after this request."""
    return BegunOut(number=begin(session, now=int(time.time())))


def _last(row: ScrubRow) -> PassOut | None:
    if row.ended is None or row.ended_number is None or row.ended_began is None:
        return None
    return PassOut(number=row.ended_number, began=row.ended_began, ended=row.ended)


def _next(house: House, row: ScrubRow) -> int | None:
    return house.scrubber.due(row if row.number else None)


def _out(row: ScrubFindingRow) -> ScrubFindingOut:
    meaning = MEANINGS.get(row.code, _UNKNOWN)
    return ScrubFindingOut(
        code=row.code,
        severity=meaning.severity,
        place=row.place,
        facts=json.loads(row.facts),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        cleared=row.cleared,
        en=meaning.en,
        zh=meaning.zh,
    )
