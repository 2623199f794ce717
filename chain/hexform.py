"""Hex as JSON-RPC spells it, read strictly (Ethereum execution API: QUANTITY and DATA).

A quantity has no leading zeros; data has whole bytes. What is spelled otherwise raises ``ValueError``, which
the caller names: a bad parameter on one side of the wire, a malformed answer on the other.

>>> quantity(26), parse_quantity("0x1a")
('0x1a', 26)
>>> parse_data("0x00ff", size=2)
b'\\x00\\xff'
"""

from __future__ import annotations

import re

__all__ = ["data", "parse_data", "parse_quantity", "quantity"]

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})", re.ASCII)
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


def quantity(number: int) -> str:
    """A whole number, zero or more, as JSON-RPC spells it."""
    return hex(number)


def parse_quantity(value: object, *, bits: int = 256) -> int:
    """Read a quantity.

    :param bits: how wide it may be
    :raises ValueError: no string, not this spelling, or too wide
    """
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ValueError("not a hex quantity")
    number = int(value, 16)
    if number >> bits:
        raise ValueError(f"a quantity wider than {bits} bits")
    return number


def data(value: bytes) -> str:
    """Bytes as JSON-RPC spells them."""
    return "0x" + value.hex()


def parse_data(value: object, *, size: int | None = None) -> bytes:
    """Read data.

    :param size: how many bytes it must have; any number if not given
    :raises ValueError: no string, not this spelling, or another length
    """
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise ValueError("not hex data")
    result = bytes.fromhex(value[2:])
    if size is not None and len(result) != size:
        raise ValueError(f"{len(result)} bytes where {size} belong")
    return result
