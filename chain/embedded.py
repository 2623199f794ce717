"""The embedded node: a whole chain inside the process, kept in one file, answering like any other node.

It mines what it is sent at once, a batch as one block, and returns when the block is safely on the disk.
Rules of Cancun through py-evm; gas is free. It protects against crashes, not against its own operator.

>>> node = EmbeddedNode(Path("chain.db"), 20777)  # doctest: +SKIP
>>> node.rpc("eth_blockNumber", [])  # doctest: +SKIP
'0x0'
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import rlp
from eth.abc import SignedTransactionAPI
from eth.constants import BLANK_ROOT_HASH
from eth.vm.interrupt import EVMMissingData
from eth_bloom.bloom import BloomFilter
from eth_typing import Address as RawAddress
from eth_typing import BlockNumber
from trie.exceptions import MissingTraversalNode, MissingTrieNode

from chain.blockstore import BlockStore, StoredBlock, StoredLog, StoredTransaction
from chain.evm import Draft, Header, Machine, Message, Sealed, Signed, parse, roots
from chain.hexform import data, parse_data, parse_quantity, quantity
from chain.intents import Address
from chain.node import Call, NodeError, NodeRefusedError, NodeStorageError, WrongChainError

__all__ = ["EmbeddedNode"]

_LOG = logging.getLogger(__name__)
_SEND = "eth_sendRawTransaction"
_INVALID_PARAMS = -32602
_MAX_LOGS = 100_000
_MAX_CHOICES = 1000
_MISSING = (EVMMissingData, MissingTrieNode, MissingTraversalNode, KeyError)


class EmbeddedNode:
    """A chain of its own in a file, behind the same calls as any node (:class:`chain.node.Node`).

    :param path: the file; made with its folder, and the genesis block in it, if absent
    :param chain_id: the chain's id; a file of another chain is refused
    :param alloc: wei by account in the genesis block; read only when the file is made
    :param gas_limit: gas in a block; read only when the file is made
    :param clock: seconds of Unix time
    :raises NodeBusyError: another process has the file open
    :raises NodeStorageError: the file cannot be used
    :raises WrongChainError: the file holds another chain
    """

    def __init__(
        self,
        path: Path,
        chain_id: int,
        *,
        alloc: Mapping[Address, int] | None = None,
        gas_limit: int = 30_000_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._mining = threading.Lock()
        self._store = BlockStore(path)
        self._machine = Machine(chain_id, self._store.node, self._store.block_hash)
        try:
            found = self._store.chain_id()
            if found is None:
                balances = {bytes.fromhex(account[2:]): wei for account, wei in (alloc or {}).items()}
                self._append(self._machine.genesis(balances, gas_limit=gas_limit), chain_id)
            elif found != chain_id:
                raise WrongChainError(expected=chain_id, found=found)
            self._head = self._newest()
            self._store_holds(self._head)
        except BaseException:
            self._store.close()
            raise
        self._methods: dict[str, Callable[..., Any]] = {
            "web3_clientVersion": lambda: "landbridge-embedded/1/py-evm",
            "net_version": lambda: str(chain_id),
            "net_listening": lambda: True,
            "eth_chainId": lambda: quantity(chain_id),
            "eth_syncing": lambda: False,
            "eth_accounts": list,
            "eth_gasPrice": lambda: quantity(0),
            "eth_blockNumber": lambda: quantity(self._head.block_number),
            "eth_getBalance": self._balance,
            "eth_getCode": self._code,
            "eth_getStorageAt": self._storage,
            "eth_getTransactionCount": self._nonce,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate,
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getLogs": self._logs,
        }

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        """See :meth:`chain.node.Node.rpc`.

        :raises NodeStorageError: the file is full or damaged; nothing was half-written
        """
        answer = self.batch([(method, params)])[0]
        if isinstance(answer, NodeRefusedError):
            raise answer
        return answer

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """See :meth:`chain.node.Node.batch`."""
        answers: list[Any] = []
        while len(answers) < len(calls):
            raws: list[Sequence[Any]] = []
            for method, params in calls[len(answers) :]:
                if method != _SEND:
                    break
                raws.append(params)
            answers += self._send(raws) if raws else [self._answer(*calls[len(answers)])]
        return answers

    def verify(self) -> None:
        """Read the whole chain back and prove it: the file's own order, every block's hash and
        parent, its transactions and receipts against the roots in its header. Takes its time.

        :raises NodeStorageError: something is not as it was written
        """
        self._store.verify()
        parent: Header | None = None
        for number in range(self._head.block_number + 1):
            block = self._store.block(number)
            header = _header(block) if block else None
            if header is None or header.block_number != number:
                raise _damaged()
            if parent is not None and header.parent_hash != parent.hash:
                raise _damaged()
            logs = self._store.logs(number, number, limit=_MAX_LOGS)
            found = roots(self._store.transactions(number), logs)
            if found != (header.transaction_root, header.receipt_root):
                raise _damaged()
            if [log.position for log in logs] != list(range(len(logs))):
                raise _damaged()
            parent = header

    def close(self) -> None:
        """See :meth:`chain.node.Node.close`."""
        with self._mining:
            self._store.close()

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        handler = self._methods.get(method)
        if handler is None:
            return NodeRefusedError(f"the method {method} does not exist/is not available", rpc_code=-32601)
        try:
            return handler(*params)
        except NodeRefusedError as error:
            return error
        except NodeError:
            raise
        except (ValueError, TypeError, AttributeError) as error:
            return NodeRefusedError(f"invalid params: {error}", rpc_code=_INVALID_PARAMS)
        except _MISSING as error:
            raise _damaged() from error

    # Mining

    def _send(self, calls: Sequence[Sequence[Any]]) -> list[str | NodeRefusedError]:
        """Mine transactions as one block, or as few as their gas allows; those of one sender may come in
        any order of their nonces."""
        answers: list[Any] = [None] * len(calls)
        pending: list[tuple[int, Signed]] = []
        for place, params in enumerate(calls):
            try:
                (raw,) = params
                pending.append((place, self._machine.decode(parse_data(raw))))
            except NodeRefusedError as error:
                answers[place] = error
            except (ValueError, TypeError) as error:
                answers[place] = NodeRefusedError(f"invalid params: {error}", rpc_code=_INVALID_PARAMS)
        if pending:
            with self._mining:
                try:
                    _Filling(self, answers).run(pending)
                except _MISSING as error:
                    raise _damaged() from error
        return answers

    def _draft(self) -> Draft:
        # A clock that goes back holds the chain's time; it never makes a block older than its parent.
        return self._machine.draft(self._head, timestamp=self._now(self._head))

    def _now(self, head: Header) -> int:
        return max(int(self._clock()), head.timestamp)

    def _append(self, sealed: Sealed, chain_id: int | None = None) -> None:
        try:
            self._store.append(
                sealed.block, sealed.transactions, sealed.logs, sealed.nodes, chain_id=chain_id
            )
        except NodeStorageError:
            if chain_id is None:
                # whatever became of the write, the file knows
                self._head = self._newest()
            raise
        self._head = sealed.header

    def _newest(self) -> Header:
        block = self._store.head()
        if block is None:
            raise _damaged()
        return _header(block)

    def _store_holds(self, head: Header) -> None:
        parent = self._store.block(head.block_number - 1) if head.block_number else None
        if head.block_number and (parent is None or parent.hash != head.parent_hash):
            raise _damaged()
        try:
            self._machine.state(head).get_balance(RawAddress(bytes(20)))
        except _MISSING as error:
            raise _damaged() from error

    # State

    def _at(self, which: object) -> Header:
        """The header that a block parameter names; the newest stands for all the names of newness."""
        if which in ("latest", "pending", "safe", "finalized"):
            return self._head
        block = self._store.block(0 if which == "earliest" else parse_quantity(which))
        if block is None:
            raise NodeRefusedError("header not found", rpc_code=-32000)
        return _header(block)

    def _balance(self, address: object, at: object = "latest") -> str:
        account = RawAddress(parse_data(address, size=20))
        return quantity(self._machine.state(self._at(at)).get_balance(account))

    def _nonce(self, address: object, at: object = "latest") -> str:
        account = RawAddress(parse_data(address, size=20))
        return quantity(self._machine.state(self._at(at)).get_nonce(account))

    def _code(self, address: object, at: object = "latest") -> str:
        account = RawAddress(parse_data(address, size=20))
        return data(self._machine.state(self._at(at)).get_code(account))

    def _storage(self, address: object, slot: object, at: object = "latest") -> str:
        account = RawAddress(parse_data(address, size=20))
        try:
            number = parse_quantity(slot)
        except ValueError:
            number = int.from_bytes(parse_data(slot, size=32), "big")
        return data(self._machine.state(self._at(at)).get_storage(account, number).to_bytes(32, "big"))

    def _moment(self, at: object) -> Header:
        """The block in whose number and time a call is executed.

        A chain that mines on demand may have been idle for hours: what is asked about now is answered with
        the clock's time, as the next block will have it.
        """
        header = self._at(at)
        if at == "pending":
            number = BlockNumber(header.block_number + 1)
            header = cast(Header, header.copy(block_number=number, parent_hash=header.hash))
        if at in ("latest", "pending", "safe", "finalized"):
            header = cast(Header, header.copy(timestamp=self._now(header)))
        return header

    def _message(self, wanted: Mapping[str, Any], header: Header) -> Message:
        chain_id = wanted.get("chainId")
        if chain_id is not None and parse_quantity(chain_id) != self._machine.chain_id:
            raise ValueError("chainId is another chain's")
        payload = wanted.get("input") if wanted.get("input") is not None else wanted.get("data")
        to = wanted.get("to")
        gas = wanted.get("gas")
        return Message(
            sender=parse_data(wanted.get("from") or "0x" + "00" * 20, size=20),
            to=b"" if to is None else parse_data(to, size=20),
            data=b"" if payload is None else parse_data(payload),
            value=parse_quantity(wanted.get("value") or "0x0"),
            gas=header.gas_limit if gas is None else min(parse_quantity(gas), header.gas_limit),
            gas_price=parse_quantity(wanted.get("gasPrice") or wanted.get("maxFeePerGas") or "0x0"),
        )

    def _call(self, wanted: Mapping[str, Any], at: object = "latest") -> str:
        header = self._moment(at)
        return data(self._machine.call(header, self._message(wanted, header)))

    def _estimate(self, wanted: Mapping[str, Any], at: object = "pending") -> str:
        header = self._moment(at)
        return quantity(self._machine.estimate(header, self._message(wanted, header)))

    # Blocks, transactions, logs

    def _block_by_number(self, which: object, full: bool = False) -> dict[str, Any] | None:
        if which in ("latest", "pending", "safe", "finalized"):
            return self._block_json(self._store.block(self._head.block_number), full)
        return self._block_json(self._store.block(0 if which == "earliest" else parse_quantity(which)), full)

    def _block_by_hash(self, hash_: object, full: bool = False) -> dict[str, Any] | None:
        return self._block_json(self._store.block(parse_data(hash_, size=32)), full)

    def _block_json(self, block: StoredBlock | None, full: bool) -> dict[str, Any] | None:
        if block is None:
            return None
        header = _header(block)
        return {
            "number": quantity(header.block_number),
            "hash": data(block.hash),
            "parentHash": data(header.parent_hash),
            "nonce": data(header.nonce),
            "sha3Uncles": data(header.uncles_hash),
            "logsBloom": data(header.bloom.to_bytes(256, "big")),
            "transactionsRoot": data(header.transaction_root),
            "stateRoot": data(header.state_root),
            "receiptsRoot": data(header.receipt_root),
            "miner": data(header.coinbase),
            "difficulty": quantity(header.difficulty),
            "totalDifficulty": quantity(0),
            "extraData": data(header.extra_data),
            "size": quantity(block.size),
            "gasLimit": quantity(header.gas_limit),
            "gasUsed": quantity(header.gas_used),
            "timestamp": quantity(header.timestamp),
            "uncles": [],
            "baseFeePerGas": quantity(0),
            "mixHash": data(header.mix_hash),
            "withdrawals": [],
            "withdrawalsRoot": data(BLANK_ROOT_HASH),
            "blobGasUsed": quantity(header.blob_gas_used),
            "excessBlobGas": quantity(header.excess_blob_gas),
            "parentBeaconBlockRoot": data(bytes(32)),
            "transactions": [
                self._transaction_json(item, block.hash) for item in self._store.transactions(block.number)
            ]
            if full
            else [data(hash_) for hash_ in self._store.transaction_hashes(block.number)],
        }

    def _transaction(self, hash_: object) -> dict[str, Any] | None:
        stored = self._store.transaction(parse_data(hash_, size=32))
        return stored and self._transaction_json(stored, self._store.block_hash(stored.block))

    def _transaction_json(self, stored: StoredTransaction, block_hash: bytes) -> dict[str, Any]:
        transaction = parse(stored.raw)
        kind = transaction.type_id or 0
        result: dict[str, Any] = {
            "hash": data(stored.hash),
            "blockHash": data(block_hash),
            "blockNumber": quantity(stored.block),
            "transactionIndex": quantity(stored.position),
            "type": quantity(kind),
            "chainId": quantity(self._machine.chain_id),
            "from": data(stored.sender),
            "to": data(transaction.to) if transaction.to else None,
            "nonce": quantity(transaction.nonce),
            "value": quantity(transaction.value),
            "gas": quantity(transaction.gas),
            "gasPrice": quantity(_price(transaction)),
            "input": data(transaction.data),
            "r": quantity(transaction.r),
            "s": quantity(transaction.s),
            "v": quantity(transaction.v if kind == 0 else transaction.y_parity),  # type: ignore[attr-defined]
        }
        if kind:
            result["yParity"] = quantity(transaction.y_parity)
            result["accessList"] = [
                {"address": data(account), "storageKeys": [data(key.to_bytes(32, "big")) for key in keys]}
                for account, keys in transaction.access_list
            ]
        if kind == 2:
            result["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
            result["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
        return result

    def _receipt(self, hash_: object) -> dict[str, Any] | None:
        stored = self._store.transaction(parse_data(hash_, size=32))
        if stored is None:
            return None
        transaction = parse(stored.raw)
        logs = self._store.logs(
            stored.block, stored.block, transaction_position=stored.position, limit=_MAX_LOGS
        )
        return {
            "transactionHash": data(stored.hash),
            "transactionIndex": quantity(stored.position),
            "blockHash": data(self._store.block_hash(stored.block)),
            "blockNumber": quantity(stored.block),
            "type": quantity(transaction.type_id or 0),
            "from": data(stored.sender),
            "to": data(transaction.to) if transaction.to else None,
            "contractAddress": None if stored.contract is None else data(stored.contract),
            "status": quantity(stored.succeeded),
            "gasUsed": quantity(stored.gas_used),
            "cumulativeGasUsed": quantity(stored.cumulative_gas),
            "effectiveGasPrice": quantity(_price(transaction)),
            "logsBloom": _bloom(logs),
            "logs": [_log_json(log) for log in logs],
        }

    def _logs(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        by_hash = wanted.get("blockHash")
        if by_hash is not None:
            block = self._store.block(parse_data(by_hash, size=32))
            if block is None:
                raise NodeRefusedError("unknown block", rpc_code=-32000)
            first = last = block.number
        else:
            first = self._number(wanted.get("fromBlock", "latest"))
            last = self._number(wanted.get("toBlock", "latest"))
            if first > last:
                raise ValueError("invalid block range")
        address = wanted.get("address")
        addresses = [] if address is None else address if isinstance(address, list) else [address]
        places = wanted.get("topics") or []
        if not isinstance(places, list) or len(places) > 4:
            raise ValueError("topics have at most four places")
        if (
            max(len(addresses), *(len(place) for place in places if isinstance(place, list)), 0)
            > _MAX_CHOICES
        ):
            raise ValueError(f"more than {_MAX_CHOICES} addresses, or topics for one place")
        logs = self._store.logs(
            first,
            last,
            addresses=[parse_data(item, size=20) for item in addresses],
            topics=[_any_of(place) for place in places],
            limit=_MAX_LOGS + 1,
        )
        if len(logs) > _MAX_LOGS:
            raise NodeRefusedError(f"query returned more than {_MAX_LOGS} results", rpc_code=-32005)
        return [_log_json(log) for log in logs]

    def _number(self, which: object) -> int:
        if which in ("latest", "pending", "safe", "finalized"):
            return self._head.block_number
        return 0 if which == "earliest" else parse_quantity(which)


class _Filling:
    """One round of mining: transactions to blocks, each told what became of it."""

    def __init__(self, node: EmbeddedNode, answers: list[Any]) -> None:
        self._node = node
        self._answers = answers
        self._taken: list[tuple[int, Signed]] = []
        self._hashes: set[bytes] = set()
        self._parked: dict[tuple[bytes, int], tuple[int, Signed]] = {}
        self._draft = node._draft()

    def run(self, pending: Sequence[tuple[int, Signed]]) -> None:
        """Mine all that can be mined."""
        for place, signed in pending:
            self._offer(place, signed)
            while ready := self._parked.pop(self._next_of(signed.sender), None):
                self._offer(*ready)
        for place, signed in self._parked.values():
            self._refused(place, signed)
        self._commit()

    def _next_of(self, sender: RawAddress) -> tuple[bytes, int]:
        return sender, self._draft.next_nonce(sender)

    def _offer(self, place: int, signed: Signed) -> None:
        key = (signed.sender, signed.transaction.nonce)
        if key > self._next_of(signed.sender) and key not in self._parked:
            self._parked[key] = (place, signed)
            return
        if self._refused(place, signed):
            return
        if not self._draft.fits(signed):
            self._commit()
            self._draft = self._node._draft()
        try:
            self._draft.apply(signed)
        except (NodeError, *_MISSING):
            raise
        except Exception as error:
            # A defect of the machine must cost its cause alone: the others are executed anew without it.
            _LOG.exception("a transaction could not be executed")
            self._answers[place] = NodeRefusedError(
                f"internal error: {type(error).__name__}", rpc_code=-32603
            )
            self._draft = self._node._draft()
            for _, taken in self._taken:
                self._draft.apply(taken)
            return
        self._taken.append((place, signed))
        self._hashes.add(signed.hash)

    def _refused(self, place: int, signed: Signed) -> bool:
        try:
            if signed.hash in self._hashes or self._node._store.transaction(signed.hash) is not None:
                raise NodeRefusedError("already known", rpc_code=-32000)
            self._draft.check(signed)
        except NodeRefusedError as error:
            self._answers[place] = error
            return True
        return False

    def _commit(self) -> None:
        if self._taken:
            self._node._append(self._draft.seal())
            for place, signed in self._taken:
                self._answers[place] = data(signed.hash)
            self._taken.clear()


def _damaged() -> NodeStorageError:
    return NodeStorageError("a part of the chain is missing from its file: the file is damaged")


def _header(block: StoredBlock) -> Header:
    return cast(Header, rlp.decode(block.header, sedes=Header))


def _price(transaction: SignedTransactionAPI) -> int:
    """What a unit of gas cost: the base fee is zero, so the tip, up to the most that was offered."""
    return min(transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas)


def _any_of(place: object) -> list[bytes]:
    if place is None:
        return []
    wanted = place if isinstance(place, list) else [place]
    return [] if None in wanted else [parse_data(topic, size=32) for topic in wanted]


def _log_json(log: StoredLog) -> dict[str, Any]:
    return {
        "address": data(log.address),
        "topics": [data(topic) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": quantity(log.block),
        "blockHash": data(log.block_hash),
        "transactionHash": data(log.transaction_hash),
        "transactionIndex": quantity(log.transaction_position),
        "logIndex": quantity(log.position),
        "removed": False,
    }


def _bloom(logs: Sequence[StoredLog]) -> str:
    bloom = BloomFilter()
    for log in logs:
        bloom.extend((log.address, *log.topics))
    return data(int(bloom).to_bytes(256, "big"))
