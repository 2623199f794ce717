"""Sense checks of the cargo: products, sums, and which unit carries what.

Sums are exact: masses and amounts are decimals, never floats.

>>> from api.domains.bills.document.form import RailBill
>>> from api.domains.bills.document.samples import sample
>>> bill = RailBill.model_validate(sample("chongqing-duisburg"))
>>> [one for check in CARGO_CHECKS for one in check(bill)]
[]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final

from api.domains.bills.document.codes import BULK_KINDS
from api.domains.bills.document.findings import Finding, Path, finding
from api.domains.bills.document.form import Money, RailBill

__all__ = ["CARGO_CHECKS"]


def check_units(document: RailBill) -> Iterator[Finding]:
    """Each wagon and container is named once."""
    seen: set[str] = set()
    for path, number in _units(document):
        if number in seen:
            yield finding("unit-twice", (*path, "number"), number=number)
        seen.add(number)


def check_references(document: RailBill) -> Iterator[Finding]:
    """Loads, seals and containers name units that the bill has."""
    consignment = document.consignment
    wagons = {wagon.number for wagon in consignment.wagons}
    units = wagons | {container.number for container in consignment.containers}
    named: list[tuple[Path, str, set[str]]] = []
    for place, line in enumerate(consignment.goods):
        for index, load in enumerate(line.loads):
            named.append((("consignment", "goods", place, "loads", index, "unit"), load.unit, units))
    for place, seal in enumerate(consignment.seals):
        named.append((("consignment", "seals", place, "unit"), seal.unit, units))
    for place, container in enumerate(consignment.containers):
        if container.wagon is not None:
            named.append((("consignment", "containers", place, "wagon"), container.wagon, wagons))
    for path, number, among in named:
        if number not in among:
            yield finding("unit-unknown", path, number=number)


def check_empty_units(document: RailBill) -> Iterator[Finding]:
    """Each unit carries something: goods, or for a wagon a container."""
    used = _loaded(document) | {one.wagon for one in document.consignment.containers if one.wagon is not None}
    for path, number in _units(document):
        if number not in used:
            yield finding("unit-empty", (*path, "number"), number=number)


def check_seals(document: RailBill) -> Iterator[Finding]:
    """Each loaded unit is sealed, and no seal number stands twice."""
    sealed: set[str] = set()
    numbers: set[str] = set()
    for place, seal in enumerate(document.consignment.seals):
        sealed.add(seal.unit)
        if seal.number in numbers:
            yield finding("seal-twice", ("consignment", "seals", place, "number"), number=seal.number)
        numbers.add(seal.number)
    loaded = _loaded(document)
    for path, number in _units(document):
        if number in loaded and number not in sealed:
            yield finding("unit-unsealed", (*path, "number"), number=number)


def check_capacity(document: RailBill) -> Iterator[Finding]:
    """No unit carries more than it may; a container's tare counts against its own limit and its wagon's."""
    consignment = document.consignment
    carried: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in consignment.goods:
        for load in line.loads:
            carried[load.unit] += Decimal(load.gross_mass_kg)
    limits: list[tuple[Path, str, str | None]] = []
    for place, container in enumerate(consignment.containers):
        carried[container.number] += Decimal(container.tare_kg)
        if container.wagon is not None:
            carried[container.wagon] += carried[container.number]
        limits.append((("consignment", "containers", place), container.number, container.max_gross_kg))
    for place, wagon in enumerate(consignment.wagons):
        limits.append((("consignment", "wagons", place), wagon.number, wagon.capacity_kg))
    for path, number, limit in limits:
        if limit is not None and carried[number] > Decimal(limit):
            yield finding("unit-overloaded", path, number=number, found=str(carried[number]), limit=limit)


def check_line_numbers(document: RailBill) -> Iterator[Finding]:
    """Each goods line has a number of its own."""
    seen: set[int] = set()
    for place, line in enumerate(document.consignment.goods):
        if line.line in seen:
            yield finding("line-twice", ("consignment", "goods", place, "line"), number=line.line)
        seen.add(line.line)


def check_line_masses(document: RailBill) -> Iterator[Finding]:
    """Packages by the mass of one make the line's gross mass; the net mass is not above it."""
    for place, line in enumerate(document.consignment.goods):
        path: Path = ("consignment", "goods", place)
        gross, count = Decimal(line.gross_mass_kg), line.packages.count
        if line.net_mass_kg is not None and Decimal(line.net_mass_kg) > gross:
            yield finding("net-above-gross", (*path, "net_mass_kg"))
        if line.packages.kind in BULK_KINDS or count == 0:
            continue
        if line.unit_mass_kg is None:
            yield finding("unit-mass-missing", path)
        elif (wanted := count * Decimal(line.unit_mass_kg)) != gross:
            yield finding(
                "line-mass",
                (*path, "gross_mass_kg"),
                count=count,
                unit=line.unit_mass_kg,
                wanted=str(wanted),
                found=line.gross_mass_kg,
            )


def check_loads(document: RailBill) -> Iterator[Finding]:
    """The loads of a line make the line."""
    for place, line in enumerate(document.consignment.goods):
        path: Path = ("consignment", "goods", place, "loads")
        packages = sum(load.packages for load in line.loads)
        mass = sum((Decimal(load.gross_mass_kg) for load in line.loads), Decimal())
        if packages != line.packages.count:
            yield finding("load-packages", path, found=packages, wanted=line.packages.count)
        if mass != Decimal(line.gross_mass_kg):
            yield finding("load-mass", path, found=str(mass), wanted=line.gross_mass_kg)


def check_totals(document: RailBill) -> Iterator[Finding]:
    """The lines make the totals of packages, mass and value."""
    goods, totals = document.consignment.goods, document.consignment.totals
    path: Path = ("consignment", "totals")
    packages = sum(line.packages.count for line in goods)
    mass = sum((Decimal(line.gross_mass_kg) for line in goods), Decimal())
    if packages != totals.packages:
        yield finding("total-packages", (*path, "packages"), wanted=packages, found=totals.packages)
    if mass != Decimal(totals.gross_mass_kg):
        yield finding("total-mass", (*path, "gross_mass_kg"), wanted=str(mass), found=totals.gross_mass_kg)
    if totals.value is not None:
        values = _by_currency(line.value for line in goods if line.value is not None)
        if values != _by_currency([totals.value]) or any(line.value is None for line in goods):
            yield finding("total-value", (*path, "value"))


def check_charges(document: RailBill) -> Iterator[Finding]:
    """The charges by leg make the totals, currency by currency; each is for a section of its carrier."""
    consignment = document.consignment
    charges = consignment.charges
    path: Path = ("consignment", "charges")
    wanted = _by_currency(charge.amount for charge in charges.lines)
    found = _by_currency(charges.totals)
    for currency in sorted(wanted.keys() | found.keys()):
        if wanted.get(currency) != found.get(currency):
            yield finding(
                "charges-total",
                (*path, "totals"),
                currency=currency,
                wanted=str(wanted.get(currency, "–")),
                found=str(found.get(currency, "–")),
            )
    sections = {(one.carrier.code, one.from_station, one.to_station) for one in consignment.sections}
    for place, charge in enumerate(charges.lines):
        if (charge.carrier, charge.from_station, charge.to_station) not in sections:
            yield finding("charge-section", (*path, "lines", place))


def check_dangerous(document: RailBill) -> Iterator[Finding]:
    """The RID mark is set when, and only when, a line is dangerous goods."""
    consignment = document.consignment
    if consignment.dangerous != any(line.dangerous is not None for line in consignment.goods):
        yield finding("dangerous-flag", ("consignment", "dangerous"))


def _units(document: RailBill) -> Iterator[tuple[Path, str]]:
    for place, wagon in enumerate(document.consignment.wagons):
        yield ("consignment", "wagons", place), wagon.number
    for place, container in enumerate(document.consignment.containers):
        yield ("consignment", "containers", place), container.number


def _loaded(document: RailBill) -> set[str]:
    return {load.unit for line in document.consignment.goods for load in line.loads}


def _by_currency(moneys: Iterable[Money]) -> dict[str, Decimal]:
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for money in moneys:
        totals[money.currency] += Decimal(money.amount)
    return dict(totals)


CARGO_CHECKS: Final[tuple[Callable[[RailBill], Iterable[Finding]], ...]] = (
    check_units,
    check_references,
    check_empty_units,
    check_seals,
    check_capacity,
    check_line_numbers,
    check_line_masses,
    check_loads,
    check_totals,
    check_charges,
    check_dangerous,
)
