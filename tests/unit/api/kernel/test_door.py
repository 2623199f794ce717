"""The open door: our contracts are served to anyone, nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from api.kernel.door import CALL_GAS, LOG_BLOCKS, Door
from chain.contracts import Artifact
from chain.intents import Address
from chain.node import Call, NodeRefusedError
from chain.signers import KeySigner, sign_transaction

OURS, OTHER = Address("0x" + "aa" * 20), Address("0x" + "bb" * 20)


class Recorder:
    """Takes down what reaches the node."""

    def __init__(self) -> None:
        self.seen: list[Call] = []
        self.refuses = False

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        self.seen.append((method, params))
        if self.refuses:
            raise NodeRefusedError("execution reverted", rpc_code=3)
        return "0x1"

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        return [self.rpc(*call) for call in calls]

    def close(self) -> None:
        raise AssertionError("the node is its owner's")


ACT = Artifact.load("RailBills").selector("execute")
BATCH = Artifact.load("RailBills").selector("executeBatch")


def raw(to: Address | None, data: bytes = ACT, gas: int = 300_000) -> str:
    signed, _ = sign_transaction(
        KeySigner(b"\1" * 32),
        {"to": to, "value": 0, "data": data, "gas": gas, "gasPrice": 0, "nonce": 0, "chainId": 20777},
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
    tried, sent = recorder.seen
    assert tried[0] == "eth_call"
    assert sent == ("eth_sendRawTransaction", [raw(OURS)])


def test_an_act_that_the_contract_refuses_is_not_mined(door: Door, recorder: Recorder) -> None:
    recorder.refuses = True
    with pytest.raises(NodeRefusedError):
        door.rpc("eth_sendRawTransaction", [raw(OURS)])
    assert [method for method, _ in recorder.seen] == ["eth_call"]


@pytest.mark.parametrize(
    "bad",
    [
        [raw(OURS, BATCH)],
        [raw(OURS, b"")],
        [raw(OURS, ACT, CALL_GAS + 1)],
        [raw(OTHER)],
        [raw(None)],
        ["0x"],
        ["0x02"],
        ["0x04c0"],
        ["zz"],
        [],
        [None],
        ["0xc0"],
        ["0x02c0"],
    ],
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


def test_a_call_takes_no_further_options(door: Door, recorder: Recorder) -> None:
    door.rpc("eth_call", [{"to": OURS, "data": "0x", "value": "0x1"}, "latest", {OURS: {"code": "0x"}}])
    message, *rest = recorder.seen[0][1]
    assert set(message) == {"to", "data", "gas"}
    assert rest == ["latest"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"address": OTHER},
        {"address": [OURS, OTHER]},
        {"blockHash": "0x" + "00" * 32},
        {"fromBlock": "0x1", "toBlock": hex(LOG_BLOCKS + 1)},
        {"fromBlock": "0x1", "toBlock": "0x0"},
        {"fromBlock": "soon"},
    ],
)
def test_other_events_are_not_served(door: Door, recorder: Recorder, wanted: dict[str, Any]) -> None:
    with pytest.raises(NodeRefusedError):
        door.rpc("eth_getLogs", [wanted])
    assert "eth_getLogs" not in [method for method, _ in recorder.seen]


def test_events_are_ours_where_no_address_is_asked(door: Door, recorder: Recorder) -> None:
    door.rpc("eth_getLogs", [{}])
    assert recorder.seen[-1] == (
        "eth_getLogs",
        [{"address": [OURS], "fromBlock": "0x1", "toBlock": "0x1"}],
    )
