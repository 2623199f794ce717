"""The log's tree in the database: tiles of 256 hashes (C2SP tlog-tiles), read and extended.

Level 0 holds leaf hashes; a hash of level n+1 is the root of a full tile of level n. A tile that is full
never changes, so some are kept in memory; how many is bounded, however large the tree.

>>> with reading(engine) as session:                       # doctest: +SKIP
...     tiles.hash_of(session, 0, 1 << 20)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import ClassVar

from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from chain.errors import LandbridgeError
from chain.merkle import complete_subtrees, fold
from chain.tables import TileRow

__all__ = ["TileMissingError", "Tiles"]

_HEIGHT = 8
_WIDTH = 1 << _HEIGHT
_HASH = 32
_TILE = select(TileRow.hashes).where(
    col(TileRow.level) == bindparam("at"), col(TileRow.index) == bindparam("place")
)


class TileMissingError(LandbridgeError):
    """A tile that must be there is not, or is shorter than it must be: the database was damaged."""

    code: ClassVar[str] = "log-damaged"


class Tiles:
    """The tiles of one log.

    :param kept: full tiles held in memory at most, 16 KiB each
    """

    def __init__(self, kept: int = 512) -> None:
        self._kept = kept
        self._full: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()
        self._lock = threading.Lock()

    def extend(self, session: Session, size: int, hashes: Sequence[bytes]) -> None:
        """Add leaf hashes after the ``size`` there are, in the caller's transaction.

        :raises TileMissingError: the database was damaged
        """
        level, start, added = 0, size, list(hashes)
        written: list[dict[str, object]] = []
        while added:
            first, inside = divmod(start, _WIDTH)
            known = self._read(session, level, first, inside)[: inside * _HASH] if inside else b""
            joined, full = known + b"".join(added), []
            for place in range(0, len(joined), _WIDTH * _HASH):
                tile = joined[place : place + _WIDTH * _HASH]
                index = first + place // (_WIDTH * _HASH)
                written.append({"level": level, "index": index, "hashes": tile})
                if len(tile) == _WIDTH * _HASH:
                    full.append(_levels(tile)[_HEIGHT][0])
            level, start, added = level + 1, first, full
        if written:
            dialect = session.get_bind().dialect.name
            insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(TileRow)
            # Given as parameters of one statement: compiled once, whatever the number of tiles.
            session.connection().execute(
                insert.on_conflict_do_update(
                    index_elements=["level", "index"], set_={"hashes": insert.excluded.hashes}
                ),
                written,
            )

    def hash_of(self, session: Session, start: int, end: int) -> bytes:
        """The hash over leaves [start, end); ``start`` is a multiple of its largest complete subtree.

        :raises TileMissingError: the database was damaged
        """
        return fold(self._node(session, height, place) for height, place in complete_subtrees(start, end))

    def leaves(self, session: Session, start: int, end: int) -> Iterator[bytes]:
        """The leaf hashes [start, end), in order.

        :raises TileMissingError: the database was damaged
        """
        while start < end:
            index, inside = divmod(start, _WIDTH)
            until = min(end - index * _WIDTH, _WIDTH)
            tile = self._read(session, 0, index, until)
            yield from (tile[i : i + _HASH] for i in range(inside * _HASH, until * _HASH, _HASH))
            start = index * _WIDTH + until

    def _node(self, session: Session, height: int, place: int) -> bytes:
        """The root of a complete subtree."""
        level, inside = divmod(height, _HEIGHT)
        index, offset = divmod(place << inside, _WIDTH)
        with self._lock:
            known = self._full.get((level, index))
            if known is not None:
                self._full.move_to_end((level, index))
        if known is None:
            tile = self._read(session, level, index, offset + (1 << inside))
            if len(tile) < _WIDTH * _HASH:
                return _levels(tile[offset * _HASH : (offset + (1 << inside)) * _HASH])[inside][0]
            known = _levels(tile)
            if not session.info.get("landbridge_writing"):
                self._keep(level, index, known)
        return known[inside][offset >> inside]

    def _keep(self, level: int, index: int, known: list[list[bytes]]) -> None:
        with self._lock:
            self._full[level, index] = known
            while len(self._full) > self._kept:
                self._full.popitem(last=False)

    @staticmethod
    def _read(session: Session, level: int, index: int, count: int) -> bytes:
        """A tile, with ``count`` hashes at least."""
        hashes: bytes | None = session.connection().execute(_TILE, {"at": level, "place": index}).scalar()
        if hashes is None or len(hashes) < count * _HASH or len(hashes) % _HASH:
            raise TileMissingError(
                "a part of the log's tree is missing", params={"level": level, "tile": index}
            )
        return hashes


def _levels(tile: bytes) -> list[list[bytes]]:
    """A tile's hashes, and above them those of its complete subtrees."""
    levels = [[tile[i : i + _HASH] for i in range(0, len(tile), _HASH)]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(
            [sha256(b"\x01" + below[i] + below[i + 1]).digest() for i in range(0, len(below) - 1, 2)]
        )
    return levels
