"""The sense checks of a bill whose form is right: one pure function each, all of them in `CHECKS`.

A check looks at one question and yields findings; it never raises and changes nothing. The parts that ask
about parties and clauses are here; codes, cargo and journey have a module each.

>>> from datetime import date
>>> from api.domains.bills.document.samples import sample
>>> check_sense(RailBill.model_validate(sample("astana-chengdu")), date(2026, 11, 22))
[]
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Final, TypeAlias

from api.domains.bills.document.checks_cargo import CARGO_CHECKS
from api.domains.bills.document.checks_codes import CODE_CHECKS
from api.domains.bills.document.checks_journey import DATE_CHECKS, JOURNEY_CHECKS
from api.domains.bills.document.clauses import REQUIRED
from api.domains.bills.document.findings import Finding, finding
from api.domains.bills.document.form import Carrier, Party, RailBill, Registered

__all__ = ["CHECKS", "DatedCheck", "check_sense"]

DatedCheck: TypeAlias = Callable[[RailBill, date], Iterable[Finding]]


def check_sense(document: RailBill, today: date) -> list[Finding]:
    """Run every check; findings come in the order of `CHECKS`."""
    return [one for check in CHECKS for one in check(document, today)]


def check_holder(document: RailBill) -> Iterator[Finding]:
    """A bill names its holder; to bearer is refused."""
    if document.holder is None:
        yield finding("bearer-refused", ("holder",))


def check_consignee(document: RailBill) -> Iterator[Finding]:
    """The note's consignee is the issuer or its delivery agent, and never the holder."""
    consignee, holder, agent = document.consignment.consignee, document.holder, document.delivery_agent
    place = ("consignment", "consignee")
    if holder is not None and _is_same(consignee, holder):
        yield finding("consignee-is-holder", place)
    elif not _is_same(consignee, document.issuer) and not (agent is not None and _is_same(consignee, agent)):
        yield finding("consignee-not-controlled", place)


def check_agent(document: RailBill) -> Iterator[Finding]:
    """The delivery agent is not the holder."""
    agent, holder = document.delivery_agent, document.holder
    # Where the consignee is that agent too, the consignee's finding already says it.
    if agent is None or holder is None or not _is_same(agent, holder):
        return
    if not _is_same(document.consignment.consignee, holder):
        yield finding("agent-is-holder", ("delivery_agent",))


def check_issuer(document: RailBill) -> Iterator[Finding]:
    """The issuer is the note's contractual carrier."""
    if not _is_same(document.consignment.contractual_carrier, document.issuer):
        yield finding("issuer-not-carrier", ("issuer",))


def check_duplicate(document: RailBill) -> Iterator[Finding]:
    """The note's duplicate is with someone who cannot redirect the goods on their own."""
    held_by = document.note.duplicate.held_by
    if held_by not in ("issuer", "delivery-agent", "bank"):
        yield finding("duplicate-not-held", ("note", "duplicate", "held_by"), held=held_by)


def check_originals(document: RailBill) -> Iterator[Finding]:
    """An electronic bill has one original."""
    if document.bill.originals != 1:
        yield finding("originals-not-one", ("bill", "originals"), count=document.bill.originals)


def check_clause_numbers(document: RailBill) -> Iterator[Finding]:
    """Clauses are numbered from 1 without gaps."""
    for place, clause in enumerate(document.clauses):
        if clause.number != place + 1:
            yield finding(
                "clause-numbering", ("clauses", place, "number"), found=clause.number, wanted=place + 1
            )
            return


def check_clause_subjects(document: RailBill) -> Iterator[Finding]:
    """The back deals with every subject that makes a bill work."""
    present = {clause.subject for clause in document.clauses}
    for subject in REQUIRED:
        if subject not in present:
            yield finding("clause-missing", ("clauses",), subject=subject)


def _is_same(one: Party | Carrier, other: Party | Registered) -> bool:
    """Tell whether two boxes name one party: by registry number where both have one, or else by name."""
    if one.party is not None and other.party is not None:
        return one.party == other.party
    names = (
        (one.name.zh, other.name.zh),
        (one.name.en, other.name.en),
        (one.name.ru, other.name.ru),
    )
    return any(a is not None and b is not None and _plain(a) == _plain(b) for a, b in names)


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    # A name of signs only has no letters to compare.
    return "".join(c for c in folded if c.isalnum()) or folded


def _undated(check: Callable[[RailBill], Iterable[Finding]]) -> DatedCheck:
    def dated(document: RailBill, today: date) -> Iterable[Finding]:
        return check(document)

    dated.__name__ = check.__name__
    return dated


CHECKS: Final[tuple[DatedCheck, ...]] = (
    *map(
        _undated,
        (
            check_holder,
            check_consignee,
            check_agent,
            check_issuer,
            check_duplicate,
            check_originals,
            check_clause_numbers,
            check_clause_subjects,
            *CODE_CHECKS,
            *CARGO_CHECKS,
            *JOURNEY_CHECKS,
        ),
    ),
    *DATE_CHECKS,
)
