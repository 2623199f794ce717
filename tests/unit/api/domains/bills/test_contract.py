"""The contract's side of a bill: acts, words and refusals as the contract itself has them."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILL_REFUSALS, BillWord
from api.domains.bills.rules import BillState
from api.kernel.party_acts import PARTY_ACTS, PARTY_REFUSALS
from api.registry import ROOMS
from chain.contracts import Artifact
from chain.intents import Act, Signature

U32 = st.integers(0, 2**32 - 1)


def _value(type_):
    return {
        "bytes32": lambda: secrets.token_bytes(32),
        "address": lambda: "0x" + secrets.token_hex(20),
        "bool": lambda: secrets.randbelow(2) == 1,
    }.get(type_, lambda: secrets.randbits(int(type_[4:] or 8)))()


@pytest.mark.parametrize(
    ("room", "shape"),
    [(room, shape) for room in ROOMS for shape in room.acts],
    ids=[f"{room.name}-{shape.name}" for room in ROOMS for shape in room.acts],
)
def test_each_act_has_the_digest_that_the_contract_computes(lab, room, shape):
    """Whatever its fields: so a signature made here is good there, and for nothing else."""
    for _ in range(5):
        subject = bytes(32)
        if shape.subject:
            subject = _value(shape.subject[1])
            subject = subject if isinstance(subject, bytes) else subject.to_bytes(32, "big")
        values = {field.name: _value(field.type) for field in shape.fields}
        act = Act(shape, subject, secrets.randbits(32), secrets.randbits(48), values)
        wire = act.wire(Signature(bytes(32), bytes(32)), cosigners=secrets.randbelow(8))
        assert lab.read("intentDigest", wire, room=room.name) == act.digest(lab.house.domain(room))


def test_the_numbers_of_acts_are_the_contracts():
    assert [act.kind for act in RAIL_BILL_ACTS] == list(range(1, 13))
    assert [act.kind for act in PARTY_ACTS] == list(range(1, 10))


def test_every_refusal_is_an_error_that_the_contracts_have():
    known = {
        item["name"]
        for name in ("RailBills", "Parties")
        for item in Artifact.load(name).abi
        if item["type"] == "error"
    }
    assert RAIL_BILL_REFUSALS.keys() <= known
    assert PARTY_REFUSALS.keys() <= known


def test_a_bill_is_read_as_the_contract_reads_it(lab):
    bill = lab.issue()
    lab.do(lab.act("Offer", bill, to=lab.numbers["bank"], expiry=2**48 - 1), "holder")
    for one in (bill, lab.issue(to_order=False), "0x" + "00" * 32):
        found, word = lab.read("bill", bytes.fromhex(one[2:])), lab.word(one)
        assert found == {
            "state": int(word.state),
            "toOrder": word.to_order,
            "sequence": word.sequence,
            "version": word.version,
            "issuer": word.issuer,
            "holder": word.holder,
            "offeree": word.offeree,
            "offerExpiry": word.offer_expiry,
        }


@given(
    st.sampled_from(BillState),
    st.booleans(),
    U32,
    U32,
    U32,
    U32,
    st.integers(0, 2**48 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
)
@settings(max_examples=200)
def test_a_word_is_taken_apart_as_it_is_drawn(
    state, to_order, sequence, issuer, holder, offeree, expiry, version, lienholder, unused
):
    word = (
        state
        | to_order << 8
        | sequence << 16
        | issuer << 48
        | holder << 80
        | offeree << 112
        | lienholder << 144
        | expiry << 176
        | version << 224
        | unused << 240
    )
    assert BillWord.unpack(word) == BillWord(
        state, to_order, sequence, issuer, holder, offeree, expiry, version
    )


@pytest.mark.parametrize("state", [6, 7, 8, 255])
def test_a_state_of_a_later_version_is_refused(state):
    with pytest.raises(ValueError, match="not a valid"):
        BillWord.unpack(state)
