#!/usr/bin/env python3
"""Writes bundles/: proof bundles with a sealed part, and what each check says of them and of changed ones.

    tests/vectors/make_bundles.py --bases    makes the bundles anew (needs anvil), then cases.json
    tests/vectors/make_bundles.py            writes cases.json alone, from the bundles that are there
    tests/vectors/make_bundles.py --check    compares instead; exits 1 if it differs

``bundles/cases.json`` is a list. A case names a ``file``, or a ``base`` with changes: of ``drop`` each path
is taken out, in the order given; then of ``set`` each [path, value] is put in, a path being object keys and
array indices; with ``redigest`` the digest is then made anew; the file is the canonical form of that.
``trust`` names the trust root's file, or is null; ``now`` is the time, ``holder`` the party expected to hold,
or null. What comes out is ``result``, each check's answer by name; or the file is ``refused`` with this code.

What is expected is written here by hand, from docs/proof-bundle.md: no verifier's answer is copied. The
validators' keys are test keys, public to all (tests/qbftlab.py). Never trust them.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import rlp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from chain.canonical import canonical  # noqa: E402
from chain.qbft import Header, parse_header  # noqa: E402
from tests.qbftlab import ValidatorKey, seal  # noqa: E402

FOLDER = Path(__file__).with_name("bundles")
CASES = FOLDER / "cases.json"
NAMES = ("live", "fields", "delivered", "voided", "batch", "evidence")
OTHERS = [ValidatorKey(f"other {number}") for number in range(5)]

Content = dict[str, Any]
Change = tuple[list[str | int], Any]

OF_LOG = ("bundle", "registry", "inclusion", "anchoring", "finality", "freshness")
OF_BILL = (
    *("bundle", "registry", "integrity", "issuer", "issuer-entitled", "key-custody", "signatures"),
    *("history", "parties", "inclusion", "anchoring", "state", "finality", "freshness"),
)
OF_CHAIN = tuple(one for one in OF_BILL if one not in ("bundle", "registry", "integrity", "inclusion"))
CUSTODIAL = {"key-custody": "fail"}
UNKNOWN = dict.fromkeys(OF_CHAIN, "unknown")
UNREAD = {"registry": "fail"} | UNKNOWN
"""A sealed part that cannot be believed or read."""


def load(name: str) -> Content:
    """A base bundle's content."""
    content: Content = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def headers(content: Content) -> list[Header]:
    """Its headers."""
    return [parse_header(bytes.fromhex(one[2:])) for one in content["sealed"]["headers"]]


def told(base: str, **checks: str) -> dict[str, str]:
    """All pass but these; names with underscores for hyphens."""
    names = OF_LOG if base == "evidence" else OF_BILL
    usual = CUSTODIAL if base in ("live", "fields", "delivered") else {}
    ended = {"state": "fail"} if base in ("delivered", "voided") else {}
    given = {name.replace("_", "-"): result for name, result in checks.items()}
    all_ = dict.fromkeys(names, "pass") | usual | ended | given
    return {name: all_[name] for name in names}


def unread(base: str, **checks: str) -> dict[str, str]:
    """What is said where the sealed part cannot be believed or read."""
    return told(base, **{name.replace("-", "_"): result for name, result in UNREAD.items()} | checks)


def now_of(content: Content) -> int:
    """A minute after the state header."""
    return headers(content)[-1].timestamp + 60


class Writer:
    """Gathers cases."""

    def __init__(self) -> None:
        self.bases = {name: load(name) for name in NAMES}
        self.cases: list[Content] = []

    def plain(self, name: str, base: str, result: dict[str, str], **options: Any) -> None:
        """A base bundle as it is."""
        self._add({"name": name, "file": f"{base}.json"}, base, {"result": result}, options)

    def changed(
        self,
        name: str,
        base: str,
        outcome: dict[str, str] | str,
        *,
        set_: Iterable[Change] = (),
        drop: Iterable[list[str | int]] = (),
        redigest: bool = True,
        **options: Any,
    ) -> None:
        """A base bundle with changes; ``outcome`` is a result, or the code of a refusal."""
        case: Content = {"name": name, "base": f"{base}.json"}
        if drop := list(drop):
            case["drop"] = drop
        if set_ := [[path, value] for path, value in set_]:
            case["set"] = set_
        case["redigest"] = redigest
        end = {"refused": outcome} if isinstance(outcome, str) else {"result": outcome}
        self._add(case, base, end, options)

    def _add(self, case: Content, base: str, end: Content, options: Content) -> None:
        usual = {"trust": "trust.json", "now": now_of(self.bases[base]), "holder": None}
        self.cases.append(case | usual | options | end)


def applied(content: Content, case: Content) -> bytes:
    """A case's file."""
    content = copy.deepcopy(content)
    for path in case.get("drop", ()):
        *steps, last = path
        del _at(content, steps)[last]
    for path, value in case.get("set", ()):
        *steps, last = path
        _at(content, steps)[last] = value
    if case["redigest"]:
        from api.kernel.bundles import seal_bundle

        content.pop("digest", None)
        return seal_bundle(content)
    return canonical(content)


def _at(content: Any, steps: list[str | int]) -> Any:
    for step in steps:
        content = content[step]
    return content


def flip(text: str, place: int = -1) -> str:
    """Hex with one bit changed in one of its digits."""
    digits = list(text)
    digits[place] = f"{int(digits[place], 16) ^ 1:x}"
    return "".join(digits)


def sealed_anew(header: Header, signers: list[ValidatorKey], **fields: Any) -> str:
    """The header with further changes to its extra data, signed by these."""
    items = list(header.fields)
    items[12] = replace(header.extra, **fields).encoded()
    return hexed(seal(parse_header(rlp.encode(items)), signers))


def with_seals(header: Header, seals: Iterable[bytes]) -> str:
    """The header with these seals."""
    items = list(header.fields)
    items[12] = replace(header.extra, seals=tuple(seals)).encoded()
    return "0x" + rlp.encode(items).hex()


def with_field(header: Header, place: int, value: bytes) -> Header:
    """The header with another field, its seals as they were."""
    items = list(header.fields)
    items[place] = value
    return parse_header(rlp.encode(items))


def hexed(header: Header) -> str:
    """The header as a bundle holds it."""
    return "0x" + header.encoded.hex()


def other_bit(raw: bytes) -> bytes:
    """A seal with one bit of r changed."""
    return raw[:31] + bytes([raw[31] ^ 1]) + raw[32:]


def high_s(raw: bytes) -> bytes:
    """The other signature of the same signer: s in the other half."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(raw[32:64], "big")
    return raw[:32] + s.to_bytes(32, "big") + bytes([raw[64] ^ 1])


def bases(write: Writer) -> None:
    """The bundles as they are, under other trust roots, at other times."""
    bank = write.bases["live"]["acts"][-1]["message"]["to"]
    for base in NAMES:
        write.plain(base, base, told(base))
    write.plain("live: held by whom it should be", "live", told("live"), holder=bank)
    write.plain("live: held by another", "live", told("live", state="fail"), holder=bank + 1)
    nothing: dict[str, str] = {name.replace("-", "_"): result for name, result in UNKNOWN.items()}
    for base in ("live", "evidence"):
        names = OF_LOG if base == "evidence" else OF_BILL
        some = {name: one for name, one in nothing.items() if name.replace("_", "-") in names}
        no = told(base, **some)
        write.plain(f"{base}: no validators are trusted", base, no, trust="trust-without.json")
        write.plain(f"{base}: no trust root", base, told(base, registry="unknown", **some), trust=None)
        wrong = told(base, registry="fail", **some)
        write.plain(f"{base}: other validators are trusted", base, wrong, trust="trust-others.json")
        write.plain(f"{base}: another chain is trusted", base, wrong, trust="trust-another-chain.json")
        write.plain(f"{base}: only the first validators are trusted", base, wrong, trust="trust-first.json")
        write.plain(f"{base}: validators change a block late", base, wrong, trust="trust-late.json")
        write.changed(f"{base}: no sealed part", base, no, drop=[["sealed"]])
        now = now_of(write.bases[base])
        write.plain(f"{base}: old", base, told(base, freshness="fail"), now=now + 86_400)
        write.plain(f"{base}: as old as it may be", base, told(base), now=now - 60 + 86_400)
        write.plain(f"{base}: 300 seconds ahead of the clock", base, told(base), now=now - 360)
        write.plain(
            f"{base}: further ahead of the clock", base, told(base, freshness="unknown"), now=now - 361
        )
    write.plain(
        "live: the second validators alone, from the beginning",
        "live",
        told("live", **{"registry": "fail"} | nothing),
        trust="trust-second.json",
    )
    write.plain(
        "evidence: the second validators alone, from the beginning",
        "evidence",
        told("evidence"),
        trust="trust-second.json",
    )


def document(write: Writer) -> None:
    """What the bundle says, changed."""
    live, at = write.bases["live"], ["acts", 1]
    write.changed(
        "another number in the document",
        "live",
        told("live", integrity="fail"),
        set_=[(["document", "whole", "bill", "number"], "ANOTHER")],
    )
    write.changed(
        "another issuer in the document",
        "live",
        told("live", integrity="fail", issuer="fail"),
        set_=[(["document", "whole", "issuer", "party"], 3)],
    )
    write.changed(
        "another seed", "live", told("live", integrity="fail"), set_=[(["document", "seed"], "5a" * 32)]
    )
    value = write.bases["fields"]["document"]["fields"][0]["value"]
    write.changed(
        "another value of a field shown alone",
        "fields",
        told("fields", integrity="fail"),
        set_=[(["document", "fields", 0, "value"], value + "0")],
    )
    write.changed(
        "the issuer is not shown",
        "fields",
        told("fields", issuer="unknown"),
        drop=[["document", "fields", 1]],
    )
    write.changed(
        "the deposit of another document",
        "live",
        told("live", integrity="fail", inclusion="fail"),
        set_=[(["deposit", "entry", "digest"], "0x" + "5a" * 32)],
    )
    write.changed(
        "another leaf", "live", told("live", inclusion="fail"), set_=[(["deposit", "index"], 10_000)]
    )
    write.changed(
        "another digest of evidence",
        "evidence",
        told("evidence", inclusion="fail"),
        set_=[(["deposit", "entry", "digest"], flip(write.bases["evidence"]["deposit"]["entry"]["digest"]))],
    )
    write.changed(
        "another signature",
        "live",
        told("live", signatures="fail"),
        set_=[([*at, "signatures", 0], live["acts"][2]["signatures"][0])],
    )
    write.changed("no signature", "live", told("live", signatures="fail"), set_=[([*at, "signatures"], [])])
    write.changed(
        "a signature twice",
        "live",
        told("live", signatures="fail"),
        set_=[([*at, "signatures"], live["acts"][1]["signatures"] * 2)],
    )
    void = write.bases["voided"]["acts"][1]["signatures"]
    write.changed(
        "both signatures exchanged",
        "voided",
        told("voided", signatures="fail"),
        set_=[(["acts", 1, "signatures"], void[::-1])],
    )
    write.changed(
        "the second signature left out",
        "voided",
        told("voided", signatures="fail"),
        set_=[(["acts", 1, "signatures"], void[:1])],
    )
    write.changed(
        "a second signature of a key whose standing is not shown",
        "voided",
        unread("voided"),
        set_=[(["acts", 1, "signatures", 1], signed_by_nobody_shown(write.bases["voided"], 1))],
    )
    write.changed(
        "that, where the history is not complete anyway",
        "voided",
        told("voided", history="fail", signatures="fail"),
        set_=[
            (["acts", 1, "signatures", 1], signed_by_nobody_shown(write.bases["voided"], 1)),
            (["acts", 1, "time"], 1),
        ],
    )
    write.changed(
        "another deadline",
        "live",
        told("live", signatures="fail", inclusion="fail"),
        set_=[([*at, "message", "deadline"], live["acts"][1]["message"]["deadline"] + 1)],
    )
    write.changed(
        "offered to another",
        "live",
        told("live", signatures="fail", inclusion="fail", history="fail"),
        set_=[([*at, "message", "to"], 1)],
    )
    write.changed(
        "an act that is none",
        "live",
        told("live", bundle="fail", signatures="fail", history="fail"),
        set_=[([*at, "act"], "Void")],
    )
    write.changed(
        "another time", "live", told("live", signatures="fail", history="fail"), set_=[([*at, "time"], 1)]
    )
    short = told("live", signatures="fail", history="fail")
    write.changed("the last act left out", "live", short, drop=[["acts", 3]])
    write.changed("an act between left out", "live", short, drop=[["acts", 1]])
    write.changed("the first act left out", "live", without_issue(), drop=[["acts", 0]])
    write.changed("an act twice", "live", short, set_=[(["acts"], [live["acts"][0], *live["acts"]])])
    write.changed("acts in another order", "live", short, set_=[(["acts"], live["acts"][::-1])])
    write.changed(
        "one of two acts of one transaction left out",
        "batch",
        told("batch", signatures="fail", history="fail"),
        drop=[["acts", 2]],
    )
    first, second = live["profiles"][0], live["profiles"][1]
    write.changed(
        "a party by another name",
        "live",
        told("live", parties="fail"),
        set_=[(["profiles", 0, "content", "name"], "Another name")],
    )
    write.changed(
        "two parties' profiles exchanged",
        "live",
        told("live", parties="fail"),
        set_=[
            (["profiles", 0], second | {"party": first["party"]}),
            (["profiles", 1], first | {"party": second["party"]}),
        ],
    )
    write.changed("a party is not shown", "live", told("live", parties="unknown"), drop=[["profiles", 0]])
    write.changed(
        "a party beside those concerned, whose standing is not shown",
        "live",
        unread("live"),
        set_=[(["profiles"], [*live["profiles"], first | {"party": 6}])],
    )


def signed_by(key: ValidatorKey, content: Content, place: int) -> str:
    """An act's signature by another key (EIP-2098)."""
    from api.domains.bills.contract import RAIL_BILL_ACTS, RAIL_BILLS_DOMAIN
    from chain.intents import Domain, Signature, act_from_message

    part, chain = content["acts"][place], content["chain"]
    act = act_from_message(RAIL_BILL_ACTS, part["act"], {**part["message"], "bill": content["bill"]})
    domain = Domain(RAIL_BILLS_DOMAIN, "1", chain["id"], chain["contracts"]["RailBills"])
    signature = Signature.from_rsv(key.sign(act.digest(domain)))
    return "0x" + (signature.r + signature.vs).hex()


def signed_by_nobody_shown(content: Content, place: int) -> str:
    """An act's signature by a key of which the nodes do not even show that it is nobody's."""
    from chain.contracts import Artifact
    from chain.sealedchain import SealedChain
    from chain.witness import MissingNodeError, Pool

    pool = Pool(bytes.fromhex(one[2:]) for one in content["sealed"]["nodes"])
    shown = SealedChain({one.number: one for one in headers(content)}, {}, pool)
    keys = shown.storage(Artifact.load("Parties"), content["chain"]["contracts"]["Parties"])
    for number in range(1000):
        key = ValidatorKey(f"nobody {number}")
        try:
            keys.read("_keys", key.address)
        except MissingNodeError:
            return signed_by(key, content, place)
    raise AssertionError("every key is shown to be nobody's")


def without_issue() -> dict[str, str]:
    """The first event is then the offer: its detail is no note, its time no time of issue."""
    return told("live", signatures="fail", history="fail", state="fail")


def head(write: Writer) -> None:
    """Another head, another chain."""
    for base in ("live", "evidence"):
        content = write.bases[base]
        head = content["head"]
        write.changed(
            f"{base}: another root",
            base,
            told(base, inclusion="fail", anchoring="fail"),
            set_=[(["head", "root"], flip(head["root"]))],
        )
        write.changed(
            f"{base}: another transaction",
            base,
            fail(base),
            set_=[(["head", "transaction"], flip(head["transaction"]))],
        )
        write.changed(
            f"{base}: another block", base, fail(base), set_=[(["head", "block"], head["block"] + 1000)]
        )
        write.changed(
            f"{base}: another genesis",
            base,
            fail(base),
            set_=[(["chain", "genesis"], flip(content["chain"]["genesis"]))],
        )
    write.changed(
        "live: another chain id", "live", unread("live", inclusion="fail"), set_=[(["chain", "id"], 1)]
    )
    write.changed(
        "live: another contract",
        "live",
        unread("live", inclusion="fail"),
        set_=[(["chain", "contracts", "RailBills"], "0x" + "5a" * 20)],
    )
    content = write.bases["live"]
    act = content["acts"][1]
    write.changed(
        "live: an act's transaction for the anchor's",
        "live",
        told("live", anchoring="fail"),
        set_=[(["head", "block"], act["block"]), (["head", "transaction"], act["transaction"])],
    )
    for what, change in (
        ("block", content["acts"][2]["block"]),
        ("block that is not shown", act["block"] + 1000),
        ("transaction that is not shown", flip(act["transaction"])),
        ("transaction of another act", content["acts"][2]["transaction"]),
    ):
        write.changed(
            f"live: an act in another {what}",
            "live",
            unread("live"),
            set_=[(["acts", 1, what.split()[0]], change)],
        )


def other_contracts(write: Writer) -> None:
    """The trust root itself names another contract for one: what stands there is not what was published."""
    content = write.bases["evidence"]
    parties, codes = content["chain"]["contracts"]["Parties"], content["sealed"]["codes"]
    write.changed(
        "evidence: a contract that is not the published one",
        "evidence",
        fail("evidence"),
        set_=[
            (["chain", "contracts", "RailBills"], parties),
            (["sealed", "codes", "RailBills"], codes["Parties"]),
        ],
        trust="trust-other-contract.json",
    )


def fail(base: str) -> dict[str, str]:
    """Unread, for either kind."""
    names = OF_LOG if base == "evidence" else OF_BILL
    return {name: result for name, result in {**told(base), **UNREAD}.items() if name in names}


def seals(write: Writer) -> None:
    """Headers that the trusted validators sealed, and headers that they did not."""
    from tests.qbftlab import FIRST, SECOND

    for base in ("live", "evidence"):
        read = headers(write.bases[base])
        last = len(read) - 1
        header, at = read[last], ["sealed", "headers", last]
        good = list(header.extra.seals)
        for name, value in {
            "as many seals as are needed": with_seals(header, good[:4]),
            "seals in another order": with_seals(header, good[::-1]),
            "seals with s in the other half": with_seals(header, map(high_s, good)),
            "sealed in a later round": sealed_anew(header, SECOND, round=3),
            "sealed with a vote for a validator": sealed_anew(
                header, SECOND, vote=(bytes.fromhex(OTHERS[0].address[2:]), b"\xff")
            ),
            "sealed with a vote against a validator": sealed_anew(
                header, SECOND, vote=(bytes.fromhex(FIRST[1].address[2:]), b"")
            ),
            "validators in another order": sealed_anew(
                header, SECOND, validators=header.extra.validators[::-1]
            ),
        }.items():
            write.changed(f"{base}: {name}", base, told(base), set_=[(at, value)])
        short = good[:3]
        stranger = OTHERS[0].sign(header.sealed_hash)
        forged = with_field(header, 11, rlp.encode(header.timestamp + 1)[1:])
        for name, value in {
            "a seal too few": with_seals(header, short),
            "no seal": with_seals(header, []),
            "a seal twice for one that is missing": with_seals(header, [*short, short[0]]),
            "a seal twice beside enough others": with_seals(header, [*good[:4], good[0]]),
            "a seal twice, its s in the other half": with_seals(header, [*short, high_s(short[0])]),
            "a stranger's seal for one that is missing": with_seals(header, [*short, stranger]),
            "a stranger's seal beside enough others": with_seals(header, [*good[:4], stranger]),
            "more seals than validators": with_seals(header, [*good, stranger]),
            "a seal with one bit changed": with_seals(
                header, [good[0][:31] + bytes([good[0][31] ^ 1]) + good[0][32:], *good[1:]]
            ),
            "a seal whose v is 27": with_seals(header, [good[0][:64] + bytes([good[0][64] + 27]), *good[1:]]),
            "a seal of 64 bytes": raw_extra(header, seals=[good[0][:64], *good[1:]]),
            "strangers' seals alone": sealed_anew(header, OTHERS),
            "strangers named, and sealed by them": sealed_anew(
                header, OTHERS, validators=tuple(one.address for one in OTHERS)
            ),
            "the first validators' seals": sealed_anew(header, FIRST),
            "one validator named less": sealed_anew(
                header, SECOND[:4], validators=tuple(one.address for one in SECOND[:4])
            ),
            "one validator named twice": sealed_anew(
                header, SECOND, validators=(*header.extra.validators[:4], header.extra.validators[0])
            ),
            "one validator named twice beside all": sealed_anew(
                header, SECOND, validators=(*header.extra.validators, header.extra.validators[0])
            ),
            "one validator named more": sealed_anew(
                header, [*SECOND, OTHERS[0]], validators=(*header.extra.validators, OTHERS[0].address)
            ),
            "no validators named": sealed_anew(header, SECOND, validators=()),
            "another time": hexed(forged),
            "another state": hexed(with_field(header, 3, b"\x5a" * 32)),
            "another round": with_seals(parse_header(rlp.encode(with_round(header, 1))), header.extra.seals),
            "another mix hash": hexed(seal(with_field(header, 13, bytes(32)), SECOND)),
            "another vanity": hexed(with_vanity(header)),
            "a round with a leading zero": raw_extra(header, round_=b"\0"),
            "a vote that is none": raw_extra(header, vote=[bytes(20), b"\x01"]),
            "an extra item": raw_extra(header, more=[b""]),
            "seals signed over extra data of four items": four_items(header, SECOND),
            "bytes behind it": hexed(header) + "00",
            "its last byte missing": hexed(header)[:-2],
            "no RLP": "0x00",
            "an empty list": "0xc0",
            "nested without end": "0x" + "c1" * 3000 + "c0",
        }.items():
            write.changed(f"{base}: {name}", base, fail(base), set_=[(at, value)])
        write.changed(f"{base}: the state header missing", base, fail(base), drop=[at])
        write.changed(
            f"{base}: more headers than anything stands in",
            base,
            fail(base),
            set_=[(["sealed", "headers"], more_headers(write.bases[base], base))],
        )
    content = write.bases["live"]
    all_ = content["sealed"]["headers"]
    for place in range(len(all_) - 1):
        write.changed(
            f"live: header {place} missing", "live", unread("live"), drop=[["sealed", "headers", place]]
        )
    write.changed(
        "live: headers in another order", "live", unread("live"), set_=[(["sealed", "headers"], all_[::-1])]
    )
    write.changed(
        "live: a header twice", "live", unread("live"), set_=[(["sealed", "headers"], [all_[0], *all_])]
    )
    first = headers(content)[0]
    write.changed(
        "live: the first block as the second validators would seal it",
        "live",
        unread("live"),
        set_=[
            (
                ["sealed", "headers", 0],
                sealed_anew(first, SECOND, validators=tuple(sorted(one.address for one in SECOND))),
            )
        ],
    )
    other = write.bases["delivered"]["sealed"]["headers"][-1]
    write.changed(
        "live: another bundle's state header",
        "live",
        unread("live"),
        set_=[(["sealed", "headers", len(all_) - 1], other)],
    )


def more_headers(content: Content, base: str) -> list[str]:
    """One header more than there may be."""
    from tests.qbftlab import SECOND

    last = headers(content)[-1]
    many = len(content["acts"]) + 3 if base != "evidence" else 3
    made = [
        hexed(seal(with_field(last, 8, (last.number + place).to_bytes(2, "big").lstrip(b"\0")), SECOND))
        for place in range(1, many + 1 - len(content["sealed"]["headers"]))
    ]
    return [*content["sealed"]["headers"], *made]


def raw_extra(
    header: Header,
    *,
    seals: list[bytes] | None = None,
    round_: bytes = b"",
    vote: list[bytes] | None = None,
    more: list[bytes] | None = None,
) -> str:
    """The header with extra data spelled as no node would."""
    items: list[Any] = list(header.fields)
    validators = [bytes.fromhex(one[2:]) for one in header.extra.validators]
    kept = list(header.extra.seals) if seals is None else seals
    items[12] = rlp.encode([header.extra.vanity, validators, vote or [], round_, kept, *(more or [])])
    return "0x" + rlp.encode(items).hex()


def with_round(header: Header, round_: int) -> list[bytes]:
    """Its fields in another round, unsigned."""
    items = list(header.fields)
    items[12] = replace(header.extra, round=round_).encoded()
    return items


def with_vanity(header: Header) -> Header:
    """Another vanity under the same seals."""
    items = list(header.fields)
    items[12] = replace(header.extra, vanity=b"\x5a" * 32).encoded()
    return parse_header(rlp.encode(items))


def four_items(header: Header, signers: list[ValidatorKey]) -> str:
    """Sealed as IBFT 2.0 has it: over extra data that leaves the seals out."""
    from chain.intents import keccak

    items: list[Any] = list(header.fields)
    validators = [bytes.fromhex(one[2:]) for one in header.extra.validators]
    items[12] = rlp.encode([header.extra.vanity, validators, [], header.extra.round])
    digest = keccak(rlp.encode(items))
    return with_seals(header, [one.sign(digest) for one in signers])


def nodes(write: Writer) -> None:
    """What stands beside the headers: nodes, codes, places."""
    for base in ("live", "evidence"):
        sealed = write.bases[base]["sealed"]
        for place, node in enumerate(sealed["nodes"]):
            path: list[str | int] = ["sealed", "nodes", place]
            write.changed(f"{base}: node {place} missing", base, fail(base), drop=[path])
            if place % 6 == 0:
                write.changed(
                    f"{base}: node {place} with one bit changed",
                    base,
                    fail(base),
                    set_=[(path, flip(node))],
                )
        write.changed(f"{base}: no nodes", base, fail(base), set_=[(["sealed", "nodes"], [])])
        write.changed(
            f"{base}: a node that nothing needs",
            base,
            told(base),
            set_=[(["sealed", "nodes"], sorted([*sealed["nodes"], "0xc0"]))],
        )
        for name, code in sealed["codes"].items():
            write.changed(
                f"{base}: {name}'s code missing", base, fail(base), drop=[["sealed", "codes", name]]
            )
            write.changed(
                f"{base}: another code for {name}",
                base,
                fail(base),
                set_=[(["sealed", "codes", name], flip(code, 100))],
            )
        write.changed(
            f"{base}: a code that nothing needs",
            base,
            told(base),
            set_=[(["sealed", "codes", "Another"], "0x00")],
        )
        for transaction, position in sealed["transactions"].items():
            short = transaction[:10]
            write.changed(
                f"{base}: no place of {short}",
                base,
                fail(base),
                drop=[["sealed", "transactions", transaction]],
            )
            write.changed(
                f"{base}: another place of {short}",
                base,
                fail(base),
                set_=[(["sealed", "transactions", transaction], position + 1)],
            )
        write.changed(
            f"{base}: a place that nothing needs",
            base,
            told(base),
            set_=[(["sealed", "transactions", "0x" + "5a" * 32], 0)],
        )


def shapes(write: Writer) -> None:
    """Files that are no bundles."""
    malformed = "bundle-malformed"
    for base in ("live", "evidence"):
        sealed = write.bases[base]["sealed"]
        for name, change in {
            "the sealed part is null": (["sealed"], None),
            "the sealed part is a list": (["sealed"], []),
            "an unknown member": (["sealed", "roots"], []),
            "no headers": (["sealed", "headers"], []),
            "half a byte in a header": (["sealed", "headers", 0], sealed["headers"][0] + "0"),
            "no bytes in a header": (["sealed", "headers", 0], "0x"),
            "a header in upper case": (["sealed", "headers", 0], "0x" + sealed["headers"][0][2:].upper()),
            "a header without 0x": (["sealed", "headers", 0], sealed["headers"][0][2:]),
            "nodes in another order": (["sealed", "nodes"], sealed["nodes"][::-1]),
            "a node twice": (["sealed", "nodes"], [sealed["nodes"][0], *sealed["nodes"]]),
            "no bytes in a node": (["sealed", "nodes"], ["0x", *sealed["nodes"]]),
            "a place before the first": (["sealed", "transactions", "0x" + "5a" * 32], -1),
            "a place that is a text": (["sealed", "transactions", "0x" + "5a" * 32], "0"),
            "a place that is a truth value": (["sealed", "transactions", "0x" + "5a" * 32], True),
            "a place of no hash": (["sealed", "transactions", "0x5a"], 0),
            "a code that is a number": (["sealed", "codes", "Parties"], 1),
            "a code of no contract": (["sealed", "codes", "parties"], "0x00"),
        }.items():
            write.changed(f"{base}: {name}", base, malformed, set_=[change])
        for member in ("headers", "transactions", "codes", "nodes"):
            write.changed(f"{base}: no {member} member", base, malformed, drop=[["sealed", member]])
        write.changed(f"{base}: damaged", base, malformed, set_=[(["head", "size"], 1)], redigest=False)
        write.changed(f"{base}: no digest", base, malformed, drop=[["digest"]], redigest=False)


def make() -> list[Content]:
    """All cases."""
    write = Writer()
    for part in (bases, document, head, other_contracts, seals, nodes, shapes):
        part(write)
    names = [case["name"] for case in write.cases]
    assert len(set(names)) == len(names), "two cases of one name"
    return write.cases


def make_bases() -> None:
    """The bundles and trust roots, made anew by a gateway on anvil."""
    from tests.integration.conftest import Anvil
    from tests.sealedlab import open_stage, trust_of

    with (
        tempfile.TemporaryDirectory() as folder,
        Anvil(Path(folder)) as anvil,
        open_stage(Path(folder) / "gateway", anvil.url, anvil.rpc) as stage,
    ):
        made, trust = stage.bundles(), trust_of(stage)
    for name, raw in made.items():
        (FOLDER / f"{name}.json").write_bytes(raw)
    first, second = trust["validators"]
    others = [{"from": 0, "addresses": sorted(one.address for one in OTHERS)}]
    chain = trust["chain"] | {"genesis": flip(trust["chain"]["genesis"])}
    contracts = trust["chain"]["contracts"]
    other = trust["chain"] | {"contracts": contracts | {"RailBills": contracts["Parties"]}}
    for name, root in {
        "trust": trust,
        "trust-without": {key: value for key, value in trust.items() if key != "validators"},
        "trust-others": trust | {"validators": others},
        "trust-another-chain": trust | {"chain": chain},
        "trust-other-contract": trust | {"chain": other},
        "trust-first": trust | {"validators": [first]},
        "trust-second": trust | {"validators": [second | {"from": 0}]},
        "trust-late": trust | {"validators": [first, second | {"from": 10**6}]},
    }.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(root, indent=1) + "\n")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Write or check tests/vectors/bundles.")
    parser.add_argument("--bases", action="store_true", help="make the bundles anew first (needs anvil)")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    if options.bases:
        make_bases()
    text = "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in make()) + "\n]\n"
    if options.check:
        if CASES.read_text() != text:
            sys.exit("cases.json is not what make_bundles.py makes of the bundles")
        return
    CASES.write_text(text)


if __name__ == "__main__":
    main()
