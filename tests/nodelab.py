"""What tests of nodes share: a small contract put together by hand, and an account that uses it.

The contract acts by the length of its calldata:

- 0: answers the block's time
- 1: reverts with ``Error("no such thing")``
- 2: burns all its gas
- 3: calls itself with all its gas, as deep as it goes
- 4: meets an invalid opcode
- 5: answers the block's number
- 6: answers the hash of the block before
- 32: answers the slot so named
- 64: stores the second word in the slot named by the first, and logs it under that name and the caller
- 96: stores as for 64, but needs a call to itself to do so
"""

from __future__ import annotations

import time
from typing import Any

from eth_account import Account as EthAccount
from eth_utils.address import to_checksum_address

from chain.client import Chain, Receipt
from chain.intents import Address, keccak
from chain.signers import KeySigner, Transaction, sign_transaction

CHAIN_ID = 20777
RICH = KeySigner(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
"""The first of anvil's well-known funded accounts."""

_OPS = {
    "STOP": 0x00, "SUB": 0x03, "BLOCKHASH": 0x40,
    "EQ": 0x14, "CALLER": 0x33, "CALLDATALOAD": 0x35, "CALLDATASIZE": 0x36,
    "CALLDATACOPY": 0x37, "ADDRESS": 0x30, "TIMESTAMP": 0x42, "NUMBER": 0x43, "MLOAD": 0x51,
    "MSTORE": 0x52, "SLOAD": 0x54, "SSTORE": 0x55, "JUMP": 0x56, "JUMPI": 0x57, "GAS": 0x5A,
    "JUMPDEST": 0x5B, "PUSH0": 0x5F, "LOG2": 0xA2, "CALL": 0xF1, "RETURN": 0xF3, "REVERT": 0xFD,
    "INVALID": 0xFE, "POP": 0x50, "ISZERO": 0x15,
}  # fmt: skip
_ANSWER = "PUSH0 MSTORE 32 PUSH0 RETURN"
_CASES = {
    0: f"TIMESTAMP {_ANSWER}",
    1: "0x08c379a000000000000000000000000000000000000000000000000000000000 PUSH0 MSTORE 32 4 MSTORE"
    " 13 36 MSTORE 0x6e6f2073756368207468696e6700000000000000000000000000000000000000 68 MSTORE"
    " 100 PUSH0 REVERT",
    2: ":burn @burn JUMP",
    3: "PUSH0 PUSH0 3 PUSH0 PUSH0 ADDRESS GAS CALL STOP",
    4: "INVALID",
    5: f"NUMBER {_ANSWER}",
    6: f"1 NUMBER SUB BLOCKHASH {_ANSWER}",
    32: f"PUSH0 CALLDATALOAD SLOAD {_ANSWER}",
    64: "32 CALLDATALOAD PUSH0 CALLDATALOAD SSTORE 32 CALLDATALOAD PUSH0 MSTORE"
    " CALLER PUSH0 CALLDATALOAD 32 PUSH0 LOG2 STOP",
    96: "64 PUSH0 PUSH0 CALLDATACOPY PUSH0 PUSH0 64 PUSH0 PUSH0 ADDRESS GAS CALL"
    " @done JUMPI PUSH0 PUSH0 REVERT :done STOP",
}


def _assemble(text: str) -> bytes:
    code, labels, holes = bytearray(), {}, {}
    for word in text.split():
        if word.startswith(":"):
            labels[word[1:]] = len(code)
            code.append(_OPS["JUMPDEST"])
        elif word.startswith("@"):
            code += b"\x61\x00\x00"
            holes[len(code) - 2] = word[1:]
        elif word in _OPS:
            code.append(_OPS[word])
        else:
            value = bytes.fromhex(word[2:]) if word.startswith("0x") else bytes([int(word)])
            code += bytes([0x5F + len(value)]) + value
    for hole, label in holes.items():
        code[hole : hole + 2] = labels[label].to_bytes(2, "big")
    return bytes(code)


RUNTIME = _assemble(
    " ".join(f"CALLDATASIZE {size} EQ @case{size} JUMPI" for size in _CASES)
    + " INVALID "
    + " ".join(f":case{size} {body}" for size, body in _CASES.items())
)
CREATION = bytes.fromhex(f"61{len(RUNTIME):04x}80600a5f395ff3") + RUNTIME


def word(number: int) -> bytes:
    """32 bytes."""
    return number.to_bytes(32, "big")


class Account:
    """A key that counts its own nonces and signs legacy transactions."""

    def __init__(self, signer: KeySigner = RICH, *, chain_id: int = CHAIN_ID, gas_price: int = 0) -> None:
        self.signer = signer
        self.address = signer.address
        self.chain_id = chain_id
        self.gas_price = gas_price
        self.nonce = 0

    def sign(self, to: Address | None, data: bytes = b"", **changes: int) -> tuple[bytes, str]:
        """The raw transaction and its hash; the nonce moves on unless one is given."""
        fields: Transaction = {
            "to": to,
            "value": 0,
            "data": data,
            "gas": 300_000,
            "gasPrice": self.gas_price,
            "nonce": self.nonce,
            "chainId": self.chain_id,
        }
        self.nonce += "nonce" not in changes
        return sign_transaction(self.signer, fields | changes)  # type: ignore[arg-type]

    def put(self, to: Address, key: int, word_: int, **changes: int) -> tuple[bytes, str]:
        """A transaction that stores and logs."""
        return self.sign(to, word(key) + word(word_), **changes)


def mined(chain: Chain, hash_: str) -> Receipt:
    """The transaction's receipt; anvil takes a moment to have it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        receipt = chain.receipt(hash_)
        if receipt is not None:
            return receipt
        time.sleep(0.02)
    raise AssertionError("not mined in a minute")


def deploy(chain: Chain, account: Account) -> Address:
    """The contract, made."""
    receipt = mined(chain, chain.send_raw(account.sign(None, CREATION)[0]))
    assert receipt.contract is not None
    assert chain.code(receipt.contract) == RUNTIME
    return receipt.contract


def typed(signer: KeySigner, **changes: Any) -> bytes:
    """A raw transaction of EIP-1559, signed by an independent library."""
    fields = {
        "type": 2, "chainId": CHAIN_ID, "nonce": 0, "to": "0x" + "11" * 20, "value": 0, "gas": 50_000,
        "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "data": b"",
    } | changes  # fmt: skip
    fields["to"] = to_checksum_address(fields["to"])
    return bytes(EthAccount.sign_transaction(fields, signer._key.secret).raw_transaction)


def topic(text: str) -> bytes:
    """A topic that no log has."""
    return keccak(text.encode())
