"""Auditing a log from outside: every head that the chain ever held, every leaf, every act (docs/log.md).

What a gateway says is believed only as far as the chain bears it out: from the leaves it shows the tree is
built anew, its root is compared with each head that was anchored, and the acts among its leaves are matched
one to one with those that took effect on the chain.

>>> frontier = Frontier()
>>> for entry in (b"a", b"b", b"c"):
...     frontier.append(leaf_hash(entry))
>>> frontier.root().hex()[:8]
'36642e73'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from chain.canonical import parse
from chain.client import Chain
from chain.contracts import Artifact
from chain.entries import ACT, EntryError, act_entry
from chain.intents import Address
from chain.merkle import EMPTY_ROOT, fold, leaf_hash

__all__ = ["Anchor", "Audit", "Finding", "Frontier", "KnownAct", "Progress", "anchors"]

_CHUNK = 2000


class Anchor(NamedTuple):
    """A head as the chain tells of it."""

    size: int
    root: bytes
    block: int
    transaction: str


class KnownAct(NamedTuple):
    """An act that took effect on the chain.

    :ivar settled: whether it lies so far back that it must be in the log by now
    """

    contract: Address
    digest: bytes
    block: int
    transaction: str
    settled: bool


class Finding(NamedTuple):
    """One thing that is wrong, by a stable code: where in the log, and where on the chain."""

    code: str
    leaf: int | None = None
    block: int | None = None
    transaction: str | None = None
    detail: str = ""


class Frontier:
    """The right edge of a growing tree: enough for its root, whatever its size."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)  # the complete subtrees, largest first

    def append(self, hash_: bytes) -> None:
        """Add a leaf by its hash."""
        size = self.size
        while size & 1:
            hash_ = sha256(b"\x01" + self.hashes.pop() + hash_).digest()
            size >>= 1
        self.hashes.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        """The root as it stands."""
        return fold(self.hashes) if self.hashes else EMPTY_ROOT


@dataclass
class Progress:
    """How far an audit has come; it can be written down and gone on with.

    :ivar log: which log it is of (``landbridge/<chain>/<address>``)
    :ivar acts: the acts found in the log, by digest: their leaves
    """

    log: str
    size: int = 0
    frontier: list[str] = field(default_factory=list)
    acts: dict[str, list[int]] = field(default_factory=dict)
    findings: list[list[Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Audit:
    """One pass over a log.

    :param known: heads by size that the log must have had: the chain's, and those the auditor remembers
    :param contract: whose acts are matched
    """

    def __init__(self, progress: Progress, known: Mapping[int, Sequence[Anchor]], contract: Address) -> None:
        self.progress = progress
        self._known = known
        self._contract = contract
        self._frontier = Frontier(progress.size, map(bytes.fromhex, progress.frontier))

    def read(self, leaves: Sequence[Mapping[str, Any]]) -> None:
        """Take the next leaves, as the gateway shows them."""
        for leaf in leaves:
            index, hash_ = self._frontier.size, bytes.fromhex(leaf["leaf_hash"][2:])
            if leaf["leaf"] != index:
                self._find("leaf-out-of-order", leaf=index)
            entry = leaf.get("entry")
            if entry is not None and leaf_hash(entry.encode()) != hash_:
                self._find("entry-altered", leaf=index)
            elif entry is not None and leaf["kind"] == ACT:
                self._take_act(index, entry)
            elif leaf["kind"] == ACT:
                self._find("act-hidden", leaf=index)
            self._frontier.append(hash_)
            for anchor in self._known.get(self._frontier.size, ()):
                if anchor.root != self._frontier.root():
                    self._find(
                        "head-differs",
                        leaf=index,
                        block=anchor.block,
                        transaction=anchor.transaction,
                        detail=f"size {anchor.size}",
                    )
        self.progress.size = self._frontier.size
        self.progress.frontier = [one.hex() for one in self._frontier.hashes]

    def finish(self, acts: Iterable[KnownAct]) -> list[Finding]:
        """Match the acts, once all leaves were read.

        :param acts: those of the chain
        """
        known = {act.digest.hex(): act for act in acts}
        for digest, act in known.items():
            if digest not in self.progress.acts and act.settled:
                self._find("act-missing", block=act.block, transaction=act.transaction, detail="0x" + digest)
        for digest, leaves in self.progress.acts.items():
            if digest not in known:
                self._find("act-extra", leaf=leaves[0], detail="0x" + digest)
            for leaf in leaves[1:]:
                self._find("act-twice", leaf=leaf, detail="0x" + digest)
        for size, anchors_ in self._known.items():
            if len({anchor.root for anchor in anchors_}) > 1:
                self._find("head-differs", leaf=size - 1, detail=f"size {size}: what is remembered")
            if size > self._frontier.size:
                for anchor in anchors_:
                    self._find(
                        "leaves-missing",
                        leaf=self._frontier.size,
                        block=anchor.block,
                        transaction=anchor.transaction,
                        detail=f"size {size}",
                    )
        return [Finding(*one) for one in self.progress.findings]

    def _take_act(self, index: int, text: str) -> None:
        entry: Any = parse(text.encode())
        digest = str(entry.get("digest", ""))[2:] if isinstance(entry, dict) else ""
        try:
            same = act_entry(self._contract, bytes.fromhex(digest)) == text.encode()
        except (ValueError, EntryError):
            same = False
        if not same:
            self._find("entry-malformed", leaf=index)
            return
        self.progress.acts.setdefault(digest, []).append(index)

    def _find(self, code: str, **where: Any) -> None:
        self.progress.findings.append(list(Finding(code, **where)))


def anchors(
    chain: Chain, address: Address, last: int, advance: Callable[[int], None] = lambda block: None
) -> Iterator[Anchor]:
    """Every head that the contract was ever given, in order.

    :param last: the last block to look at
    :param advance: told the last block that was looked at
    :raises NodeError: the node cannot be asked
    """
    artifact = Artifact.load("AnchorLog")
    topic = bytes.fromhex(artifact.topic("Anchored")[2:])
    for first in range(0, last + 1, _CHUNK):
        until = min(first + _CHUNK - 1, last)
        for log in chain.logs(first, until, addresses=[address], topics=[[topic]]):
            event = artifact.event(log.topics, log.data)
            if event is not None:
                size, root = int(event.arguments["size"]), bytes(event.arguments["root"])
                yield Anchor(size, root, log.block_number, log.transaction_hash)
        advance(until)
