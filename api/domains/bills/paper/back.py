"""The back of a bill: clauses and law, the acts with their signatures, the parties, and what proves all this.

>>> draw_back(sheet, boxes, bundle, story)  # doctest: +SKIP
"""

from __future__ import annotations

import time
from typing import Any, Final

from api.domains.bills.bundle import BillBundle
from api.domains.bills.paper.boxes import FAINT, LABEL, MINOR, VALUE, Boxes, headed
from api.domains.bills.paper.errors import PaperDocumentError
from api.domains.bills.paper.lines import Style
from api.domains.bills.paper.sheet import BLACK, GREY, INNER, PALE, Cell, Sheet
from api.domains.bills.paper.story import Step, Story
from api.domains.bills.paper.words import ACTS, CHOICES, FIELDS, STATES, TEXTS, Both
from api.domains.bills.rules import LIVE
from chain.canonical import pointer

__all__ = ["Parties", "draw_back", "draw_standing", "moment"]


_STANDING: Final = Style(8.6, 11.6, BLACK, bold=True)
_WARNING: Final = (62, 8, 10)
_LONGEST_NAME: Final = 300


class Parties:
    """The parties' names as the bundle's profiles give them.

    :raises PaperDocumentError: one is longer than any party's
    """

    def __init__(self, bundle: BillBundle) -> None:
        self._profiles = {profile.party: profile.content for profile in bundle.profiles}
        for party, content in self._profiles.items():
            if any(len(text) > _LONGEST_NAME for text in content.values()):
                raise PaperDocumentError(
                    f"the profile of party {party} is longer than any", params={"where": f"/profiles/{party}"}
                )

    def named(self, party: int | None) -> str:
        """A party by number and names; the issuer where nothing is shown of it."""
        if party is None:
            return f"{TEXTS['the-issuer'].zh} {TEXTS['the-issuer'].en}"
        content = self._profiles.get(party, {})
        return " ".join([str(party), *(content[key] for key in ("name_zh", "name") if content.get(key))])


def moment(seconds: int) -> str:
    """A time of Unix time, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def draw_back(sheet: Sheet, boxes: Boxes, bundle: BillBundle, story: Story) -> None:
    """Draw all that follows the face, on pages of its own."""
    if boxes.view.whole or boxes.view.has("clauses"):
        sheet.turn()
    _clauses(sheet, boxes)
    _other(sheet, boxes)
    sheet.turn()
    _acts(sheet, bundle, story)
    _parties(sheet, bundle)
    _proof(sheet, boxes, bundle)


def _clauses(sheet: Sheet, boxes: Boxes) -> None:
    headed(sheet, TEXTS["part.clauses"])
    places = boxes.view.places("clauses")
    shares = [0.06, 0.42, 0.52]
    heads = [
        boxes.label(f"/clauses/*/{key}", share, columns=True)
        for key, share in zip(("number", "zh", "en"), shares, strict=True)
    ]
    rows = []
    for place in places:
        subject = CHOICES.get(boxes.text("clauses", place, "subject") or "")
        row = [Cell(), Cell(), Cell()]
        for cell, key, share, title in zip(
            row,
            ("number", "zh", "en"),
            shares,
            ("", subject.zh if subject else "", subject.en if subject else ""),
            strict=True,
        ):
            if title:
                cell.add(title, MINOR.but(bold=True), INNER * share)
            for said in boxes.one("clauses", place, key, style=MINOR) or [boxes.none]:
                cell.add(said.text, said.style, INNER * share, where=said.where)
        rows.append(row)
    if not boxes.view.whole:
        rows.append([Cell().add(f"{TEXTS['rest-rows'].zh} {TEXTS['rest-rows'].en}", FAINT, INNER)])
    if places:
        sheet.table(heads, shares, rows)
    else:
        sheet.row([boxes.box(1.0, "/clauses", [])], [1.0])
    headed(sheet, TEXTS["part.law"])
    sheet.row(
        [
            boxes.box(0.3, "/law/country", boxes.one("law", "country")),
            boxes.box(0.7, "/law/forum", boxes.both("law", "forum")),
        ],
        [0.3, 0.7],
    )


def _other(sheet: Sheet, boxes: Boxes) -> None:
    """Fields that have no box: none of this form has, and yet nothing that is shown may be left out."""
    boxes.view.leaf("format")  # it stands under "Proof"
    rest = boxes.view.rest()
    if not rest:
        return
    headed(sheet, TEXTS["part.other"])
    for path, leaf in rest:
        row = [
            Cell().add(pointer(path), MINOR, INNER * 0.4),
            Cell().add(str(leaf), MINOR, INNER * 0.6, where=pointer(path)),
        ]
        sheet.row(row, [0.4, 0.6])


def _acts(sheet: Sheet, bundle: BillBundle, story: Story) -> None:
    headed(sheet, TEXTS["part.acts"])
    parties = Parties(bundle)
    shares = [0.05, 0.14, 0.2, 0.24, 0.07, 0.13, 0.17]
    heads = [
        _label(TEXTS[f"column.{key}"], share)
        for key, share in zip(("number", "act", "by", "what", "block", "time", "key"), shares, strict=True)
    ]
    rows = (_row(number, step, parties, shares) for number, step in enumerate(story.steps, 1))
    sheet.table(heads, shares, rows)
    draw_standing(sheet, bundle, story)


def _row(number: int, step: Step, parties: Parties, shares: list[float]) -> list[Cell]:
    act = ACTS[step.act]
    texts = [
        [str(number)],
        [act.zh, act.en],
        [parties.named(party) for party in step.by],
        _what(step, parties),
        [str(step.block)],
        [moment(step.time)],
        [f"{key[:10]}…{key[-6:]}" for key in step.keys],
    ]
    return [
        _cell(lines, share, bold=place == 1)
        for place, (lines, share) in enumerate(zip(texts, shares, strict=True))
    ]


def _what(step: Step, parties: Parties) -> list[str]:
    found = []
    # To whom comes first; digests last.
    for name, value in sorted(step.values.items(), key=lambda one: isinstance(one[1], bytes)):
        if name in ("to", "holder"):
            found.append(parties.named(value))
        elif name == "toOrder":
            told = TEXTS["to-order" if value else "named"]
            found.append(f"{told.zh} {told.en.lower()}")
        else:
            word = FIELDS.get(name, Both(name, name))
            found.append(f"{word.zh} {word.en} {_valued(name, value)}")
    return found or ["—"]


def _valued(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        digits = value.hex()
        return f"0x{digits[:8]}…{digits[-6:]}"
    return moment(value) if name == "expiry" else str(value)


def draw_standing(sheet: Sheet, bundle: BillBundle, story: Story) -> None:
    """How the bill stands after the last act shown, marked as what it is: a snapshot."""
    parties, last = Parties(bundle), story.steps[-1]
    live = story.state in {state.name.lower() for state in LIVE}
    cell = Cell()
    for language in ("zh", "en"):
        said = getattr(TEXTS["standing"], language).format(
            block=last.block, time=moment(last.time), state=getattr(STATES[story.state], language)
        )
        if not live:
            said += ("，" if language == "zh" else ", ") + getattr(TEXTS["not-live"], language)
        held = getattr(TEXTS["held-by"], language).format(party=parties.named(story.holder))
        said += ("，" if language == "zh" else ", ") + held
        if story.offeree is not None:
            offered = getattr(TEXTS["offered"], language).format(party=parties.named(story.offeree))
            said += ("，" if language == "zh" else ", ") + offered
        style = _STANDING if live else _STANDING.but(colour=_WARNING)
        cell.add(said, style, INNER, where="/profiles")
    for text in TEXTS["snapshot"]:
        cell.add(text, MINOR.but(colour=GREY), INNER)
    sheet.row([cell], [1.0], fill=PALE)


def _parties(sheet: Sheet, bundle: BillBundle) -> None:
    headed(sheet, TEXTS["part.parties"])
    shares = [0.1, 0.36, 0.42, 0.12]
    heads = [
        _label(TEXTS["party"], shares[0]),
        _label(TEXTS["column.name"], shares[1]),
        _label(Both("英文名称", "Name in English"), shares[2]),
        _label(TEXTS["column.country"], shares[3]),
    ]
    rows = []
    for profile in bundle.profiles:
        content = profile.content
        texts = [str(profile.party), *(content.get(key) or "—" for key in ("name_zh", "name", "country"))]
        where = f"/profiles/{profile.party}"
        rows.append(
            [
                Cell().add(text, VALUE, INNER * share, where=where)
                for text, share in zip(texts, shares, strict=True)
            ]
        )
    if rows:
        sheet.table(heads, shares, rows)


def _proof(sheet: Sheet, boxes: Boxes, bundle: BillBundle) -> None:
    headed(sheet, TEXTS["part.proof"])
    chain, head = bundle.chain, bundle.head
    where = [f"链 chain {chain.id}", f"{_both('genesis')} {chain.genesis}"]
    where += [f"{name} {address}" for name, address in sorted(chain.contracts.items())]
    log = [
        f"{head.size} {_both('size')} · {_both('block')} {head.block}",
        f"root {head.root}",
        f"{_both('transaction')} {head.transaction}",
    ]
    form = boxes.text("format")
    digest = [bundle.bill, *([form] if form else [])]
    attached = [f"landbridge-bundle.json · application/json · {bundle.digest}"]
    for key, lines in (("digest", digest), ("chain", where), ("log", log), ("attached", attached)):
        cell = _label(TEXTS[key], 1.0)
        for line in lines:
            cell.add(line, MINOR, INNER)
        sheet.row([cell], [1.0])
    told = Cell()
    for language in TEXTS["how"]:
        told.add(language, MINOR, INNER)
    sheet.row([told], [1.0])


def _both(key: str) -> str:
    return f"{TEXTS[key].zh} {TEXTS[key].en}"


def _label(words: Both, share: float) -> Cell:
    cell = Cell()
    for text in words:
        cell.add(text, LABEL, INNER * share)
    return cell


def _cell(lines: list[str], share: float, *, bold: bool = False) -> Cell:
    cell = Cell()
    for line in lines:
        cell.add(line, MINOR.but(bold=bold), INNER * share, where="/acts")
    return cell
