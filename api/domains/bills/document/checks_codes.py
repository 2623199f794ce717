"""Sense checks of codes: countries, currencies, goods codes, stations, wagons, containers.

>>> from api.domains.bills.document.form import RailBill
>>> from api.domains.bills.document.samples import sample
>>> [one for check in CODE_CHECKS for one in check(RailBill.model_validate(sample("astana-chengdu")))]
[]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from api.domains.bills.document.checkdigits import container_is_sound, station_fault, wagon_fault
from api.domains.bills.document.codes import (
    BULK_KINDS,
    COUNTRIES,
    CURRENCY_DECIMALS,
    INCOTERMS,
    MARITIME_INCOTERMS,
    PACKAGE_KINDS,
    UIC_COUNTRY,
)
from api.domains.bills.document.findings import Finding, Path, finding
from api.domains.bills.document.form import Money, RailBill, Station

__all__ = ["CODE_CHECKS", "stations_of"]

# HS chapter 77 is kept for later use; 98 and 99 are national, though railways use 99 in their own lists.
_HS_CHAPTERS = frozenset(f"{chapter:02}" for chapter in range(1, 98)) - {"77"}


def check_countries(document: RailBill) -> Iterator[Finding]:
    """Every country is one of ISO 3166-1."""
    for path, country in _countries(document):
        if country not in COUNTRIES:
            yield finding("country-unknown", path, value=country)


def check_currencies(document: RailBill) -> Iterator[Finding]:
    """Every currency is one of ISO 4217, and its amount has no more decimals than its minor unit."""
    for path, money in _moneys(document):
        decimals = CURRENCY_DECIMALS.get(money.currency)
        found = len(money.amount.partition(".")[2])
        if decimals is None:
            yield finding("currency-unknown", (*path, "currency"), value=money.currency)
        elif found > decimals:
            path = (*path, "amount")
            yield finding("amount-decimals", path, currency=money.currency, wanted=decimals, found=found)


def check_incoterm(document: RailBill) -> Iterator[Finding]:
    """The delivery term is one of Incoterms 2020, and one for carriage by rail."""
    term = document.consignment.incoterm
    path = ("consignment", "incoterm", "code")
    if term is None:
        return
    if term.code not in INCOTERMS:
        yield finding("incoterm-unknown", path, value=term.code)
    elif term.code in MARITIME_INCOTERMS:
        yield finding("incoterm-maritime", path, value=term.code)


def check_goods_codes(document: RailBill) -> Iterator[Finding]:
    """HS chapters exist; NHM and GNG begin with the HS code and stand where the regime wants them."""
    regime = document.note.regime
    wanted = {"nhm": "CIM" in regime, "gng": "SMGS" in regime}
    for place, line in enumerate(document.consignment.goods):
        path: Path = ("consignment", "goods", place)
        if line.hs[:2] not in _HS_CHAPTERS:
            yield finding("hs-chapter", (*path, "hs"), chapter=line.hs[:2])
        for name, code in (("nhm", line.nhm), ("gng", line.gng)):
            if code is None:
                if wanted[name]:
                    yield finding("goods-code-missing", path, list=name.upper(), regime=regime)
            elif code[:6] != line.hs:
                yield finding("goods-code-differs", (*path, name), list=name.upper(), hs=line.hs)


def check_package_kinds(document: RailBill) -> Iterator[Finding]:
    """Package kinds are known; goods in bulk have none to count, packed goods have."""
    for place, line in enumerate(document.consignment.goods):
        path: Path = ("consignment", "goods", place)
        kind, count = line.packages.kind, line.packages.count
        if kind not in PACKAGE_KINDS:
            yield finding("package-kind-unknown", (*path, "packages", "kind"), value=kind)
        in_bulk = kind in BULK_KINDS
        if in_bulk != (count == 0) or (in_bulk and line.unit_mass_kg is not None):
            yield finding("package-count", (*path, "packages", "count"))


def check_stations(document: RailBill) -> Iterator[Finding]:
    """Each station's code belongs to its country and its check digit holds."""
    for path, station in stations_of(document):
        if station.country in COUNTRIES and (fault := station_fault(station.code, station.country)):
            yield finding(fault, (*path, "code"), code=station.code, country=station.country)


def check_wagons(document: RailBill) -> Iterator[Finding]:
    """Each wagon's number has a known form, its check digit holds, its railway is known."""
    for place, wagon in enumerate(document.consignment.wagons):
        path: Path = ("consignment", "wagons", place)
        if wagon.railway not in UIC_COUNTRY:
            yield finding("wagon-railway", (*path, "railway"), value=wagon.railway)
        if fault := wagon_fault(wagon.number, wagon.railway):
            yield finding(fault, (*path, "number"), number=wagon.number)


def check_containers(document: RailBill) -> Iterator[Finding]:
    """Each container's check digit holds (ISO 6346)."""
    for place, container in enumerate(document.consignment.containers):
        if not container_is_sound(container.number):
            path: Path = ("consignment", "containers", place, "number")
            yield finding("container-check-digit", path, number=container.number)


def stations_of(document: RailBill) -> Iterator[tuple[Path, Station]]:
    """Give every station of the journey with its place, in the order of the way."""
    consignment = document.consignment
    yield ("consignment", "departure"), consignment.departure
    for place, crossing in enumerate(consignment.crossings):
        yield ("consignment", "crossings", place, "exit"), crossing.exit
        yield ("consignment", "crossings", place, "entry"), crossing.entry
    yield ("consignment", "destination"), consignment.destination
    if consignment.interchange is not None:
        yield ("consignment", "interchange"), consignment.interchange


def _countries(document: RailBill) -> Iterator[tuple[Path, str]]:
    consignment = document.consignment
    yield ("note", "country"), document.note.country
    yield ("law", "country"), document.law.country
    parties = [
        (("issuer",), document.issuer),
        (("holder",), document.holder),
        (("delivery_agent",), document.delivery_agent),
        (("consignment", "consignor"), consignment.consignor),
        (("consignment", "consignee"), consignment.consignee),
        *((("consignment", "notify", place), one) for place, one in enumerate(consignment.notify)),
    ]
    for path, party in parties:
        if party is not None and party.country is not None:
            yield (*path, "country"), party.country
    for path, station in stations_of(document):
        yield (*path, "country"), station.country
    for place, mark in enumerate(consignment.customs_marks):
        yield ("consignment", "customs_marks", place, "country"), mark.country


def _moneys(document: RailBill) -> Iterator[tuple[Path, Money]]:
    consignment = document.consignment
    for place, line in enumerate(consignment.goods):
        if line.value is not None:
            yield ("consignment", "goods", place, "value"), line.value
    if consignment.totals.value is not None:
        yield ("consignment", "totals", "value"), consignment.totals.value
    for place, charge in enumerate(consignment.charges.lines):
        yield ("consignment", "charges", "lines", place, "amount"), charge.amount
    for place, total in enumerate(consignment.charges.totals):
        yield ("consignment", "charges", "totals", place), total
    if consignment.declared_value is not None:
        yield ("consignment", "declared_value"), consignment.declared_value


CODE_CHECKS: Final[tuple[Callable[[RailBill], Iterable[Finding]], ...]] = (
    check_countries,
    check_currencies,
    check_incoterm,
    check_goods_codes,
    check_package_kinds,
    check_stations,
    check_wagons,
    check_containers,
)
