"""Proof bundles and trust roots as files: their shape, read strictly (docs/proof-bundle.md).

What a bundle shows, and whether it holds, is looked at elsewhere (:mod:`api.kernel.bundles`, and the rooms).

>>> read_bundle(raw, EvidenceBundle).head.size  # doctest: +SKIP
12
>>> read_trust(raw).max_age                     # doctest: +SKIP
86400
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from chain.canonical import CanonicalError, JsonError, canonical, parse
from chain.errors import LandbridgeError
from chain.intents import Address
from chain.qbft import Era

__all__ = [
    "FORM",
    "MAX_BYTES",
    "AddressHex",
    "Bundle",
    "BundleError",
    "BundleTooLargeError",
    "ChainPart",
    "Deposit",
    "EvidenceBundle",
    "HeadPart",
    "Hex32",
    "NotAnchoredError",
    "Number",
    "Part",
    "Path",
    "SealedPart",
    "Trust",
    "TrustError",
    "ValidatorsPart",
    "kind_of",
    "read_bundle",
    "read_trust",
    "read_validators",
    "seal_bundle",
]

FORM: Final = "landbridge/bundle/1"
MAX_BYTES: Final = 10 << 20
_DEPTH: Final = 48

Hex32 = Annotated[StrictStr, Field(pattern="^0x[0-9a-f]{64}$")]
AddressHex = Annotated[StrictStr, Field(pattern="^0x[0-9a-f]{40}$")]
ContractName = Annotated[StrictStr, Field(pattern="^[A-Z][A-Za-z]{0,39}$")]
Number = Annotated[StrictInt, Field(ge=0, lt=2**53)]
Path = Annotated[list[Hex32], Field(max_length=64)]
Bytes = Annotated[StrictStr, Field(pattern="^0x(?:[0-9a-f]{2})+$")]
_B = TypeVar("_B", bound="Bundle")


class BundleError(LandbridgeError):
    """A file that is no bundle: its shape, its canonical form or its digest is wrong."""

    code: ClassVar[str] = "bundle-malformed"


class BundleTooLargeError(BundleError):
    """A file larger than any bundle."""

    code: ClassVar[str] = "bundle-too-large"


class NotAnchoredError(LandbridgeError):
    """Part of what a bundle is to show is not under an anchored head yet."""

    code: ClassVar[str] = "log-not-anchored"


class TrustError(LandbridgeError):
    """A file that is no trust root."""

    code: ClassVar[str] = "trust-malformed"


class Part(BaseModel):
    """A part of a bundle: members that are not known, and missing ones, are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ChainPart(Part):
    """Which chain, and which registry on it."""

    id: Number
    genesis: Hex32
    contracts: Annotated[dict[ContractName, AddressHex], Field(max_length=16)]


class HeadPart(Part):
    """A head of the log, and the transaction that anchored it."""

    size: Number
    root: Hex32
    block: Number
    transaction: Hex32


class Deposit(Part):
    """An entry of the log, and the way from it to the head."""

    entry: dict[str, Any]
    index: Number
    path: Path


class SealedPart(Part):
    """What a QBFT chain's headers and tries show, for whoever can ask no node.

    :ivar transactions: of each transaction the place in its block
    :ivar codes: the runtime code of each contract
    :ivar nodes: of all tries; ascending, none twice
    """

    headers: Annotated[list[Bytes], Field(min_length=1, max_length=10_002)]
    transactions: Annotated[dict[Hex32, Number], Field(max_length=10_001)]
    codes: Annotated[dict[ContractName, Bytes], Field(max_length=16)]
    nodes: list[Bytes]

    @field_validator("nodes")
    @classmethod
    def _ascending(cls, value: list[str]) -> list[str]:
        if any(later <= earlier for earlier, later in pairwise(value)):
            raise ValueError("not ascending")
        return value


class Bundle(Part):
    """What bundles of every kind have."""

    bundle: Literal["landbridge/bundle/1"]
    digest: Hex32
    chain: ChainPart
    head: HeadPart
    deposit: Deposit
    sealed: SealedPart | None = None

    @field_validator("sealed", mode="before")
    @classmethod
    def _not_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("left out, not null")
        return value


class EvidenceBundle(Bundle):
    """Evidence in the log."""

    kind: Literal["evidence"]


class ValidatorsPart(Part):
    """Who validates a QBFT chain from a block on."""

    since: Annotated[Number, Field(alias="from")]
    addresses: Annotated[list[AddressHex], Field(min_length=1, max_length=1000)]

    @field_validator("addresses")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("an address twice")
        return value


def _ascending_eras(value: list[ValidatorsPart]) -> list[ValidatorsPart]:
    if any(later.since <= earlier.since for earlier, later in pairwise(value)):
        raise ValueError("not ascending")
    return value


Validators = Annotated[
    list[ValidatorsPart], Field(min_length=1, max_length=1000), AfterValidator(_ascending_eras)
]


class Trust(Part):
    """What a relying party holds true beforehand, had from elsewhere than from the bundle.

    :ivar confirmations: blocks after which the node's chain counts as final; nothing: it never does
    :ivar max_age: seconds that the chain's newest block may be old
    :ivar validators: who seals the chain's headers, ascending; nothing: no sealed part is believed
    """

    trust: Literal["landbridge/trust/1"]
    chain: ChainPart
    confirmations: Number | None
    max_age: Number
    validators: Validators | None = None

    @field_validator("validators", mode="before")
    @classmethod
    def _not_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("left out, not null")
        return value

    @property
    def eras(self) -> list[Era]:
        """Who validates from which block on; none where the trust root does not say."""
        return [Era(one.since, frozenset(map(Address, one.addresses))) for one in self.validators or ()]


def read_bundle(raw: bytes, shape: type[_B]) -> _B:
    """Read a bundle of one kind, strictly.

    :raises BundleTooLargeError: it is larger than 10 MiB
    :raises BundleError: it is not canonical JSON to the byte, its digest is not its own, or its shape is
        another; params: ``reason``
    """
    content = _content(raw)
    told = content.get("digest")
    rest = {name: value for name, value in content.items() if name != "digest"}
    if told != "0x" + sha256(canonical(rest)).hexdigest():
        raise BundleError("the bundle was damaged: its digest is not its own", params={"reason": "digest"})
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(step) for step in first["loc"])[:200]
        raise BundleError(
            f"the bundle has not the shape of one, at {where or 'the top'}", params={"reason": "shape"}
        ) from None


def kind_of(raw: bytes) -> str:
    """The kind of a bundle.

    :raises BundleError: the file is none
    """
    return str(_content(raw).get("kind"))


def _content(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_BYTES:
        raise BundleTooLargeError("the file is larger than any bundle", params={"limit": MAX_BYTES})
    try:
        content: Any = parse(raw, max_bytes=MAX_BYTES, max_depth=_DEPTH)
        same = canonical(content) == raw
    except (JsonError, CanonicalError) as error:
        raise BundleError("the bundle is no JSON", params={"reason": error.code}) from None
    if not same:
        raise BundleError("the bundle is not in canonical form", params={"reason": "canonical"})
    if not isinstance(content, dict) or content.get("bundle") != FORM:
        raise BundleError("the file is no bundle", params={"reason": "form"})
    return content


def read_trust(raw: bytes) -> Trust:
    """Read a trust root.

    :raises TrustError: it is none
    """
    try:
        return Trust.model_validate(parse(raw, max_bytes=1 << 16, max_depth=8))
    except (JsonError, ValidationError):
        raise TrustError("the file is no trust root (landbridge/trust/1)") from None


def read_validators(raw: bytes) -> list[ValidatorsPart]:
    """Read a list of validators, as it stands in a trust root.

    :raises TrustError: it is none
    """
    try:
        found = TypeAdapter(Validators).validate_python(parse(raw, max_bytes=1 << 16, max_depth=8))
    except (JsonError, ValidationError):
        raise TrustError("the file is no list of validators") from None
    return list(found)


def seal_bundle(content: Mapping[str, Any]) -> bytes:
    """A bundle's bytes, from all of it but its digest."""
    digest = "0x" + sha256(canonical(dict(content))).hexdigest()
    return canonical({**content, "digest": digest})
