"""Executing transactions by the rules of Cancun (py-evm): blocks, calls, estimates. No file, no clock.

Two rules differ from a public chain, both for good reasons (docs/decisions/0003-embedded-node.md): gas costs
nothing unless its sender offers a price (the base fee is zero for good), and a block may bear the same second
as its parent.

>>> machine = Machine(20777, nodes.__getitem__, hashes.__getitem__)  # doctest: +SKIP
>>> header, fresh = machine.genesis({}, gas_limit=30_000_000)  # doctest: +SKIP
>>> draft = machine.draft(header, timestamp=1_795_305_600)  # doctest: +SKIP
>>> draft.apply(machine.decode(raw))  # doctest: +SKIP
>>> block = draft.seal()  # doctest: +SKIP
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import rlp
from eth.abc import AtomicWriteBatchAPI, ComputationAPI, SignedTransactionAPI, StateAPI
from eth.constants import CREATE_CONTRACT_ADDRESS, SECPK1_N
from eth.db.backends.base import BaseAtomicDB
from eth.db.trie import make_trie_root_and_nodes
from eth.exceptions import InvalidInstruction, OutOfGas, Revert
from eth.vm.chain_context import ChainContext
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.cancun.blocks import CancunBlockHeader
from eth.vm.forks.cancun.state import CancunState, CancunTransactionExecutor
from eth.vm.spoof import SpoofTransaction
from eth_bloom.bloom import BloomFilter
from eth_typing import Address as RawAddress
from eth_typing import BlockNumber, Hash32

from chain.blockstore import StoredBlock, StoredLog, StoredTransaction
from chain.intents import keccak
from chain.node import NodeRefusedError

# py-evm and its curves let the whole process recurse 100,000 deep: there a nested JSON text overflows the C
# stack and kills it. This much lets a call go as deep as a block's gas can carry it, six frames a call.
sys.setrecursionlimit(5000)

__all__ = ["Draft", "Header", "Machine", "Message", "Sealed", "Signed", "parse", "roots"]

Header = CancunBlockHeader

_SERVER_ERROR = -32000
_REVERTED = 3
_UINT64 = (1 << 64) - 1  # EIP-2681: the last one is no nonce
_UINT256 = 1 << 256
_MAX_RAW = 128 * 1024
_MAX_INITCODE = 49_152  # EIP-3860
_ERROR_STRING = bytes.fromhex("08c379a0")


@dataclass(frozen=True, slots=True)
class Message:
    """A call that is no transaction."""

    sender: bytes
    to: bytes
    data: bytes
    value: int
    gas: int
    gas_price: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A transaction that was read and checked, with what is costly to find again."""

    transaction: SignedTransactionAPI
    raw: bytes
    hash: bytes
    sender: RawAddress


@dataclass(slots=True)
class Sealed:
    """A finished block and all that belongs to it."""

    header: Header
    block: StoredBlock
    transactions: list[StoredTransaction]
    logs: list[StoredLog]
    nodes: dict[bytes, bytes]


class _Executor(CancunTransactionExecutor):
    def validate_transaction(self, transaction: SignedTransactionAPI) -> None:
        """Checked already, once, by :meth:`Machine.decode` and :meth:`Draft.check`."""


class _State(CancunState):
    transaction_executor_class = _Executor


class _Rules(CancunVM):
    _state_class = _State


class _Overlay(BaseAtomicDB):
    """Writes in memory over a store that is only read: a block's until it is saved, a call's for good."""

    def __init__(self, read: Callable[[bytes], bytes]) -> None:
        self._read = read
        self.fresh: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        value = self.fresh.get(key)
        return self._read(key) if value is None else value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.fresh[key] = value

    def __delitem__(self, key: bytes) -> None:
        del self.fresh[key]

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    @contextmanager
    def atomic_batch(self) -> Iterator[AtomicWriteBatchAPI]:
        # nothing is kept of an overlay that met an error, so the batch can be the overlay itself
        yield cast(AtomicWriteBatchAPI, self)


class Machine:
    """The rules, for one chain.

    :param chain_id: transactions for another are refused
    :param read: gives a state node by its hash; ``KeyError`` if there is none
    :param block_hash: gives the hash of a block by its number
    """

    def __init__(
        self, chain_id: int, read: Callable[[bytes], bytes], block_hash: Callable[[int], bytes]
    ) -> None:
        self.chain_id = chain_id
        self._context = ChainContext(chain_id)
        self._read = read
        self._block_hash = block_hash

    def genesis(self, alloc: Mapping[bytes, int], *, gas_limit: int) -> Sealed:
        """Block zero: the same for the same chain id, balances and limit, whenever it is made.

        :param alloc: wei by account
        """
        header = Header(
            difficulty=0,
            block_number=BlockNumber(0),
            gas_limit=gas_limit,
            timestamp=0,
            extra_data=self.chain_id.to_bytes(32, "big"),
        )
        overlay = _Overlay(self._read)
        state = self._state(overlay, header)
        for account, balance in alloc.items():
            state.set_balance(RawAddress(account), balance)
        return _seal(header, state, overlay, [])

    def state(self, header: Header) -> StateAPI:
        """The accounts as they stood after a block. Changes to it go nowhere."""
        return self._state(_Overlay(self._read), header)

    def decode(self, raw: bytes) -> Signed:
        """Read a signed transaction and check all that does not depend on the state.

        :raises NodeRefusedError: malformed, of another chain, unprotected, or of a kind that is not taken
        """
        if len(raw) > _MAX_RAW:
            raise _refusal(f"oversized data: transaction size {len(raw)}, limit {_MAX_RAW}")
        if not raw or raw[0] in range(3, 0x80):
            raise _refusal("transaction type not supported")
        try:
            transaction = parse(raw)
        except Exception as error:  # rlp and py-evm raise many kinds for malformed bytes
            raise _refusal("rlp: the transaction cannot be read") from error
        if transaction.chain_id is None:
            raise _refusal("only replay-protected (EIP-155) transactions allowed over RPC")
        if transaction.chain_id != self.chain_id:
            raise _refusal(f"invalid chain id for signer: have {transaction.chain_id} want {self.chain_id}")
        if transaction.nonce >= _UINT64 or transaction.gas >= _UINT64:
            raise _refusal("nonce or gas has more than 64 bits")
        if max(transaction.value, transaction.max_fee_per_gas) >= _UINT256:
            raise _refusal("value or gas price has more than 256 bits")
        _check_intrinsic_gas(transaction.gas, transaction.intrinsic_gas)
        try:
            sender = transaction.sender
        except Exception as error:  # the library raises many kinds
            raise _refusal("invalid transaction v, r, s values: no key gives this signature") from error
        if transaction.s > SECPK1_N // 2:
            raise _refusal("invalid transaction v, r, s values: s is in the upper half of the order")
        if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
            raise _refusal("max priority fee per gas higher than max fee per gas")
        if transaction.to == CREATE_CONTRACT_ADDRESS and len(transaction.data) > _MAX_INITCODE:
            raise _refusal(
                f"max initcode size exceeded: code size {len(transaction.data)} limit {_MAX_INITCODE}"
            )
        return Signed(transaction, raw, keccak(raw), sender)

    def draft(self, parent: Header, *, timestamp: int) -> Draft:
        """Begin the block after ``parent``.

        :param timestamp: its second; not before the parent's
        """
        return Draft(self, parent, timestamp)

    def call(self, header: Header, message: Message) -> bytes:
        """What a message would give on the state after a block, in that block's number and time.

        :raises NodeRefusedError: reverted (code 3, with the revert data), or failed
        """
        return _output(self._execute(header, message))

    def estimate(self, header: Header, message: Message) -> int:
        """Gas with which a message succeeds, up to what it names: what it uses where that is enough, else
        the least, to within 1.5 %.

        :raises NodeRefusedError: it fails whatever it is given
        """
        computation = self._execute(header, message)
        _output(computation)
        low, high = message.gas - computation.get_gas_remaining(), message.gas
        if self._succeeds(header, message, low):
            return low
        # A call inside may only have 63/64 of what is left, so more is needed than is used: try that first.
        guess = min((low + 2300) * 64 // 63, high)
        while high - low > max(1, high * 15 // 1000):
            if self._succeeds(header, message, guess):
                high = guess
            else:
                low = guess
            guess = (low + high) // 2
        return high

    def _succeeds(self, header: Header, message: Message, gas: int) -> bool:
        limited = Message(message.sender, message.to, message.data, message.value, gas, message.gas_price)
        try:
            return not self._execute(header, limited).is_error
        except NodeRefusedError:
            return False  # less than the intrinsic gas

    def _execute(self, header: Header, message: Message) -> ComputationAPI:
        state = self.state(header)
        builder = _Rules.get_transaction_builder()
        unsigned = builder.create_unsigned_transaction(
            nonce=state.get_nonce(RawAddress(message.sender)),
            gas_price=message.gas_price,
            gas=message.gas,
            to=RawAddress(message.to),
            value=message.value,
            data=message.data,
        )
        transaction = SpoofTransaction(unsigned, from_=message.sender)
        _check_intrinsic_gas(message.gas, transaction.intrinsic_gas)
        if state.get_balance(RawAddress(message.sender)) < message.value:
            raise _refusal("insufficient funds for transfer")
        try:
            return state.costless_execute_transaction(cast(SignedTransactionAPI, transaction))
        except RecursionError as error:
            raise _refusal("max call depth exceeded") from error

    def _state(self, overlay: _Overlay, header: Header) -> StateAPI:
        return _Rules.build_state(overlay, header, self._context, self._ancestors(header.block_number))

    def _ancestors(self, number: int) -> Iterator[Hash32]:
        for ancestor in range(number - 1, max(-1, number - 257), -1):
            yield Hash32(self._block_hash(ancestor))


@dataclass(slots=True)
class _Result:
    signed: Signed
    receipt: Any
    gas_used: int
    contract: bytes | None


class Draft:
    """A block that is being filled."""

    def __init__(self, machine: Machine, parent: Header, timestamp: int) -> None:
        self._machine = machine
        self._overlay = _Overlay(machine._read)
        self._header = Header(
            difficulty=0,
            block_number=BlockNumber(parent.block_number + 1),
            gas_limit=parent.gas_limit,
            timestamp=timestamp,
            parent_hash=parent.hash,
            state_root=parent.state_root,
        )
        self._state = machine._state(self._overlay, self._header)
        self._results: list[_Result] = []

    @property
    def count(self) -> int:
        """How many transactions it holds."""
        return len(self._results)

    def next_nonce(self, account: bytes) -> int:
        """The nonce that an account's next transaction must bear."""
        return self._state.get_nonce(RawAddress(account))

    def fits(self, signed: Signed) -> bool:
        """Whether the transaction's gas limit still has room."""
        return self._header.gas_used + signed.transaction.gas <= self._header.gas_limit

    def check(self, signed: Signed) -> None:
        """Refuse a transaction that cannot be the next of its sender.

        :raises NodeRefusedError: in geth's words
        """
        transaction = signed.transaction
        nonce = self.next_nonce(signed.sender)
        if transaction.nonce < nonce:
            raise _refusal(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        if transaction.nonce > nonce:
            raise _refusal(f"nonce too high: next nonce {nonce}, tx nonce {transaction.nonce}")
        if transaction.gas > self._header.gas_limit:
            raise _refusal(f"exceeds block gas limit: {transaction.gas} over {self._header.gas_limit}")
        balance = self._state.get_balance(signed.sender)
        cost = transaction.gas * transaction.max_fee_per_gas + transaction.value
        if balance < cost:
            raise _refusal(f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}")

    def apply(self, signed: Signed) -> None:
        """Execute a transaction that was checked and fits. After any error the draft is spoilt."""
        transaction = signed.transaction
        self._state.lock_changes()
        computation = self._state.apply_transaction(transaction)
        receipt = _Rules.make_receipt(self._header, transaction, computation, self._state)
        gas_used = receipt.gas_used - self._header.gas_used
        header = self._header.copy(
            bloom=int(BloomFilter(self._header.bloom) | receipt.bloom), gas_used=receipt.gas_used
        )
        self._header = cast(Header, header)
        creates = transaction.to == CREATE_CONTRACT_ADDRESS
        contract = computation.msg.storage_address if creates else None
        self._results.append(_Result(signed, receipt, gas_used, contract))

    def seal(self) -> Sealed:
        """Finish the block."""
        return _seal(self._header, self._state, self._overlay, self._results)


def _seal(
    header: Header,
    state: StateAPI,
    overlay: _Overlay,
    results: list[_Result],
) -> Sealed:
    state.persist()
    roots = {
        "state_root": state.state_root,
        "transaction_root": make_trie_root_and_nodes([result.signed.transaction for result in results])[0],
        "receipt_root": make_trie_root_and_nodes([result.receipt for result in results])[0],
    }
    header = cast(Header, header.copy(**roots))
    encoded = rlp.encode(header)
    number = header.block_number
    stored: list[StoredTransaction] = []
    logs: list[StoredLog] = []
    for position, result in enumerate(results):
        stored.append(
            StoredTransaction(
                number,
                position,
                result.signed.hash,
                result.signed.sender,
                result.signed.raw,
                result.receipt.state_root == b"\x01",
                result.gas_used,
                result.receipt.gas_used,
                result.contract,
            )
        )
        for log in result.receipt.logs:
            topics = tuple(topic.to_bytes(32, "big") for topic in log.topics)
            logs.append(StoredLog(number, len(logs), position, log.address, topics, log.data))
    size = len(rlp.encode([rlp.decode(encoded), [item.raw for item in stored], [], []]))
    return Sealed(header, StoredBlock(number, header.hash, encoded, size), stored, logs, overlay.fresh)


def roots(transactions: Sequence[StoredTransaction], logs: Sequence[StoredLog]) -> tuple[bytes, bytes]:
    """The roots over a block's transactions and over its receipts, from what is stored of them."""
    parsed = [parse(stored.raw) for stored in transactions]
    receipts = [
        transaction.make_receipt(
            b"\x01" if stored.succeeded else b"",
            stored.cumulative_gas,
            tuple(
                (log.address, tuple(int.from_bytes(topic, "big") for topic in log.topics), log.data)
                for log in logs
                if log.transaction_position == stored.position
            ),
        )
        for stored, transaction in zip(transactions, parsed, strict=True)
    ]
    return make_trie_root_and_nodes(parsed)[0], make_trie_root_and_nodes(receipts)[0]


def parse(raw: bytes) -> SignedTransactionAPI:
    """Read a transaction that is known to be sound."""
    return _Rules.get_transaction_builder().decode(raw)


def _refusal(message: str) -> NodeRefusedError:
    return NodeRefusedError(message, rpc_code=_SERVER_ERROR)


def _check_intrinsic_gas(gas: int, needed: int) -> None:
    if gas < needed:
        raise _refusal(f"intrinsic gas too low: gas {gas}, minimum needed {needed}")


def _output(computation: ComputationAPI) -> bytes:
    if not computation.is_error:
        return computation.output
    error = computation.error
    if isinstance(error, Revert):
        reason = _reason(computation.output)
        raise NodeRefusedError(
            f"execution reverted: {reason}" if reason else "execution reverted",
            rpc_code=_REVERTED,
            data="0x" + computation.output.hex(),
        )
    if isinstance(error, OutOfGas):
        raise _refusal("out of gas")
    if isinstance(error, InvalidInstruction):
        raise _refusal("invalid opcode")
    raise _refusal(f"execution failed: {type(error).__name__}")


def _reason(output: bytes) -> str:
    """The text in a revert by ``Error(string)``, as Solidity's ``require`` makes it; else nothing."""
    if output[:4] != _ERROR_STRING or len(output) < 68:
        return ""
    length = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + length].decode("utf-8", "replace") if length <= len(output) - 68 else ""
