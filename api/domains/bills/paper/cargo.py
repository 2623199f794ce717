"""The cargo on a bill's face: wagons, containers and seals, the goods, and what their carriage costs.

>>> draw_cargo(sheet, Boxes(view))  # doctest: +SKIP
"""

from __future__ import annotations

from functools import partial

from api.domains.bills.paper.boxes import FIGURE, MINOR, VALUE, Boxes, Column, Said, headed
from api.domains.bills.paper.sheet import GREY, INNER, Cell, Sheet
from api.domains.bills.paper.words import TEXTS, Both
from chain.canonical import pointer

__all__ = ["draw_cargo"]

_C = "consignment"
_TOTAL = VALUE.but(bold=True, size=9.0)


def draw_cargo(sheet: Sheet, boxes: Boxes) -> None:
    """Draw the boxes of units, goods, charges and documents."""
    _units(sheet, boxes)
    _goods(sheet, boxes)
    _charges(sheet, boxes)


def _fields(boxes: Boxes, path: str, *columns: tuple[str, float]) -> list[Column]:
    """Columns that say one field each; a name that ends in ``!`` is one whose values the form lists, one in
    ``#`` is a figure."""
    made = []
    for name, share in columns:
        member, style = name.rstrip("!#"), FIGURE if name.endswith("#") else VALUE
        say = partial(boxes.choice if name.endswith("!") else boxes.one, style=style)
        made.append(
            Column(
                f"/{_C}/{path}/*/{member}",
                share,
                lambda place, say=say, member=member: say(_C, path, place, member),  # type: ignore[misc]
            )
        )
    return made


def _units(sheet: Sheet, boxes: Boxes) -> None:
    headed(sheet, TEXTS["part.units"])
    shares = (("number", 0.2), ("railway", 0.12), ("gauge", 0.1), ("provided_by!", 0.14), ("axles#", 0.08))
    more = (("capacity_kg#", 0.13), ("tare_kg#", 0.11), ("tank_type", 0.12))
    boxes.table(sheet, (_C, "wagons"), _fields(boxes, "wagons", *shares, *more))
    boxes.table(
        sheet,
        (_C, "containers"),
        _fields(
            boxes,
            "containers",
            ("number", 0.24),
            ("size_type", 0.16),
            ("tare_kg#", 0.18),
            ("max_gross_kg#", 0.2),
            ("wagon", 0.22),
        ),
    )
    seals = (("number", 0.36), ("unit", 0.32), ("placed_by!", 0.32))
    boxes.table(sheet, (_C, "seals"), _fields(boxes, "seals", *seals), up=2)
    boxes.table(
        sheet,
        (_C, "transshipments"),
        _fields(
            boxes,
            "transshipments",
            ("station", 0.18),
            ("method!", 0.2),
            ("from_gauge", 0.12),
            ("to_gauge", 0.12),
            ("gross_mass_kg#", 0.2),
            ("packages#", 0.18),
        ),
    )


def _goods(sheet: Sheet, boxes: Boxes) -> None:
    headed(sheet, TEXTS["part.goods"])
    at = (_C, "goods")
    codes = (("hs", "HS"), ("nhm", "NHM"), ("gng", "ГНГ"))

    def described(n: int) -> list[Said]:
        return boxes.both(*at, n, "description") + boxes.joined((*at, n), "marks")

    def coded(n: int) -> list[Said]:
        found = [Said(f"{name} {value}", VALUE) for key, name in codes if (value := boxes.text(*at, n, key))]
        return found + boxes.rest((*at, n), *(key for key, _ in codes))

    def packed(n: int) -> list[Said]:
        found = [v for key in ("count", "kind") if (v := boxes.text(*at, n, "packages", key)) is not None]
        told = [Said(" ".join(found), VALUE)] if found else []
        return told + boxes.rest((*at, n, "packages"), "count", "kind")

    goods = "/consignment/goods/*"
    columns = [
        Column(f"{goods}/line", 0.05, lambda n: boxes.one(*at, n, "line")),
        Column(f"{goods}/description", 0.27, described),
        Column(Both("HS / NHM / ГНГ 编码", "HS, NHM, GNG codes"), 0.14, coded),
        Column(f"{goods}/packages", 0.1, packed),
        Column(f"{goods}/unit_mass_kg", 0.09, lambda n: boxes.one(*at, n, "unit_mass_kg", style=FIGURE)),
        Column(f"{goods}/gross_mass_kg", 0.1, lambda n: boxes.one(*at, n, "gross_mass_kg", style=FIGURE)),
        Column(f"{goods}/net_mass_kg", 0.1, lambda n: boxes.one(*at, n, "net_mass_kg", style=FIGURE)),
        Column(f"{goods}/value", 0.15, lambda n: boxes.money(*at, n, "value", style=FIGURE)),
    ]
    boxes.table(sheet, at, columns, below=lambda n: _loads(boxes, n))
    totals = (_C, "totals")
    sheet.row(
        [
            boxes.box(0.3, "/consignment/totals/packages", boxes.one(*totals, "packages", style=_TOTAL)),
            boxes.box(
                0.35, "/consignment/totals/gross_mass_kg", boxes.one(*totals, "gross_mass_kg", style=_TOTAL)
            ),
            boxes.box(0.35, "/consignment/totals/value", boxes.money(*totals, "value", style=_TOTAL)),
        ],
        [0.3, 0.35, 0.35],
    )
    found = (_C, "mass_determination")
    sheet.row(
        [
            boxes.box(0.3, "/consignment/dangerous", boxes.one(_C, "dangerous")),
            boxes.box(0.35, "/consignment/loaded_by", boxes.choice(_C, "loaded_by")),
            boxes.box(
                0.35,
                "/consignment/mass_determination",
                boxes.choice(*found, "method")
                + boxes.choice(*found, "by")
                + boxes.rest(found, "method", "by"),
            ),
        ],
        [0.3, 0.35, 0.35],
    )


def _loads(boxes: Boxes, place: int) -> Cell | None:
    """Below a line of goods: which wagon or container carries what of it, and what is dangerous in it."""
    path = (_C, "goods", place)
    cell = Cell()
    for said in boxes.joined((*path, "dangerous"), "un_number", "hazard_class", "packing_group"):
        cell.add((("危险货物 Dangerous goods  ", GREY), *said.text), MINOR, INNER, where=said.where)
    loads = []
    for one in boxes.view.places(*path, "loads"):
        at = (*path, "loads", one)
        unit, count, mass = (boxes.text(*at, key) for key in ("unit", "packages", "gross_mass_kg"))
        parts = [f"{count} 件 packages" if count else None, f"{mass} kg" if mass else None]
        carried = ", ".join(part for part in parts if part)
        loads.append(": ".join(part for part in (unit, carried) if part))
    if loads:
        cell.add(
            (("装载 Loads  ", GREY), ("; ".join(loads), None)), MINOR, INNER, where=pointer((*path, "loads"))
        )
    return cell if cell.lines else None


def _charges(sheet: Sheet, boxes: Boxes) -> None:
    headed(sheet, TEXTS["part.charges"])
    at = (_C, "charges", "lines")
    head = "/consignment/charges/lines/*"
    columns = [
        Column(f"{head}/carrier", 0.13, lambda n: boxes.one(*at, n, "carrier")),
        Column(f"{head}/from_station", 0.15, lambda n: boxes.one(*at, n, "from_station")),
        Column(f"{head}/to_station", 0.15, lambda n: boxes.one(*at, n, "to_station")),
        Column(f"{head}/payer", 0.16, lambda n: boxes.choice(*at, n, "payer")),
        Column(f"{head}/payer_name", 0.22, lambda n: boxes.name(*at, n, "payer_name")),
        Column(f"{head}/amount", 0.19, lambda n: boxes.money(*at, n, "amount", style=FIGURE)),
    ]
    boxes.table(sheet, at, columns)
    sums = (_C, "charges", "totals")
    added = [
        said for n in boxes.view.places(*sums) for said in boxes.money(*sums, n, style=VALUE.but(bold=True))
    ]
    place = (_C, "incoterm")
    sheet.row(
        [
            boxes.box(0.34, "/consignment/charges/totals", added),
            boxes.box(
                0.33,
                "/consignment/incoterm",
                boxes.joined(place, "code", "edition")
                + boxes.one(*place, "place")
                + boxes.rest(place, "code", "edition", "place"),
            ),
            boxes.box(0.33, "/consignment/declared_value", boxes.money(_C, "declared_value")),
        ],
        [0.34, 0.33, 0.33],
    )
    papers = (_C, "attached")
    boxes.table(
        sheet,
        papers,
        [
            Column("/consignment/attached/*/code", 0.12, lambda n: boxes.one(*papers, n, "code")),
            Column("/consignment/attached/*/title", 0.36, lambda n: boxes.both(*papers, n, "title")),
            Column("/consignment/attached/*/number", 0.28, lambda n: boxes.one(*papers, n, "number")),
            Column("/consignment/attached/*/date", 0.14, lambda n: boxes.one(*papers, n, "date")),
            Column("/consignment/attached/*/copies", 0.1, lambda n: boxes.one(*papers, n, "copies")),
        ],
    )
    noted = (_C, "references")
    sheet.row(
        [
            boxes.box(
                1.0,
                "/consignment/references",
                boxes.joined(noted, "supply_contract", style=VALUE)
                + boxes.joined(noted, "consignor_reference", style=VALUE)
                + boxes.joined(noted, "remarks", style=VALUE)
                + boxes.rest(noted, "supply_contract", "consignor_reference", "remarks"),
            )
        ],
        [1.0],
    )
    marks = (("country", 0.1), ("office", 0.34), ("text", 0.4), ("date", 0.16))
    boxes.table(sheet, (_C, "customs_marks"), _fields(boxes, "customs_marks", *marks))
