"""The scrubber at work: a pass each interval, gently, from where it was left, whichever process left it.

- At most so many bytes of ciphertext a second, and so many rows; one short writing transaction after each
  second's work keeps the place and what was found.
- The place is in the database: a process killed at any instant repeats a second's work at most. Of several
  gateways one works, and another takes over soon after it fell silent.
- Storage or database that do not answer stop it where it is, under the name of what is wrong; nothing counts
  as well that was not looked at.

>>> scrubber = Scrubber(engine, blobs, interval=86_400, bytes_a_second=8 << 20, items=1000)  # doctest: +SKIP
>>> scrubber.start(); scrubber.health.code; scrubber.stop()                                  # doctest: +SKIP
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select, update

from api.kernel.scrub import findings
from api.kernel.scrub.phases import PHASES, Pass
from api.kernel.scrub.tables import ScrubRow
from chain.db import reading, writing
from chain.errors import LandbridgeError
from chain.logcheck import Fault
from chain.worker import Health, Worker
from vault.blobs import BlobStore
from vault.errors import VaultError

__all__ = ["Scrubber", "begin", "progress"]

_LEASE_SECONDS: Final = 15
_TICK_SECONDS: Final = 1.0


class StorageSilentError(LandbridgeError):
    """The storage of ciphertexts does not answer: the pass waits where it is."""

    code: ClassVar[str] = "blob-storage"


@dataclass
class _Work:
    """What one step did."""

    faults: list[Fault] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)


class Scrubber:
    """Drives passes in a thread of its own.

    :param interval: seconds from the beginning of a pass to that of the next; 0: only when it is asked for
    :param bytes_a_second: of ciphertext read, at most
    :param items: rows and names looked at in a second, at most
    :param poll: seconds between looks for something to do
    :param clock: Unix time in seconds
    """

    def __init__(
        self,
        engine: Engine,
        blobs: BlobStore,
        *,
        interval: float,
        bytes_a_second: int,
        items: int,
        poll: float = 0.5,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._blobs = blobs
        self._interval = interval
        self._bytes = bytes_a_second
        self._items = items
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._rest = 0.0
        self._stopping = threading.Event()
        self._worker = Worker("scrubber", self.tick, poll=poll)

    @property
    def health(self) -> Health:
        """``storage-rot`` while something stored is known to be wrong; else how the scrubber itself is."""
        try:
            with reading(self._engine) as session:
                found = findings.open_counts(session)
        except SQLAlchemyError:
            found = {}  # the database is a part of its own
        wrong = sum(count for code, count in found.items() if findings.is_error(code))
        if wrong:
            return Health("storage-rot", "something stored is not as it was written", {"findings": wrong})
        return self._worker.health

    @property
    def working(self) -> Health:
        """How the worker itself is; what is wrong is named by a code."""
        return self._worker.health

    def start(self) -> None:
        """Begin working in a thread of its own."""
        self._stopping.clear()
        self._worker.start()

    def stop(self) -> None:
        """End after what is being looked at, and let another go on at once."""
        self._stopping.set()
        self._worker.stop()
        with suppress(SQLAlchemyError), writing(self._engine) as session:
            session.exec(update(ScrubRow).where(col(ScrubRow.holder) == self._me).values(holder=""))

    def due(self, row: ScrubRow | None) -> int | None:
        """When the next pass begins by itself (Unix time); nothing where it does not."""
        if not self._interval or (row is not None and row.phase):
            return None
        now = int(self._clock())
        if row is None or row.ended is None or row.began > now:  # a clock that was ahead must not stop us
            return now
        return row.began + int(self._interval)

    def tick(self) -> bool:
        """Look at a second's worth, and keep the place.

        :return: whether there is more to do at once
        :raises LandbridgeError, SQLAlchemyError: something does not answer; the place is as it was
        """
        self._stopping.wait(self._rest)
        self._rest = 0.0
        with reading(self._engine) as session:
            row = session.get(ScrubRow, 1)
        if row is None or not row.phase:
            due = self.due(row)
            if due is None or due > self._clock():
                return False
            with writing(self._engine) as session:
                begin(session, now=int(self._clock()), unless_after=row.number if row else 0)
            return True
        if row.holder not in ("", self._me) and 0 < row.held_until - self._clock() <= _LEASE_SECONDS:
            return False
        began = time.monotonic()
        work, phase, at = self._look(row, began)
        self._keep(row, work, phase, at)
        wanted = max(_items(work.checked) / self._items, work.checked["bytes"] / self._bytes)
        self._rest = max(0.0, wanted - (time.monotonic() - began))
        return True

    def _look(self, row: ScrubRow, began: float) -> tuple[_Work, str, str]:
        """What was seen in a second, and where to go on: phase and place; no phase at the pass's end."""
        pass_, work = Pass(self._engine, self._blobs, row.number), _Work()
        if not row.totals:
            row.totals = json.dumps(pass_.totals())
        phase, at = row.phase, row.at
        try:
            while phase:
                for unit in pass_.units(phase, at):
                    at = unit.at
                    work.faults += unit.faults
                    work.checked += unit.checked
                    if self._is_enough(work, began):
                        return work, phase, at
                phase, at = _after(phase), ""
        except VaultError as error:
            if not work.checked:
                raise StorageSilentError("the storage of documents does not answer") from error
            # What was seen before is kept; the next step says what is wrong.
        return work, phase, at

    def _is_enough(self, work: _Work, began: float) -> bool:
        return (
            self._stopping.is_set()
            or _items(work.checked) >= self._items
            or work.checked["bytes"] >= self._bytes
            or time.monotonic() - began >= _TICK_SECONDS
        )

    def _keep(self, seen: ScrubRow, work: _Work, phase: str, at: str) -> None:
        now = int(self._clock())
        with writing(self._engine) as session:
            row = _locked(session)
            if (row.number, row.phase, row.at) != (seen.number, seen.phase, seen.at):
                return  # a pass was begun anew, or another gateway was faster
            findings.record(session, row.number, work.faults, now=now)
            row.checked = json.dumps(Counter(json.loads(row.checked)) + work.checked)
            row.totals, row.phase, row.at = seen.totals, phase, at
            row.holder, row.held_until = self._me, now + _LEASE_SECONDS
            if not phase:
                findings.clear(session, row.number, now=now)
                row.ended, row.ended_number, row.ended_began = now, row.number, row.began
            session.add(row)


def begin(session: Session, *, now: int, unless_after: int | None = None) -> int:
    """Begin a pass now, in the caller's writing transaction; one under way begins again.

    :param unless_after: do nothing where a pass with a higher number was begun already
    :return: the pass's number
    """
    row = _locked(session)
    if unless_after is not None and row.number > unless_after:
        return row.number
    row.number, row.phase, row.at, row.began = row.number + 1, PHASES[0], "", now
    row.checked, row.totals, row.holder, row.held_until = "{}", "", "", 0
    session.add(row)
    session.flush()
    return row.number


def progress(row: ScrubRow) -> float:
    """How much of the pass is done, from 0 to 1; 1 between two passes."""
    if not row.phase:
        return 1.0
    checked, totals = json.loads(row.checked), json.loads(row.totals or "{}")
    done = float(PHASES.index(row.phase))
    if row.phase == "blobs":
        done += int(row.at or 0) / 256
    elif totals.get(row.phase):
        done += min(1.0, checked.get(row.phase, 0) / totals[row.phase])
    return round(done / len(PHASES), 4)


def _items(checked: Counter[str]) -> int:
    return checked["leaves"] + checked["tiles"] + checked["heads"] + checked["documents"] + checked["listed"]


def _after(phase: str) -> str:
    place = PHASES.index(phase) + 1
    return PHASES[place] if place < len(PHASES) else ""


def _locked(session: Session) -> ScrubRow:
    statement = select(ScrubRow).where(ScrubRow.id == 1).with_for_update()
    statement = statement.execution_options(populate_existing=True)
    row = session.exec(statement).first()
    if row is None:
        session.merge(ScrubRow(id=1))
        session.flush()
        row = session.exec(statement).one()
    return row
