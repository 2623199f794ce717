"""Sense checks of the journey: the note, the way, the carriers, the gauge, the dates.

>>> from api.domains.bills.document.form import RailBill
>>> from api.domains.bills.document.samples import sample
>>> [one for check in JOURNEY_CHECKS for one in check(RailBill.model_validate(sample("astana-chengdu")))]
[]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from api.domains.bills.document.checks_codes import stations_of
from api.domains.bills.document.codes import BROAD_GAUGE
from api.domains.bills.document.findings import Finding, Path, finding
from api.domains.bills.document.form import RailBill
from api.domains.bills.document.note import NoteIdentityError, identity_of, railway_of, station_of
from api.domains.bills.document.scalars import as_day

__all__ = ["DATE_CHECKS", "JOURNEY_CHECKS"]

_LONGEST_JOURNEY = timedelta(days=120)
_CLOCK_SLACK = timedelta(days=1)


def check_note_identity(document: RailBill) -> Iterator[Finding]:
    """The note's identity has a normal form, and so a fingerprint."""
    try:
        identity_of(document.note)
    except NoteIdentityError as error:
        field = str(error.params["field"])
        yield finding("note-identity", ("note", field), why=field)


def check_note_station(document: RailBill) -> Iterator[Finding]:
    """The note's station is the station of departure."""
    departure = document.consignment.departure
    try:
        note = station_of(document.note.station, document.note.country)
        same = note == station_of(departure.code, departure.country)
    except NoteIdentityError:
        # The stations' own checks say what is wrong with them.
        return
    if not same:
        yield finding("note-station-differs", ("note", "station"))


def check_note_railway(document: RailBill) -> Iterator[Finding]:
    """The note's railway is the carrier of the first section."""
    if railway_of(document.note.railway) != railway_of(document.consignment.sections[0].carrier.code):
        yield finding("note-railway-differs", ("note", "railway"))


def check_interchange(document: RailBill) -> Iterator[Finding]:
    """A common note says where the regimes meet, at a station of the route."""
    interchange = document.consignment.interchange
    if interchange is None:
        if document.note.regime == "CIM/SMGS":
            yield finding("interchange-missing", ("consignment",))
    elif interchange.code not in _route(document):
        path: Path = ("consignment", "interchange", "code")
        yield finding("interchange-off-route", path, code=interchange.code)


def check_crossings(document: RailBill) -> Iterator[Finding]:
    """The border stations lead from the country of departure to that of destination."""
    consignment = document.consignment
    here = consignment.departure.country
    for place, crossing in enumerate(consignment.crossings):
        path: Path = ("consignment", "crossings", place)
        if crossing.exit.country != here:
            yield finding("crossing-chain", (*path, "exit"), found=here, wanted=crossing.exit.country)
            return
        if crossing.entry.country == here:
            yield finding("crossing-chain", (*path, "entry"), found=here, wanted=crossing.entry.country)
            return
        here = crossing.entry.country
    if here != consignment.destination.country:
        path = ("consignment", "crossings")
        yield finding("crossing-chain", path, found=here, wanted=consignment.destination.country)


def check_sections(document: RailBill) -> Iterator[Finding]:
    """The carriers' sections are one unbroken way from departure to destination."""
    consignment = document.consignment
    here = consignment.departure.code
    for place, section in enumerate(consignment.sections):
        path: Path = ("consignment", "sections", place, "from_station")
        if section.from_station != here:
            yield finding("section-chain", path, found=section.from_station, wanted=here)
            return
        here = section.to_station
    if here != consignment.destination.code:
        path = ("consignment", "sections", len(consignment.sections) - 1, "to_station")
        yield finding("section-chain", path, found=here, wanted=consignment.destination.code)


def check_gauge(document: RailBill) -> Iterator[Finding]:
    """A way over both gauges names its transshipments, at stations of the route."""
    consignment = document.consignment
    broad = {station.country in BROAD_GAUGE for _, station in stations_of(document)}
    if len(broad) == 2 and not consignment.transshipments:
        yield finding("transshipment-missing", ("consignment",))
    route = _route(document)
    for place, transshipment in enumerate(consignment.transshipments):
        if transshipment.station not in route:
            path: Path = ("consignment", "transshipments", place, "station")
            yield finding("transshipment-off-route", path, code=transshipment.station)


def check_transshipped(document: RailBill) -> Iterator[Finding]:
    """What was found at transshipment is what the note says."""
    totals = document.consignment.totals
    for place, transshipment in enumerate(document.consignment.transshipments):
        path: Path = ("consignment", "transshipments", place)
        mass, packages = transshipment.gross_mass_kg, transshipment.packages
        if mass is not None and Decimal(mass) != Decimal(totals.gross_mass_kg):
            yield finding(
                "transshipment-differs", (*path, "gross_mass_kg"), found=mass, wanted=totals.gross_mass_kg
            )
        if packages is not None and packages != totals.packages:
            yield finding(
                "transshipment-differs", (*path, "packages"), found=packages, wanted=totals.packages
            )


def check_date_order(document: RailBill, today: date) -> Iterator[Finding]:
    """The note, the contract, the bill and the arrival follow one another."""
    bill, consignment = document.bill, document.consignment
    steps: tuple[tuple[Path, str], ...] = (
        (("note", "date"), document.note.date),
        (("consignment", "contract_date"), consignment.contract_date),
        (("bill", "issued_on"), bill.issued_on),
        (("consignment", "expected_arrival"), consignment.expected_arrival),
    )
    if consignment.arrived_on is not None:
        # Goods may come before they are expected, but not before they were handed over.
        arrived: tuple[Path, str] = (("consignment", "arrived_on"), consignment.arrived_on)
        pairs = [*pairwise(steps), (steps[1], arrived)]
    else:
        pairs = [*pairwise(steps)]
    for (_, earlier), (path, later) in pairs:
        if as_day(later) < as_day(earlier):
            yield finding("date-order", path, later=later, earlier=earlier)


def check_future(document: RailBill, today: date) -> Iterator[Finding]:
    """What is said to have happened lies no more than a day ahead of the clock."""
    consignment = document.consignment
    happened: tuple[tuple[Path, str | None], ...] = (
        (("note", "date"), document.note.date),
        (("consignment", "contract_date"), consignment.contract_date),
        (("bill", "issued_on"), document.bill.issued_on),
        (("consignment", "arrived_on"), consignment.arrived_on),
    )
    for path, day in happened:
        if day is not None and as_day(day) > today + _CLOCK_SLACK:
            yield finding("date-in-future", path, today=today.isoformat())


def check_journey_length(document: RailBill, today: date) -> Iterator[Finding]:
    """The journey takes no longer than a train may take."""
    consignment = document.consignment
    took = as_day(consignment.expected_arrival) - as_day(document.note.date)
    if took > _LONGEST_JOURNEY:
        yield finding("journey-long", ("consignment", "expected_arrival"), days=took.days)


def check_attached_dates(document: RailBill, today: date) -> Iterator[Finding]:
    """No attached document is younger than the bill."""
    for place, attached in enumerate(document.consignment.attached):
        if attached.date is not None and as_day(attached.date) > as_day(document.bill.issued_on):
            yield finding("attached-after-bill", ("consignment", "attached", place, "date"))


def _route(document: RailBill) -> set[str]:
    consignment = document.consignment
    ends = {consignment.departure.code, consignment.destination.code}
    return ends | {one.code for pair in consignment.crossings for one in (pair.exit, pair.entry)}


JOURNEY_CHECKS: Final[tuple[Callable[[RailBill], Iterable[Finding]], ...]] = (
    check_note_identity,
    check_note_station,
    check_note_railway,
    check_interchange,
    check_crossings,
    check_sections,
    check_gauge,
    check_transshipped,
)
DATE_CHECKS: Final[tuple[Callable[[RailBill, date], Iterable[Finding]], ...]] = (
    check_date_order,
    check_future,
    check_journey_length,
    check_attached_dates,
)
