"""The relayer: the only sender of transactions. It carries acts from the outbox to the chain, exactly once.

Rules, in the order in which each step (:meth:`Relayer.tick`) keeps them:

- Nothing is sent to a chain that is not ours (:mod:`chain.identity`).
- What left the chain in a reorganisation goes back to where it was.
- Receipts are noted; acts are decided when their block is deep enough (:mod:`chain.settling`).
- A transaction of ours that the node does not show is sent again as it is; one that others overtake for its
  low price is signed again with a higher one. A transaction whose nonce went to another is lost, and its
  acts go back; so do those of a sender that fell silent.
- Pending acts are claimed, signed and stored in one database transaction (:mod:`chain.claims`), and sent
  only after that is durable. So a relayer killed at any instant knows when it starts again all that it may
  ever have sent.

That an act is never done twice rests on the contracts: each act names the sequence number it expects.

>>> relayer = Relayer(engine, node, signer, chain_id=20777, artifacts={address: artifact})  # doctest: +SKIP
>>> relayer.start(); relayer.wake(); relayer.health.ok; relayer.stop()                     # doctest: +SKIP
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

import rlp
from sqlalchemy import ColumnElement, Engine, exists
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, and_, col, func, or_, select

from chain.claims import Circumstances, Prepared, Target, claim, sign_attempt
from chain.client import Block, Chain, Receipt
from chain.contracts import Artifact
from chain.db import reading, writing
from chain.errors import LandbridgeError
from chain.identity import Identity
from chain.intents import Address
from chain.node import Node, NodeError, NodeRefusedError
from chain.settling import (
    DEADLINE_PASSED,
    confirm,
    hashes_of,
    last_attempt,
    lose,
    lost_carriers,
    record_mined,
    refused_in,
    reopen,
    revive,
)
from chain.signers import Signer
from chain.tables import ActStatus, OutboxRow, TransactionAttempt, TransactionRow, TransactionStatus
from chain.worker import Health, Worker

__all__ = ["Relayer", "RelayerError"]

_MINED = (TransactionStatus.MINED, TransactionStatus.FINAL)
# Known: it is there. Too low: mined, or another's, as the receipt will tell. Too high: its predecessor is on
# the way.
_HARMLESS = ("already-known", "nonce-too-low", "nonce-too-high")


class RelayerError(LandbridgeError):
    """Something keeps the relayer from sending; acts wait, none is lost."""

    code: ClassVar[str] = "relayer"


class SenderWithoutFundsError(RelayerError):
    """The sender's account cannot pay for gas."""

    code: ClassVar[str] = "sender-without-funds"


class TransactionRefusedError(RelayerError):
    """The node does not take a transaction; it is offered again."""

    code: ClassVar[str] = "transaction-refused"


class GasPriceLimitError(RelayerError):
    """Gas costs more than the limit that was set; acts wait."""

    code: ClassVar[str] = "gas-price-limit"


class Relayer:
    """Carries acts to the chain with one key. Two relayers may share a database, each with its own key.

    :param engine: the database, with the engine's tables
    :param node: where transactions go; used from one thread at a time
    :param signer: the sender's key; it pays and decides nothing
    :param chain_id: the chain that is meant
    :param artifacts: the contracts that acts may go to, by address
    :param confirmations: blocks, its own included, after which an act is decided
    :param already_done: whether a refused act took effect because somebody else sent it
    :param batch_size: acts in a transaction at most; gas may allow fewer
    :param room: transactions of ours that may wait on the node at one time
    :param resend_after: seconds after which an unseen transaction is sent again
    :param replace_after: seconds, and blocks, that may pass over a transaction before it offers more
    :param foreign_after: seconds without a receipt after which a used nonce counts as used by another
    :param orphan_after: seconds after which another sender's silent transaction is given up
    :param give_up_after: failures of whole transactions after which an act is given up
    :param max_gas_price: wei; no transaction offers more; without it, ten times the node's price
    :param poll: seconds between steps while nothing happens
    :param clock: monotonic seconds
    :param changed: called from the relayer's thread after a step in which something happened
    """

    def __init__(
        self,
        engine: Engine,
        node: Node,
        signer: Signer,
        *,
        chain_id: int,
        artifacts: Mapping[Address, Artifact],
        confirmations: int = 1,
        already_done: Callable[[OutboxRow], bool] | None = None,
        batch_size: int = 64,
        room: int = 4,
        resend_after: float = 5.0,
        replace_after: tuple[float, int] = (30.0, 3),
        foreign_after: float = 3.0,
        orphan_after: float = 120.0,
        give_up_after: int = 6,
        max_gas_price: int | None = None,
        poll: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._chain = Chain(node)
        self._signer = signer
        self._chain_id = chain_id
        self._artifacts = dict(artifacts)
        self._confirmations = max(1, confirmations)
        self._already_done = already_done or (lambda row: False)
        self._batch_size = batch_size
        self._room = room
        self._resend_after = resend_after
        self._replace_after = replace_after
        self._foreign_after = foreign_after
        self._orphan_after = orphan_after
        self._give_up_after = give_up_after
        self._max_gas_price = max_gas_price
        self._clock = clock
        self._changed = changed
        self._identity = Identity(engine, self._chain, chain_id, self._artifacts)
        self._targets: dict[Address, Target] = {}
        # What follows only spares work; all of it may be forgotten at any time.
        self._sent_at: dict[int, float] = {}  # by attempt
        self._first_sent: dict[int, tuple[float, int]] = {}  # by attempt: when, and at which block
        self._parked: dict[int, tuple[int, bool]] = {}  # by attempt: what a predecessor was missing at
        self._refusals: dict[int, RelayerError] = {}  # by attempt: what keeps it from being mined
        self._missing_since: dict[int, float] = {}  # by transaction
        self._worker = Worker("relayer", self.tick, poll=poll)

    @property
    def health(self) -> Health:
        """How the relayer is; what is wrong is named by a code."""
        return self._worker.health

    def start(self) -> None:
        """Begin working in a thread of its own."""
        self._worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self._worker.stop()

    def wake(self) -> None:
        """An act was enqueued (and committed): carry it now."""
        self._worker.wake()

    def tick(self) -> bool:
        """Do all that is to be done now.

        :return: whether something happened, so that more may be to do at once
        :raises LandbridgeError: the node, its chain, the signer or the price forbid to go on; nothing is lost
        """
        head = self._identity.check()
        nonce = self._chain.nonce(self._signer.address)
        happened = self._settle(nonce)
        happened |= self._confirm(head)
        happened |= self._expire(head)
        happened |= self._resend(nonce, head)
        happened |= self._send_pending(nonce, head)
        if happened:
            self._changed()
        for refusal in self._refusals.values():
            raise refusal
        return happened

    # What became of what was sent

    def _settle(self, nonce: int) -> bool:
        with reading(self._engine) as session:
            waiting = self._waiting(session, nonce)
            hashes = {row.id: hashes_of(session, row) for row in waiting}
            lost = session.exec(
                select(TransactionRow).where(
                    TransactionRow.sender == self._signer.address,
                    TransactionRow.status == TransactionStatus.LOST,
                    TransactionRow.nonce >= nonce,
                )
            ).all()
        receipts = self._receipts(hashes)
        # The blocks known so far are compared after the receipts were read: so these belong to the chain
        # that still has those blocks, or are read anew in the next step.
        if self._reopen_gone():
            return True
        self._missing_since = {i: at for i, at in self._missing_since.items() if i in hashes}
        gone = [row for row in waiting if row.id not in receipts and self._is_lost(row)]
        if not receipts and not gone and not lost:
            return False
        with writing(self._engine) as session:
            self._record(session, waiting, receipts)
            for row in _locked(session, gone):
                lose(session, row)
            for row in _locked(session, lost):
                revive(session, row)
        return True

    def _waiting(self, session: Session, nonce: int) -> Sequence[TransactionRow]:
        """Signed transactions that may have a receipt: ours below the chain's nonce, and those of silent
        others on which acts still wait."""
        mine = and_(col(TransactionRow.sender) == self._signer.address, col(TransactionRow.nonce) < nonce)
        others = and_(
            col(TransactionRow.sender) != self._signer.address,
            self._silent(),
            exists().where(col(OutboxRow.transaction_id) == col(TransactionRow.id)),
        )
        return session.exec(
            select(TransactionRow)
            .where(TransactionRow.status == TransactionStatus.SIGNED, or_(mine, others))
            .order_by(col(TransactionRow.sender), col(TransactionRow.nonce))
        ).all()

    def _receipts(self, hashes: Mapping[int, Sequence[str]]) -> dict[int, Receipt]:
        """Receipts by transaction, whichever of its signed forms was mined."""
        asked = [(id_, hash_) for id_, of_one in hashes.items() for hash_ in of_one]
        if not asked:
            return {}
        found: dict[int, Receipt] = {}
        answers = self._chain.receipts([hash_ for _, hash_ in asked])
        for (id_, _), receipt in zip(asked, answers, strict=True):
            if isinstance(receipt, NodeRefusedError):
                raise receipt
            if receipt is not None:
                found[id_] = receipt
        return found

    def _is_lost(self, row: TransactionRow) -> bool:
        if row.sender != self._signer.address:
            return True
        # A node may know the new nonce a moment before it shows the receipt.
        since = self._missing_since.setdefault(row.id, self._clock())
        return self._clock() - since >= self._foreign_after

    def _record(
        self, session: Session, rows: Iterable[TransactionRow], receipts: Mapping[int, Receipt]
    ) -> None:
        for row in _locked(session, (row for row in rows if row.id in receipts)):
            artifact = self._artifacts.get(Address(row.contract))
            record_mined(session, row, receipts[row.id], artifact, give_up_after=self._give_up_after)

    def _reopen_gone(self) -> bool:
        """Find transactions whose block is no longer in the chain, from the newest down to one that is."""
        gone: list[TransactionRow] = []
        number: int | None = None
        while True:
            with reading(self._engine) as session:
                below = () if number is None else (col(TransactionRow.block_number) < number,)
                mined = (col(TransactionRow.status).in_(_MINED), self._ours())
                number = session.exec(
                    select(func.max(TransactionRow.block_number)).where(*mined, *below)
                ).one()
                at = (TransactionRow.block_number == number, *mined)
                rows = [] if number is None else session.exec(select(TransactionRow).where(*at)).all()
            if number is None:
                break
            block = self._chain.block(number)
            gone += (row for row in rows if block is None or row.block_hash != block.hash)
            if block is not None and any(row.block_hash == block.hash for row in rows):
                break
        return self._reopen(gone)

    def _reopen(self, gone: Sequence[TransactionRow]) -> bool:
        if gone:
            with writing(self._engine) as session:
                reopen(session, (row for row in _locked(session, gone) if row.status in _MINED))
        return bool(gone)

    def _confirm(self, head: Block) -> bool:
        with reading(self._engine) as session:
            deep = session.exec(
                select(TransactionRow)
                .where(
                    TransactionRow.status == TransactionStatus.MINED,
                    col(TransactionRow.block_number) <= head.number - self._confirmations + 1,
                    self._ours(),
                )
                .order_by(col(TransactionRow.block_number), col(TransactionRow.nonce))
            ).all()
            refused = [row for transaction in deep for row in refused_in(session, transaction)]
        if not deep:
            return False
        # Each is compared once more: it may have been noted while the chain turned.
        numbers = {row.block_number for row in deep if row.block_number is not None}
        found = {number: self._chain.block(number) for number in numbers}
        if self._reopen([row for row in deep if not _is_hash_of(found.get(row.block_number or 0), row)]):
            return True
        if self._mined_after_all(refused):
            return True
        done = {row.id for row in refused if self._already_done(row)}
        with writing(self._engine) as session:
            for transaction in _locked(session, deep):
                confirm(session, transaction, already_done=done)
        return True

    def _mined_after_all(self, acts: Sequence[OutboxRow]) -> bool:
        """Whether a lost transaction that carried one of these acts is in a block after all: it is noted."""
        if not acts:
            return False
        with reading(self._engine) as session:
            carriers = lost_carriers(session, acts)
        receipts = self._receipts({row.id: hashes for row, hashes in carriers})
        if receipts:
            with writing(self._engine) as session:
                self._record(session, [row for row, _ in carriers], receipts)
        return bool(receipts)

    def _expire(self, head: Block) -> bool:
        # The chain's time decides: ours may be wrong, and an act lives until the chain says otherwise.
        late = and_(col(OutboxRow.status) == ActStatus.PENDING, col(OutboxRow.deadline) < head.timestamp)
        with reading(self._engine) as session:
            rows = session.exec(select(OutboxRow).where(late)).all()
        if not rows or self._mined_after_all(rows):
            return bool(rows)
        done = {row.id for row in rows if self._already_done(row)}
        with writing(self._engine) as session:
            asked = col(OutboxRow.id).in_([row.id for row in rows])
            for row in session.exec(select(OutboxRow).where(late, asked).with_for_update(skip_locked=True)):
                row.status = ActStatus.DONE if row.id in done else ActStatus.EXPIRED
                row.reason_name = None if row.id in done else DEADLINE_PASSED
        return True

    def _silent(self) -> ColumnElement[bool]:
        return col(TransactionRow.created_at) <= int(time.time() - self._orphan_after)

    def _ours(self) -> ColumnElement[bool]:
        return or_(col(TransactionRow.sender) == self._signer.address, self._silent())

    # Sending

    def _resend(self, nonce: int, head: Block) -> bool:
        with reading(self._engine) as session:
            rows = [(row, last_attempt(session, row)) for row in self._open(session, nonce)]
        current = {attempt.id for _, attempt in rows}
        self._sent_at = {i: at for i, at in self._sent_at.items() if i in current}
        self._first_sent = {i: at for i, at in self._first_sent.items() if i in current}
        self._parked = {i: at for i, at in self._parked.items() if i in current}
        self._refusals = {i: error for i, error in self._refusals.items() if i in current}
        if not rows:
            return False
        price = self._chain.gas_price()
        limit = self._max_gas_price or 10 * price
        outgoing: list[Prepared] = []
        dear: dict[int, RelayerError] = {}
        for place, (row, attempt) in enumerate(rows):
            state = (nonce, row.nonce == nonce + place)
            due = self._clock() - self._sent_at.get(attempt.id, -math.inf) >= self._resend_after
            due |= self._parked.get(attempt.id, state) != state
            if price and self._is_overtaken(attempt, head):
                higher = max(price, attempt.gas_price * 9 // 8 + 1)  # nodes ask for a tenth more at least
                if higher <= limit:
                    attempt, due = self._replace(row, attempt, higher), True
                else:
                    dear[attempt.id] = _too_dear(higher, limit)
            if due:
                outgoing.append(Prepared(row.id, attempt.id, row.nonce, attempt.raw, attempt.hash, 0))
                self._parked[attempt.id] = state
        self._send(outgoing, head)
        self._refusals |= dear
        return bool(outgoing)

    def _open(self, session: Session, nonce: int) -> Sequence[TransactionRow]:
        return session.exec(
            select(TransactionRow)
            .where(
                TransactionRow.sender == self._signer.address,
                TransactionRow.status == TransactionStatus.SIGNED,
                TransactionRow.nonce >= nonce,
            )
            .order_by(col(TransactionRow.nonce))
        ).all()

    def _is_overtaken(self, attempt: TransactionAttempt, head: Block) -> bool:
        # Blocks must have passed, too: where none is made, a higher price helps nobody.
        seconds, blocks = self._replace_after
        at, block = self._first_sent.setdefault(attempt.id, (self._clock(), head.number))
        return self._clock() - at >= seconds and head.number - block >= blocks

    def _replace(
        self, row: TransactionRow, attempt: TransactionAttempt, gas_price: int
    ) -> TransactionAttempt:
        data = rlp.decode(attempt.raw)[5]
        with writing(self._engine) as session:
            return sign_attempt(
                session,
                self._signer,
                row,
                data,
                gas_price=gas_price,
                chain_id=self._chain_id,
                now=int(time.time()),
            )

    def _send_pending(self, nonce: int, head: Block) -> bool:
        with reading(self._engine) as session:
            open_rows = self._open(session, nonce)
            statement = select(OutboxRow.id).where(
                OutboxRow.status == ActStatus.PENDING, col(OutboxRow.contract).in_(list(self._artifacts))
            )
            pending = session.exec(statement.limit(1)).first() is not None
        gap = any(row.nonce != nonce + place for place, row in enumerate(open_rows))
        if not gap and (not pending or len(open_rows) >= self._room):
            return False
        price = self._chain.gas_price()
        if self._max_gas_price is not None and price > self._max_gas_price:
            raise _too_dear(price, self._max_gas_price)
        around = Circumstances(
            chain_id=self._chain_id,
            chain_nonce=nonce,
            gas_limit=head.gas_limit,
            gas_price=price,
            now=int(time.time()),
        )
        targets = self._targets_known()
        try:
            with writing(self._engine) as session:
                prepared = claim(
                    session,
                    self._signer,
                    targets,
                    around,
                    batch_size=self._batch_size,
                    room=self._room - len(open_rows),
                )
        except IntegrityError:
            return True  # another process took this nonce for the same key; the next step sees it
        self._send(prepared, head)
        return bool(prepared)

    def _targets_known(self) -> dict[Address, Target]:
        for address, artifact in self._artifacts.items():
            if address not in self._targets:
                answer = self._chain.call(address, artifact.encode("INTENT_GAS"))
                self._targets[address] = Target(artifact, artifact.decode("INTENT_GAS", answer))
        return self._targets

    def _send(self, outgoing: Sequence[Prepared], head: Block) -> None:
        """Hand stored transactions to the node. Whatever it answers, they stay ours until mined or lost."""
        if not outgoing:
            return
        now = self._clock()
        for item in outgoing:
            self._sent_at[item.attempt_id] = now
            self._first_sent.setdefault(item.attempt_id, (now, head.number))
        try:
            answers = self._chain.send_raw_many([item.raw for item in outgoing])
        except NodeError:
            # Due at once when the node is back; and until then each step says what is wrong.
            for item in outgoing:
                self._sent_at.pop(item.attempt_id, None)
            raise
        for item, answer in zip(outgoing, answers, strict=True):
            reason = answer.reason if isinstance(answer, NodeRefusedError) else None
            self._refusals.pop(item.attempt_id, None)
            if reason != "nonce-too-high":
                self._parked.pop(item.attempt_id, None)
            if reason == "insufficient-funds":
                self._refusals[item.attempt_id] = SenderWithoutFundsError(
                    "the sender's account cannot pay for gas", params={"sender": self._signer.address}
                )
            elif reason == "underpriced":
                # Prices rose before it arrived: it need not wait to offer more.
                self._first_sent[item.attempt_id] = (-math.inf, -(1 << 62))
            elif isinstance(answer, NodeRefusedError) and reason not in _HARMLESS:
                self._refusals[item.attempt_id] = TransactionRefusedError(
                    f"the node does not take a transaction: {answer.message[:200]}",
                    params={"nonce": item.nonce, "message": answer.message[:200]},
                )


def _locked(session: Session, rows: Iterable[TransactionRow]) -> list[TransactionRow]:
    """The rows as they are now, held until the database transaction ends; without those others hold."""
    ids = [row.id for row in rows]
    statement = (
        select(TransactionRow)
        .where(col(TransactionRow.id).in_(ids))
        .order_by(col(TransactionRow.sender), col(TransactionRow.nonce))
    )
    return list(session.exec(statement.with_for_update(skip_locked=True))) if ids else []


def _is_hash_of(block: Block | None, row: TransactionRow) -> bool:
    return block is not None and block.hash == row.block_hash


def _too_dear(price: int, limit: int) -> GasPriceLimitError:
    return GasPriceLimitError(
        "gas costs more than the limit that was set", params={"price": str(price), "limit": str(limit)}
    )
