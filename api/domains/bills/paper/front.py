"""The face of a bill: who, what, from where to where, by whom, in which wagons, for how much.

>>> draw_face(sheet, Boxes(view))  # doctest: +SKIP
"""

from __future__ import annotations

from api.domains.bills.paper.boxes import FAINT, VALUE, Boxes, Column, Said, headed
from api.domains.bills.paper.cargo import draw_cargo
from api.domains.bills.paper.sheet import Sheet
from api.domains.bills.paper.words import REGIMES, TEXTS, Both
from chain.canonical import pointer

__all__ = ["draw_face"]

_C = "consignment"


def draw_face(sheet: Sheet, boxes: Boxes) -> None:
    """Draw all boxes of the bill and of its note."""
    _bill(sheet, boxes)
    _parties(sheet, boxes)
    _way(sheet, boxes)
    draw_cargo(sheet, boxes)


def _bill(sheet: Sheet, boxes: Boxes) -> None:
    sheet.row(
        [
            boxes.box(
                0.30, "/bill/number", boxes.one("bill", "number", style=VALUE.but(bold=True, size=9.4))
            ),
            boxes.box(0.26, "/bill/issued_at", boxes.both("bill", "issued_at")),
            boxes.box(0.22, "/bill/issued_on", boxes.one("bill", "issued_on")),
            boxes.box(0.22, "/bill/originals", boxes.one("bill", "originals")),
        ],
        [0.30, 0.26, 0.22, 0.22],
    )
    sheet.row(
        [
            boxes.box(0.5, "/issuer", boxes.party("issuer")),
            boxes.box(0.5, "/holder", boxes.party("holder")),
        ],
        [0.5, 0.5],
    )
    held = ("note", "duplicate")
    sheet.row(
        [
            boxes.box(0.5, "/delivery_agent", boxes.party("delivery_agent")),
            boxes.box(
                0.5,
                "/note/duplicate",
                boxes.choice(*held, "held_by")
                + boxes.name(*held, "name")
                + boxes.rest(held, "held_by", "name"),
            ),
        ],
        [0.5, 0.5],
    )
    shares = {"regime": 0.17, "number": 0.2, "station": 0.18, "railway": 0.14, "country": 0.15, "date": 0.16}
    strong = VALUE.but(bold=True)
    sheet.row(
        [
            boxes.box(share, f"/note/{key}", boxes.one("note", key, style=strong))
            for key, share in shares.items()
        ],
        list(shares.values()),
    )


def _parties(sheet: Sheet, boxes: Boxes) -> None:
    regime = boxes.view.leaf("note", "regime")
    named = REGIMES.get(str(regime)) if regime in ("SMGS", "CIM/SMGS") else None
    told = TEXTS["boxes-of"]
    numbers = Both(told.zh.format(regime=named.zh), told.en.format(regime=named.en)) if named else None
    headed(sheet, TEXTS["part.note"], note=numbers)
    sheet.row(
        [
            boxes.box(0.5, "/consignment/consignor", boxes.party(_C, "consignor")),
            boxes.box(0.5, "/consignment/consignee", boxes.party(_C, "consignee")),
        ],
        [0.5, 0.5],
    )
    notified = [
        said for place in boxes.view.places(_C, "notify") for said in boxes.party(_C, "notify", place)
    ]
    declared = [
        said
        for place in boxes.view.places(_C, "declarations")
        for said in boxes.both(_C, "declarations", place)
    ]
    sheet.row(
        [
            boxes.box(0.5, "/consignment/notify", notified + _further(boxes, "notify")),
            boxes.box(0.5, "/consignment/declarations", declared + _further(boxes, "declarations")),
        ],
        [0.5, 0.5],
    )
    sheet.row(
        [
            boxes.box(0.5, "/consignment/departure", boxes.station(_C, "departure")),
            boxes.box(0.5, "/consignment/destination", boxes.station(_C, "destination")),
        ],
        [0.5, 0.5],
    )


def _further(boxes: Boxes, member: str) -> list[Said]:
    """Of a list inside a box: that there may be more of it."""
    if boxes.view.whole or not boxes.view.has(_C, member):
        return []
    told = TEXTS["rest-rows"]
    return [Said(f"{told.zh} {told.en}", FAINT)]


def _way(sheet: Sheet, boxes: Boxes) -> None:
    headed(sheet, TEXTS["part.way"])
    sheet.row(
        [
            boxes.box(0.5, "/consignment/route", boxes.both(_C, "route")),
            boxes.box(0.5, "/consignment/interchange", boxes.station(_C, "interchange")),
        ],
        [0.5, 0.5],
    )
    boxes.table(
        sheet,
        (_C, "crossings"),
        [
            Column(f"/consignment/crossings/*/{side}", 0.5, lambda place, side=side: _at(boxes, place, side))  # type: ignore[misc]
            for side in ("exit", "entry")
        ],
    )
    carrier = (_C, "contractual_carrier")
    sheet.row(
        [
            boxes.box(
                0.4,
                "/consignment/contractual_carrier",
                boxes.name(*carrier, "name")
                + boxes.joined(carrier, "code", "party")
                + boxes.rest(carrier, "name", "code", "party"),
            ),
            boxes.box(0.2, "/consignment/contract_date", boxes.one(_C, "contract_date")),
            boxes.box(0.2, "/consignment/expected_arrival", boxes.one(_C, "expected_arrival")),
            boxes.box(0.2, "/consignment/arrived_on", boxes.one(_C, "arrived_on")),
        ],
        [0.4, 0.2, 0.2, 0.2],
    )
    at = (_C, "sections")
    boxes.table(
        sheet,
        at,
        [
            Column("/consignment/sections/*/carrier", 0.5, lambda n: _carrier(boxes, n)),
            Column("/consignment/sections/*/from_station", 0.25, lambda n: boxes.one(*at, n, "from_station")),
            Column("/consignment/sections/*/to_station", 0.25, lambda n: boxes.one(*at, n, "to_station")),
        ],
    )


def _at(boxes: Boxes, place: int, side: str) -> list[Said]:
    """A border station on one line."""
    path = (_C, "crossings", place, side)
    found = [
        value
        for member in (("name", "zh"), ("name", "en"), ("code",), ("country",))
        if (value := boxes.text(*path, *member))
    ]
    told = [Said("  ".join(found), VALUE, pointer(path))] if found else []
    return told + boxes.rest(path, "name", "code", "country")


def _carrier(boxes: Boxes, place: int) -> list[Said]:
    path = (_C, "sections", place, "carrier")
    found = [
        value
        for member in (("code",), ("name", "zh"), ("name", "en"), ("name", "ru"))
        if (value := boxes.text(*path, *member))
    ]
    told = [Said("  ".join(found), VALUE, pointer(path))] if found else []
    return told + boxes.joined(path, "party") + boxes.rest(path, "code", "name", "party")
