"""All events of a contract, in as few questions as the node takes: auditors read the whole chain.

Nodes refuse a question that covers too many blocks or has too many answers, each by its own measure: a
stretch that is refused is asked in halves, and later in longer ones again.

>>> for log in scan(chain, address, topic, last=1_000_000): ...  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from chain.client import Chain, Log
from chain.intents import Address
from chain.node import NodeRefusedError

__all__ = ["scan"]

_FIRST: Final = 1000
_WIDEST: Final = 16_000
_STEADY: Final = 8  # stretches taken, before a longer one is tried


def scan(
    chain: Chain,
    address: Address,
    topic: bytes,
    *,
    last: int,
    advance: Callable[[int], None] = lambda block: None,
) -> Iterator[Log]:
    """Every event of one contract and one kind, in the chain's order.

    :param topic: the event's first topic
    :param last: the last block to look at
    :param advance: told how many blocks were looked at
    :raises NodeError: the node cannot be asked, or refuses a single block
    """
    first, width, steady = 0, _FIRST, 0
    while first <= last:
        until = min(first + width - 1, last)
        try:
            found = chain.logs(first, until, addresses=[address], topics=[[topic]])
        except NodeRefusedError:
            if until == first:
                raise
            width, steady = (until - first + 1) // 2, 0
            continue
        yield from sorted(found, key=lambda log: (log.block_number, log.position))
        first, steady = until + 1, steady + 1
        advance(first)
        if steady == _STEADY:
            width, steady = min(2 * width, _WIDEST), 0
