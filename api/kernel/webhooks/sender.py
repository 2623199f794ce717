"""The sender: a thread that does all database work of webhooks, and an event loop in which they are sent.

Rules:

- What is sent was claimed before, in the database; what came of it is written afterwards, in one transaction
  with the next claims. Killed between the two, it is sent again when the claim has run out: at least once,
  under the same id.
- Each subscription is sent to by itself, so a receiver that hangs holds up nobody but itself.
- If the database is down, what came of attempts is kept until it is back.

>>> sender = Sender(engine, post, box.open, confirmations=1, backoff=(5, 300))  # doctest: +SKIP
>>> sender.start(); sender.wake()                                              # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.kernel.webhooks import queue
from api.kernel.webhooks.outcome import Outcome
from api.kernel.webhooks.post import LONGEST_SECONDS, Post
from api.kernel.webhooks.queue import Run
from chain.db import reading, writing
from chain.worker import Health, Worker

__all__ = ["Sender"]

_log = logging.getLogger(__name__)
_AT_ONCE = 256
_RUN = 32
_RUN_SECONDS = 10.0
_CLAIM_SECONDS = round(_RUN_SECONDS + LONGEST_SECONDS) + 14
"""Longer than a run can take, with time to write down what came of it."""
_PRUNE_SECONDS = 3600
_STOP_SECONDS = 20.0


class Sender:
    """Gives events out and sends them.

    :param open_secret: a stored secret of a webhook as it signs
    :param confirmations: blocks, its own included, after which an event is told
    :param backoff: seconds after the first attempt, the second, …; after the last one more, then it is dead
    :param keep: seconds that ended deliveries are kept
    :param poll: seconds between two looks at what is due
    """

    def __init__(
        self,
        engine: Engine,
        post: Post,
        open_secret: Callable[[bytes, str], str],
        *,
        confirmations: int,
        backoff: Sequence[int],
        keep: int = 30 * 86_400,
        poll: float = 0.5,
    ) -> None:
        self._engine = engine
        self._post = post
        self._open_secret = open_secret
        self._confirmations = confirmations
        self._backoff = tuple(backoff)
        self._keep = keep
        self._dice = random.Random()  # noqa: S311 - spreads attempts; no secret
        self._worker = Worker("webhooks", self.tick, poll=poll)
        self._lock = threading.Lock()
        self._ended: list[tuple[Run, list[Outcome]]] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pruned = 0.0
        self.outcomes: Counter[str] = Counter()
        """Attempts since the start, by outcome."""

    @property
    def health(self) -> Health:
        """How the sender is; what is wrong is named by a code."""
        return self._worker.health

    def start(self) -> None:
        """Begin working."""
        self._worker.start()

    def wake(self) -> None:
        """Something may be due."""
        self._worker.wake()

    def stop(self) -> None:
        """End: what is being sent is broken off, and what came of the rest is written down."""
        self._worker.stop()
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None:
            ending = asyncio.run_coroutine_threadsafe(self._land_all(), loop)
            with suppress(TimeoutError):
                ending.result(_STOP_SECONDS)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_STOP_SECONDS)
            self._loop = self._thread = None
        with suppress(SQLAlchemyError):  # then they are sent again when their claims have run out
            self._settle_and_claim(room=0)

    def tick(self) -> bool:
        """Write down what ended, give out what is deep enough, and send what is due.

        :return: whether there may be more to do at once
        """
        room = _AT_ONCE - self._count
        with self._lock:
            ended = bool(self._ended)
        if not ended:
            with reading(self._engine) as session:
                now = queue.now_of(session)
                if not queue.is_due(session, confirmations=self._confirmations, now=now):
                    self._prune(now)
                    return False
        runs, released = self._settle_and_claim(room)
        for run in runs:
            self._send(run)
        return bool(runs or released)

    def _settle_and_claim(self, room: int) -> tuple[list[Run], int]:
        with self._lock:
            ended, self._ended = self._ended, []
        try:
            with writing(self._engine) as session:
                now = queue.now_of(session)
                for run, outcomes in ended:
                    queue.settle(session, run, outcomes, now=now, backoff=self._backoff, dice=self._dice)
                released = queue.release(session, confirmations=self._confirmations, now=now) if room else 0
                runs = queue.claim(session, now=now, room=room, most=_RUN, seconds=_CLAIM_SECONDS)
        except BaseException:
            with self._lock:
                self._ended = ended + self._ended
            raise
        return runs, released

    def _prune(self, now: int) -> None:
        if time.monotonic() - self._pruned < _PRUNE_SECONDS and self._pruned:
            return
        with writing(self._engine) as session:
            gone = queue.prune(session, now=now, seconds=self._keep)
        self._pruned = 0.0 if gone else time.monotonic()

    # In the loop

    def _send(self, run: Run) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="webhooks-http", daemon=True)
            self._thread.start()
        with self._lock:
            self._count += 1
        self._loop.call_soon_threadsafe(self._take_off, run)

    def _take_off(self, run: Run) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(run))
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)

    async def _deliver(self, run: Run) -> None:
        outcomes: list[Outcome] = []
        end = time.monotonic() + _RUN_SECONDS
        try:
            secrets = [self._open_secret(sealed, run.webhook) for sealed in run.sealed]
            async with self._post.to(run.url) as line:
                for item in run.items:
                    outcome = await line.send(secrets, item.event, item.body)
                    outcomes.append(outcome)
                    self._tell(run, item, outcome)
                    if not outcome.delivered or time.monotonic() >= end:
                        break
        except Exception as error:  # a stored secret that does not open, or a defect: no end of the sender
            _log.error("webhook %s: %s", run.webhook, getattr(error, "code", type(error).__name__))
            self.outcomes["internal"] += 1
            outcomes.append(Outcome("internal"))
        finally:
            with self._lock:
                self._count -= 1
                self._ended.append((run, outcomes))
            self._worker.wake()

    def _tell(self, run: Run, item: queue.Item, outcome: Outcome) -> None:
        # Neither the address nor what was answered: both are the party's.
        self.outcomes[outcome.code] += 1
        level = logging.DEBUG if outcome.delivered else logging.INFO
        _log.log(
            level,
            "webhook %s: delivery %d: %s %s (%s ms)",
            run.webhook,
            item.delivery,
            outcome.code,
            outcome.status or "",
            outcome.milliseconds,
        )

    async def _land_all(self) -> None:
        for task in list(self._flying):
            task.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)
