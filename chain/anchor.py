"""The anchorer: keeps the chain's head of the log at ours (docs/log.md).

Rules:

- What is to be sent follows from two facts alone: the newest head that was sealed, and the head that the
  contract holds. So nothing needs to be remembered, and a process killed at any instant loses nothing.
- The newest head is sent; those before it are covered by it.
- A transaction that waits is offered again as it is, and one that was overtaken with a higher price and the
  head that is newest by then, at the same nonce.
- Where the contract holds a larger head than ours, or one that our tree did not have at its size, nothing is
  sent: this is not the log that the chain knows (a database put back from an old copy, another log's key). A
  copy that has grown beyond the chain's head since is noticed too: that head is looked for in our tree first.
- Two anchorers with one key do no harm: the contract takes the same head twice as nothing.

>>> anchorer = Anchorer(engine, node, key, chain_id=20777, address=log, newest=lambda: head)  # doctest: +SKIP
>>> anchorer.start(); anchorer.wake(); anchorer.stop()                                        # doctest: +SKIP
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, NoReturn

from sqlalchemy import Engine

from chain.client import Chain
from chain.contracts import Artifact
from chain.errors import LandbridgeError
from chain.identity import Identity
from chain.intents import Address
from chain.log import LogAlteredError
from chain.node import Node, NodeError, NodeRefusedError
from chain.relayer import SenderWithoutFundsError, TransactionRefusedError
from chain.signers import Signer, Transaction, sign_transaction
from chain.worker import Health, Worker

__all__ = ["AnchorError", "Anchorer", "Head"]

_GAS: Final = 120_000  # the first anchor fills both slots: 70,000
_HARMLESS: Final = ("already-known", "nonce-too-low")


class Head(NamedTuple):
    """A head of the log: how many leaves, and the 32-byte root over them."""

    size: int
    root: bytes


class AnchorError(LandbridgeError):
    """The chain holds a head that this log cannot go on from; nothing is sent."""

    code: ClassVar[str] = "log-head-differs"

    def again(self) -> AnchorError:
        """The same, to be raised in another place."""
        return type(self)(self.sentence, params=self.params)


class HeadAheadError(AnchorError):
    """The chain holds a larger head than this log has."""

    code: ClassVar[str] = "log-head-ahead"


@dataclass(slots=True)
class _Sent:
    """What was sent last, to spare work; it may be forgotten at any time."""

    nonce: int
    price: int
    raw: bytes
    first: float
    last: float
    block: int


class Anchorer:
    """Anchors heads with one key.

    :param engine: the database, which knows whose chain it belongs to
    :param node: where transactions go; used from one thread at a time
    :param signer: the log's writer
    :param address: of the contract that holds the head
    :param newest: the newest head that was sealed; nothing before the first
    :param root_at: the root that our tree has, or had, at a size; it raises where tree and heads do not agree
    :param resend_after: seconds after which an unseen transaction is sent again
    :param replace_after: seconds, and blocks, that may pass over a transaction before it offers more
    :param poll: seconds between looks
    :param clock: monotonic seconds
    :param changed: called from the anchorer's thread after something was sent
    """

    def __init__(
        self,
        engine: Engine,
        node: Node,
        signer: Signer,
        *,
        chain_id: int,
        address: Address,
        newest: Callable[[], Head | None],
        root_at: Callable[[int], bytes],
        resend_after: float = 5.0,
        replace_after: tuple[float, int] = (30.0, 3),
        poll: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._chain = Chain(node)
        self._signer = signer
        self._chain_id = chain_id
        self._address = address
        self._artifact = Artifact.load("AnchorLog")
        self._newest = newest
        self._root_at = root_at
        self._resend_after = resend_after
        self._replace_after = replace_after
        self._clock = clock
        self._changed = changed
        self._identity = Identity(engine, self._chain, chain_id, [address])
        self._sent: _Sent | None = None
        self._disagreement: AnchorError | None = None
        self._worker = Worker("anchorer", self._step, poll=poll)

    @property
    def health(self) -> Health:
        """How the anchorer is; what is wrong is named by a code."""
        return self._worker.health

    def start(self) -> None:
        """Begin working in a thread of its own."""
        self._worker.start()

    def stop(self) -> None:
        """End after the step under way."""
        self._worker.stop()

    def wake(self) -> None:
        """A head was sealed."""
        self._worker.wake()

    def _step(self) -> bool:
        self.tick()
        return False  # what was sent is not mined at once: the next look is due when woken, or in a while

    def tick(self) -> bool:
        """Compare the chain's head with ours and send what is missing.

        :return: whether something was sent
        :raises HeadAheadError: the chain's head is larger than ours
        :raises AnchorError: it is none that our tree had at its size
        :raises LogAlteredError: our tree and our heads do not agree
        :raises LandbridgeError: the node, its chain or the signer forbid to go on; nothing is lost
        """
        block = self._identity.check()
        ours, theirs = self._compare()
        if theirs.size == ours.size:
            self._sent = None
            return False
        nonce, price = self._chain.nonce(self._signer.address), self._chain.gas_price()
        sent, now = self._sent, self._clock()
        if sent is not None and sent.nonce == nonce:
            seconds, blocks = self._replace_after
            if price and now - sent.first >= seconds and block.number - sent.block >= blocks:
                price = max(price, sent.price * 9 // 8 + 1)  # nodes ask for a tenth more at least
            elif now - sent.last >= self._resend_after:
                sent.last = now
                return self._send(sent)
            else:
                return False
        if self._root_at(ours.size) != ours.root:  # what the chain has taken can never be taken back
            raise LogAlteredError("a sealed head is not that of the tree", params={"size": ours.size})
        data = self._artifact.encode("anchor", ours.size, ours.root)
        unsigned = Transaction(
            to=self._address,
            value=0,
            data=data,
            gas=_GAS,
            gasPrice=price,
            nonce=nonce,
            chainId=self._chain_id,
        )
        raw, _ = sign_transaction(self._signer, unsigned)
        self._sent = _Sent(nonce, price, raw, now, now, block.number)
        return self._send(self._sent)

    def look(self) -> None:
        """Compare the chain's head with ours and send nothing.

        :raises LandbridgeError: as :meth:`tick`
        """
        self._identity.check()
        self._compare()

    def require_agreement(self) -> None:
        """Refuse what would add to a log that cannot be anchored any more, as far as the last look showed.

        :raises AnchorError: the chain's head was not ours, and no later look found otherwise
        """
        if self._disagreement is not None:
            raise self._disagreement.again()

    def _compare(self) -> tuple[Head, Head]:
        # The chain's first: what another gateway anchors is in the database before it is on the chain.
        theirs, ours = self._held(), self._newest() or Head(0, bytes(32))
        if theirs.size > ours.size:
            self._disagreement = HeadAheadError(
                "the chain holds a larger head of the log than this database",
                params={"ours": ours.size, "chain": theirs.size},
            )
            raise self._disagreement.again()
        # Where our head at this size was altered, and not the tree, it is said to be just that.
        if theirs not in (ours, Head(0, bytes(32))) and self._root_at(theirs.size) != theirs.root:
            self._disagreement = AnchorError(
                "the chain holds another head of the log at this size", params={"size": theirs.size}
            )
            raise self._disagreement.again()
        self._disagreement = None
        return ours, theirs

    def _held(self) -> Head:
        answer = self._chain.call(self._address, self._artifact.encode("head"))
        size, root, _block, _time = self._artifact.decode("head", answer)
        return Head(size, root)

    def _send(self, sent: _Sent) -> bool:
        try:
            self._chain.send_raw(sent.raw)
        except NodeError as error:
            reason = error.reason if isinstance(error, NodeRefusedError) else None
            if reason == "underpriced":
                # Prices rose before it arrived: it need not wait to offer more.
                sent.first, sent.block = -math.inf, -(1 << 62)
            elif reason not in _HARMLESS:
                sent.last = -math.inf  # due again at the next step, which says again what is wrong
                _tell(error, reason, self._signer.address)
        self._changed()
        return True


def _tell(error: NodeError, reason: str | None, account: Address) -> NoReturn:
    if reason is None:
        raise error
    if reason == "insufficient-funds":
        raise SenderWithoutFundsError(
            "the account that anchors the log cannot pay for gas", params={"sender": account}
        ) from error
    message = str(error)[:200]
    raise TransactionRefusedError(
        f"the node does not take a transaction: {message}", params={"message": message}
    ) from error
