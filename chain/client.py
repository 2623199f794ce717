"""What a chain says, with types: one class over any node, every answer strictly read.

>>> from chain.node import open_node
>>> chain = Chain(open_node("http://127.0.0.1:8545", chain_id=20777))
>>> chain.block_number()  # doctest: +SKIP
12
>>> chain.logs(0, 12, addresses=[contract])  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from chain.hexform import data, parse_data, parse_quantity, quantity
from chain.intents import Address, keccak
from chain.node import Node, NodeRefusedError

__all__ = ["Block", "BlockAt", "Chain", "Log", "Receipt", "Transaction"]


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, and the hashes of its transactions."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    """Seconds of Unix time."""
    state_root: str
    gas_limit: int
    gas_used: int
    base_fee: int | None
    """Wei for a unit of gas; ``None`` on a chain without EIP-1559."""
    transactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """An event that a contract left; ``position`` counts within its block."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: str
    transaction_hash: str
    position: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined transaction; ``contract`` is the address it made, if it made one."""

    transaction_hash: str
    block_number: int
    block_hash: str
    position: int
    sender: Address
    to: Address | None
    contract: Address | None
    succeeded: bool
    gas_used: int
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction that the node knows; ``block_number`` is ``None`` while it waits to be mined."""

    hash: str
    sender: Address
    to: Address | None
    nonce: int
    value: int
    gas: int
    data: bytes
    block_number: int | None
    block_hash: str | None


BlockAt = int | Literal["latest", "pending", "earliest"]
_T = TypeVar("_T")


class Chain:
    """A node's answers with types: hashes and addresses in lower-case hex, amounts in wei, strictly read.

    All methods raise what :meth:`Node.rpc` raises; an answer of the wrong shape, or to
    another question, is a :class:`NodeRefusedError` whose message begins with "malformed answer".

    :param node: whose answers
    """

    def __init__(self, node: Node) -> None:
        self.node = node

    def chain_id(self) -> int:
        """The chain's id (EIP-155)."""
        return _read(_number, self.node.rpc("eth_chainId", []))

    def block_number(self) -> int:
        """The newest block's number."""
        return _read(_number, self.node.rpc("eth_blockNumber", []))

    def block(self, which: BlockAt | str) -> Block | None:
        """A block by number, name or hash; ``None`` where the node has none such."""
        if isinstance(which, str) and which.startswith("0x"):
            answer = self.node.rpc("eth_getBlockByHash", [which, False])
        else:
            answer = self.node.rpc("eth_getBlockByNumber", [_at(which), False])
        return None if answer is None else _read(_block, answer, lambda block: _is_block(block, which))

    def balance(self, address: Address, at: BlockAt = "latest") -> int:
        """What an account holds, in wei."""
        return _read(_number, self.node.rpc("eth_getBalance", [address, _at(at)]))

    def nonce(self, address: Address, at: Literal["latest", "pending"] = "latest") -> int:
        """The nonce of the account's next transaction; ``pending`` counts those that wait too."""
        return _read(_number, self.node.rpc("eth_getTransactionCount", [address, at]))

    def code(self, address: Address, at: BlockAt = "latest") -> bytes:
        """A contract's code; empty where there is no contract."""
        return _read(parse_data, self.node.rpc("eth_getCode", [address, _at(at)]))

    def call(
        self, to: Address, payload: bytes, at: BlockAt = "latest", *, sender: Address | None = None
    ) -> bytes:
        """What a contract answers, without a transaction.

        :raises NodeRefusedError: it reverted: ``reason`` is "reverted", ``revert_data`` says why
        """
        message = {"to": to, "data": data(payload)} | ({"from": sender} if sender else {})
        return _read(parse_data, self.node.rpc("eth_call", [message, _at(at)]))

    def estimate_gas(self, to: Address | None, payload: bytes, *, sender: Address | None = None) -> int:
        """The gas that a transaction would need.

        :raises NodeRefusedError: it would revert
        """
        message = {"data": data(payload)} | ({"to": to} if to else {}) | ({"from": sender} if sender else {})
        return _read(_number, self.node.rpc("eth_estimateGas", [message]))

    def gas_price(self) -> int:
        """What a unit of gas costs now, in wei."""
        return _read(_number, self.node.rpc("eth_gasPrice", []))

    def send_raw(self, raw: bytes) -> str:
        """Hand over a signed transaction.

        :return: its hash
        :raises NodeRefusedError: not taken; ``reason`` says why in one word
        """
        return _sent(raw, self.node.rpc("eth_sendRawTransaction", [data(raw)]))

    def send_raw_many(self, raws: Sequence[bytes]) -> list[str | NodeRefusedError]:
        """Hand over many signed transactions in one go: per transaction its hash or why it was refused."""
        answers = self.node.batch([("eth_sendRawTransaction", [data(raw)]) for raw in raws])
        return [_each(partial(_sent, raw, answer)) for raw, answer in zip(raws, answers, strict=True)]

    def transaction(self, hash_: str) -> Transaction | None:
        """A transaction by its hash; ``None`` where the node does not know it."""
        answer = self.node.rpc("eth_getTransactionByHash", [hash_])
        return None if answer is None else _read(_transaction, answer, lambda it: it.hash == hash_.lower())

    def receipt(self, hash_: str) -> Receipt | None:
        """What became of a transaction; ``None`` until it is mined."""
        return _found(hash_, self.node.rpc("eth_getTransactionReceipt", [hash_]))

    def receipts(self, hashes: Sequence[str]) -> list[Receipt | NodeRefusedError | None]:
        """What became of many transactions, in one go."""
        answers = self.node.batch([("eth_getTransactionReceipt", [hash_]) for hash_ in hashes])
        return [_each(partial(_found, hash_, answer)) for hash_, answer in zip(hashes, answers, strict=True)]

    def logs(
        self,
        first: int,
        last: int,
        *,
        addresses: Sequence[Address] = (),
        topics: Sequence[Sequence[bytes]] = (),
    ) -> list[Log]:
        """The events of the blocks from ``first`` to ``last``, in order; none where ``last`` comes before.

        :param addresses: of any of these contracts; of any at all if empty
        :param topics: per place, any of these; any at all where empty
        """
        if first > last:
            return []
        wanted: dict[str, Any] = {"fromBlock": quantity(first), "toBlock": quantity(last)}
        if addresses:
            wanted["address"] = list(addresses)
        if topics:
            wanted["topics"] = [[data(t) for t in any_of] or None for any_of in topics]

        def fits(logs: list[Log]) -> bool:
            return all(
                first <= log.block_number <= last and (not addresses or log.address in addresses)
                for log in logs
            )

        return _read(_logs, self.node.rpc("eth_getLogs", [wanted]), fits)


def _at(which: BlockAt | str) -> str:
    return quantity(which) if isinstance(which, int) else which


def _read(parse: Callable[[Any], _T], answer: Any, fits: Callable[[_T], bool] | None = None) -> _T:
    """The answer with its type; refused where it is of another shape, or to another question."""
    try:
        value = parse(answer)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NodeRefusedError("malformed answer") from None
    if fits is not None and not fits(value):
        raise NodeRefusedError("malformed answer: it is to another question")
    return value


def _each(read: Callable[[], _T]) -> _T | NodeRefusedError:
    try:
        return read()
    except NodeRefusedError as error:
        return error


def _sent(raw: bytes, answer: Any) -> str:
    if isinstance(answer, NodeRefusedError):
        raise answer
    return _read(_hash, answer, lambda hash_: hash_ == data(keccak(raw)))


def _found(hash_: str, answer: Any) -> Receipt | None:
    if isinstance(answer, NodeRefusedError):
        raise answer
    if answer is None:
        return None
    return _read(_receipt, answer, lambda receipt: receipt.transaction_hash == hash_.lower())


def _is_block(block: Block, which: BlockAt | str) -> bool:
    if isinstance(which, int):
        return block.number == which
    return not which.startswith("0x") or block.hash == which.lower()


def _number(value: Any) -> int:
    return parse_quantity(value)


def _small(value: Any) -> int:
    return parse_quantity(value, bits=64)


def _hash(value: Any) -> str:
    return data(parse_data(value, size=32))


def _address(value: Any) -> Address:
    return Address(data(parse_data(value, size=20)))


def _optional(parse: Callable[[Any], _T], value: Any) -> _T | None:
    return None if value is None else parse(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _block(answer: Mapping[str, Any]) -> Block:
    return Block(
        number=_small(answer["number"]),
        hash=_hash(answer["hash"]),
        parent_hash=_hash(answer["parentHash"]),
        timestamp=_small(answer["timestamp"]),
        state_root=_hash(answer["stateRoot"]),
        gas_limit=_number(answer["gasLimit"]),
        gas_used=_number(answer["gasUsed"]),
        base_fee=_optional(_number, answer.get("baseFeePerGas")),
        transactions=tuple(_hash(item) for item in _list(answer["transactions"])),
    )


def _log(answer: Mapping[str, Any]) -> Log:
    if answer.get("removed", False) is not False:
        raise ValueError("a log of a block that is gone")
    return Log(
        address=_address(answer["address"]),
        topics=tuple(parse_data(item, size=32) for item in _list(answer["topics"])),
        data=parse_data(answer["data"]),
        block_number=_small(answer["blockNumber"]),
        block_hash=_hash(answer["blockHash"]),
        transaction_hash=_hash(answer["transactionHash"]),
        position=_small(answer["logIndex"]),
    )


def _logs(answer: Any) -> list[Log]:
    return [_log(item) for item in _list(answer)]


def _receipt(answer: Mapping[str, Any]) -> Receipt:
    status = _small(answer["status"])
    if status > 1:
        raise ValueError("a status that is neither success nor failure")
    return Receipt(
        transaction_hash=_hash(answer["transactionHash"]),
        block_number=_small(answer["blockNumber"]),
        block_hash=_hash(answer["blockHash"]),
        position=_small(answer["transactionIndex"]),
        sender=_address(answer["from"]),
        to=_optional(_address, answer.get("to")),
        contract=_optional(_address, answer.get("contractAddress")),
        succeeded=status == 1,
        gas_used=_number(answer["gasUsed"]),
        logs=tuple(_logs(answer["logs"])),
    )


def _transaction(answer: Mapping[str, Any]) -> Transaction:
    return Transaction(
        hash=_hash(answer["hash"]),
        sender=_address(answer["from"]),
        to=_optional(_address, answer.get("to")),
        nonce=_small(answer["nonce"]),
        value=_number(answer["value"]),
        gas=_number(answer["gas"]),
        data=parse_data(answer["input"]),
        block_number=_optional(_small, answer.get("blockNumber")),
        block_hash=_optional(_hash, answer.get("blockHash")),
    )
