"""The verdict: passed only if every required check passed, once and without contradiction."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.kernel.checks import Check, Policy, Result, Scope, judge

NAMES = ("a", "b", "c")


def _check(name, result):
    return Check(name, result, "en", "zh", Scope.CHAIN)


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Result))), max_size=6),
    st.lists(st.sampled_from((*NAMES, "never-made")), max_size=4),
)
def test_the_verdict(made, required):
    verdict = judge([_check(name, result) for name, result in made], Policy(tuple(required)))
    for name in required:
        results = {result for made_name, result in made if made_name == name}
        assert (name in verdict.reasons) == (results != {Result.PASS})
    assert verdict.passed == (not verdict.reasons)
    assert set(verdict.reasons) <= set(required)


def test_unknown_fails_a_required_check():
    for result in (Result.UNKNOWN, Result.FAIL):
        verdict = judge([_check("a", result)], Policy(("a",)))
        assert (verdict.passed, verdict.reasons) == (False, ["a"])
    assert judge([_check("a", Result.PASS), _check("b", Result.UNKNOWN)], Policy(("a",))).passed


def test_a_check_that_was_never_made_fails():
    assert judge([], Policy(("a",))).reasons == ["a"]
