"""Auditing a log from outside: every head that the chain ever held, every leaf, every act (docs/log.md).

What a gateway says is believed only as far as the chain bears it out:

- From the leaves that it shows the tree is built anew; its root is compared with each head that was anchored,
  and with those that the auditor remembers.
- The leaf of an act can be computed from the chain alone. So each act of the chain is looked for by its leaf,
  whatever the gateway calls it or hides; and each act that it shows must be one of the chain's.
- A page of leaves that is not what was asked for is not taken at all, and named.

>>> frontier = Frontier()
>>> for entry in (b"a", b"b", b"c"):
...     frontier.append(leaf_hash(entry))
>>> frontier.root().hex()[:8]
'36642e73'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Any, ClassVar, Final, NamedTuple

from api.kernel.audit_ledger import Anchor, Finding, KnownAct, Ledger, Noted
from chain.entries import ACT, DOCUMENT, EVIDENCE, EntryError, read_entry
from chain.errors import LandbridgeError
from chain.intents import Address
from chain.merkle import EMPTY_ROOT, ConsistencyError, fold, leaf_hash, verify_consistency

__all__ = ["FINDINGS", "Audit", "Frontier", "PageError", "Shown", "read_page", "read_proof"]

FINDINGS: Final = (
    "act-extra",
    "act-foreign",
    "act-hidden",
    "act-missing",
    "act-twice",
    "act-unanchored",
    "anchor-untold",
    "answer-malformed",
    "chain-ahead",
    "chain-stale",
    "document-hidden",
    "document-twice",
    "entry-altered",
    "entry-malformed",
    "head-differs",
    "head-unproven",
    "kind-differs",
    "leaf-out-of-order",
    "leaves-missing",
    "leaves-refused",
)
"""What an audit can find; docs/log.md says what each means."""

_HASH: Final = re.compile(r"0x[0-9a-f]{64}")
_KINDS: Final = frozenset({ACT, DOCUMENT, EVIDENCE})
_LONGEST_ENTRY: Final = 4000
_MOST_TOLD: Final = 10_000


class PageError(LandbridgeError):
    """An answer that is not the leaves that were asked for; ``finding`` names it."""

    code: ClassVar[str] = "audit-page"

    def __init__(self, finding: Finding) -> None:
        super().__init__("the gateway's answer is not what was asked for", params={"finding": finding.code})
        self.finding = finding


class Shown(NamedTuple):
    """A leaf as the gateway shows it."""

    leaf: int
    hash: bytes
    kind: str
    entry: bytes | None


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


def read_page(answer: object, start: int, limit: int) -> list[Shown]:
    """The leaves in an answer to "leaves from ``start`` on, at most ``limit``", strictly read.

    :raises PageError: it is of another shape, or of other leaves
    """
    if not isinstance(answer, list) or len(answer) > limit:
        raise PageError(Finding("answer-malformed", start))
    leaves: list[Shown] = []
    for index, told in enumerate(answer, start):
        leaf = _shown(told)
        if leaf is None:
            raise PageError(Finding("answer-malformed", index))
        if leaf.leaf != index:
            raise PageError(Finding("leaf-out-of-order", index, detail=f"got={leaf.leaf}"))
        leaves.append(leaf)
    return leaves


def _shown(told: object) -> Shown | None:
    if not isinstance(told, dict):
        return None
    index, hash_, kind, entry = (told.get(name) for name in ("leaf", "leaf_hash", "kind", "entry"))
    if type(index) is not int or not 0 <= index < 1 << 53:
        return None
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    if not isinstance(hash_, str) or not _HASH.fullmatch(hash_):
        return None
    if entry is not None and (not isinstance(entry, str) or len(entry) > _LONGEST_ENTRY):
        return None
    raw = None if entry is None else entry.encode("utf-8", "backslashreplace")
    return Shown(index, bytes.fromhex(hash_[2:]), kind, raw)


def read_proof(answer: object) -> list[bytes] | None:
    """The path in the gateway's answer to a question for a proof; nothing where it is of another shape."""
    path: Any = answer.get("path") if isinstance(answer, dict) else None
    if not isinstance(path, list) or len(path) > 64:
        return None
    if not all(isinstance(one, str) and _HASH.fullmatch(one) for one in path):
        return None
    return [bytes.fromhex(one[2:]) for one in path]


class Audit:
    """One run over a log.

    :param ledger: with what was noted before, and what the chain tells
    :param contracts: whose acts enter the log
    """

    def __init__(self, ledger: Ledger, contracts: Collection[Address]) -> None:
        self._ledger = ledger
        self._contracts = frozenset(contracts)
        self._frontier = Frontier(ledger.size, ledger.edge)
        self._stopped: list[Finding] = []

    @property
    def size(self) -> int:
        """How many leaves were taken."""
        return self._frontier.size

    def take(self, leaves: list[Shown]) -> None:
        """Take the next leaves, as :func:`read_page` gives them, and note them.

        :raises LedgerError: they cannot be noted; then they were not taken
        """
        frontier = Frontier(self.size, self._frontier.hashes)
        sizes = self._ledger.sizes_above(self.size, self.size + len(leaves))
        acts = self._ledger.acts_among([leaf.hash for leaf in leaves])
        findings: list[Finding] = []
        noted: list[Noted] = []
        roots: list[tuple[int, bytes]] = []
        for leaf in leaves:
            kind, shown, wrong = self._judge(leaf)
            if wrong:
                findings.append(Finding(wrong, leaf.leaf))
            if leaf.hash in acts and kind != ACT:
                kind, shown = ACT, False
            if kind in (ACT, DOCUMENT):
                noted.append(Noted(leaf.leaf, leaf.hash, kind, shown))
            frontier.append(leaf.hash)
            if sizes and frontier.size == sizes[0]:
                roots.append((sizes.pop(0), frontier.root()))
        self._ledger.note(frontier.size, frontier.hashes, entries=noted, roots=roots, findings=findings)
        self._frontier = frontier

    def stop(self, finding: Finding) -> None:
        """No further leaves can be had, for this reason; the next run asks again."""
        self._stopped.append(finding)

    def _judge(self, leaf: Shown) -> tuple[str, bool, str]:
        """What a leaf is: its kind, whether it was shown, and what is wrong with it."""
        if leaf.entry is None:
            return leaf.kind, False, "document-hidden" if leaf.kind == DOCUMENT else ""
        if leaf_hash(leaf.entry) != leaf.hash:
            return "", False, "entry-altered"
        try:
            kind, contract, _ = read_entry(leaf.entry)
        except EntryError:
            return "", False, "entry-malformed"
        if contract is not None and contract not in self._contracts:
            return "", False, "act-foreign"
        return kind, True, "" if kind == leaf.kind else "kind-differs"

    def finish(
        self,
        *,
        settled: Callable[[int], bool],
        prove: Callable[[int, int], list[bytes] | None],
        tail: Callable[[], Iterable[bytes]],
        further: Iterable[Finding] = (),
    ) -> Report:
        """Compare what was read with what the chain tells.

        :param settled: whether the acts of a block must be in the log by now
        :param prove: the gateway's proof that the log at a size is the beginning of the log at another
        :param tail: the hashes of the leaves that come after those read, which no head covers yet
        :param further: what was found elsewhere
        """
        told = _Told()
        told.add(further)
        told.add(self._ledger.noted_findings())
        told.add(Finding("act-hidden", *where) for where in self._ledger.acts_hidden())
        told.add(Finding("act-extra", leaf) for leaf in self._ledger.acts_extra())
        told.add(
            Finding(f"{kind}-twice", leaf, detail=f"first={first}")
            for kind, leaf, first in self._ledger.twice()
        )
        told.add(self._heads(prove))
        told.add(self._stopped)
        newest = self._ledger.newest_anchor()
        if newest is not None and newest.size > self.size:
            detail = f"size={newest.size}"
            told.add([Finding("leaves-missing", self.size, newest.block, newest.transaction, detail)])
            # An act that was not found may be among the leaves that were not shown.
            pending, unmatched = 0, sum(1 for _ in self._ledger.acts_missing())
        else:
            pending, unmatched = self._missing(told, settled, tail), 0
        return Report(told.findings, told.dropped + self._ledger.dropped, pending, unmatched)

    def _missing(
        self, told: _Told, settled: Callable[[int], bool], tail: Callable[[], Iterable[bytes]]
    ) -> int:
        """Name the acts that should be in the log and are not; count those that may be on their way."""
        pending, later = 0, set[bytes]()
        if any(settled(act.block) for act in islice(self._ledger.acts_missing(), 1)):
            later = self._ledger.acts_among(list(tail()))
        for act in self._ledger.acts_missing():
            if settled(act.block):
                code = "act-unanchored" if act.leaf_hash in later else "act-missing"
                told.add([_of_act(code, act)])
            else:
                pending += 1
        return pending

    def _heads(self, prove: Callable[[int, int], list[bytes] | None]) -> Iterator[Finding]:
        """One finding for each run of heads that differ; with the newest head before it that does not."""
        agrees, run = 0, list[Anchor]()
        for anchor, noted in self._ledger.anchors_in_order():
            if anchor.size > self.size:
                break
            holds = noted == anchor.root if noted is not None else self._is_proven(anchor, prove)
            if holds is None:
                yield _of_anchor("head-unproven", anchor)
            elif holds:
                if run:
                    yield _of_run(run, agrees)
                agrees, run = anchor.size, []
            else:
                run.append(anchor)
        if run:
            yield _of_run(run, agrees)

    def _is_proven(self, anchor: Anchor, prove: Callable[[int, int], list[bytes] | None]) -> bool | None:
        """Whether a head of which the root was not noted as it was passed is a beginning of what was read.

        Only where the chain turned since, or the auditor remembers one that was not known then.
        """
        path = [] if anchor.size in (0, self.size) else prove(anchor.size, self.size)
        if path is None:
            return None
        try:
            verify_consistency(anchor.size, self.size, path, anchor.root, self._frontier.root())
        except ConsistencyError:
            return False
        return True


class Report(NamedTuple):
    """What an audit came to.

    :ivar dropped: further findings, beyond the ten thousand that are told
    :ivar pending: acts that may still be on their way into the log
    :ivar unmatched: acts that were not found among the leaves shown, where not all were
    """

    findings: list[Finding]
    dropped: int
    pending: int
    unmatched: int


class _Told:
    """Findings, as many as a reader can bear; the others are counted."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.dropped = 0

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if len(self.findings) < _MOST_TOLD:
                self.findings.append(finding)
            else:
                self.dropped += 1


def _of_act(code: str, act: KnownAct) -> Finding:
    return Finding(code, None, act.block, act.transaction, f"digest=0x{act.digest.hex()}")


def _of_anchor(code: str, anchor: Anchor) -> Finding:
    return Finding(code, anchor.size - 1, anchor.block, anchor.transaction, f"size={anchor.size}")


def _of_run(run: list[Anchor], agrees: int) -> Finding:
    first, last = run[0], run[-1]
    detail = f"size={first.size} agrees={agrees} differ={len(run)} until={last.size}"
    return Finding("head-differs", agrees, first.block, first.transaction, detail)
