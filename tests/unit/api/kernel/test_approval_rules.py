"""What a rule covers and who may say what: every answer of the pure rules."""

from __future__ import annotations

import itertools

import pytest

from api.kernel.approval.rules import (
    ALWAYS,
    AlreadySignedOffError,
    ApprovalEndedError,
    Decision,
    NotAPersonError,
    OwnRequestError,
    Rule,
    Said,
    Status,
    may_decide,
    may_withdraw,
    standing_behind,
)
from api.kernel.party_acts import PARTY_ACTS
from api.registry import ROOMS

ADA = Said("ada", Decision.PROPOSE)
SYSTEM = Said("", Decision.PROPOSE)
BEN = Said("ben", Decision.APPROVE)
EVERY_ACT = [(room.name, act.name) for room in ROOMS for act in room.acts]


def rule(*acts: str) -> Rule:
    return Rule(version=1, acts=acts, people=2, lifetime=60)


@pytest.mark.parametrize(("room", "act"), EVERY_ACT)
def test_what_is_covered(room: str, act: str) -> None:
    key_act = f"{room}/{act}" in ALWAYS
    assert rule("*").covers(room, act)
    assert rule(f"{room}/{act}").covers(room, act)
    assert rule("bills/Nothing").covers(room, act) is key_act
    assert not rule().covers(room, act), "a rule that was lifted covers nothing"


def test_every_act_on_keys_is_always_covered() -> None:
    keys = {f"parties/{act.name}" for act in PARTY_ACTS if act.name.endswith("Key")}
    assert keys == set(ALWAYS)


@pytest.mark.parametrize(
    ("said", "people"),
    [
        ([], set()),
        ([SYSTEM], set()),
        ([ADA], {"ada"}),
        ([SYSTEM, BEN], {"ben"}),
        ([ADA, BEN], {"ada", "ben"}),
        ([ADA, BEN, Said("ben", Decision.APPROVE)], {"ada", "ben"}),
        ([ADA, Said("cao", Decision.DECLINE)], {"ada"}),
        ([ADA, Said("ada", Decision.WITHDRAW)], {"ada"}),
        ([Said("", Decision.APPROVE), Said("", Decision.LIFT)], set()),
    ],
)
def test_who_stands_behind(said: list[Said], people: set[str]) -> None:
    assert standing_behind(said) == people


@pytest.mark.parametrize(
    ("status", "said", "person", "error"),
    [
        (Status.AWAITING, [ADA], "ben", None),
        (Status.AWAITING, [SYSTEM], "ada", None),
        (Status.AWAITING, [ADA, BEN], "cao", None),
        (Status.AWAITING, [ADA], None, NotAPersonError),
        (Status.AWAITING, [ADA], "ada", OwnRequestError),
        (Status.AWAITING, [ADA, BEN], "ben", AlreadySignedOffError),
        *((status, [ADA], "ben", ApprovalEndedError) for status in Status if status != Status.AWAITING),
    ],
)
def test_who_may_decide(status: str, said: list[Said], person: str | None, error: type | None) -> None:
    if error is None:
        assert may_decide(status, said, person) == person
        return
    with pytest.raises(error):
        may_decide(status, said, person)


@pytest.mark.parametrize(
    ("status", "said", "token", "person", "error"),
    [
        (Status.AWAITING, [ADA], "t1", "ada", None),
        (Status.AWAITING, [ADA], "t2", "ada", None),
        (Status.AWAITING, [SYSTEM], "t1", None, None),
        (Status.AWAITING, [SYSTEM], "t2", None, OwnRequestError),
        (Status.AWAITING, [ADA], "t2", "ben", OwnRequestError),
        (Status.AWAITING, [ADA, BEN], "t2", "ben", OwnRequestError),
        (Status.AWAITING, [ADA], "t2", None, OwnRequestError),
        *((status, [ADA], "t1", "ada", ApprovalEndedError) for status in Status if status != Status.AWAITING),
    ],
)
def test_who_may_withdraw(
    status: str, said: list[Said], token: str, person: str | None, error: type | None
) -> None:
    if error is None:
        assert may_withdraw(status, said, "t1", token, person) == (person or "")
        return
    with pytest.raises(error):
        may_withdraw(status, said, "t1", token, person)


def test_no_order_of_sayings_lets_one_person_stand_for_two() -> None:
    """Whatever one person does with however many tokens, he is one."""
    decisions = (Decision.PROPOSE, Decision.APPROVE, Decision.DECLINE, Decision.WITHDRAW)
    for several in itertools.product(decisions, repeat=3):
        assert len(standing_behind([Said("ada", one) for one in several])) <= 1
