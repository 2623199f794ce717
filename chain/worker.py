"""A background thread that repeats one step, backs off when it fails, and says how it is.

The relayer and the indexer are such workers. A step that raises loses nothing (its database transaction is
undone) and is tried again; meanwhile ``health`` names what is wrong, by the error's code.

>>> worker = Worker("example", lambda: False, poll=0.01)
>>> worker.start(); worker.wake(); worker.stop()
>>> worker.health.ok
True
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from chain.errors import LandbridgeError

__all__ = ["Health", "Worker"]

_log = logging.getLogger(__name__)
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a worker is.

    :ivar code: ``ok``, or the code of what is wrong
    :ivar sentence: the same for a reader, in English
    :ivar params: the facts of the sentence
    :ivar since: Unix time from which it has been so
    """

    code: str
    sentence: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    since: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.code == "ok"


class Worker:
    """A thread around a step.

    :param name: of the thread
    :param step: does what is to be done now; gives whether there is more to do at once
    :param poll: seconds between two steps that found nothing more to do
    """

    def __init__(self, name: str, step: Callable[[], bool], *, poll: float) -> None:
        self._name = name
        self._step = step
        self._poll = poll
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._health = Health("starting", "not started yet", since=int(time.time()))

    @property
    def health(self) -> Health:
        """How it is since the last step."""
        return self._health

    def start(self) -> None:
        """Begin; does nothing if it runs already."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self, timeout: float | None = 30.0) -> None:
        """End after the step under way; returns when it has ended, or after ``timeout`` seconds."""
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """There is something to do: do not wait for the next poll."""
        self._wanted.set()

    def run_step(self) -> bool:
        """One step, with its health; never raises.

        :return: whether there is more to do at once
        """
        try:
            again = self._step()
        except LandbridgeError as error:
            self._fail(error.code, error.sentence, error.params)
            return False
        except SQLAlchemyError as error:
            self._fail("database", "the database cannot be used", {"cause": _cause(error)})
            return False
        except Exception as error:
            # A defect must not end the thread that carries the acts; it is logged with its trace.
            _log.exception("%s: a step failed", self._name)
            self._fail("internal", "a step failed unexpectedly", {"cause": type(error).__name__})
            return False
        self._failures = 0
        self._become("ok", "working", {})
        return again

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            if self.run_step():
                continue
            if self._failures:
                # Waking is for new work; it must not turn a node that is down into a busy loop.
                self._stopping.wait(min(self._poll * 2 ** min(self._failures, 10), _LONGEST_PAUSE))
            else:
                self._wanted.wait(self._poll)

    def _fail(self, code: str, sentence: str, params: Mapping[str, str | int]) -> None:
        self._failures += 1
        if self._become(code, sentence, params):
            _log.warning("%s: %s: %s", self._name, code, sentence)

    def _become(self, code: str, sentence: str, params: Mapping[str, str | int]) -> bool:
        changed = code != self._health.code
        since = int(time.time()) if changed else self._health.since
        self._health = Health(code, sentence, params, since)
        return changed


def _cause(error: SQLAlchemyError) -> str:
    # The driver's own words ("database or disk is full") without the statement and its values.
    return str(getattr(error, "orig", None) or type(error).__name__)[:200]
