"""What a bank asks before it lends: one call, every question a named check with its evidence.

The caller brings the document with its seed (or names a bill that it may read here), and a policy. Each check
says pass, fail or unknown; the policy draws the verdict. Nothing is taken from memory where the chain can be
asked: the gateway's tables supply the history only, and the history is checked against the chain's own word
and against every signature.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.domains.bills import history
from api.domains.bills.contract import BillWord
from api.domains.bills.rules import LIVE, BillState
from api.domains.bills.tables import BillEventRow
from api.domains.bills.units import overlapping
from api.kernel.checks import Block, Check, Policy, Result, Scope, Verdict, judge
from api.kernel.house import House
from api.kernel.party_acts import Role
from chain.db import reading
from chain.errors import LandbridgeError

__all__ = ["CHECKS", "DEFAULT_POLICY", "Answer", "Claim", "Expectations", "verify"]

CHECKS: Final = (
    "document-intact",
    "document-sense",
    "registry",
    "issued",
    "issued-as-written",
    "issuer",
    "issuer-entitled",
    "key-custody",
    "signatures",
    "live",
    "control",
    "lien",
    "note-fingerprint",
    "note-single",
    "units",
    "railway-consent",
    "note-duplicate",
    "finality",
    "freshness",
)

DEFAULT_POLICY: Final = Policy(
    name="landbridge/default/1",
    required=(
        "document-intact",
        "document-sense",
        "registry",
        "issued",
        "issued-as-written",
        "issuer",
        "issuer-entitled",
        "signatures",
        "live",
        "control",
        "note-fingerprint",
        "note-single",
        "units",
        "freshness",
    ),
)
"""What is demanded when the caller names nothing. It does not demand finality, which an embedded chain cannot
give, nor what only the railway can attest; both are shown."""


@dataclass(frozen=True)
class Claim:
    """What is to be verified: a document with its digest, as the bill named or (``named`` false) as
    whichever bill its digest is. ``concerned``: the caller may see the bill here whatever it brings;
    ``caller``: its party, if it acts for one."""

    bill: str
    named: bool
    document: dict[str, Any]
    digest: str
    note: bytes | None
    errors: tuple[str, ...]
    concerned: bool = False
    caller: int | None = None


@dataclass(frozen=True)
class Expectations:
    """What the caller expects to find; nothing where it has no opinion."""

    holder: int | None = None
    issuer: int | None = None
    confirmations: int = 12
    max_head_age: int = 600


@dataclass(frozen=True)
class Answer:
    """Every check, the verdict, and when it was drawn (seconds of Unix time)."""

    bill: str
    checks: list[Check]
    policy: Policy
    verdict: Verdict
    time: int


@dataclass(frozen=True)
class _Chain:
    """What the chain said of the bill at one block."""

    block: Block
    block_time: int
    word: BillWord
    events: list[BillEventRow]
    names: Mapping[int, str]
    overlaps: list[str] | None
    registry: str | None
    single: str | None
    entitled: bool | None
    custodial: bool | None
    signatures: history.Signatures


_NOT_ASKED: Final = {
    "chain": ("the chain could not be asked; try again later", "无法查询链，请稍后重试"),
    "document": (
        "the document is not this bill's, so nothing is said of the bill",
        "所提交单证不属于该提单，不提供提单信息",
    ),
}


def verify(
    house: House,
    claim: Claim,
    *,
    policy: Policy = DEFAULT_POLICY,
    expect: Expectations | None = None,
) -> Answer:
    """Make every check and draw the verdict. Never raises for what the document or the chain says."""
    expect = expect or Expectations()
    try:
        facts: _Chain | None = _ask(house, claim)
        trouble = ""
    except LandbridgeError as error:
        facts, trouble = None, error.code
    issued = None if facts is None else facts.word.state is not BillState.NONE
    checks = _document_checks(claim, issued)
    if facts is not None and claim.digest != claim.bill and not claim.concerned:
        # A bill's id is no secret, so it opens nothing: only the bill's own document does.
        facts, trouble = None, "document-altered"
    if facts is None:
        asked = {check.name for check in checks}
        checks += [
            Check(
                name,
                Result.UNKNOWN,
                *_NOT_ASKED["document" if trouble == "document-altered" else "chain"],
                Scope.CHAIN,
                {"reason": trouble},
            )
            for name in CHECKS
            if name not in asked
        ]
    else:
        checks += _chain_checks(house, claim, facts, expect)
    order = {name: place for place, name in enumerate(CHECKS)}
    checks.sort(key=lambda check: order[check.name])
    return Answer(claim.bill, checks, policy, judge(checks, policy), int(time.time()))


def _document_checks(claim: Claim, issued: bool | None) -> list[Check]:
    # Unnamed, the bill is whichever the document's digest is: that it was issued then shows it intact.
    intact = claim.digest == claim.bill if claim.named else issued
    return [
        Check(
            "document-intact",
            Result.UNKNOWN if intact is None else Result.PASS if intact else Result.FAIL,
            "the document is, to the letter, the one that was issued"
            if intact
            else "the document is not one that was issued here: it was altered, or belongs to another bill",
            "单证与签发内容逐字一致" if intact else "单证与签发内容不一致：内容被改动，或属于另一份提单",
            Scope.DOCUMENT,
            {"digest": claim.digest, "bill": claim.bill},
        ),
        Check(
            "document-sense",
            Result.FAIL if claim.errors else Result.PASS,
            f"the document contradicts itself: {', '.join(claim.errors[:8])}"
            if claim.errors
            else "totals, codes, check digits and dates agree",
            f"单证内容自相矛盾：{'、'.join(claim.errors[:8])}"
            if claim.errors
            else "合计、代码、校验位与日期相互一致",
            Scope.DOCUMENT,
            {"findings": list(claim.errors[:50])},
        ),
    ]


def _ask(house: House, claim: Claim) -> _Chain:
    """Read everything as it stands at one block; if that leaves the chain meanwhile, read again."""
    subject = bytes.fromhex(claim.bill[2:])
    for _ in range(5):
        head = house.head()
        bills = house.reader(house.rooms["bills"], head.number)
        parties = house.reader(house.rooms["parties"], head.number)
        word = BillWord.unpack(bills("billWord", subject))
        current = house.indexer.wait_for(head.number, timeout=5)
        with reading(house.engine) as session:  # begun only now, so that it sees what was indexed
            events = [e for e in history.events_of_bill(session, claim.bill) if e.block <= head.number]
            names = {number: house.party_label(session, number) for number in (word.issuer, word.holder)}
            overlaps = overlapping(session, house, claim.bill, claim.document) if not claim.errors else None
        note = claim.note or (bytes.fromhex(events[0].detail[2:]) if events else None)
        single = "0x" + bills("billOfNote", note).hex() if note else None
        entitled = custodial = None
        if events:
            issued = events[0]
            entitled = parties("hadRoleAt", word.issuer, int(Role.CARRIER), issued.block_time)
            custodial = parties("keyOf", issued.key)["custodial"]
        signatures = history.check_signatures(house, events, head.number)
        registry = house.registry_fault()
        again = house.chain.block(head.number)
        if again is not None and again.hash == head.hash:
            return _Chain(
                block=Block(head.number, head.hash),
                block_time=head.timestamp,
                word=word,
                events=events,
                names=names,
                overlaps=overlaps if current else None,
                registry=registry,
                single=single,
                entitled=entitled,
                custodial=custodial,
                signatures=signatures,
            )
    raise history.HeadMovesError("the chain's head moved while it was read")


def _chain_checks(house: House, claim: Claim, facts: _Chain, expect: Expectations) -> list[Check]:
    word, block = facts.word, facts.block
    exists = word.state is not BillState.NONE
    complete = exists and len(facts.events) == word.sequence and _same(facts.events[-1], word)
    document = claim.document

    def check(
        name: str, result: Result | bool, en: str, zh: str, scope: Scope = Scope.CHAIN, **evidence: Any
    ) -> Check:
        outcome = result if isinstance(result, Result) else Result.PASS if result else Result.FAIL
        return Check(name, outcome, en, zh, scope, evidence, block)

    checks = [
        check(
            "registry",
            facts.registry is None,
            facts.registry or "the contracts at this address are the published ones",
            "登记合约与公布的不一致" if facts.registry else "该地址上的合约与公布的一致",
            Scope.REGISTRY,
            chain=house.chain_id,
            contract=house.address(house.rooms["bills"]),
        ),
        check(
            "issued",
            exists,
            "the bill was issued in this registry" if exists else "this registry has no such bill",
            "提单在本登记处签发" if exists else "本登记处没有此提单",
            at_block=facts.events[0].block if facts.events else None,
            transaction=facts.events[0].transaction if facts.events else None,
        ),
        *_head_checks(house, expect, facts),
    ]
    if not exists:
        missing = set(CHECKS) - {c.name for c in checks} - {"document-intact", "document-sense"}
        return checks + [
            check(name, Result.UNKNOWN, "there is no such bill to look at", "没有可核查的提单")
            for name in CHECKS
            if name in missing
        ]
    state = word.state.name.lower()
    named = _number(document, "issuer")
    issuer_ok = (named is None or named == word.issuer) and expect.issuer in (None, word.issuer)
    expected = expect.holder if expect.holder is not None else claim.caller
    holder_ok = expected == word.holder
    issuer, holder = facts.names[word.issuer], facts.names[word.holder]
    overlaps = facts.overlaps
    checks += [
        check(
            "issuer",
            Result.UNKNOWN if named is None and expect.issuer is None else issuer_ok,
            f"issued by {issuer}" + ("" if issuer_ok else ", not by the party named"),
            f"由{issuer}签发" + ("" if issuer_ok else "，与所载签发人不符"),
            issuer=word.issuer,
            named=named,
        ),
        check(
            "issuer-entitled",
            Result.UNKNOWN if facts.entitled is None else facts.entitled,
            "the issuer was a carrier when it issued"
            if facts.entitled
            else "the issuer was no carrier when it issued",
            "签发时具有承运人资格" if facts.entitled else "签发时不具有承运人资格",
            role="carrier",
            at=facts.events[0].block_time if facts.events else None,
        ),
        check(
            "key-custody",
            Result.UNKNOWN if facts.custodial is None else not facts.custodial,
            "the issuer's key is entrusted to a gateway"
            if facts.custodial
            else "the issuer signed with its own key",
            "签发人的密钥托管于网关" if facts.custodial else "签发人使用自有密钥签署",
            custodial=facts.custodial,
            entrusted_acts=facts.signatures.entrusted,
        ),
        _terms(check, claim, facts),
        _signatures(check, facts, complete),
        check(
            "live",
            word.state in LIVE,
            "the bill is live" if word.state in LIVE else f"the bill is {state}, not live",
            "提单有效" if word.state in LIVE else f"提单已不是有效状态（{state}）",
            state=state,
            sequence=word.sequence,
        ),
        check(
            "control",
            Result.UNKNOWN if expect.holder is None and not holder_ok else holder_ok,
            f"{holder} controls the bill" + ("" if holder_ok else "; name the holder you expect")
            if expect.holder is None or holder_ok
            else f"{holder} controls the bill, not the party expected",
            f"提单由{holder}控制"
            + ("" if holder_ok else "；请指明应为持有人的一方" if expect.holder is None else "，与预期不符"),
            holder=word.holder,
            expected=expect.holder,
            to_order=word.to_order,
            offered_to=word.offeree or None,
            offer_expiry=word.offer_expiry or None,
        ),
        check(
            "lien",
            Result.UNKNOWN,
            "this registry's contract keeps no liens yet; ask the holder's banks",
            "本登记合约尚不登记质押，请另行向持有人的银行查询",
            Scope.REGISTRY,
        ),
        *_note_checks(check, claim, facts),
        check(
            "units",
            Result.UNKNOWN if overlaps is None else not overlaps,
            "no other live bill here names these wagons or containers in that time"
            if not overlaps
            else "another live bill here names the same wagon or container in an overlapping time",
            "本网关没有其他有效提单在同一时段载有相同车辆或箱号"
            if not overlaps
            else "本网关另有有效提单在重叠时段载有相同车辆或箱号",
            Scope.GATEWAY,
            units=overlaps or [],
        ),
        *(
            check(name, Result.UNKNOWN, en, zh, Scope.GATEWAY)
            for name, en, zh in (
                (
                    "railway-consent",
                    "the railway has attested nothing here; ask for its agreement to deliver by the bill",
                    "铁路方未在此出具证明，请索取其“仅凭提单交付”的确认",
                ),
                (
                    "note-duplicate",
                    "nobody has shown here who holds the note's duplicate; ask to see it",
                    "未见运单副本持有证明，请要求出示",
                ),
            )
        ),
    ]
    return checks


def _head_checks(house: House, expect: Expectations, facts: _Chain) -> list[Check]:
    """Finality and freshness: what is said of the chain itself, bill or no bill."""
    head, block = facts.block, facts.block
    last = facts.events[-1].block if facts.events else None
    depth = head.number - last if last is not None else None
    runs = house.settings.independent_chain
    if house.settings.embedded or not runs or depth is None:
        finality = Check(
            "finality",
            Result.UNKNOWN,
            "nobody independent is said to run this chain, so it protects nobody against its operator",
            "未声明由独立方运行该链，不能防范其运营方",
            Scope.CHAIN,
            {"depth": depth},
            block,
        )
    else:
        deep = depth >= expect.confirmations
        finality = Check(
            "finality",
            Result.PASS if deep else Result.UNKNOWN,
            f"the last act lies {depth} blocks deep; {expect.confirmations} are asked",
            f"最近行为已有 {depth} 个区块确认，要求 {expect.confirmations} 个",
            Scope.CHAIN,
            {"depth": depth, "asked": expect.confirmations, "chain_run_by": runs},
            block,
        )
    age = max(0, int(time.time()) - facts.block_time)
    # The embedded chain makes a block only when there is an act: its head is never behind.
    fresh = house.settings.embedded or age <= expect.max_head_age
    return [
        finality,
        Check(
            "freshness",
            Result.PASS if fresh else Result.FAIL,
            "the chain's head is current" if fresh else f"the chain's newest block is {age} seconds old",
            "链头为最新" if fresh else f"链上最新区块已过 {age} 秒",
            Scope.CHAIN,
            {"head_time": facts.block_time, "age": age},
            block,
        ),
    ]


def _terms(check: Callable[..., Check], claim: Claim, facts: _Chain) -> Check:
    """Whether the carrier issued on the chain what the document says: to whom, and to order or not."""
    face = claim.document.get("bill")
    written = face.get("to_order") if isinstance(face, dict) else None
    holder = _number(claim.document, "holder")
    if not facts.events or holder is None or not isinstance(written, bool):
        result = Result.UNKNOWN
    else:
        issued = BillWord.unpack(int(facts.events[0].word, 16))
        same = (holder, written) == (issued.holder, issued.to_order)
        result = Result.PASS if same else Result.FAIL
    en, zh = {
        Result.PASS: (
            "issued to the holder and on the terms that the document says",
            "签发对象与条件与单证一致",
        ),
        Result.FAIL: (
            "the bill was issued to another holder, or on other terms, than the document says",
            "签发对象或条件与单证所载不符",
        ),
        Result.UNKNOWN: (
            "the document's holder and terms could not be compared",
            "无法比对单证所载持有人与条件",
        ),
    }[result]
    return check("issued-as-written", result, en, zh, holder=holder, to_order=written)


def _signatures(check: Callable[..., Check], facts: _Chain, complete: bool) -> Check:
    if not complete:
        return check(
            "signatures",
            Result.UNKNOWN,
            "the history known here is behind the chain; try again",
            "本地记录落后于链，请重试",
            known=len(facts.events),
            acts=facts.word.sequence,
        )
    found = facts.signatures
    result = Result.FAIL if found.wrong else Result.UNKNOWN if found.unread else Result.PASS
    en = {
        Result.PASS: "every act was signed by a key of the party whose act it was",
        Result.UNKNOWN: "some acts travelled in a way that cannot be read again here",
        Result.FAIL: "an act's signature is not that of the party whose act it was",
    }[result]
    zh = {
        Result.PASS: "每一行为均由所属方的密钥签署",
        Result.UNKNOWN: "部分行为的签名无法在此重新核验",
        Result.FAIL: "有行为的签名不属于其所属方",
    }[result]
    acts = [
        {"act": e.act, "party": e.party, "key": e.key, "block": e.block, "time": e.block_time}
        for e in facts.events
    ]
    return check("signatures", result, en, zh, acts=acts, wrong=found.wrong, unread=found.unread)


def _note_checks(check: Callable[..., Check], claim: Claim, facts: _Chain) -> list[Check]:
    on_chain = facts.events[0].detail if facts.events else None
    given = "0x" + claim.note.hex() if claim.note else None
    matches = (
        Result.UNKNOWN if not given or not on_chain else Result.PASS if given == on_chain else Result.FAIL
    )
    alone = facts.single == claim.bill
    return [
        check(
            "note-fingerprint",
            matches,
            "the bill's fingerprint is that of the document's consignment note"
            if matches is Result.PASS
            else "the bill's fingerprint could not be compared"
            if matches is Result.UNKNOWN
            else "the bill was issued for another consignment note",
            "提单指纹与单证所载运单一致"
            if matches is Result.PASS
            else "无法比对提单指纹"
            if matches is Result.UNKNOWN
            else "提单是为另一份运单签发的",
            fingerprint=on_chain,
        ),
        check(
            "note-single",
            Result.UNKNOWN if facts.single is None else alone,
            "no other bill stands for this note in this registry"
            if alone
            else "another bill stands for this note in this registry",
            "本登记处该运单没有其他提单" if alone else "本登记处该运单另有提单",
            Scope.REGISTRY,
        ),
    ]


def _same(event: BillEventRow, word: BillWord) -> bool:
    return BillWord.unpack(int(event.word, 16)) == word


def _number(document: dict[str, Any], member: str) -> int | None:
    value = document.get(member)
    number = value.get("party") if isinstance(value, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None
