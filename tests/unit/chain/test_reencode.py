"""Transactions, receipts and headers written again from JSON: py-evm, which knows nothing of this, agrees."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth.rlp.receipts import Receipt
from eth.vm.forks.cancun.headers import CancunBlockHeader
from eth.vm.forks.prague.transactions import PragueTransactionBuilder, PragueUnsignedLegacyTransaction
from eth_keys import keys

from chain.intents import keccak
from chain.reencode import encode_header, encode_receipt, encode_transaction

KEY = keys.PrivateKey(keccak(b"a test's key"))
TO = b"\x11" * 20
ACCESS = ((b"\x22" * 20, (0, 2**256 - 1)), (b"\x33" * 20, ()))


def hexed(value: Any) -> Any:
    """As JSON-RPC spells it."""
    return hex(value) if isinstance(value, int) else "0x" + value.hex()


COMMON = {"nonce": 3, "gas": 90_000, "to": TO, "value": 5, "data": b"\x00\x01data"}
FEES = {"chain_id": 7, "max_priority_fee_per_gas": 1, "max_fee_per_gas": 2**70, "access_list": ACCESS}
NAMES = {
    "data": "input",
    "gas_price": "gasPrice",
    "chain_id": "chainId",
    "max_priority_fee_per_gas": "maxPriorityFeePerGas",
    "max_fee_per_gas": "maxFeePerGas",
    "max_fee_per_blob_gas": "maxFeePerBlobGas",
}


def legacy(chain_id: int | None, **changes: Any) -> Any:
    """A signed legacy transaction."""
    fields = COMMON | {"gas_price": 0} | changes
    return PragueUnsignedLegacyTransaction(**fields).as_signed_transaction(KEY, chain_id=chain_id)


def typed(name: str, **fields: Any) -> Any:
    """A signed transaction of a later type."""
    make = getattr(PragueTransactionBuilder, f"new_unsigned_{name}_transaction")
    return make(**(COMMON | fields)).as_signed_transaction(KEY)


def told(made: Any, kind: int | None, **more: Any) -> dict[str, Any]:
    """What a node tells of it."""
    answer = {
        NAMES.get(name, name): hexed(getattr(made, name))
        for name in ("nonce", "gas", "value", "data", "r", "s", *more.pop("fields", ()))
    }
    answer["to"] = hexed(made.to) if made.to else None
    if kind is None:
        return answer | {"v": hexed(made.v)} | more
    access = [
        {"address": hexed(one), "storageKeys": [hexed(key.to_bytes(32, "big")) for key in slots]}
        for one, slots in made.access_list
    ]
    return answer | {"type": hex(kind), "accessList": access, "yParity": hexed(made.y_parity)} | more


ONE = ("chain_id", "gas_price")
TWO = ("chain_id", "max_priority_fee_per_gas", "max_fee_per_gas")
THREE = (*TWO, "max_fee_per_blob_gas")


def test_transactions_of_before_eip_155_and_after():
    for made in (legacy(None), legacy(7), legacy(7, to=b"", data=b""), legacy(2**40)):
        answer = told(made, None, fields=("gas_price",))
        assert encode_transaction(answer) == made.encode()
        assert encode_transaction(answer | {"type": "0x0"}) == made.encode()


def test_transactions_with_access_lists_and_of_eip_1559():
    access = typed("access_list", chain_id=7, gas_price=9, access_list=ACCESS)
    assert encode_transaction(told(access, 1, fields=ONE)) == access.encode()
    fees = typed("dynamic_fee", **FEES)
    assert encode_transaction(told(fees, 2, fields=TWO)) == fees.encode()
    creation = typed("dynamic_fee", **(FEES | {"to": b"", "access_list": ()}))
    assert encode_transaction(told(creation, 2, fields=TWO)) == creation.encode()
    # Some nodes tell v alone, or leave an empty access list out.
    answer = told(creation, 2, fields=TWO)
    answer["v"] = answer.pop("yParity")
    del answer["accessList"]
    assert encode_transaction(answer) == creation.encode()


def test_transactions_with_blobs_and_with_code():
    hashes = [b"\x01" * 32, b"\x01" + b"\x02" * 31]
    blobs = typed("blob", **FEES, max_fee_per_blob_gas=8, blob_versioned_hashes=hashes)
    answer = told(blobs, 3, fields=THREE, blobVersionedHashes=[hexed(one) for one in hashes])
    assert encode_transaction(answer) == blobs.encode()

    listed = [{"chain_id": 7, "account": TO, "nonce": 1, "y_parity": 1, "r": 2**255, "s": 5}]
    signed = {"chainId": "0x7", "address": hexed(TO), "nonce": "0x1", "yParity": "0x1"}
    signed |= {"r": hex(2**255), "s": "0x5"}
    fields = [7, 3, 1, 2**70, 90_000, TO, 5, COMMON["data"], ACCESS_RLP, [[7, TO, 1, 1, 2**255, 5]], 1, 2, 3]
    answer = {
        **{"type": "0x4", "chainId": "0x7", "nonce": "0x3", "maxPriorityFeePerGas": "0x1"},
        **{"maxFeePerGas": hex(2**70), "gas": hex(90_000), "to": hexed(TO), "value": "0x5"},
        **{"input": hexed(COMMON["data"]), "accessList": ACCESS_JSON, "authorizationList": [signed]},
        **{"yParity": "0x1", "r": "0x2", "s": "0x3"},
    }
    raw = encode_transaction(answer)
    assert raw == b"\x04" + rlp.encode(fields)
    decoded = PragueTransactionBuilder.decode(raw)
    assert decoded.encode() == raw
    assert [one.nonce for one in decoded.authorization_list] == [one["nonce"] for one in listed]


ACCESS_RLP = [[one, [key.to_bytes(32, "big") for key in slots]] for one, slots in ACCESS]
ACCESS_JSON = [
    {"address": hexed(one), "storageKeys": [hexed(key) for key in slots]} for one, slots in ACCESS_RLP
]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "0x5"},
        {"type": "0x7f"},
        {"type": 2},
        {"nonce": "0x03"},
        {"to": "0x11"},
        {"to": ""},
        {"input": "0x0"},
        {"r": None},
        {"accessList": [{"address": "0x11", "storageKeys": []}]},
        {"accessList": [{}]},
    ],
)
def test_what_is_told_otherwise_is_refused(change):
    answer = told(typed("dynamic_fee", **FEES), 2, fields=TWO)
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        encode_transaction(answer | change)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_receipts(kind):
    logs = [
        {"address": hexed(TO), "topics": [hexed(b"\x01" * 32)], "data": "0x"},
        {"address": hexed(TO), "topics": [], "data": "0x00ff"},
    ]
    answer = {
        **{"type": hex(kind), "status": "0x1", "cumulativeGasUsed": "0x5208", "logs": logs},
        "logsBloom": hexed((5).to_bytes(256, "big")),
    }
    those = [(TO, [int.from_bytes(b"\x01" * 32, "big")], b""), (TO, [], b"\x00\xff")]
    expected = rlp.encode(Receipt(b"\x01", 21_000, those, 5))
    assert encode_receipt(answer) == (bytes([kind]) if kind else b"") + expected
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        encode_receipt(answer | {"logsBloom": "0x00"})


HEADER = {
    "parentHash": hexed(b"\x01" * 32),
    "sha3Uncles": hexed(b"\x02" * 32),
    "miner": hexed(TO),
    "stateRoot": hexed(b"\x03" * 32),
    "transactionsRoot": hexed(b"\x04" * 32),
    "receiptsRoot": hexed(b"\x05" * 32),
    "logsBloom": hexed((5).to_bytes(256, "big")),
    "difficulty": "0x1",
    "number": "0x100",
    "gasLimit": "0x1fffffffffffff",
    "gasUsed": "0x0",
    "timestamp": "0x66",
    "extraData": "0x1234",
    "mixHash": hexed(b"\x06" * 32),
    "nonce": "0x0000000000000001",
}
LATER = {
    "baseFeePerGas": "0x0",
    "withdrawalsRoot": hexed(b"\x07" * 32),
    "blobGasUsed": "0x0",
    "excessBlobGas": "0x0",
    "parentBeaconBlockRoot": hexed(b"\x08" * 32),
    "requestsHash": hexed(b"\x09" * 32),
}


def test_a_header_has_as_many_fields_as_the_node_tells():
    for count in range(len(LATER) + 1):
        some = dict(list(LATER.items())[:count])
        fields = rlp.decode(encode_header(HEADER | some))
        assert len(fields) == 15 + count
        assert encode_header(HEADER | some | dict.fromkeys(list(LATER)[count:])) == rlp.encode(fields)
    made = CancunBlockHeader(
        difficulty=1,
        block_number=256,
        gas_limit=2**53 - 1,
        gas_used=0,
        timestamp=0x66,
        coinbase=TO,
        parent_hash=b"\x01" * 32,
        uncles_hash=b"\x02" * 32,
        state_root=b"\x03" * 32,
        transaction_root=b"\x04" * 32,
        receipt_root=b"\x05" * 32,
        bloom=5,
        extra_data=b"\x12\x34",
        mix_hash=b"\x06" * 32,
        nonce=(1).to_bytes(8, "big"),
        base_fee_per_gas=0,
        withdrawals_root=b"\x07" * 32,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=b"\x08" * 32,
    )
    assert encode_header(HEADER | dict(list(LATER.items())[:5])) == rlp.encode(made)
    for name in HEADER:
        with pytest.raises(KeyError):
            encode_header({key: value for key, value in HEADER.items() if key != name})
