"""Shapes of the API's requests and answers that every room shares. Unknown members are refused by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, model_validator

from api.kernel.auth import SCOPES
from chain.log import Leaf, LogAlteredError
from chain.tables import HeadRow

__all__ = [
    "Digest",
    "DocumentIn",
    "DocumentOut",
    "EvidenceIn",
    "EvidenceOut",
    "FindingOut",
    "HeadOut",
    "InclusionIn",
    "IntentOut",
    "LeafOut",
    "PartyNumber",
    "PrepareIn",
    "Prepared",
    "Problem",
    "ProofOut",
    "SealedOut",
    "SignIn",
    "SubmitIn",
    "VerifiedOut",
]

Digest = Annotated[
    StrictStr,
    Field(pattern="^0x[0-9a-f]{64}$", description="32 bytes in lower-case hex", examples=["0x" + "5a" * 32]),
]
Address = Annotated[StrictStr, Field(pattern="^0x[0-9a-fA-F]{40}$", examples=["0x" + "1f" * 20])]
SignatureHex = Annotated[
    StrictStr,
    Field(
        pattern="^0x[0-9a-fA-F]{128,130}$",
        description="65 bytes r‖s‖v, or 64 bytes in compact form (EIP-2098)",
        examples=["0x" + "11" * 64 + "1b"],
    ),
]
PartyNumber = Annotated[
    StrictInt, Field(ge=1, lt=2**32, description="a party's number in the registry", examples=[3])
]
UnixTime = Annotated[StrictInt, Field(ge=0, lt=2**48, description="seconds of Unix time, UTC")]
Label = Annotated[StrictStr, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Model(BaseModel):
    """A shape that refuses members it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _like(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


_HEX32 = "0x" + "5a" * 32
_PROFILE = {"name": "Demo Bank (no real bank)", "name_zh": "示范银行（并非真实银行）", "country": "CN"}
_ADMISSION = {
    "profile": _HEX32,
    "sequence": 4,
    "deadline": 1_795_400_000,
    "rulebook": _HEX32,
    "key": "0x" + "1f" * 20,
    "custodial": False,
}
_WISH = {"room": "bills", "act": "Transfer", "subject": _HEX32, "fields": {"to": 3}}
_TRANSFER = {"bill": _HEX32, "sequence": 1, "deadline": 1_795_400_000, "to": 3}
_SIGNATURE = "0x" + "11" * 64 + "1b"


class FindingOut(Model):
    """One thing that a document's checks found."""

    code: str
    severity: str
    path: str = Field(description="JSON Pointer (RFC 6901) into the document")
    en: str
    zh: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/stale-sequence"])
    title: str
    status: int
    detail: str
    code: str = Field(description="stable: scripts may rely on it", examples=["stale-sequence"])
    next: str = Field(description="what to do")
    params: dict[str, Any] | None = None
    findings: list[FindingOut] | None = None


# -- parties ---------------------------------------------------------------------------------------


class ProfileIn(Model):
    """What an organisation says of itself."""

    name: Label = Field(examples=["Demo Bank (no real bank)"])
    name_zh: Label = Field(examples=["示范银行（并非真实银行）"])
    country: StrictStr = Field(pattern="^[A-Z]{2}$", examples=["CN"], description="ISO 3166-1 alpha-2")


class AdmitIn(ProfileIn):
    """Admit a party that entrusts its key to this gateway (marked custodial on the chain)."""

    model_config = _like(_PROFILE)

    key: Address | None = Field(
        None,
        description="an account of the gateway's token or signing service; a key is made, if absent",
    )


class AdmissionPrepareIn(ProfileIn):
    """Prepare the admission of a party that keeps its own keys."""

    model_config = _like(_PROFILE | {"key": "0x" + "1f" * 20, "reader_key": "5a" * 32})

    key: Address = Field(description="the account of the party's first key")
    reader_key: StrictStr = Field(
        pattern="^[0-9a-f]{64}$", description="X25519 public key, hex: documents are sealed to it"
    )


class AdmissionSignedIn(Model):
    """An admission signed by the party's first key."""

    model_config = _like({"message": _ADMISSION, "signature": _SIGNATURE})

    message: dict[StrictStr, Any] = Field(description="the typed data's message, as it was prepared")
    signature: SignatureHex


class RoleIn(Model):
    """A role with its time."""

    model_config = _like(
        {"role": "carrier"}, {"role": "bank", "starts": 1_795_400_000, "ends": 1_826_936_000}
    )

    role: StrictStr = Field(examples=["carrier"], max_length=40)
    starts: UnixTime | None = Field(None, description="now, if absent; never in the past")
    ends: UnixTime | None = Field(None, description="open, if absent")


class RoleEndIn(Model):
    """End a role."""

    model_config = _like({"role": "carrier"})

    role: StrictStr = Field(examples=["carrier"], max_length=40)


class SuspendIn(Model):
    """Suspend: new issues stop, nothing else."""

    model_config = _like({"reason": _HEX32})

    reason: Digest = Field(description="digest of the reasons, which are kept elsewhere")


class KeyOut(Model):
    """A key and its time."""

    address: str
    custodial: bool
    since: int
    until: int | None


class TenureOut(Model):
    """A role and its time."""

    role: str
    starts: int
    ends: int | None


class PartyOut(Model):
    """A party."""

    party: int
    name: str | None
    name_zh: str | None
    country: str | None
    profile: str
    reader_key: str | None
    rulebook: str
    admitted: int
    suspended: bool
    keys: list[KeyOut]
    roles: list[TenureOut]


# -- tokens ----------------------------------------------------------------------------------------


class TokenIn(Model):
    """Make a token."""

    model_config = _like(
        {
            "party": 3,
            "scopes": ["read", "write", "sign"],
            "label": "trade-finance desk",
            "lifetime": 7_776_000,
        },
        {"scopes": ["read", "sign", "approve"], "label": "second desk", "person": "staff 4711"},
    )

    party: PartyNumber | None = Field(None, description="the operator names the party; a party makes its own")
    scopes: list[Annotated[StrictStr, Field(max_length=40)]] = Field(
        min_length=1, max_length=10, examples=[["read", "write", "sign"]], description=", ".join(SCOPES)
    )
    label: Label = Field(examples=["trade-finance desk"])
    lifetime: StrictInt = Field(
        7_776_000, ge=60, le=366 * 86_400, description="seconds", examples=[7_776_000]
    )
    person: Label | None = Field(
        None,
        description="whom it stands for, as the party calls its people; only a keyed hash is kept",
        examples=["staff 4711"],
    )


class TokenOut(Model):
    """A token, without its secret."""

    id: str
    party: int | None
    scopes: list[str]
    label: str
    created: int
    expires: int
    revoked: int | None
    person: str | None = Field(None, description="whom it stands for, as this gateway calls people")
    awaits: str | None = Field(None, description="the request on which it waits; until then it is refused")


class TokenMade(TokenOut):
    """A token with its secret, shown once."""

    token: str


# -- documents -------------------------------------------------------------------------------------


class DocumentIn(Model):
    """A document to be checked, digested and sealed."""

    document: dict[str, Any] = Field(description="a document in a format that the gateway knows")
    readers: list[PartyNumber] = Field(
        default_factory=list, max_length=16, description="parties that may open it, beside the caller"
    )


class DocumentOut(Model):
    """A stored document."""

    digest: str
    format: str
    findings: list[FindingOut]
    facts: dict[str, Any] = Field(description="what the document's room derived, e.g. the note's fingerprint")


class OpenedOut(Model):
    """A document opened with the caller's entrusted key; with its seed, any field can be proved."""

    digest: str
    document: dict[str, Any]
    seed: str


class SealedOut(Model):
    """A document for a caller that keeps its own reader key."""

    digest: str
    format: str
    wrap: str = Field(description="the document's key, sealed to the caller's reader key (HPKE), hex")
    ciphertext: str = Field(description="base64")


class ShowIn(Model):
    """Let another party read a document. A caller that keeps its own key sends the wrap it made."""

    model_config = _like({"party": 3}, {"party": 3, "wrap": "01" * 82})

    party: PartyNumber
    wrap: StrictStr | None = Field(
        None,
        pattern="^(0x)?[0-9a-f]{164}$",
        description="82 bytes (HPKE) in hex, for a party's own reader key",
    )


# -- intents ---------------------------------------------------------------------------------------


class PrepareIn(Model):
    """Ask for an act, ready to be signed."""

    model_config = _like(_WISH)

    room: StrictStr = Field(examples=["bills"], max_length=40)
    act: StrictStr = Field(examples=["Transfer"], max_length=40)
    subject: Digest | PartyNumber = Field(description="the bill's id; for acts on parties, the number")
    fields: dict[StrictStr, Any] = Field(default_factory=dict, examples=[{"to": 3}])
    deadline: UnixTime | None = Field(None, description="an hour from now, if absent")


class SignIn(PrepareIn):
    """Have the caller's entrusted key sign an act and submit it."""

    model_config = _like(
        _WISH, _WISH | {"act": "Void", "fields": {"reason": _HEX32}, "cosignatures": [_SIGNATURE]}
    )

    cosignatures: list[SignatureHex] = Field(default_factory=list, max_length=7)


class Prepared(Model):
    """An act to be signed: ``typed_data`` is what eth_signTypedData_v4 takes."""

    room: str
    digest: str
    typed_data: dict[str, Any]


class SubmitIn(Model):
    """A signed act."""

    model_config = _like(
        {"room": "bills", "act": "Transfer", "message": _TRANSFER, "signatures": [_SIGNATURE]}
    )

    room: StrictStr = Field(examples=["bills"], max_length=40)
    act: StrictStr = Field(examples=["Transfer"], max_length=40, description="the typed data's primaryType")
    message: dict[StrictStr, Any] = Field(description="the typed data's message")
    signatures: list[SignatureHex] = Field(min_length=1, max_length=8)


IntentState = Literal["pending", "sent", "mined", "done", "refused", "expired"]


class IntentOut(Model):
    """An act on its way, or where it arrived."""

    id: str = Field(description="the act's EIP-712 digest")
    room: str
    act: str
    subject: str
    status: IntentState
    reason: str | None = Field(None, description="the code of the refusal")
    block: int | None = None
    block_hash: str | None = None
    transaction: str | None = None
    gas_used: int | None = Field(None, description="of the whole transaction")
    batch: int | None = Field(None, description="acts in that transaction")
    deadline: int


Index = Annotated[StrictInt, Field(ge=0, lt=2**53)]


class EvidenceIn(Model):
    """Evidence for the log."""

    model_config = ConfigDict(extra="forbid", frozen=True) | _like(
        {"type": "delivery-record/1", "digest": _HEX32}
    )
    type: Annotated[
        StrictStr,
        Field(pattern="^[a-z0-9][a-z0-9./+-]{0,99}$", description="what the digest is of"),
    ]
    digest: Digest


class HeadOut(Model):
    """A head of the log; with block and transaction once it is anchored."""

    size: Index
    root: Digest
    sealed: int
    block: int | None
    block_hash: str | None = None
    transaction: str | None

    @classmethod
    def of(cls, head: HeadRow) -> HeadOut:
        """A head as it is stored.

        :raises LogAlteredError: its root is none
        """
        if len(head.root) != 32:
            raise LogAlteredError("a sealed head was altered in the database", params={"size": head.size})
        return cls(
            size=head.size,
            root="0x" + head.root.hex(),
            sealed=head.sealed_at,
            block=head.block_number,
            block_hash=head.block_hash,
            transaction=head.transaction_hash,
        )


class EvidenceOut(Model):
    """A leaf: in the log (accepted), under an anchored head, that head deep enough (final)."""

    leaf: Index
    status: Literal["accepted", "anchored", "final"]
    leaf_hash: Digest | None = None
    entry: str | None = Field(default=None, description="canonical JSON: what the leaf's hash is of")
    head: HeadOut | None = None


class LeafOut(Model):
    """A leaf as the caller may see it."""

    leaf: Index
    leaf_hash: Digest
    kind: str
    entry: str | None = None


class ProofOut(Model):
    """Hashes that lead to a root (RFC 9162)."""

    size: Index
    root: Digest
    path: list[Digest]
    leaf: Index | None = None
    leaf_hash: Digest | None = None

    @classmethod
    def of(cls, path: list[bytes], *, size: int, root: bytes, leaf: Leaf | None = None) -> ProofOut:
        """A proof as the log gives it."""
        return cls(
            size=size,
            root="0x" + root.hex(),
            path=["0x" + one.hex() for one in path],
            leaf=leaf.index if leaf else None,
            leaf_hash="0x" + leaf.hash.hex() if leaf else None,
        )


class VerifiedOut(Model):
    """What came of a check, and where the head it was checked against is anchored."""

    result: Literal["pass", "fail", "unknown"]
    reason: str | None = None
    block: int | None = None
    transaction: str | None = None


class InclusionIn(Model):
    """An inclusion proof to be checked: of an entry, or of a leaf's hash."""

    model_config = ConfigDict(extra="forbid", frozen=True) | _like(
        {"leaf": 0, "size": 1, "leaf_hash": _HEX32, "path": []}
    )
    leaf: Index
    size: Index
    leaf_hash: Digest | None = None
    entry: Annotated[StrictStr, Field(max_length=4000)] | None = None
    path: Annotated[list[Digest], Field(max_length=64)]

    @model_validator(mode="after")
    def _one(self) -> InclusionIn:
        if (self.leaf_hash is None) == (self.entry is None):
            raise ValueError("give the leaf's hash, or its entry")
        return self
