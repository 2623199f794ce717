"""Whether a bill's proof bundle holds: every question a named check, no gateway asked (docs/proof-bundle.md).

What the chain holds is asked of a node that the caller names; what the bundle claims of it is never believed.

>>> checks = check_bundle(bundle, trust, on_chain)  # doctest: +SKIP
>>> judge(checks, BUNDLE_POLICY).passed             # doctest: +SKIP
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.domains.bills.bundle import ActPart, BillBundle, ProfilePart, Whole
from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN, BillWord
from api.domains.bills.rules import LIVE, BillState
from api.kernel.bundles import Deposit, OnChain, Trust, log_checks, passing, whole_check
from api.kernel.checks import Block, Check, Policy, Scope
from api.kernel.party_acts import Role
from chain.canonical import CanonicalError, Json, parse
from chain.contracts import Artifact
from chain.digests import (
    Digest,
    DigestError,
    FieldProof,
    Seed,
    document_digest,
    verify_field,
)
from chain.entries import act_entry
from chain.intents import (
    Act,
    Address,
    BadSignatureError,
    Domain,
    IntentError,
    Signature,
    act_from_message,
    recover,
)

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


@dataclass(frozen=True)
class _Told:
    """What the chain itself tells of the bill's acts: the bill's word after each, and when it was."""

    word: BillWord
    words: list[BillWord]
    details: list[bytes]
    keys: list[Address]
    times: list[int]
    blocks: list[int]
    transactions: list[str]
    note_of: bytes


def check_bundle(
    bundle: BillBundle,
    trust: Trust | None,
    on_chain: OnChain | None,
    *,
    holder: int | None = None,
    now: int | None = None,
) -> list[Check]:
    """Make every check. Never raises for what the bundle says.

    :param on_chain: the chain as a node shows it; nothing where none was named
    :param holder: the party that is expected to hold the bill
    :param now: Unix time in seconds; else the clock's
    :raises NodeError: the node cannot be asked
    """
    acts = _acts(bundle)
    asked = on_chain if on_chain is not None and on_chain.fault is None else None
    told = _ask(bundle, asked) if asked else None
    further = [
        Deposit(entry=_entry(bundle, act), index=part.index, path=part.path)
        for part, act in zip(bundle.acts, acts, strict=True)
        if act is not None
    ]
    block = Block(asked.head.number, asked.head.hash) if asked else None
    made = {
        "bundle": whole_check(bundle, sound=all(act is not None for act in acts)),
        "integrity": _integrity(bundle),
        **{check.name: check for check in log_checks(bundle, trust, on_chain, further=further, now=now)},
        **{check.name: check for check in _chain_checks(bundle, acts, asked, told, holder, block)},
    }
    return [made[name] for name in BUNDLE_CHECKS]


def _domain(bundle: BillBundle) -> Domain:
    contract = Address(bundle.chain.contracts.get("RailBills", "0x" + "00" * 20))
    return Domain(RAIL_BILLS_DOMAIN, "1", bundle.chain.id, contract)


def _acts(bundle: BillBundle) -> list[Act | None]:
    """The acts as they were signed; nothing for one that is none."""
    found: list[Act | None] = []
    for part in bundle.acts:
        try:
            found.append(act_from_message(RAIL_BILL_ACTS, part.act, {**part.message, "bill": bundle.bill}))
        except IntentError:
            found.append(None)
    return found


def _entry(bundle: BillBundle, act: Act) -> dict[str, Any]:
    domain = _domain(bundle)
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


def _ask(bundle: BillBundle, on_chain: OnChain) -> _Told:
    chain, at = on_chain.chain, on_chain.head.number
    artifact, bill = Artifact.load("RailBills"), bytes.fromhex(bundle.bill[2:])
    address = _domain(bundle).verifying_contract

    def ask(function: str, argument: bytes) -> Any:
        return artifact.decode(function, chain.call(address, artifact.encode(function, argument), at))

    word = BillWord.unpack(ask("billWord", bill))
    topic = bytes.fromhex(artifact.topic("Acted")[2:])
    first = min(part.block for part in bundle.acts)
    logs = chain.logs(min(first, at), at, addresses=[address], topics=[[topic], [bill]])
    told = _Told(word, [], [], [], [], [], [], bytes(32))
    times: dict[int, int] = {}
    for log in logs:
        event = artifact.event(log.topics, log.data)
        if event is None:
            continue
        if log.block_number not in times:
            block = chain.block(log.block_number)
            times[log.block_number] = block.timestamp if block else -1
        told.words.append(BillWord.unpack(int(event.arguments["word"])))
        told.details.append(bytes(event.arguments["detail"]))
        told.keys.append(Address(f"0x{int(event.arguments['act']) >> 56 & (1 << 160) - 1:040x}"))
        told.times.append(times[log.block_number])
        told.blocks.append(log.block_number)
        told.transactions.append(log.transaction_hash)
    note = told.details[0] if told.details else bytes(32)
    return _Told(
        word,
        told.words,
        told.details,
        told.keys,
        told.times,
        told.blocks,
        told.transactions,
        bytes(ask("billOfNote", note)),
    )


def _chain_checks(
    bundle: BillBundle,
    acts: Sequence[Act | None],
    on_chain: OnChain | None,
    told: _Told | None,
    holder: int | None,
    block: Block | None,
) -> list[Check]:
    def check(name: str, result: bool | None, en: str, zh: str, **evidence: Any) -> Check:
        if told is None:
            en, zh = "no chain that fits was asked: name a node", "未查询到相符的链：请指明节点"
            result = None
        return Check(name, passing(result), en, zh, Scope.CHAIN, evidence, block)

    if told is None or on_chain is None:
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
    complete = _is_history(bundle, acts, told)
    keys = _Keys(bundle, on_chain)
    signed = complete and all(
        _is_signed(bundle, part, act, told, place, keys)
        for place, (part, act) in enumerate(zip(bundle.acts, acts, strict=True))
    )
    custodial = [key for key in told.keys if keys.of(key)["custodial"]]
    named = _issuer_named(bundle)
    issuer = told.words[0].issuer if told.words else 0
    entitled = bool(told.times) and keys.was_carrier(issuer, told.times[0])
    concerned = {p for word in told.words for p in (word.issuer, word.holder, word.offeree)} - {0}
    named_rightly: bool | None = all(keys.is_named(profile) for profile in bundle.profiles)
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
            entitled,
            "the issuer was a carrier when it issued" if entitled else "the issuer was no carrier then",
            "签发时具有承运人资格" if entitled else "签发时不具有承运人资格",
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
            signed,
            "every act was signed by a key of the party whose act it was"
            if signed
            else "an act was not signed by a key of the party whose act it was",
            "每一行为均由所属方的密钥签署" if signed else "有行为不是由所属方的密钥签署",
        ),
        check(
            "history",
            complete,
            "the acts shown are all that the chain knows of this bill"
            if complete
            else "the chain knows other acts than those shown: ask for a new file",
            "所示行为即链上该提单的全部行为" if complete else "链上行为与所示不同：请索取新文件",
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


def _is_history(bundle: BillBundle, acts: Sequence[Act | None], told: _Told) -> bool:
    """Whether the acts shown are, one by one, those that the chain tells of, and lead to how it stands."""
    if told.word.state is BillState.NONE or not told.words:
        return False
    if not len(acts) == len(told.words) == told.word.sequence or told.words[-1] != told.word:
        return False
    for place, (part, act) in enumerate(zip(bundle.acts, acts, strict=True)):
        if act is None or act.sequence != place or told.words[place].sequence != place + 1:
            return False
        known = (told.blocks[place], told.times[place], told.transactions[place])
        if (part.block, part.time, part.transaction) != known:
            return False
        if not _fits(act, told.words[place], told.details[place]):
            return False
    return True


def _fits(act: Act, word: BillWord, detail: bytes) -> bool:
    """Whether a signed act is the one of which the chain tells."""
    known: dict[str, Any] = {
        "holder": word.holder,
        "toOrder": word.to_order,
        "to": word.offeree if act.type.name == "Offer" else word.holder,
        "expiry": word.offer_expiry,
        **dict.fromkeys(("note", "reason", "evidence"), detail),
    }
    return all(known[name] == value for name, value in act.values.items())


def _is_signed(
    bundle: BillBundle, part: ActPart, act: Act | None, told: _Told, place: int, keys: _Keys
) -> bool:
    if act is None or not part.signatures:
        return False
    digest, signers = act.digest(_domain(bundle)), []
    for signature in part.signatures:
        raw = bytes.fromhex(signature[2:])
        try:
            signers.append(recover(digest, Signature(raw[:32], raw[32:])))
        except BadSignatureError:
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
    return len(signers) == len(owners) and all(
        keys.spoke(signer, party, told.times[place]) for signer, party in zip(signers, owners, strict=True)
    )


class _Keys:
    """The registry's word on keys and roles, as the node shows it."""

    def __init__(self, bundle: BillBundle, on_chain: OnChain) -> None:
        self._chain, self._at = on_chain.chain, on_chain.head.number
        self._address = Address(bundle.chain.contracts.get("Parties", ""))
        self._artifact = Artifact.load("Parties")
        self._known: dict[Address, dict[str, Any]] = {}

    def _ask(self, function: str, *arguments: Any) -> Any:
        payload = self._artifact.encode(function, *arguments)
        return self._artifact.decode(function, self._chain.call(self._address, payload, self._at))

    def of(self, key: Address) -> dict[str, Any]:
        if key not in self._known:
            self._known[key] = self._ask("keyOf", key)
        return self._known[key]

    def spoke(self, key: Address, party: int, time: int) -> bool:
        found = self.of(key)
        begun = found["party"] == party and 0 < found["since"] <= time
        return bool(begun and (found["until"] == 0 or time <= found["until"]))

    def is_named(self, profile: ProfilePart) -> bool:
        """Whether a party was admitted with this profile."""
        seed = Seed(bytes.fromhex(profile.seed))
        return bool(document_digest(profile.content, seed) == self._ask("party", profile.party)["profile"])

    def was_carrier(self, party: int, time: int) -> bool:
        return bool(self._ask("hadRoleAt", party, int(Role.CARRIER), time))


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
