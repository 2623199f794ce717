"""Headers, transactions and receipts written again as RLP from what a node tells of them in JSON.

Whoever uses these compares hashes or roots afterwards: what a node leaves out, or tells otherwise, does not
pass. Known are transactions of the types 0 to 4 (EIP-2718, 2930, 1559, 4844, 7702); a header has as many
fields as its fork.

>>> keccak(encode_transaction(answer)) == bytes.fromhex(answer["hash"][2:])  # doctest: +SKIP
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import rlp

from chain.hexform import parse_data, parse_quantity

__all__ = ["encode_header", "encode_receipt", "encode_transaction"]

_Tell = Mapping[str, Any]
_Read = Callable[[Any], Any]


def _data(value: Any) -> bytes:
    return parse_data(value)


def _number(value: Any) -> int:
    return parse_quantity(value)


def _nonce(value: Any) -> bytes:
    return parse_data(value, size=8)


_HEADER: Final[tuple[tuple[str, _Read], ...]] = (
    ("parentHash", _data),
    ("sha3Uncles", _data),
    ("miner", _data),
    ("stateRoot", _data),
    ("transactionsRoot", _data),
    ("receiptsRoot", _data),
    ("logsBloom", _data),
    ("difficulty", _number),
    ("number", _number),
    ("gasLimit", _number),
    ("gasUsed", _number),
    ("timestamp", _number),
    ("extraData", _data),
    ("mixHash", _data),
    ("nonce", _nonce),
)
_SINCE_LONDON: Final[tuple[tuple[str, _Read], ...]] = (
    ("baseFeePerGas", _number),
    ("withdrawalsRoot", _data),
    ("blobGasUsed", _number),
    ("excessBlobGas", _number),
    ("parentBeaconBlockRoot", _data),
    ("requestsHash", _data),
)


def encode_header(told: _Tell) -> bytes:
    """A header, from ``eth_getBlockByNumber``: each later fork's field where the node tells it.

    :raises ValueError: a field is missing or misspelled; also KeyError, TypeError, AttributeError
    """
    fields = [read(told[name]) for name, read in _HEADER]
    for name, read in _SINCE_LONDON:
        if told.get(name) is None:
            break
        fields.append(read(told[name]))
    return bytes(rlp.encode(fields))


def _to(told: _Tell) -> bytes:
    return b"" if told["to"] is None else parse_data(told["to"], size=20)


def _access(told: _Tell) -> list[Any]:
    return [
        [parse_data(one["address"], size=20), [parse_data(key, size=32) for key in one["storageKeys"]]]
        for one in told.get("accessList") or ()
    ]


def _signature(told: _Tell) -> list[int]:
    parity = told.get("yParity", told.get("v"))
    return [_number(parity), _number(told["r"]), _number(told["s"])]


def _authorizations(told: _Tell) -> list[Any]:
    return [
        [
            _number(one["chainId"]),
            parse_data(one["address"], size=20),
            _number(one["nonce"]),
            *_signature(one),
        ]
        for one in told["authorizationList"]
    ]


def encode_transaction(told: _Tell) -> bytes:
    """A transaction as its hash is taken, from ``eth_getBlockByNumber`` or ``eth_getTransactionByHash``.

    :raises ValueError: a kind that is not known here, or a field is missing or misspelled; also KeyError,
        TypeError, AttributeError
    """
    kind = _number(told.get("type") or "0x0")
    nonce, gas, value = _number(told["nonce"]), _number(told["gas"]), _number(told["value"])
    middle = [gas, _to(told), value, parse_data(told["input"])]
    if kind == 0:
        return bytes(
            rlp.encode(
                [nonce, _number(told["gasPrice"]), *middle]
                + [_number(told[name]) for name in ("v", "r", "s")]
            )
        )
    if kind > 4:
        raise ValueError("a transaction of an unknown type")
    prices = ("gasPrice",) if kind == 1 else ("maxPriorityFeePerGas", "maxFeePerGas")
    fields: list[Any] = [_number(told["chainId"]), nonce, *(_number(told[name]) for name in prices), *middle]
    fields.append(_access(told))
    if kind == 3:
        hashes = [parse_data(one, size=32) for one in told["blobVersionedHashes"]]
        fields += [_number(told["maxFeePerBlobGas"]), hashes]
    if kind == 4:
        fields.append(_authorizations(told))
    return bytes([kind]) + bytes(rlp.encode(fields + _signature(told)))


def encode_receipt(told: _Tell) -> bytes:
    """A receipt as it stands in its block's trie, from ``eth_getTransactionReceipt``.

    :raises ValueError: a field is missing or misspelled; also KeyError, TypeError, AttributeError
    """
    kind = _number(told.get("type") or "0x0")
    logs = [
        [
            parse_data(log["address"], size=20),
            [parse_data(topic, size=32) for topic in log["topics"]],
            parse_data(log["data"]),
        ]
        for log in told["logs"]
    ]
    status, gas = _number(told["status"]), _number(told["cumulativeGasUsed"])
    receipt = bytes(rlp.encode([status, gas, parse_data(told["logsBloom"], size=256), logs]))
    return receipt if kind == 0 else bytes([kind]) + receipt
