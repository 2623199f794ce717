"""The wagons and containers that a bill names, and the time in which it holds them.

Another live bill that names one of them in an overlapping time is a warning for the banks. The window runs
from the note's date to the day of arrival, or of expected arrival while the goods are under way.

>>> from api.domains.bills.document.form import RailBill
>>> from api.domains.bills.document.samples import sample
>>> units(RailBill.model_validate(sample("chongqing-duisburg"))).containers
('LBDU4000010', 'LBDU4000237')
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from api.domains.bills.document.form import RailBill
from api.domains.bills.document.scalars import as_day

__all__ = ["Units", "units"]


@dataclass(frozen=True, slots=True)
class Units:
    """What a bill names, and from which day to which, both included.

    :param wagons: numbers of wagons, in the order of the bill
    :param containers: numbers of containers, in the order of the bill
    """

    wagons: tuple[str, ...]
    containers: tuple[str, ...]
    starts: date
    ends: date

    @property
    def numbers(self) -> tuple[str, ...]:
        """Wagons, then containers; no number is both."""
        return self.wagons + self.containers

    def shared_with(self, other: Units) -> tuple[str, ...]:
        """Give the numbers that both hold at one time."""
        if self.starts > other.ends or other.starts > self.ends:
            return ()
        theirs = frozenset(other.numbers)
        return tuple(number for number in self.numbers if number in theirs)


def units(document: RailBill) -> Units:
    """Give the wagons and containers that a bill names, with their window."""
    consignment = document.consignment
    return Units(
        wagons=tuple(wagon.number for wagon in consignment.wagons),
        containers=tuple(container.number for container in consignment.containers),
        starts=as_day(document.note.date),
        ends=as_day(consignment.arrived_on or consignment.expected_arrival),
    )
