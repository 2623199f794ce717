"""Shapes of the bills' requests and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictInt, StrictStr

from api.domains.bills.document import sample
from api.domains.bills.verify import CHECKS
from api.kernel.schemas import Digest, FindingOut, Model, PartyNumber

__all__ = [
    "BillOut",
    "CheckIn",
    "CheckOut",
    "EventOut",
    "ExpectIn",
    "NamedCheck",
    "PolicyIn",
    "VerdictOut",
    "VerifyIn",
]

StateName = Literal["issued", "surrendered", "accepted", "delivered", "voided"]


class BillOut(Model):
    """A bill as it stands."""

    bill: Digest
    state: StateName
    live: bool
    sequence: int
    version: int
    to_order: bool
    issuer: int
    holder: int
    offeree: int | None
    offer_expiry: int | None
    note: Digest
    block: int
    current: bool = Field(description="false where the caller sees the bill as it was when it parted with it")
    open_acts: list[str] = Field(description="the acts that the caller can take now")


class EventOut(Model):
    """An act that took effect."""

    act: str
    sequence: int = Field(description="the bill's after it")
    party: int
    key: str
    detail: str = Field(description="note, reason or evidence; zero where the act has none")
    state: StateName
    holder: int
    offeree: int | None
    block: int
    block_hash: str
    time: int
    transaction: str


class CheckIn(Model):
    """A document to be checked for sense."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema.update(examples=[{"document": sample("astana-chengdu")}])
    )

    document: dict[str, Any]


class CheckOut(Model):
    """What was found."""

    sound: bool = Field(description="no finding of severity error")
    findings: list[FindingOut]


class PolicyIn(Model):
    """What the relying party demands."""

    name: StrictStr = Field("caller", max_length=100)
    required: list[Annotated[StrictStr, Field(max_length=60)]] = Field(
        min_length=1,
        max_length=50,
        examples=[["document-intact", "live", "finality"]],
        description=", ".join(CHECKS),
    )


class ExpectIn(Model):
    """What the relying party expects to find."""

    holder: PartyNumber | None = None
    issuer: PartyNumber | None = None
    confirmations: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = 12
    max_head_age: Annotated[StrictInt, Field(ge=1, le=31_536_000, description="seconds")] = 600


class VerifyIn(Model):
    """A document with its seed, or a bill that the caller may read here; and a policy."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"bill": "0x" + "5a" * 32},
                {
                    "bill": "0x" + "5a" * 32,
                    "policy": {"name": "our desk", "required": ["document-intact", "live", "control"]},
                    "expect": {"holder": 3, "issuer": 1, "confirmations": 12, "max_head_age": 600},
                },
                {"document": {"format": "landbridge/rail-bill/1"}, "seed": "5a" * 32},
            ]
        }
    )

    bill: Digest | None = Field(None, description="needed where no document is given")
    document: dict[str, Any] | None = None
    seed: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")] | None = None
    policy: PolicyIn | None = None
    expect: ExpectIn | None = None


class BundleIn(Model):
    """Which bundle is wanted. Without document and seed, of a bill that the caller may read here."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"fields": ["/bill/number", "/issuer/party"]}]}
    )

    document: dict[str, Any] | None = None
    seed: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")] | None = None
    fields: (
        Annotated[
            list[Annotated[StrictStr, Field(max_length=300)]],
            Field(min_length=1, max_length=500, description="JSON Pointers of the fields to show alone"),
        ]
        | None
    ) = None


class BlockOut(Model):
    """The block at which a check was true."""

    number: int
    hash: str


class NamedCheck(Model):
    """One named check."""

    name: str
    result: Literal["pass", "fail", "unknown"]
    required: bool
    en: str
    zh: str
    scope: Literal["document", "registry", "chain", "gateway"]
    evidence: dict[str, Any]
    block: BlockOut | None


class VerdictOut(Model):
    """The verdict and everything it rests on."""

    format: Literal["landbridge/verdict/1"] = "landbridge/verdict/1"
    bill: Digest
    verdict: Literal["pass", "fail"]
    reasons: list[str] = Field(description="the required checks that did not pass")
    policy: PolicyIn
    checks: list[NamedCheck]
    time: int
