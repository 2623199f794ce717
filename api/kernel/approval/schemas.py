"""Shapes of requests for sign-offs, rules and sign-offs in the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictInt, StrictStr

from api.kernel.schemas import Digest, IntentOut, Model

__all__ = ["ApprovalOut", "DecideIn", "RuleIn", "RuleOut", "SignOffOut"]

ApprovalStatus = Literal[
    "awaiting-approval", "approved", "signed", "applied", "declined", "withdrawn", "expired", "refused"
]
ActName = Annotated[StrictStr, Field(max_length=81, pattern=r"^(\*|[a-z]+/[A-Za-z]+)$")]


class RuleIn(Model):
    """What needs the sign-off of several people. Without acts, nothing does."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"acts": ["bills/Transfer", "bills/Surrender"], "people": 2, "lifetime": 86_400},
                {"acts": ["*"], "people": 3},
                {"acts": []},
            ]
        },
    )

    acts: list[ActName] = Field(
        max_length=100, description="room/Act, or * for all", examples=[["bills/Transfer"]]
    )
    people: StrictInt = Field(
        2, ge=2, le=10, description="how many different people, the proposer among them", examples=[2]
    )
    lifetime: StrictInt = Field(
        86_400,
        ge=300,
        le=30 * 86_400,
        description="seconds in which an act must be signed off and take effect",
        examples=[86_400],
    )


class RuleOut(Model):
    """A party's rule."""

    party: int
    version: int = Field(description="counts the changes; 0 where there never was a rule")
    acts: list[str] = Field(description="empty where no rule stands")
    always: list[str] = Field(description="under every rule, named or not")
    people: int
    lifetime: int
    signatories: int = Field(description="people who could sign off now")


class DecideIn(Model):
    """What a person decides on: the digest of what was shown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"digest": "0x" + "5a" * 32}]}
    )

    digest: Digest


class SignOffOut(Model):
    """What one person said, and how to find it in the log."""

    decision: Literal["propose", "approve", "decline", "withdraw", "lift"]
    person: str | None = Field(description="as this gateway calls people; nobody, for a system's token")
    time: int
    leaf: int = Field(description="of the log")
    statement: dict[str, Any] = Field(description="what the leaf's digest is of")
    seed: str = Field(description="salts that digest")


class ApprovalOut(Model):
    """A request for sign-offs."""

    id: str
    status: ApprovalStatus
    reason: str | None = Field(None, description="the code of what ended it, or what it waits for")
    kind: Literal["act", "cosignature", "rule", "token"]
    room: str | None = None
    act: str | None = None
    digest: Digest = Field(description="what is signed off: of an act, its EIP-712 digest")
    typed_data: dict[str, Any] | None = Field(None, description="the act, as EIP-712 typed data")
    rule: dict[str, Any] | None = Field(None, description="the rule that is asked for")
    token: dict[str, Any] | None = Field(None, description="the token that is asked for, without its secret")
    people: int = Field(description="how many different people must stand behind it")
    behind: int = Field(description="how many do")
    mine: bool = Field(description="whether the caller proposed it")
    created: int
    expires: int
    ended: int | None = None
    sign_offs: list[SignOffOut]
    signature: str | None = Field(None, description="the key's, where that alone was asked for")
    intent: IntentOut | None = Field(None, description="the act on its way, once it is signed")
