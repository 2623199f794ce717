#!/usr/bin/env python3
"""Writes intents.json: one signed act of every kind, as a client would send it.

    tests/vectors/make_intents.py            writes the file
    tests/vectors/make_intents.py --check    compares instead; exits 1 if it differs

Digests and signatures come from eth-account's general EIP-712 encoder, which knows nothing of this
project; the wire form is packed here from the tables in the contracts' interfaces. So the Solidity tests
and the Python tests, which read the file, are held to a third opinion.

The keys are test keys, public to all: keccak256 of "landbridge test key: " and the name. Never fund them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils import keccak

FILE = Path(__file__).with_name("intents.json")
CHAIN_ID = 31337
DEADLINE = 1_800_000_000

DOMAINS: dict[str, dict[str, Any]] = {
    "Parties": {
        "name": "Landbridge Parties",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": "0x1111111111111111111111111111111111111111",
    },
    "RailBills": {
        "name": "Landbridge RailBills",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": "0x2222222222222222222222222222222222222222",
    },
}

_SIGNERS = ("administrator", "carrier", "bank", "importer", "second")
KEYS = {name: keccak(text=f"landbridge test key: {name}") for name in _SIGNERS}
ADDRESSES = {name: Account.from_key(key).address for name, key in KEYS.items()}


def digest(name: str) -> str:
    """A digest to write into an act."""
    return "0x" + keccak(text=f"landbridge test digest: {name}").hex()


BILL, NOTE = digest("bill"), digest("note")
_SEQUENCE = [("sequence", "uint32"), ("deadline", "uint48")]
_BILL = [("bill", "bytes32"), *_SEQUENCE]
_PARTY = [("party", "uint32"), *_SEQUENCE]
_KEY = [("key", "address")]
_CUSTODIAL = [*_KEY, ("custodial", "bool")]

#: contract, act, kind, fields of the signed struct, where the act's own fields travel, who signs, values.
#: A place is (word, first bit); the flag has no bit.
ACTS: list[
    tuple[str, str, int, list[tuple[str, str]], dict[str, tuple[str, int]], list[str], dict[str, Any]]
] = [
    (
        "RailBills",
        "Issue",
        1,
        [*_BILL, ("note", "bytes32"), ("holder", "uint32"), ("toOrder", "bool")],
        {"note": ("detail", 0), "holder": ("argument", 0), "toOrder": ("argument", 32)},
        ["carrier"],
        {"bill": BILL, "sequence": 0, "note": NOTE, "holder": 3, "toOrder": True},
    ),
    (
        "RailBills",
        "Transfer",
        2,
        [*_BILL, ("to", "uint32")],
        {"to": ("argument", 0)},
        ["bank"],
        {"bill": BILL, "sequence": 1, "to": 4},
    ),
    (
        "RailBills",
        "Offer",
        3,
        [*_BILL, ("to", "uint32"), ("expiry", "uint48")],
        {"to": ("argument", 0), "expiry": ("argument", 32)},
        ["importer"],
        {"bill": BILL, "sequence": 2, "to": 0xFFFFFFFF, "expiry": 0xFFFFFFFFFFFF},
    ),
    ("RailBills", "AcceptOffer", 4, _BILL, {}, ["bank"], {"bill": BILL, "sequence": 3}),
    ("RailBills", "DeclineOffer", 5, _BILL, {}, ["bank"], {"bill": BILL, "sequence": 4}),
    ("RailBills", "WithdrawOffer", 6, _BILL, {}, ["importer"], {"bill": BILL, "sequence": 5}),
    ("RailBills", "Surrender", 7, _BILL, {}, ["importer"], {"bill": BILL, "sequence": 6}),
    ("RailBills", "WithdrawSurrender", 8, _BILL, {}, ["importer"], {"bill": BILL, "sequence": 7}),
    ("RailBills", "AcceptSurrender", 9, _BILL, {}, ["carrier"], {"bill": BILL, "sequence": 8}),
    (
        "RailBills",
        "RefuseSurrender",
        10,
        [*_BILL, ("reason", "bytes32")],
        {"reason": ("detail", 0)},
        ["carrier"],
        {"bill": BILL, "sequence": 9, "reason": digest("reason")},
    ),
    (
        "RailBills",
        "Deliver",
        11,
        [*_BILL, ("evidence", "bytes32")],
        {"evidence": ("detail", 0)},
        ["carrier"],
        {"bill": BILL, "sequence": 10, "evidence": digest("evidence")},
    ),
    (
        "RailBills",
        "Void",
        12,
        [*_BILL, ("reason", "bytes32")],
        {"reason": ("detail", 0)},
        ["bank", "carrier"],
        {"bill": BILL, "sequence": 0xFFFFFFFF, "reason": digest("reason")},
    ),
    (
        "Parties",
        "Admit",
        1,
        [("profile", "bytes32"), *_SEQUENCE, ("rulebook", "bytes32"), *_CUSTODIAL],
        {"rulebook": ("detail", 0), "key": ("argument", 0), "custodial": ("flag", 0)},
        ["administrator", "bank"],
        {
            "profile": digest("profile"),
            "sequence": 0,
            "rulebook": digest("rulebook"),
            "key": ADDRESSES["bank"],
            "custodial": True,
        },
    ),
    (
        "Parties",
        "GrantRole",
        2,
        [*_PARTY, ("role", "uint8"), ("from", "uint48"), ("until", "uint48")],
        {"role": ("argument", 0), "from": ("argument", 8), "until": ("argument", 56)},
        ["administrator"],
        {"party": 3, "sequence": 1, "role": 3, "from": 1_790_000_000, "until": 0xFFFFFFFFFFFF},
    ),
    (
        "Parties",
        "EndRole",
        3,
        [*_PARTY, ("role", "uint8"), ("at", "uint48")],
        {"role": ("argument", 0), "at": ("argument", 8)},
        ["administrator"],
        {"party": 3, "sequence": 2, "role": 11, "at": 1_795_000_000},
    ),
    (
        "Parties",
        "Suspend",
        4,
        [*_PARTY, ("reason", "bytes32")],
        {"reason": ("detail", 0)},
        ["administrator"],
        {"party": 0xFFFFFFFF, "sequence": 3, "reason": digest("reason")},
    ),
    ("Parties", "Reinstate", 5, _PARTY, {}, ["administrator"], {"party": 3, "sequence": 4}),
    (
        "Parties",
        "AddKey",
        6,
        [*_PARTY, *_CUSTODIAL],
        {"key": ("argument", 0), "custodial": ("flag", 0)},
        ["bank", "second"],
        {"party": 3, "sequence": 0, "key": ADDRESSES["second"], "custodial": False},
    ),
    (
        "Parties",
        "RevokeKey",
        7,
        [*_PARTY, *_KEY],
        {"key": ("argument", 0)},
        ["second"],
        {"party": 3, "sequence": 1, "key": ADDRESSES["bank"]},
    ),
    (
        "Parties",
        "RotateKey",
        8,
        [*_PARTY, *_CUSTODIAL],
        {"key": ("argument", 0), "custodial": ("flag", 0)},
        ["bank", "second"],
        {"party": 3, "sequence": 2, "key": ADDRESSES["second"], "custodial": True},
    ),
    (
        "Parties",
        "TransferAdministration",
        9,
        [*_SEQUENCE, ("to", "address")],
        {"to": ("argument", 0)},
        ["administrator", "second"],
        {"sequence": 5, "to": ADDRESSES["second"]},
    ),
]


def number(value: str | int | bool) -> int:
    """A value as the unsigned number that its bits make."""
    return int(value, 16) if isinstance(value, str) else int(value)


def word(value: int) -> str:
    """A number as a 32-byte word."""
    return "0x" + value.to_bytes(32, "big").hex()


def compact(signature: Any) -> dict[str, str]:
    """A signature in the form of EIP-2098."""
    return {"r": word(signature.r), "vs": word(signature.s | (signature.v - 27) << 255)}


def vector(
    contract: str,
    act: str,
    kind: int,
    fields: list[tuple[str, str]],
    places: dict[str, tuple[str, int]],
    signers: list[str],
    values: dict[str, Any],
) -> dict[str, Any]:
    """One act: what is signed, its digest, its signatures, and the five words that travel."""
    message = {**values, "deadline": DEADLINE}
    types = {act: [{"name": name, "type": kind_} for name, kind_ in fields]}
    signable = encode_typed_data(DOMAINS[contract], types, message)
    signed = [Account.sign_message(signable, KEYS[name]) for name in signers]

    words = {"detail": 0, "argument": 0, "flag": 0}
    for name, (place, bit) in places.items():
        words[place] |= number(message[name]) << bit
    first = fields[0][0]
    subject = 0 if first == "sequence" else number(message[first])
    head = kind | (len(signers) - 1) << 8 | words["flag"] << 15
    head |= message["sequence"] << 16 | DEADLINE << 48 | words["argument"] << 96
    return {
        "contract": contract,
        "act": act,
        "kind": kind,
        "types": types,
        "message": {name: message[name] for name, _ in fields},
        "domainSeparator": "0x" + signable.header.hex(),
        "structHash": "0x" + signable.body.hex(),
        "digest": "0x" + _hash_eip191_message(signable).hex(),
        "signer": signers[0],
        "signature": "0x" + signed[0].signature.hex(),
        "wire": {
            "subject": word(subject),
            "head": word(head),
            "detail": word(words["detail"]),
            **compact(signed[0]),
        },
        "cosignatures": [
            {"signer": name, "signature": "0x" + made.signature.hex(), **compact(made)}
            for name, made in zip(signers[1:], signed[1:], strict=True)
        ],
    }


def document() -> dict[str, Any]:
    """The whole file."""
    return {
        "about": "Signed acts, one of every kind; made by make_intents.py. The keys are public test keys.",
        "keys": {
            name: {"private": "0x" + key.hex(), "address": ADDRESSES[name]} for name, key in KEYS.items()
        },
        "domains": DOMAINS,
        "count": len(ACTS),
        "intents": [vector(*act) for act in ACTS],
    }


def main() -> int:
    """Writes or compares, as asked."""
    parser = argparse.ArgumentParser(description="Writes tests/vectors/intents.json.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing; 1 if it differs")
    text = json.dumps(document(), indent=1) + "\n"
    if parser.parse_args().check:
        same = FILE.exists() and FILE.read_text(encoding="utf-8") == text
        print("intents.json: as generated" if same else "intents.json: differs from what is generated")
        return 0 if same else 1
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.name}: {len(ACTS)} acts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
