"""Evidence taken into the log: many requests share one durable commit, and none is answered before it.

While a commit is under way, requests that come are gathered for the next one. A request with an
Idempotency-Key is tied to its leaf in that same commit: repeated, whenever, it gets the same leaf.

>>> leaf, again = await Intake(engine, log, wake).take(entry, name, fingerprint)  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col, select
from starlette.concurrency import run_in_threadpool

from api.kernel.tables import EvidenceRequest
from api.kernel.transaction import KeyReusedError
from chain.db import insert_rows, writing
from chain.entries import EVIDENCE
from chain.log import Log

__all__ = ["Intake", "Salts"]

_REQUESTS = SQLModel.metadata.tables[str(EvidenceRequest.__tablename__)]
_MOST = 4096
_ASKED_AT_ONCE = 500
_SALT = 32
_SALTS_AT_ONCE = 256


class Salts:
    """Random salts, drawn many at a time: each draw leaves the interpreter, and other threads may keep it."""

    def __init__(self) -> None:
        self._drawn = b""
        self._place = 0

    def draw(self) -> bytes:
        """32 random bytes, given to nobody else."""
        if self._place == len(self._drawn):
            self._drawn, self._place = secrets.token_bytes(_SALT * _SALTS_AT_ONCE), 0
        self._place += _SALT
        return self._drawn[self._place - _SALT : self._place]


@dataclass(slots=True)
class _Wish:
    entry: bytes
    name: bytes | None
    fingerprint: bytes
    answer: asyncio.Future[tuple[int, bool]]


class Intake:
    """Takes evidence in one event loop.

    :param wake: called after each commit, with the number of requests that shared it
    """

    def __init__(self, engine: Engine, log: Log, wake: Callable[[int], None]) -> None:
        self._engine = engine
        self._log = log
        self._wake = wake
        self._waiting: list[_Wish] = []
        self._committing: asyncio.Task[None] | None = None

    async def take(self, entry: bytes, name: bytes | None, fingerprint: bytes) -> tuple[int, bool]:
        """The index of the leaf, once it is durable; and whether it is that of an earlier request.

        :param name: of the request, if it has one that a repeat will have too
        :param fingerprint: of what was asked
        :raises KeyReusedError: another request came under this name
        :raises SQLAlchemyError: it could not be stored, and is not in the log
        """
        loop = asyncio.get_running_loop()
        wish = _Wish(entry, name, fingerprint, loop.create_future())
        self._waiting.append(wish)
        if self._committing is None:
            self._committing = loop.create_task(self._commit())
        return await wish.answer

    async def _commit(self) -> None:
        try:
            while self._waiting:
                wishes, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                try:
                    answers = await run_in_threadpool(self._store, wishes)
                except Exception as error:
                    for wish in wishes:
                        if not wish.answer.done():
                            wish.answer.set_exception(error)
                else:
                    for wish, answer in zip(wishes, answers, strict=True):
                        if wish.answer.done():  # who asked has gone; the leaf stays
                            continue
                        if answer is None:
                            wish.answer.set_exception(_reused())
                        else:
                            wish.answer.set_result(answer)
                    self._wake(len(wishes))
        finally:
            self._committing = None

    def _store(self, wishes: list[_Wish]) -> list[tuple[int, bool] | None]:
        """The leaf of each; nothing where its name stands for another request."""
        with writing(self._engine) as session:
            known = _known(session, {wish.name for wish in wishes if wish.name is not None})
            new: list[_Wish] = []
            for wish in wishes:
                if wish.name is None or wish.name not in known:
                    new.append(wish)
                    if wish.name is not None:
                        known[wish.name] = (wish.fingerprint, -1)  # the first of several in this commit
            first = self._log.append(session, EVIDENCE, [wish.entry for wish in new])
            leaves = {id(wish): first + place for place, wish in enumerate(new)}
            rows = [
                {"name": wish.name, "fingerprint": wish.fingerprint, "leaf": leaves[id(wish)]}
                for wish in new
                if wish.name is not None
            ]
            if rows:
                insert_rows(session, _REQUESTS, rows)
            known |= {
                wish.name: (wish.fingerprint, leaves[id(wish)]) for wish in new if wish.name is not None
            }
        return [_leaf_of(wish, leaves, known) for wish in wishes]


def _leaf_of(
    wish: _Wish, leaves: dict[int, int], known: dict[bytes, tuple[bytes, int]]
) -> tuple[int, bool] | None:
    if wish.name is None or id(wish) in leaves:
        return leaves[id(wish)], False
    fingerprint, leaf = known[wish.name]
    return (leaf, True) if fingerprint == wish.fingerprint else None


def _known(session: Session, names: Iterable[bytes]) -> dict[bytes, tuple[bytes, int]]:
    found: dict[bytes, tuple[bytes, int]] = {}
    wanted = list(names)
    for place in range(0, len(wanted), _ASKED_AT_ONCE):
        statement = select(EvidenceRequest.name, EvidenceRequest.fingerprint, EvidenceRequest.leaf).where(
            col(EvidenceRequest.name).in_(wanted[place : place + _ASKED_AT_ONCE])
        )
        found |= {name: (fingerprint, leaf) for name, fingerprint, leaf in session.exec(statement)}
    return found


def _reused() -> KeyReusedError:
    return KeyReusedError("this Idempotency-Key came with another request before")
