"""Proof bundles: one file that shows what stands in the log, checked without us (docs/proof-bundle.md).

Here is what bundles of every kind share: strict reading, trust roots, and the checks of log and chain. What a
room's bundle shows beside that is the room's.

>>> bundle = read_bundle(raw, EvidenceBundle)                        # doctest: +SKIP
>>> [check.name for check in log_checks(bundle, trust, chain=None)]  # doctest: +SKIP
['registry', 'inclusion', 'anchoring', 'finality', 'freshness']
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from api.kernel.checks import Block as CheckBlock
from api.kernel.checks import Check, Policy, Result, Scope
from chain.canonical import CanonicalError, JsonError, canonical, parse
from chain.client import Block, Chain
from chain.contracts import Artifact, ContractError
from chain.deploy import OtherContractError, verify_code
from chain.errors import LandbridgeError
from chain.intents import Address
from chain.merkle import InclusionError, leaf_hash, verify_inclusion

if TYPE_CHECKING:
    from api.kernel.house import House

__all__ = [
    "EVIDENCE_POLICY",
    "FORM",
    "MAX_BYTES",
    "Bundle",
    "BundleError",
    "ChainPart",
    "Deposit",
    "EvidenceBundle",
    "HeadPart",
    "NotAnchoredError",
    "OnChain",
    "Trust",
    "chain_part",
    "kind_of",
    "log_checks",
    "look_at_chain",
    "passing",
    "read_bundle",
    "read_trust",
    "seal_bundle",
    "whole_check",
]

FORM: Final = "landbridge/bundle/1"
MAX_BYTES: Final = 10 << 20
_DEPTH: Final = 48
_LOG: Final = "AnchorLog"
_AHEAD_SECONDS: Final = 300

Hex32 = Annotated[StrictStr, Field(pattern="^0x[0-9a-f]{64}$")]
AddressHex = Annotated[StrictStr, Field(pattern="^0x[0-9a-f]{40}$")]
ContractName = Annotated[StrictStr, Field(pattern="^[A-Z][A-Za-z]{0,39}$")]
Number = Annotated[StrictInt, Field(ge=0, lt=2**53)]
Path = Annotated[list[Hex32], Field(max_length=64)]
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


class Bundle(Part):
    """What bundles of every kind have."""

    bundle: Literal["landbridge/bundle/1"]
    digest: Hex32
    chain: ChainPart
    head: HeadPart
    deposit: Deposit


class EvidenceBundle(Bundle):
    """Evidence in the log."""

    kind: Literal["evidence"]


class Trust(Part):
    """What a relying party holds true beforehand, had from elsewhere than from the bundle.

    :ivar confirmations: blocks after which the node's chain counts as final; nothing: it never does
    :ivar max_age: seconds that the chain's newest block may be old
    """

    trust: Literal["landbridge/trust/1"]
    chain: ChainPart
    confirmations: Number | None
    max_age: Number


def chain_part(house: House) -> dict[str, Any]:
    """Which chain and registry a gateway serves, as a bundle says it."""
    deployment = house.deployment
    return {
        "id": house.chain_id,
        "genesis": deployment.genesis_hash,
        "contracts": dict(deployment.contracts),
    }


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


def seal_bundle(content: Mapping[str, Any]) -> bytes:
    """A bundle's bytes, from all of it but its digest."""
    digest = "0x" + sha256(canonical(dict(content))).hexdigest()
    return canonical({**content, "digest": digest})


@dataclass(frozen=True)
class OnChain:
    """The chain as a node shows it, at its newest block.

    :ivar fault: what is wrong with it, if it is not the chain that was meant or its contracts are others
    """

    chain: Chain
    head: Block
    fault: str | None


def look_at_chain(chain: Chain, part: ChainPart) -> OnChain:
    """Look whether a node's chain is the one meant, with the published contracts where they should be.

    :raises NodeError: the node cannot be asked
    """
    genesis, head = chain.block(0), chain.block("latest")
    if genesis is None or head is None:
        raise BundleError("the node has no blocks", params={"reason": "node"})
    fault = None
    if chain.chain_id() != part.id or genesis.hash != part.genesis:
        fault = "the node's chain is another one"
    else:
        try:
            for name, address in part.contracts.items():
                verify_code(chain, name, Address(address))
        except (OtherContractError, ContractError) as error:
            fault = error.sentence
    return OnChain(chain, head, fault)


def passing(result: bool | None) -> Result:
    """Pass or fail; unknown for what could not be looked at."""
    return Result.UNKNOWN if result is None else Result.PASS if result else Result.FAIL


EVIDENCE_POLICY: Final = Policy(
    name="landbridge/evidence/1", required=("bundle", "registry", "inclusion", "anchoring", "freshness")
)
"""What is demanded of a bundle of evidence when the caller names nothing."""


def whole_check(bundle: Bundle, *, sound: bool = True) -> Check:
    """That the file is whole: it was read, so it is, but for parts that only its room can read."""
    return Check(
        "bundle",
        passing(sound),
        "the file is whole, and in shape" if sound else "a part of the file has not the shape of one",
        "文件完整且格式正确" if sound else "文件有部分格式错误",
        Scope.DOCUMENT,
        {"digest": bundle.digest},
    )


def log_checks(
    bundle: Bundle,
    trust: Trust | None,
    on_chain: OnChain | None,
    *,
    further: Iterable[Deposit] = (),
    now: int | None = None,
) -> list[Check]:
    """The checks of every kind: registry, inclusion, anchoring, finality, freshness.

    :param trust: nothing where the caller has none: then the registry is unknown
    :param on_chain: nothing where no node can be asked: then what the chain says is unknown
    :param further: what must be in the log beside the bundle's own deposit
    :param now: Unix time in seconds; else the clock's
    """
    return [
        _registry(bundle, trust, on_chain),
        _inclusion(bundle, further),
        _anchoring(bundle, on_chain),
        _finality(bundle, trust, on_chain),
        _freshness(trust, on_chain, int(time.time()) if now is None else now),
    ]


def _at(on_chain: OnChain | None) -> CheckBlock | None:
    return CheckBlock(on_chain.head.number, on_chain.head.hash) if on_chain else None


def _registry(bundle: Bundle, trust: Trust | None, on_chain: OnChain | None) -> Check:
    if trust is not None and bundle.chain != trust.chain:
        result, en, zh = (
            Result.FAIL,
            "the bundle is of another chain or registry than the one trusted",
            "文件所属的链或登记处与所信任的不同",
        )
    elif on_chain is not None and on_chain.fault is not None:
        result, en, zh = Result.FAIL, on_chain.fault, "节点所示的链或合约与公布的不一致"
    elif trust is None:
        result, en, zh = (
            Result.UNKNOWN,
            "no trust root was given: name the chain and the registry that you rely on",
            "未提供信任根：请指明所信赖的链与登记处",
        )
    else:
        result, en, zh = (
            Result.PASS,
            "the bundle is of the chain and the registry that are trusted",
            "文件属于所信任的链与登记处",
        )
    return Check("registry", result, en, zh, Scope.REGISTRY, bundle.chain.model_dump(), _at(on_chain))


def _inclusion(bundle: Bundle, further: Iterable[Deposit]) -> Check:
    root, wrong = bytes.fromhex(bundle.head.root[2:]), []
    for deposit in (bundle.deposit, *further):
        path = [bytes.fromhex(one[2:]) for one in deposit.path]
        try:
            hash_ = leaf_hash(canonical(deposit.entry))
            verify_inclusion(hash_, deposit.index, bundle.head.size, path, root)
        except (InclusionError, CanonicalError):
            wrong.append(deposit.index)
    return Check(
        "inclusion",
        passing(not wrong),
        "not everything shown is in the log" if wrong else "everything shown is in the log",
        "所示内容并非全部在日志中" if wrong else "所示内容均在日志中",
        Scope.DOCUMENT,
        {"size": bundle.head.size, "root": bundle.head.root, "wrong": wrong},
    )


def _anchoring(bundle: Bundle, on_chain: OnChain | None) -> Check:
    known = None if on_chain is None or on_chain.fault else _is_anchored(bundle, on_chain.chain)
    en, zh = {
        None: ("no chain was asked whether it holds this head", "未向链查询该日志头"),
        True: ("the chain holds this head of the log", "链上存有该日志头"),
        False: ("the chain does not hold this head of the log", "链上没有该日志头"),
    }[known]
    evidence = bundle.head.model_dump()
    return Check("anchoring", passing(known), en, zh, Scope.CHAIN, evidence, _at(on_chain))


def _is_anchored(bundle: Bundle, chain: Chain) -> bool:
    receipt, artifact = chain.receipt(bundle.head.transaction), Artifact.load("AnchorLog")
    if receipt is None or not receipt.succeeded or receipt.block_number != bundle.head.block:
        return False
    block = chain.block(receipt.block_number)
    if block is None or block.hash != receipt.block_hash:
        return False
    wanted = {"size": bundle.head.size, "root": bytes.fromhex(bundle.head.root[2:])}
    for log in receipt.logs:
        event = artifact.event(log.topics, log.data)
        if log.address == bundle.chain.contracts.get(_LOG) and event and dict(event.arguments) == wanted:
            return True
    return False


def _finality(bundle: Bundle, trust: Trust | None, on_chain: OnChain | None) -> Check:
    asked = trust.confirmations if trust else None
    depth = on_chain.head.number - bundle.head.block + 1 if on_chain and not on_chain.fault else None
    if asked is None or depth is None:
        result, en, zh = (
            Result.UNKNOWN,
            "the trust root does not say when a block of this chain is final",
            "信任根未说明该链的区块何时视为终局",
        )
    else:
        result = Result.PASS if depth >= asked else Result.UNKNOWN
        en = f"the anchor lies {depth} blocks deep; {asked} are asked"
        zh = f"锚定已有 {depth} 个区块确认，要求 {asked} 个"
    return Check("finality", result, en, zh, Scope.CHAIN, {"depth": depth, "asked": asked}, _at(on_chain))


def _freshness(trust: Trust | None, on_chain: OnChain | None, now: int) -> Check:
    age = now - on_chain.head.timestamp if on_chain and not on_chain.fault else None
    if age is None or trust is None:
        result, en, zh = Result.UNKNOWN, "how old this is cannot be said", "无法判断时效"
    elif age < -_AHEAD_SECONDS:
        result, en, zh = (
            Result.UNKNOWN,
            "the chain's newest block is ahead of this clock: set the clock",
            "链上最新区块的时间晚于本机时钟：请校准时钟",
        )
    else:
        result = passing(age <= trust.max_age)
        en = f"the chain's newest block is {max(age, 0)} seconds old"
        zh = f"链上最新区块距今 {max(age, 0)} 秒"
    return Check("freshness", result, en, zh, Scope.CHAIN, {"age": age}, _at(on_chain))
