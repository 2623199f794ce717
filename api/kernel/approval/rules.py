"""What a rule covers, and who may say what to a request. Pure.

A rule of N people asks that N different people stand behind an act, its proposer among them: with two, who
proposes and one other. A token that stands for nobody may propose; its proposal counts for nobody.

>>> rule = Rule(version=1, acts=("bills/Transfer",), people=2, lifetime=86_400)
>>> rule.covers("bills", "Transfer"), rule.covers("bills", "Surrender"), rule.covers("parties", "RotateKey")
(True, False, True)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from chain.errors import LandbridgeError

__all__ = [
    "ALWAYS",
    "EVERYTHING",
    "AlreadySignedOffError",
    "ApprovalEndedError",
    "Decision",
    "Kind",
    "NotAPersonError",
    "OtherDigestError",
    "OwnRequestError",
    "Rule",
    "Said",
    "Status",
    "may_decide",
    "may_withdraw",
    "standing_behind",
]

EVERYTHING: Final = "*"
ALWAYS: Final = ("parties/AddKey", "parties/RotateKey", "parties/RevokeKey")
"""Under every rule: with another key of the party one person could do what the rule forbids him."""


class Kind(StrEnum):
    """What a request is for."""

    ACT = "act"
    COSIGNATURE = "cosignature"
    RULE = "rule"
    TOKEN = "token"  # noqa: S105 - a kind


class Status(StrEnum):
    """Where a request stands. The first two may change, the others are final.

    - ``awaiting-approval``: sign-offs are missing.
    - ``approved``: all are there; the key is about to sign.
    - ``signed``: the act was signed and taken, or the cosignature is there.
    - ``applied``: the rule or the token is in force.
    - ``declined``, ``withdrawn``, ``expired``.
    - ``refused``: it could not be done any more; ``reason`` names why.
    """

    AWAITING = "awaiting-approval"
    APPROVED = "approved"
    SIGNED = "signed"
    APPLIED = "applied"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REFUSED = "refused"


class Decision(StrEnum):
    """What a person says to a request."""

    PROPOSE = "propose"
    APPROVE = "approve"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    LIFT = "lift"
    """The operator's, past the party: see :func:`api.kernel.approval.requests.lift`."""


class NotAPersonError(LandbridgeError):
    """The caller's token stands for no person, and only people sign off."""

    code: ClassVar[str] = "not-a-person"


class OwnRequestError(LandbridgeError):
    """Who proposed cannot decide; or somebody else wants to withdraw."""

    code: ClassVar[str] = "own-request"


class AlreadySignedOffError(LandbridgeError):
    """This person has signed off already, with this token or another."""

    code: ClassVar[str] = "already-signed-off"


class ApprovalEndedError(LandbridgeError):
    """The request waits for nobody any more; params: ``status``."""

    code: ClassVar[str] = "approval-ended"


class OtherDigestError(LandbridgeError):
    """The digest that was sent is not that of the request: something else was shown."""

    code: ClassVar[str] = "approval-other-digest"


@dataclass(frozen=True, slots=True)
class Rule:
    """What needs how many people.

    :ivar acts: ``room/Act``, or ``*``
    :ivar lifetime: seconds in which a request must come to its end
    """

    version: int
    acts: tuple[str, ...]
    people: int
    lifetime: int

    def covers(self, room: str, act: str) -> bool:
        """Whether an act needs sign-offs."""
        name = f"{room}/{act}"
        return bool(self.acts) and (name in self.acts or EVERYTHING in self.acts or name in ALWAYS)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said to a request: by whom (empty for nobody), and what."""

    person: str
    decision: str


def standing_behind(said: Iterable[Said]) -> set[str]:
    """The people behind a request."""
    return {one.person for one in said if one.person and one.decision in (Decision.PROPOSE, Decision.APPROVE)}


def may_decide(status: str, said: Sequence[Said], person: str | None) -> str:
    """The person who approves or declines, if he may.

    :raises ApprovalEndedError: the request waits for nobody
    :raises NotAPersonError: the token stands for nobody
    :raises OwnRequestError: he proposed it
    :raises AlreadySignedOffError: he approved it before
    """
    if status != Status.AWAITING:
        raise ApprovalEndedError("this request waits for no sign-off", params={"status": status})
    if person is None:
        raise NotAPersonError("only a token that stands for a person signs off")
    if any(one.person == person and one.decision == Decision.PROPOSE for one in said):
        raise OwnRequestError("who proposed it cannot decide on it; another person must")
    if person in standing_behind(said):
        raise AlreadySignedOffError("this person has signed off already")
    return person


def may_withdraw(status: str, said: Sequence[Said], proposer: str, token: str, person: str | None) -> str:
    """Who withdraws, if he may: the proposer, with the token of the proposal or another of his.

    :param proposer: the token of the proposal
    :return: the person, empty for nobody
    :raises ApprovalEndedError: the request waits for nobody
    :raises OwnRequestError: another proposed it
    """
    if status != Status.AWAITING:
        raise ApprovalEndedError("this request waits for no sign-off", params={"status": status})
    proposed = person is not None and any(
        one.person == person and one.decision == Decision.PROPOSE for one in said
    )
    if token != proposer and not proposed:
        raise OwnRequestError("only who proposed it withdraws it; decline it instead")
    return person or ""
