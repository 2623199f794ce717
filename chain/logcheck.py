"""Looking a log's tables over: which of its leaves, tiles and heads are not as they were written.

Everything in the log is said twice or more: an entry by its hash, that hash by its tile, a full tile by the
tile above, and the whole by each sealed head. So where two do not agree, a third mostly tells which is wrong:

- A leaf that differs from its tile is believed if the tile above, or a head, does not lead to the tile.
- A tile whose parts below are sound is believed; then it is the tile above that was altered.
- A head is told only where every tile under it is sound. Whoever rewrites a leaf and all that leads up from
  it is noticed there, and by the chain.

Nothing is written here, and what is read fits into one tile of each level.

>>> with reading(engine) as session:                          # doctest: +SKIP
...     faults = LogCheck(session).leaves(tile=0, size=300)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from chain.contracts import AnswerError, Artifact
from chain.merkle import Tree, complete_subtrees, leaf_hash
from chain.tables import EventRow, HeadRow, LeafRow, LogSizeRow, TileRow
from chain.tiles import TileMissingError, Tiles

__all__ = ["WIDTH", "Extent", "Fault", "LogCheck"]

WIDTH = 256
"""Hashes in a full tile."""
_HASH = 32


class Fault(NamedTuple):
    """One thing that is not as it was written.

    :ivar code: what is wrong; stable (docs/log.md)
    :ivar place: where: ``leaf 7``, ``tile 1/0`` (level and index), ``head 300`` (by its size), ``log``
    :ivar facts: more of it, for whoever looks into it
    """

    code: str
    place: str
    facts: Mapping[str, str | int]


class Extent(NamedTuple):
    """How many leaves there are, by what most of the tables say, and what is wrong with the others."""

    size: int
    faults: list[Fault]


class LogCheck:
    """A look at one log in one reading session.

    :param known: whether something is known already to be wrong at a place: nothing else is blamed for it
    """

    def __init__(self, session: Session, known: Callable[[str], bool] = lambda place: False) -> None:
        self.session = session
        self._known = known
        self._tiles = Tiles(kept=0)
        self._anchors = Artifact.load("AnchorLog")

    def extent(self) -> Extent:
        """How many leaves there are. Asked in one statement, so that it is of one moment."""
        last = (
            select(TileRow).where(TileRow.level == 0).order_by(col(TileRow.index).desc()).limit(1).subquery()
        )
        found = self.session.exec(
            select(
                select(LogSizeRow.size).where(LogSizeRow.id == 1).scalar_subquery(),
                select(func.max(col(LeafRow.index))).scalar_subquery(),
                select(last.c.index).scalar_subquery(),
                select(func.length(last.c.hashes)).scalar_subquery(),
            )
        ).one()
        told, leaf, tile, length = found[0] or 0, found[1], found[2], found[3] or 0
        leaves = 0 if leaf is None else leaf + 1
        hashes = 0 if tile is None else tile * WIDTH + length // _HASH
        if told == hashes:
            extra = [Fault("leaf-extra", f"leaf {leaves - 1}", {"size": told})]
            return Extent(told, extra if leaves > told else [])
        if told == leaves:
            long = [Fault("tile-altered", f"tile 0/{tile}", {"hashes": hashes, "size": told})]
            return Extent(told, long if hashes > told else [])
        return Extent(leaves, [Fault("log-size-altered", "log", {"size": told, "leaves": leaves})])

    def leaves(self, tile: int, size: int) -> list[Fault]:
        """Look at the leaves under one tile of level 0, and at that tile.

        :param size: how many leaves the log has
        """
        first, until = tile * WIDTH, min(size, (tile + 1) * WIDTH)
        statement = select(LeafRow.index, LeafRow.kind, LeafRow.hash, LeafRow.entry).where(
            col(LeafRow.index) >= first, col(LeafRow.index) < until
        )
        own, altered = {}, set()
        for index, kind, hash_, entry in self.session.exec(statement):
            own[index] = leaf_hash(entry)
            # The entry's text is ours and in canonical form: it says its kind in this way alone.
            if own[index] != hash_ or b'"kind":"%s"' % kind.encode() not in entry:
                altered.add(index)
        missing = [index for index in range(first, until) if index not in own]
        stored, faults = self._tile(0, tile, until - first)
        if not stored:
            return faults + self._leaf_faults(missing, altered, {})
        told = {first + place: hash_ for place, hash_ in enumerate(stored)}
        differing = {index for index, hash_ in own.items() if told.get(index, hash_) != hash_}
        if not (altered or missing or differing):
            return faults + self._above(0, tile, stored)
        if differing and self._is_borne_out(tile, stored):
            altered |= differing
        elif differing - altered:
            faults.append(Fault("tile-altered", f"tile 0/{tile}", {"leaf": min(differing - altered)}))
        return faults + self._leaf_faults(missing, altered, told)

    def tile(self, level: int, index: int) -> list[Fault]:
        """Look at a tile above level 0, whose parts below were looked at before."""
        before = self.extent().size >> 8 * level
        stored, faults = self._tile(level, index, min(WIDTH, before - index * WIDTH))
        if stored and len(stored) > (most := (self.extent().size >> 8 * level) - index * WIDTH):
            faults.append(
                Fault("tile-altered", f"tile {level}/{index}", {"hashes": len(stored), "size": most})
            )
        if faults or not stored or self._known(f"tile {level}/{index}"):
            return faults
        return self._above(level, index, stored)

    def head(self, head: HeadRow, size: int) -> list[Fault]:
        """Look at a sealed head; the tiles were looked at before."""
        place = f"head {head.size}"
        if not 0 < head.size <= size:
            return [Fault("head-altered", place, {"leaves": size})]
        if any(self._known(place) for place in _tiles_under(head.size)):
            return []
        try:
            root = self._tiles.hash_of(self.session, 0, head.size)
        except TileMissingError:
            return []  # it is told where the tiles are looked at
        if root != head.root:
            return [Fault("head-altered", place, {"root": "0x" + root.hex(), "head": "0x" + head.root.hex()})]
        if head.block_number is not None and not self._is_anchored(head):
            return [Fault("head-altered", place, {"block": head.block_number})]
        return []

    def _tile(self, level: int, index: int, least: int) -> tuple[list[bytes], list[Fault]]:
        """A tile's hashes; none, and why, where they are fewer than there must be."""
        row = self.session.get(TileRow, (level, index), populate_existing=True)
        place = f"tile {level}/{index}"
        if row is None:
            return [], [Fault("tile-missing", place, {})]
        length = len(row.hashes)
        if length % _HASH or not least * _HASH <= length <= WIDTH * _HASH:
            return [], [Fault("tile-altered", place, {"bytes": length, "least": least * _HASH})]
        return [row.hashes[at : at + _HASH] for at in range(0, length, _HASH)], []

    def _above(self, level: int, index: int, stored: list[bytes]) -> list[Fault]:
        """A tile that is sound itself must be what the one above says."""
        above = self._told_above(level, index) if len(stored) == WIDTH else None
        if above is None or above == Tree(stored).root():
            return []
        return [Fault("tile-altered", f"tile {level + 1}/{index // WIDTH}", {"hash": index % WIDTH})]

    def _told_above(self, level: int, index: int) -> bytes | None:
        row = self.session.get(TileRow, (level + 1, index // WIDTH), populate_existing=True)
        at = index % WIDTH * _HASH
        return row.hashes[at : at + _HASH] if row is not None and len(row.hashes) >= at + _HASH else None

    def _is_borne_out(self, tile: int, stored: list[bytes]) -> bool:
        """Whether the tile above, or the newest head within it, leads to a tile of level 0."""
        if len(stored) == WIDTH and (above := self._told_above(0, tile)) is not None:
            return above == Tree(stored).root()
        sizes = (HeadRow.size > tile * WIDTH, HeadRow.size <= tile * WIDTH + len(stored))
        head = self.session.exec(
            select(HeadRow).where(*sizes).order_by(col(HeadRow.size).desc()).limit(1)
        ).first()
        try:
            return head is not None and self._tiles.hash_of(self.session, 0, head.size) == head.root
        except TileMissingError:
            return False

    def _is_anchored(self, head: HeadRow) -> bool:
        """Whether an event that was read from the chain says what the head's note says."""
        statement = select(EventRow).where(EventRow.transaction_hash == head.transaction_hash)
        for row in self.session.exec(statement):
            topics = [row.topics[at : at + _HASH] for at in range(0, len(row.topics), _HASH)]
            try:
                event = self._anchors.event(topics, row.data)
            except AnswerError:
                continue
            if event is not None and event.name == "Anchored":
                told = int(event.arguments["size"]), bytes(event.arguments["root"])
                if (*told, row.block_number, row.block_hash) == (
                    *(head.size, head.root),
                    *(head.block_number, head.block_hash),
                ):
                    return True
        return False

    @staticmethod
    def _leaf_faults(missing: list[int], altered: set[int], told: Mapping[int, bytes]) -> list[Fault]:
        found = [("leaf-missing", index) for index in missing] + [
            ("leaf-altered", i) for i in sorted(altered)
        ]
        return [
            Fault(code, f"leaf {index}", {"hash": "0x" + told[index].hex()} if index in told else {})
            for code, index in found
        ]


def _tiles_under(size: int) -> list[str]:
    """The tiles from which the root at a size is made."""
    found = []
    for height, place in complete_subtrees(0, size):
        level, inside = divmod(height, 8)
        found.append(f"tile {level}/{(place << inside) // WIDTH}")
    return found
