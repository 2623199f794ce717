"""RLP read strictly: one spelling for each value, nothing behind it, every refusal a named error.

What a chain hashes is canonical RLP (Yellow Paper, appendix B). Bytes that merely decode are another thing:
whoever took them for the same could be shown two files that say one and the same.

>>> read_list(bytes.fromhex("c20102"))
[b'\\x01', b'\\x02']
>>> number(b"\\x04\\x00")
1024
>>> read_list(bytes.fromhex("c2810102"))
Traceback (most recent call last):
    ...
chain.rlpread.RlpError: the bytes are no canonical RLP
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

import rlp
from rlp.exceptions import DecodingError

from chain.errors import LandbridgeError

__all__ = ["Item", "ProofError", "RlpError", "as_bytes", "as_list", "number", "read_list"]

Item: TypeAlias = "bytes | list[Any]"


class ProofError(LandbridgeError):
    """Base of all errors in what is to prove what a chain says: it cannot be believed, or not be read."""

    code: ClassVar[str] = "proof"


class RlpError(ProofError):
    """Bytes that are no canonical RLP, or not of the shape that belongs there."""

    code: ClassVar[str] = "rlp-malformed"


def read_list(raw: bytes, *, max_bytes: int = 1 << 24) -> list[Item]:
    """The items of an RLP list; bytes or lists in their turn.

    :param max_bytes: longer input is refused unread
    :raises RlpError: no list, not canonical, bytes behind it, nested without end, or too long
    """
    if len(raw) > max_bytes:
        raise RlpError("the RLP is longer than it may be", params={"limit": max_bytes})
    try:
        item = rlp.decode(raw, strict=True)
    except (DecodingError, RecursionError):
        raise RlpError("the bytes are no canonical RLP") from None
    return as_list(item)


def as_list(item: Item, *, count: int | None = None) -> list[Item]:
    """An item that is a list.

    :param count: how many items it must have; any number if not given
    :raises RlpError: it is none, or has another number
    """
    if not isinstance(item, list) or (count is not None and len(item) != count):
        raise RlpError("the RLP has not the shape that belongs there")
    return item


def as_bytes(item: Item, *, size: int | None = None) -> bytes:
    """An item that is bytes.

    :param size: how many it must have; any number if not given
    :raises RlpError: it is a list, or of another length
    """
    if not isinstance(item, bytes) or (size is not None and len(item) != size):
        raise RlpError("the RLP has not the shape that belongs there")
    return item


def number(item: Item, *, bits: int = 256) -> int:
    """An item that is a whole number: big-endian without leading zeros, zero being no bytes at all.

    :param bits: how wide it may be
    :raises RlpError: it is none
    """
    raw = as_bytes(item)
    if raw[:1] == b"\0" or len(raw) * 8 > bits:
        raise RlpError("the RLP has not the shape that belongs there")
    return int.from_bytes(raw, "big")
