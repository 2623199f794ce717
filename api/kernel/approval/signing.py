"""The key signs what was approved: once, whatever happens in between.

A request is ``approved`` on disk before anything is signed. From then on the signatory takes it up, in this
process or the next: the key signs, the act is tried against the chain, and one transaction puts it into the
outbox and ends the request. Killed before that, nothing has left and it is signed anew; the outbox knows an
act by its digest, so it is there once. A key that cannot be used now (a token pulled out, a service that is
down) only delays, and the request says what it waits for; one party's token holds up nobody else's acts.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from api.kernel import intents
from api.kernel.approval import requests, rules
from api.kernel.approval.rules import Kind, Status
from api.kernel.approval.tables import ApprovalRow
from chain.db import reading, writing
from chain.errors import LandbridgeError
from chain.node import NodeError
from chain.signers import KeystoreError, SignerError
from chain.worker import Health, Worker

if TYPE_CHECKING:
    from api.kernel.house import House

__all__ = ["AlteredError", "Signatory"]

_AT_ONCE: Final = 50
_LONGEST_PAUSE: Final = 30.0
_MENDS_BY_WAITING: Final = (SignerError, KeystoreError, NodeError)


class AlteredError(LandbridgeError):
    """A request in the database that is not the one people approved."""

    code = "approval-altered"


class Signatory:
    """The worker that ends what is late and signs what is approved. Several may share a database."""

    def __init__(self, house: House, *, poll: float = 1.0) -> None:
        self._house = house
        self._worker = Worker("signatory", self.step, poll=poll)
        self._tried: dict[str, tuple[int, float]] = {}
        """By request: how often in vain, and when again (monotonic clock)."""

    @property
    def health(self) -> Health:
        """How it is. That a party's key cannot be used is the request's to say, not the gateway's."""
        return self._worker.health

    def start(self) -> None:
        """Begin."""
        self._worker.start()

    def stop(self) -> None:
        """End after the request under way."""
        self._worker.stop()

    def wake(self) -> None:
        """A request may have been approved."""
        self._worker.wake()

    def step(self) -> bool:
        """End what is late, and sign what is approved and not waiting for its next try.

        :return: whether more is waiting
        """
        now = int(time.time())
        with reading(self._house.engine) as session:
            late = _all(session, Status.AWAITING, late_at=now)
            ready = _all(session, Status.APPROVED)
        for row in late:
            self._settle(row, Status.EXPIRED)
        self._tried = {id: tried for id, tried in self._tried.items() if any(id == row.id for row in ready)}
        signed = 0
        for row in ready:
            if self._tried.get(row.id, (0, 0.0))[1] <= time.monotonic():
                signed += self._sign(row, now)
        if late or signed:
            self._house.changes.notify()
        return len(late) == _AT_ONCE

    def _sign(self, row: ApprovalRow, now: int) -> bool:
        """Sign one request, or leave it for later; gives whether it has ended."""
        try:
            if row.expires < now:  # before the key is asked: what is too late to be done is not signed
                self._settle(row, Status.EXPIRED)
                return True
            if not self._is_sound(row):
                raise AlteredError("the request is not the one that was approved")
            if row.kind == Kind.COSIGNATURE:
                room, act = requests.act_of(self._house, row)
                signature = intents.sign(self._house, room, act, row.party)
                self._settle(row, Status.SIGNED, signature="0x" + signature.rsv.hex())
            else:
                self._submit(row)
        except _MENDS_BY_WAITING as error:
            self._wait(row, error)
            return False
        except LandbridgeError as error:
            self._settle(row, Status.REFUSED, reason=error.code)
        return True

    def _submit(self, row: ApprovalRow) -> None:
        room, act = requests.act_of(self._house, row)
        further = intents.parse_signatures(json.loads(row.content)["cosignatures"])
        with writing(self._house.engine) as session:
            intents.sign_and_submit(session, self._house, room, act, row.party, further)
            _end(session, row, Status.SIGNED)
        self._house.relayer.wake()

    def _is_sound(self, row: ApprovalRow) -> bool:
        """Whether what is to be signed is what enough people approved: the row alone is not believed."""
        room, act = requests.act_of(self._house, row)
        with reading(self._house.engine) as session:
            said = [rules.Said(one.person, one.decision) for one in requests.said_of(session, row.id)]
        enough = len(rules.standing_behind(said)) >= max(row.people, requests.FEWEST)
        return enough and "0x" + act.digest(self._house.domain(room)).hex() == row.digest

    def _wait(self, row: ApprovalRow, error: LandbridgeError) -> None:
        often = self._tried.get(row.id, (0, 0.0))[0] + 1
        self._tried[row.id] = often, time.monotonic() + min(2.0 ** min(often, 10) / 4, _LONGEST_PAUSE)
        if row.reason == error.code:
            return
        with writing(self._house.engine) as session:
            found = session.get_one(ApprovalRow, row.id, with_for_update=True)
            if found.status == Status.APPROVED:
                found.reason = error.code
                session.add(found)
        self._house.changes.notify()

    def _settle(
        self,
        row: ApprovalRow,
        status: Status,
        *,
        reason: str | None = None,
        signature: str | None = None,
    ) -> None:
        with writing(self._house.engine) as session:
            _end(session, row, status, reason=reason, signature=signature)


def _all(session: Session, status: Status, *, late_at: int | None = None) -> list[ApprovalRow]:
    statement = select(ApprovalRow).where(ApprovalRow.status == status)
    if late_at is not None:
        statement = statement.where(ApprovalRow.expires < late_at).limit(_AT_ONCE)
    return list(session.exec(statement.order_by(col(ApprovalRow.id))))


def _end(
    session: Session,
    row: ApprovalRow,
    status: Status,
    *,
    reason: str | None = None,
    signature: str | None = None,
) -> None:
    found = session.get_one(ApprovalRow, row.id, with_for_update=True, populate_existing=True)
    if found.status == row.status:  # another gateway on this database may have been first
        found.signature = signature
        requests.end(session, found, status, int(time.time()), reason)
