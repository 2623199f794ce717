"""All events, whatever a node thinks is too much."""

from __future__ import annotations

import pytest

from chain.client import Log
from chain.intents import Address
from chain.node import NodeDownError, NodeRefusedError
from chain.scan import scan

HERE = Address("0x" + "ab" * 20)
TOPIC = b"\x01" * 32


def _log(block: int, position: int) -> Log:
    return Log(HERE, (TOPIC,), b"", block, "0x" + "00" * 32, "0x" + "00" * 32, position)


class Node:
    """Answers for a chain of events, within its limits; stands in place of :class:`chain.client.Chain`."""

    def __init__(self, logs: list[Log], *, blocks: int = 1 << 40, answers: int = 1 << 40) -> None:
        self._logs = logs
        self._blocks, self._answers = blocks, answers
        self.asked: list[tuple[int, int]] = []

    def logs(
        self, first: int, last: int, *, addresses: list[Address], topics: list[list[bytes]]
    ) -> list[Log]:
        assert (addresses, topics) == ([HERE], [[TOPIC]])
        self.asked.append((first, last))
        found = [log for log in self._logs if first <= log.block_number <= last]
        if last - first >= self._blocks or len(found) > self._answers:
            raise NodeRefusedError("too much")
        return found[::-1]  # in whatever order


@pytest.mark.parametrize("last", [0, 1, 999, 1000, 1001, 40_000])
@pytest.mark.parametrize(
    "limits", [{}, {"blocks": 1}, {"blocks": 300}, {"answers": 3}, {"blocks": 7, "answers": 3}]
)
def test_every_event_once_and_in_order(last, limits):
    if last > 2000 and limits.get("blocks", 999) < 100:
        last = 2000
    logs = [_log(block, place) for block in range(0, last + 1, 3) for place in range(1 + block % 3)]
    node, told = Node(logs, **limits), []
    found = list(scan(node, HERE, TOPIC, last=last, advance=told.append))  # type: ignore[arg-type]
    assert found == logs
    assert told == sorted(told)
    assert told[-1] == last + 1


def test_a_dense_stretch_slows_only_itself():
    logs = [_log(5000, place) for place in range(40)]
    logs = [_log(block, 0) for block in range(4990, 5000)] + logs
    node = Node(logs, answers=40)
    assert list(scan(node, HERE, TOPIC, last=200_000)) == logs  # type: ignore[arg-type]
    assert len(node.asked) < 200


def test_what_cannot_be_had_is_told():
    node = Node([_log(7, place) for place in range(4)], answers=3)
    with pytest.raises(NodeRefusedError):
        list(scan(node, HERE, TOPIC, last=100))  # type: ignore[arg-type]
    assert node.asked[-1] == (7, 7)

    class Down:
        def logs(self, *_: object, **__: object) -> list[Log]:
            raise NodeDownError("down")

    with pytest.raises(NodeDownError):
        list(scan(Down(), HERE, TOPIC, last=100))  # type: ignore[arg-type]
