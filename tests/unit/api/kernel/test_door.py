"""The open door: our contracts are served to anyone, nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from api.kernel.door import CALL_GAS, Door
from chain.intents import Address
from chain.node import Call, NodeRefusedError
from chain.signers import KeySigner, sign_transaction

OURS, OTHER = Address("0x" + "aa" * 20), Address("0x" + "bb" * 20)


class Recorder:
    """Takes down what reaches the node."""

    def __init__(self) -> None:
        self.seen: list[Call] = []

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        self.seen.append((method, params))
        return "0x1"

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        return [self.rpc(*call) for call in calls]

    def close(self) -> None:
        raise AssertionError("the node is its owner's")


def raw(to: Address | None) -> str:
    signed, _ = sign_transaction(
        KeySigner(b"\1" * 32),
        {"to": to, "value": 0, "data": b"", "gas": 21000, "gasPrice": 0, "nonce": 0, "chainId": 20777},
    )
    return "0x" + signed.hex()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def door(recorder: Recorder) -> Door:
    return Door(recorder, {OURS})


def test_transactions_to_our_contracts_pass(door: Door, recorder: Recorder) -> None:
    door.rpc("eth_sendRawTransaction", [raw(OURS)])
    assert recorder.seen == [("eth_sendRawTransaction", [raw(OURS)])]


@pytest.mark.parametrize(
    "bad", [[raw(OTHER)], [raw(None)], ["0x"], ["0x02"], ["0x04c0"], ["zz"], [], [None], ["0xc0"], ["0x02c0"]]
)
def test_other_transactions_never_reach_the_node(door: Door, recorder: Recorder, bad: list[Any]) -> None:
    with pytest.raises(NodeRefusedError):
        door.rpc("eth_sendRawTransaction", bad)
    assert recorder.seen == []


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
@pytest.mark.parametrize("message", [{"to": OTHER}, {}, {"to": None, "data": "0x60"}, {"to": 7}, "x"])
def test_calls_elsewhere_never_reach_the_node(
    door: Door, recorder: Recorder, method: str, message: Any
) -> None:
    with pytest.raises(NodeRefusedError):
        door.rpc(method, [message, "latest"])
    assert recorder.seen == []


@pytest.mark.parametrize("gas", [None, hex(CALL_GAS * 10), "0x5208"])
def test_a_call_has_bounded_gas(door: Door, recorder: Recorder, gas: str | None) -> None:
    door.rpc("eth_call", [{"to": OURS.upper().replace("0X", "0x")} | ({"gas": gas} if gas else {}), "latest"])
    given = int(recorder.seen[0][1][0]["gas"], 16)
    assert given == (0x5208 if gas == "0x5208" else CALL_GAS)


def test_a_batch_member_refused_spares_its_neighbours(door: Door, recorder: Recorder) -> None:
    answers = door.batch(
        [("eth_blockNumber", []), ("eth_call", [{"to": OTHER}]), ("eth_call", [{"to": OURS}, "latest"])]
    )
    assert answers[0] == answers[2] == "0x1"
    assert isinstance(answers[1], NodeRefusedError)
    assert [method for method, _ in recorder.seen] == ["eth_blockNumber", "eth_call"]


def test_closing_the_door_leaves_the_node_open(door: Door) -> None:
    door.close()
