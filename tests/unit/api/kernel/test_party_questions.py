"""Each question has one answer, whether a call gives it or the storage slots do."""

from __future__ import annotations

import time

import pytest

from api.domains.bills.bundle_facts import bill_of_note, bill_word
from api.kernel.onchain import Question
from api.kernel.party_acts import Role
from api.kernel.party_questions import had_role_at, key_of, party_of
from chain.client import Chain
from chain.contracts import Artifact
from chain.intents import Address, keccak
from chain.signers import KeySigner
from chain.storage import Storage
from tests.unit.api.lab import Lab


def both(lab: Lab, question: Question) -> tuple[object, object]:
    """What the contract answers, and what lies in its slots."""
    chain: Chain = lab.house.chain
    address, artifact = lab.house.deployment.contracts[question.contract], Artifact.load(question.contract)
    answer = chain.call(address, artifact.encode(question.function, *question.arguments))

    def slot(place: bytes) -> int:
        return int(chain.node.rpc("eth_getStorageAt", [address, "0x" + place.hex(), "latest"]), 16)

    stored = question.stored(Storage(artifact.layout, slot))
    return artifact.decode(question.function, answer), stored


def same(lab: Lab, question: Question) -> object:
    """The answer, which is the same both ways."""
    answer, stored = both(lab, question)
    assert answer == stored
    return stored


def test_keys_and_parties(lab: Lab):
    signer = lab.keys["carrier"]
    assert same(lab, key_of(signer.address))["party"] == lab.numbers["carrier"]
    assert same(lab, key_of(Address("0x" + "5a" * 20)))["since"] == 0
    assert same(lab, key_of(lab.house.administrator.address))["party"] == 0
    for number in (1, lab.numbers["bank"], 4_000_000_000):
        same(lab, party_of(number))
    lab.admit("rotating")
    new = KeySigner(keccak(b"rotated"))
    lab.party_act("RotateKey", "rotating", lab.keys["rotating"], new, key=new.address, custodial=True)
    assert same(lab, key_of(lab.keys["rotating"].address))["until"] > 0
    assert same(lab, key_of(new.address))["custodial"] is True
    lab.administrate("Suspend", "rotating", reason="0x" + "5a" * 32)
    assert same(lab, party_of(lab.numbers["rotating"]))["suspended"] is True


def test_roles_at_all_times(lab: Lab):
    party = lab.admit("often")
    now = int(time.time())
    for start in (1000, 2000, 3000):
        lab.role("often", Role.CARRIER, starts=now + start, ends=now + start + 500)
    lab.role("often", Role.BANK)
    times = [0, 1, now, *(now + start + more for start in (1000, 2000, 3000) for more in (-1, 0, 499, 500))]
    answers = [same(lab, had_role_at(party, Role.CARRIER, at)) for at in times]
    assert answers == [False] * 3 + [False, True, True, False] * 3
    assert same(lab, had_role_at(party, Role.BANK, now + 10_000)) is True
    assert same(lab, had_role_at(party, Role.COURT, now)) is False
    # An end takes back what has not begun: the last two spans, and half of the first.
    lab.administrate("EndRole", "often", role=int(Role.CARRIER), at=now + 1200)
    answers = [same(lab, had_role_at(party, Role.CARRIER, at)) for at in times]
    assert answers == [False] * 3 + [False, True, False, False] + [False] * 8


@pytest.mark.parametrize("state", ["issued", "nothing"])
def test_bills_and_notes(lab: Lab, state: str):
    note = "0x" + keccak(state.encode()).hex()
    bill = lab.issue(note=note) if state == "issued" else "0x" + "00" * 32
    assert bool(same(lab, bill_word(bytes.fromhex(bill[2:])))) is (state == "issued")
    assert same(lab, bill_of_note(bytes.fromhex(note[2:]))).hex() == bill[2:]


def test_a_voided_bill_stands_in_its_notes_slot_but_is_not_live(lab: Lab):
    note = "0x" + keccak(b"voided").hex()
    bill = lab.issue(note=note)
    lab.do(lab.act("Void", bill, reason="0x" + "5a" * 32), "holder", "carrier")
    answer, stored = both(lab, bill_of_note(bytes.fromhex(note[2:])))
    assert (answer.hex(), stored.hex()) == ("00" * 32, bill[2:])
    assert lab.word(bill).state.name == "VOIDED"
