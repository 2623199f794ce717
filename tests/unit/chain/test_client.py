"""Typed answers: read strictly, whatever a node says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.client import Chain
from chain.hexform import data, parse_data, parse_quantity, quantity
from chain.intents import Address, keccak
from chain.node import Call, NodeRefusedError

RAW = b"\x01signed"
SENT = data(keccak(RAW))
HASH, ADDRESS = "0x" + "Ab" * 32, "0x" + "Cd" * 20
LOG = {
    "address": ADDRESS, "topics": [HASH], "data": "0x00", "blockNumber": "0x1", "blockHash": HASH,
    "transactionHash": HASH, "logIndex": "0x0",
}  # fmt: skip
RECEIPT = {
    "transactionHash": HASH, "blockNumber": "0x1", "blockHash": HASH, "transactionIndex": "0x0",
    "from": ADDRESS, "to": None, "contractAddress": ADDRESS, "status": "0x1", "gasUsed": "0x5208",
    "logs": [LOG],
}  # fmt: skip
BLOCK = {
    "number": "0x1", "hash": HASH, "parentHash": HASH, "timestamp": "0x5", "stateRoot": HASH,
    "gasLimit": "0x9", "gasUsed": "0x0", "transactions": [HASH],
}  # fmt: skip
TRANSACTION = {
    "hash": HASH, "from": ADDRESS, "to": ADDRESS, "nonce": "0x0", "value": "0x0", "gas": "0x1", "input": "0x",
    "blockNumber": None, "blockHash": None,
}  # fmt: skip


class Parrot:
    """A node that says one thing to everything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        return self.answer

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        return [self.answer for _ in calls]

    def close(self) -> None:
        pass


ME = Address("0x" + "11" * 20)
QUESTIONS: dict[str, tuple[Any, Callable[[Chain], Any]]] = {
    "chain_id": ("0x1", Chain.chain_id),
    "block_number": ("0x1", Chain.block_number),
    "block": (BLOCK, lambda chain: chain.block(1)),
    "balance": ("0x1", lambda chain: chain.balance(ME)),
    "nonce": ("0x1", lambda chain: chain.nonce(ME)),
    "code": ("0x00", lambda chain: chain.code(ME)),
    "call": ("0x00", lambda chain: chain.call(ME, b"")),
    "estimate_gas": ("0x1", lambda chain: chain.estimate_gas(ME, b"")),
    "gas_price": ("0x1", Chain.gas_price),
    "send_raw": (SENT, lambda chain: chain.send_raw(RAW)),
    "transaction": (TRANSACTION, lambda chain: chain.transaction(HASH)),
    "receipt": (RECEIPT, lambda chain: chain.receipt(HASH)),
    "logs": ([LOG], lambda chain: chain.logs(0, 1)),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([HASH, "0x1", 0.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RECEIPT, *BLOCK]), inner),
    max_leaves=6,
)  # fmt: skip


def test_a_good_answer_is_read() -> None:
    for answer, ask in QUESTIONS.values():
        assert ask(Chain(Parrot(answer))) is not None
    receipt = Chain(Parrot(RECEIPT)).receipt(HASH)
    assert receipt is not None
    assert (receipt.to, receipt.contract, receipt.succeeded) == (None, ADDRESS.lower(), True)
    assert receipt.transaction_hash == HASH.lower()
    assert receipt.logs[0].topics == (bytes.fromhex("ab" * 32),)
    block = Chain(Parrot(BLOCK)).block(1)
    assert block is not None
    assert block.base_fee is None


@pytest.mark.parametrize("question", QUESTIONS)
@settings(max_examples=60, deadline=None)
@given(lie=JSON)
def test_a_lie_is_a_refusal_at_worst(question: str, lie: Any) -> None:
    good, ask = QUESTIONS[question]
    bad = [lie]
    if isinstance(good, dict):
        bad += [good | {name: lie} for name in good]
    if question == "logs":
        bad += [[LOG | {name: lie}] for name in LOG]
    for answer in bad:
        chain = Chain(Parrot(answer))
        try:
            ask(chain)
        except NodeRefusedError as error:
            assert error.message.startswith("malformed answer")  # noqa: PT017


@pytest.mark.parametrize(
    ("question", "name", "said"),
    [
        ("receipt", "status", "0x2"),
        ("receipt", "status", None),
        ("receipt", "status", "0x01"),
        ("receipt", "from", None),
        ("receipt", "blockNumber", None),
        ("receipt", "blockNumber", "0x1" + "0" * 16),
        ("receipt", "logs", [LOG | {"removed": True}]),
        ("receipt", "transactionHash", "0x" + "ab" * 31),
        ("block", "transactions", [{"hash": HASH}]),
        ("block", "timestamp", 5),
        ("block", "hash", None),
        ("transaction", "nonce", "-0x1"),
        ("transaction", "input", "0x0"),
    ],
)
def test_each_wrong_field(question: str, name: str, said: Any) -> None:
    good, ask = QUESTIONS[question]
    with pytest.raises(NodeRefusedError, match="malformed answer"):
        ask(Chain(Parrot(good | {name: said})))


def test_many_at_once_spare_one_another() -> None:
    class Mixed(Parrot):
        def batch(self, calls: Sequence[Call]) -> list[Any]:
            return [SENT, HASH, NodeRefusedError("nonce too low", rpc_code=-32000)]

    answers = Chain(Mixed(None)).send_raw_many([RAW, RAW, RAW])
    assert answers[0] == SENT
    assert [a.reason for a in answers if isinstance(a, NodeRefusedError)] == ["other", "nonce-too-low"]
    receipts = Chain(Parrot(None)).receipts([HASH, HASH])
    assert receipts == [None, None]


OTHER = "0x" + "12" * 32
ELSEWHERE: dict[str, tuple[Any, Callable[[Chain], Any]]] = {
    "a block of another number": (BLOCK, lambda chain: chain.block(2)),
    "a block of another hash": (BLOCK, lambda chain: chain.block(OTHER)),
    "another receipt": (RECEIPT, lambda chain: chain.receipt(OTHER)),
    "another transaction": (TRANSACTION, lambda chain: chain.transaction(OTHER)),
    "another hash": (HASH, lambda chain: chain.send_raw(RAW)),
    "logs before": ([LOG], lambda chain: chain.logs(2, 5)),
    "logs behind": ([LOG], lambda chain: chain.logs(0, 0)),
    "another contract's logs": ([LOG], lambda chain: chain.logs(0, 5, addresses=[ME])),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_an_answer_to_another_question_is_refused(case: str) -> None:
    answer, ask = ELSEWHERE[case]
    with pytest.raises(NodeRefusedError, match="another question"):
        ask(Chain(Parrot(answer)))
    assert isinstance(Chain(Parrot(RECEIPT)).receipts([OTHER])[0], NodeRefusedError)


def test_a_range_that_is_empty_asks_nothing() -> None:
    assert Chain(Parrot("not asked")).logs(5, 4) == []


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("nonce too low: next nonce 5, tx nonce 3", "nonce-too-low"),  # geth
        ("nonce too low", "nonce-too-low"),  # anvil
        ("Nonce too low", "nonce-too-low"),  # Besu
        ("already known", "already-known"),
        ("transaction already imported", "already-known"),
        ("Known transaction", "already-known"),
        ("nonce too high", "nonce-too-high"),
        ("Transaction nonce is too distant from current sender nonce", "nonce-too-high"),
        ("replacement transaction underpriced", "underpriced"),
        ("transaction underpriced: gas tip cap 0, minimum needed 1", "underpriced"),
        ("max fee per gas less than block base fee: address 0x, maxFeePerGas: 0", "underpriced"),
        ("Gas price below configured minimum gas price", "underpriced"),
        ("insufficient funds for gas * price + value: balance 0", "insufficient-funds"),
        ("Upfront cost exceeds account balance", "insufficient-funds"),
        ("execution reverted: no", "reverted"),
        ("something else", "other"),
    ],
)
def test_a_refusal_has_one_word(message: str, reason: str) -> None:
    assert NodeRefusedError(message, rpc_code=-32000).reason == reason
    assert NodeRefusedError(message, rpc_code=3).reason == "reverted"


def test_a_refusal_shows_what_was_said_and_no_more() -> None:
    error = NodeRefusedError("bad\x00\x1b[31m" + "x" * 1000)
    assert len(str(error)) < 330
    assert str(error).isprintable()
    assert error.revert_data is None
    assert NodeRefusedError("", data="0x0a").revert_data == b"\n"
    assert NodeRefusedError("", data={"data": "0x"}).revert_data is None


@given(number=st.integers(0, 2**256 - 1), raw=st.binary())
def test_hex_there_and_back(number: int, raw: bytes) -> None:
    assert parse_quantity(quantity(number)) == number
    assert parse_data(data(raw), size=len(raw)) == raw


@pytest.mark.parametrize(
    "value", ["", "0x", "0x00", "0x01", "1", "0xg", "0x1 ", "-0x1", "0x" + "1" * 65, 1, None, "0x１"]
)
def test_what_is_no_quantity(value: Any) -> None:
    with pytest.raises(ValueError, match="quantity"):
        parse_quantity(value)
    with pytest.raises(ValueError, match="wider"):
        parse_quantity("0x100", bits=8)


@pytest.mark.parametrize("value", ["", "0", "0x0", "0xgg", "0x00 ", "00", b"", None, ["0x00"]])
def test_what_is_no_data(value: Any) -> None:
    with pytest.raises(ValueError, match="data"):
        parse_data(value)
    with pytest.raises(ValueError, match="1 bytes where 2 belong"):
        parse_data("0x00", size=2)
