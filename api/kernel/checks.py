"""Named checks and the verdict that a policy draws from them.

Rules, whatever the room:

- A check passes, fails, or is unknown; unknown is said where it could not be made, never guessed.
- A policy names the checks that must pass. A required check that failed, is unknown, or was never made
  fails the verdict.
- Each check carries its evidence, its scope (what was looked at) and the block at which it was true.

>>> intact = Check("document-intact", Result.PASS, "the digest fits", "摘要一致", Scope.DOCUMENT)
>>> judge([intact], Policy(required=("document-intact",))).passed
True
>>> judge([intact], Policy(required=("document-intact", "finality"))).reasons
['finality']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Block", "Check", "Policy", "Result", "Scope", "Verdict", "judge"]


class Result(StrEnum):
    """What came of a check."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """What a check looked at, and so how far its answer reaches."""

    DOCUMENT = "document"
    REGISTRY = "registry"
    CHAIN = "chain"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Block:
    """The block at which a check was true."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Check:
    """One named check. ``en`` and ``zh`` say in a sentence what was found and, if not well, what to do."""

    name: str
    result: Result
    en: str
    zh: str
    scope: Scope
    evidence: Mapping[str, Any] = field(default_factory=dict)
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What a relying party demands: the names of the checks that must pass."""

    required: tuple[str, ...]
    name: str = "caller"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy's answer: passed only if every required check did; ``reasons`` names those that did not."""

    passed: bool
    reasons: list[str]


def judge(checks: Sequence[Check], policy: Policy) -> Verdict:
    """Draw the verdict."""
    passed = {check.name for check in checks if check.result is Result.PASS}
    spoiled = {check.name for check in checks if check.result is not Result.PASS}
    reasons = [name for name in policy.required if name not in passed or name in spoiled]
    return Verdict(not reasons, reasons)
