"""Whether a bill's proof bundle holds: every question a named check, no gateway asked (docs/proof-bundle.md).

What the chain holds is asked of a node that the caller names, or read from what the chain's validators
sealed; what the bundle claims of it is never believed.

>>> checks = check_bundle(bundle, trust, on_chain)  # doctest: +SKIP
>>> judge(checks, BUNDLE_POLICY).passed             # doctest: +SKIP
True
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from api.domains.bills.bundle import ActPart, BillBundle, Whole
from api.domains.bills.bundle_facts import Signed, Told, ask, domain_of
from api.domains.bills.rules import LIVE
from api.kernel.bundles import (
    Deposit,
    Look,
    OnChain,
    Trust,
    checks_of_log,
    look,
    open_sealed_part,
    passing,
    whole_check,
)
from api.kernel.checks import Check, Policy, Scope
from chain.canonical import CanonicalError, Json, parse
from chain.digests import (
    Digest,
    DigestError,
    FieldProof,
    Seed,
    document_digest,
    verify_field,
)
from chain.entries import act_entry
from chain.intents import Act

__all__ = ["BUNDLE_CHECKS", "BUNDLE_POLICY", "check_bundle"]

BUNDLE_CHECKS: Final = (
    "bundle",
    "registry",
    "integrity",
    "issuer",
    "issuer-entitled",
    "key-custody",
    "signatures",
    "history",
    "parties",
    "inclusion",
    "anchoring",
    "state",
    "finality",
    "freshness",
)
BUNDLE_POLICY: Final = Policy(
    name="landbridge/bundle/1",
    required=tuple(name for name in BUNDLE_CHECKS if name not in ("key-custody", "finality")),
)
"""What is demanded of a bill's bundle when the caller names nothing."""

_BY_ISSUER: Final = ("Issue", "AcceptSurrender", "RefuseSurrender", "Deliver")
_BY_OFFEREE: Final = ("AcceptOffer", "DeclineOffer")


def check_bundle(
    bundle: BillBundle,
    trust: Trust | None,
    on_chain: OnChain | None,
    *,
    holder: int | None = None,
    now: int | None = None,
) -> list[Check]:
    """Make every check. Never raises for what the bundle says.

    :param on_chain: the chain as a node shows it; where none was named, the bundle's sealed part is read
    :param holder: the party that is expected to hold the bill
    :param now: Unix time in seconds; else the clock's
    :raises NodeError: the node cannot be asked
    """
    signed = [Signed.read(bundle, part) for part in bundle.acts]
    if on_chain is None:
        on_chain = open_sealed_part(bundle, trust, acts=len(bundle.acts))
    seen = look(bundle, on_chain, lambda chain: ask(bundle, signed, chain))
    further = [
        Deposit(entry=_entry(bundle, one.act), index=part.index, path=part.path)
        for part, one in zip(bundle.acts, signed, strict=True)
        if one.act is not None
    ]
    made = {
        "bundle": whole_check(bundle, sound=all(one.act is not None for one in signed)),
        "integrity": _integrity(bundle),
        **{check.name: check for check in checks_of_log(bundle, trust, seen, further=further, now=now)},
        **{check.name: check for check in _chain_checks(bundle, signed, seen, holder)},
    }
    return [made[name] for name in BUNDLE_CHECKS]


def _entry(bundle: BillBundle, act: Act) -> dict[str, Any]:
    domain = domain_of(bundle)
    entry: Any = parse(act_entry(domain.verifying_contract, act.digest(domain)))
    return dict(entry)


def _integrity(bundle: BillBundle) -> Check:
    digest = Digest(bytes.fromhex(bundle.bill[2:]))
    try:
        if isinstance(bundle.document, Whole):
            seed = Seed(bytes.fromhex(bundle.document.seed))
            same = document_digest(bundle.document.whole, seed) == digest
        else:
            for field in bundle.document.fields:
                verify_field(FieldProof.from_json(field), digest)
            same = True
    except (DigestError, CanonicalError):
        same = False
    entry = bundle.deposit.entry
    same = same and entry.get("kind") == "document" and entry.get("digest") == bundle.bill
    return Check(
        "integrity",
        passing(same),
        "the document is, to the letter, the one that was issued"
        if same
        else "the document was altered, or belongs to another bill",
        "单证与签发内容逐字一致" if same else "单证内容被改动，或属于另一份提单",
        Scope.DOCUMENT,
        {"bill": bundle.bill, "whole": isinstance(bundle.document, Whole)},
    )


def _chain_checks(
    bundle: BillBundle, signed: Sequence[Signed], seen: Look[Told] | None, holder: int | None
) -> list[Check]:
    told, block = (seen.told, seen.at) if seen else (None, None)

    def check(name: str, result: bool | None, en: str, zh: str, **evidence: Any) -> Check:
        if told is None:
            en = "no chain that fits was asked: name a node, or validators that sealed this"
            zh = "未查询到相符的链：请指明节点，或签封此文件的验证者"
            result = None
        return Check(name, passing(result), en, zh, Scope.CHAIN, evidence, block)

    if told is None:
        names = (
            "issuer",
            "issuer-entitled",
            "key-custody",
            "signatures",
            "history",
            "parties",
            "state",
        )
        return [check(name, None, "", "") for name in names]
    proven = told.complete and all(
        _is_signed(part, one, told, place)
        for place, (part, one) in enumerate(zip(bundle.acts, signed, strict=True))
    )
    custodial = [key for key in told.signers if told.keys[key]["custodial"]]
    named = _issuer_named(bundle)
    issuer = told.words[0].issuer if told.words else 0
    concerned = {p for word in told.words for p in (word.issuer, word.holder, word.offeree)} - {0}
    named_rightly: bool | None = all(
        document_digest(one.content, Seed(bytes.fromhex(one.seed))) == told.profiles[one.party]
        for one in bundle.profiles
    )
    if named_rightly and not concerned <= {profile.party for profile in bundle.profiles}:
        named_rightly = None
    live = told.word.state in LIVE and told.note_of == bytes.fromhex(bundle.bill[2:])
    held = holder is None or told.word.holder == holder
    return [
        check(
            "issuer",
            None if named is None else named == told.word.issuer == issuer,
            f"issued by party {issuer}",
            f"由第 {issuer} 号成员签发",
            issuer=told.word.issuer,
            named=named,
        ),
        check(
            "issuer-entitled",
            told.entitled,
            "the issuer was a carrier when it issued" if told.entitled else "the issuer was no carrier then",
            "签发时具有承运人资格" if told.entitled else "签发时不具有承运人资格",
            at=told.times[0] if told.times else None,
        ),
        check(
            "key-custody",
            not custodial,
            "some acts were signed by keys entrusted to a gateway"
            if custodial
            else "all signed with own keys",
            "部分行为由托管于网关的密钥签署" if custodial else "均使用自有密钥签署",
            custodial=sorted(set(custodial)),
        ),
        check(
            "signatures",
            proven,
            "every act was signed by a key of the party whose act it was"
            if proven
            else "an act was not signed by a key of the party whose act it was",
            "每一行为均由所属方的密钥签署" if proven else "有行为不是由所属方的密钥签署",
        ),
        check(
            "history",
            told.complete,
            "the acts shown are all that the chain knows of this bill"
            if told.complete
            else "the chain knows other acts than those shown: ask for a new file",
            "所示行为即链上该提单的全部行为" if told.complete else "链上行为与所示不同：请索取新文件",
            shown=len(bundle.acts),
            sequence=told.word.sequence,
        ),
        check(
            "parties",
            named_rightly,
            "the parties' names are those under which they were admitted"
            if named_rightly
            else "a party is not named, so far as this file shows"
            if named_rightly is None
            else "a party was admitted under another name",
            "各方名称与准入时一致"
            if named_rightly
            else "文件未载明某一方的名称"
            if named_rightly is None
            else "有一方的名称与准入时不一致",
            parties=[profile.party for profile in bundle.profiles],
        ),
        check(
            "state",
            live and held,
            "the bill is live" if live else f"the bill is {told.word.state.name.lower()}, not live",
            "提单有效" if live else f"提单已不是有效状态（{told.word.state.name.lower()}）",
            state=told.word.state.name.lower(),
            holder=told.word.holder,
            expected=holder,
        ),
    ]


def _is_signed(part: ActPart, one: Signed, told: Told, place: int) -> bool:
    """Whether an act was signed by whom it had to be; the first signature is the one that the event names."""
    if not one.signers or one.signers[0] != told.signers[place]:
        return False
    after = told.words[place]
    before = told.words[place - 1] if place else after
    owner = (
        after.issuer
        if part.act in _BY_ISSUER
        else before.offeree
        if part.act in _BY_OFFEREE
        else before.holder
    )
    owners = [owner, after.issuer] if part.act == "Void" and owner != after.issuer else [owner]
    return len(one.signers) == len(owners) and all(
        told.spoke(signer, party, told.times[place])
        for signer, party in zip(one.signers, owners, strict=True)
    )


def _issuer_named(bundle: BillBundle) -> int | None:
    """The issuer that the document names, if it shows it."""
    value: Json = None
    if isinstance(bundle.document, Whole):
        issuer = bundle.document.whole.get("issuer")
        value = issuer.get("party") if isinstance(issuer, dict) else None
    else:
        for field in bundle.document.fields:
            if field.get("path") == ["issuer", "party"]:
                value = field.get("value")
    return value if type(value) is int else None
