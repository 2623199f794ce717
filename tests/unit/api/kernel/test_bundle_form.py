"""Trust roots with validators: read strictly, as docs/proof-bundle.md has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.kernel.bundle_form import TrustError, read_trust, read_validators
from chain.qbft import Era

A, B = "0x" + "1a" * 20, "0x" + "2b" * 20
ROOT = {
    "trust": "landbridge/trust/1",
    "chain": {"id": 7, "genesis": "0x" + "00" * 32, "contracts": {"Parties": A}},
    "confirmations": None,
    "max_age": 60,
}
ERAS = [{"from": 0, "addresses": [A]}, {"from": 9, "addresses": [B, A]}]


def read(validators: Any) -> list[Era]:
    """Read either way; both say the same."""
    eras = read_trust(json.dumps(ROOT | {"validators": validators}).encode()).eras
    alone = read_validators(json.dumps(validators).encode())
    assert [Era(one.since, frozenset(one.addresses)) for one in alone] == eras
    return eras


def test_validators_are_optional():
    assert read_trust(json.dumps(ROOT).encode()).eras == []
    assert read(ERAS) == [Era(0, frozenset({A})), Era(9, frozenset({A, B}))]
    assert read(ERAS[1:]) == [Era(9, frozenset({A, B}))]


@pytest.mark.parametrize(
    "validators",
    [
        None,
        [],
        {},
        [{}],
        [[]],
        ERAS[::-1],
        ERAS[:1] * 2,
        [{"from": 0, "addresses": []}],
        [{"from": 0, "addresses": [A, A]}],
        [{"from": 0, "addresses": [A.upper()]}],
        [{"from": 0, "addresses": [A[2:]]}],
        [{"from": 0, "addresses": A}],
        [{"from": -1, "addresses": [A]}],
        [{"from": 2**53, "addresses": [A]}],
        [{"from": "0", "addresses": [A]}],
        [{"from": True, "addresses": [A]}],
        [{"since": 0, "addresses": [A]}],
        [{"from": 0, "addresses": [A], "until": 9}],
        [{"from": 0}],
        [{"addresses": [A]}],
    ],
)
def test_what_is_no_list_of_validators_is_refused(validators):
    with pytest.raises(TrustError):
        read_trust(json.dumps(ROOT | {"validators": validators}).encode())
    with pytest.raises(TrustError):
        read_validators(json.dumps(validators).encode())


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[" * 100, b"1" * 100_000, b'[{"from":0,"from":0}]'])
def test_what_is_no_json_is_refused(raw):
    with pytest.raises(TrustError):
        read_validators(raw)
