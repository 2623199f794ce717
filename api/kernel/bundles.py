"""Proof bundles: one file that shows what stands in the log, checked without us (docs/proof-bundle.md).

Here is what the checks of every kind share: whether the bundle is of the registry trusted, in the log, under
an anchored head. What a room's bundle shows beside that is the room's.

>>> bundle = read_bundle(raw, EvidenceBundle)                        # doctest: +SKIP
>>> [check.name for check in log_checks(bundle, trust, None)]        # doctest: +SKIP
['registry', 'inclusion', 'anchoring', 'finality', 'freshness']
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from api.kernel.bundle_form import (
    FORM,
    MAX_BYTES,
    Bundle,
    BundleError,
    BundleTooLargeError,
    ChainPart,
    Deposit,
    EvidenceBundle,
    HeadPart,
    Hex32,
    NotAnchoredError,
    Number,
    Part,
    Path,
    SealedPart,
    Trust,
    TrustError,
    kind_of,
    read_bundle,
    read_trust,
    seal_bundle,
)
from api.kernel.checks import Block as CheckBlock
from api.kernel.checks import Check, Policy, Result, Scope
from api.kernel.onchain import HeadAt, OnChain, Unread, look_at_chain, open_sealed_part
from chain.canonical import CanonicalError, canonical
from chain.merkle import InclusionError, leaf_hash, verify_inclusion
from chain.rlpread import ProofError

if TYPE_CHECKING:
    from api.kernel.house import House

__all__ = [
    "EVIDENCE_POLICY",
    "FORM",
    "MAX_BYTES",
    "Bundle",
    "BundleError",
    "BundleTooLargeError",
    "ChainPart",
    "Deposit",
    "EvidenceBundle",
    "HeadPart",
    "Hex32",
    "Look",
    "NotAnchoredError",
    "Number",
    "OnChain",
    "Part",
    "Path",
    "SealedPart",
    "Trust",
    "TrustError",
    "chain_part",
    "checks_of_log",
    "kind_of",
    "log_checks",
    "look",
    "look_at_chain",
    "open_sealed_part",
    "passing",
    "read_bundle",
    "read_trust",
    "seal_bundle",
    "whole_check",
]

_LOG: Final = "AnchorLog"
_AHEAD_SECONDS: Final = 300
_T = TypeVar("_T")


def chain_part(house: House) -> dict[str, Any]:
    """Which chain and registry a gateway serves, as a bundle says it."""
    deployment = house.deployment
    return {
        "id": house.chain_id,
        "genesis": deployment.genesis_hash,
        "contracts": dict(deployment.contracts),
    }


def passing(result: bool | None) -> Result:
    """Pass or fail; unknown for what could not be looked at."""
    return Result.UNKNOWN if result is None else Result.PASS if result else Result.FAIL


@dataclass(frozen=True)
class Look(Generic[_T]):
    """All that the chain says of one bundle. Where one part of it cannot be read, nothing of it is believed.

    :ivar told: what the bundle's room asked
    """

    head: HeadAt | None
    fault: str | None
    fault_zh: str
    final: bool
    anchored: bool | None
    told: _T | None

    @property
    def at(self) -> CheckBlock | None:
        """The block at which the chain was read."""
        return CheckBlock(self.head.number, self.head.hash) if self.head else None


def look(bundle: Bundle, on_chain: OnChain | None, ask: Callable[[OnChain], _T]) -> Look[_T] | None:
    """Ask the chain all that a bundle's checks need; nothing where nobody can be asked.

    :param ask: what the bundle's room needs to know
    :raises NodeError: the node cannot be asked
    """
    if on_chain is None:
        return None
    anchored, told = None, None
    if on_chain.fault is None:
        try:
            anchored, told = _is_anchored(bundle, on_chain), ask(on_chain)
        except ProofError as error:
            on_chain, anchored, told = Unread(error), None, None
    return Look(on_chain.head, on_chain.fault, on_chain.fault_zh, on_chain.final, anchored, told)


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
    :param on_chain: the chain as a node shows it; where none was named, the bundle's sealed part is read.
        With neither, what the chain says is unknown
    :param further: what must be in the log beside the bundle's own deposit
    :param now: Unix time in seconds; else the clock's
    """
    if on_chain is None:
        on_chain = open_sealed_part(bundle, trust)
    return checks_of_log(bundle, trust, look(bundle, on_chain, lambda _: None), further=further, now=now)


def checks_of_log(
    bundle: Bundle,
    trust: Trust | None,
    seen: Look[Any] | None,
    *,
    further: Iterable[Deposit] = (),
    now: int | None = None,
) -> list[Check]:
    """The same, where the chain was looked at already."""
    return [
        _registry(bundle, trust, seen),
        _inclusion(bundle, further),
        _anchoring(bundle, seen),
        _finality(bundle, trust, seen),
        _freshness(trust, seen, int(time.time()) if now is None else now),
    ]


def _at(seen: Look[Any] | None) -> CheckBlock | None:
    return seen.at if seen else None


def _registry(bundle: Bundle, trust: Trust | None, seen: Look[Any] | None) -> Check:
    if trust is not None and bundle.chain != trust.chain:
        result, en, zh = (
            Result.FAIL,
            "the bundle is of another chain or registry than the one trusted",
            "文件所属的链或登记处与所信任的不同",
        )
    elif seen is not None and seen.fault is not None:
        result, en, zh = Result.FAIL, seen.fault, seen.fault_zh
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
    return Check("registry", result, en, zh, Scope.REGISTRY, bundle.chain.model_dump(), _at(seen))


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


def _anchoring(bundle: Bundle, seen: Look[Any] | None) -> Check:
    known = seen.anchored if seen else None
    en, zh = {
        None: ("no chain was asked whether it holds this head", "未向链查询该日志头"),
        True: ("the chain holds this head of the log", "链上存有该日志头"),
        False: ("the chain does not hold this head of the log", "链上没有该日志头"),
    }[known]
    return Check("anchoring", passing(known), en, zh, Scope.CHAIN, bundle.head.model_dump(), _at(seen))


def _is_anchored(bundle: Bundle, on_chain: OnChain) -> bool:
    wanted = {"size": bundle.head.size, "root": bytes.fromhex(bundle.head.root[2:])}
    events = on_chain.logged(_LOG, bundle.head.transaction, bundle.head.block)
    return any(dict(event.arguments) == wanted for event in events or ())


def _finality(bundle: Bundle, trust: Trust | None, seen: Look[Any] | None) -> Check:
    asked = trust.confirmations if trust else None
    head = seen.head if seen and seen.fault is None else None
    depth = head.number - bundle.head.block + 1 if head else None
    if seen is not None and head is not None and seen.final:
        result = Result.PASS
        en, zh = (
            "the chain's validators sealed the anchor's block: it stands for good",
            "锚定区块经验证者签封，已属终局",
        )
    elif asked is None or depth is None:
        result, en, zh = (
            Result.UNKNOWN,
            "the trust root does not say when a block of this chain is final",
            "信任根未说明该链的区块何时视为终局",
        )
    else:
        result = Result.PASS if depth >= asked else Result.UNKNOWN
        en = f"the anchor lies {depth} blocks deep; {asked} are asked"
        zh = f"锚定已有 {depth} 个区块确认，要求 {asked} 个"
    return Check("finality", result, en, zh, Scope.CHAIN, {"depth": depth, "asked": asked}, _at(seen))


def _freshness(trust: Trust | None, seen: Look[Any] | None, now: int) -> Check:
    head = seen.head if seen and seen.fault is None else None
    age = now - head.timestamp if head else None
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
    return Check("freshness", result, en, zh, Scope.CHAIN, {"age": age}, _at(seen))
