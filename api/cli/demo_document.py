"""The demo's document: the Chongqing–Duisburg sample, made fresh for each run.

Each run has a consignment note, containers and wagons of its own, with check digits that hold: so a story can
be told again and again, and one that was broken off stands in no later one's way.

>>> one = fresh(issuer=1, holder=2, today=date(2026, 11, 22), run="00012345")
>>> one["note"]["number"], one["issuer"]["party"]
('00012345', 1)
"""

from __future__ import annotations

import copy
import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from stdnum import iso6346

from api.domains.bills.document import fill, sample
from api.domains.bills.document.checkdigits import luhn

__all__ = ["fresh", "tampered"]

_SAMPLE = "chongqing-duisburg"


def fresh(*, issuer: int, holder: int, today: date, run: str, suffix: str = "") -> dict[str, Any]:
    """The document of one run.

    :param run: eight digits that no other run had; the note's number
    :param suffix: distinguishes several bills of one run
    """
    filled = fill(
        sample(_SAMPLE),
        issuer=issuer,
        holder=holder,
        bill_number=f"LB-CQ-DEMO-{run}{suffix}",
        note_number=run,
        note_date=today - timedelta(days=2),
    )
    consignment = filled["consignment"]
    units = [one["number"] for one in (*consignment["containers"], *consignment["wagons"])]
    renumbered: dict[str, Any] = _replace(filled, {unit: _other(unit, run) for unit in units})
    return renumbered


def tampered(document: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """A copy with one mass changed, and the mass before and after, in kilograms."""
    altered = copy.deepcopy(document)
    line = altered["consignment"]["goods"][0]
    before = line["gross_mass_kg"]
    line["gross_mass_kg"] = after = str(Decimal(before) + 1000)
    return altered, before, after


def _other(unit: str, run: str) -> str:
    """Another unit of the same owner and kind: its serial digits drawn from the run."""
    drawn = int.from_bytes(hashlib.sha256(f"{run}/{unit}".encode()).digest()[:8], "big")
    if unit[0].isalpha():
        body = f"{unit[:4]}{drawn % 10**6:06d}"
        return body + str(iso6346.calc_check_digit(body))
    if len(unit) == 7:  # China's own numbers have no check digit
        return f"{unit[:3]}{drawn % 10**4:04d}"
    serial = 3 if len(unit) == 12 else 4
    body = f"{unit[: -serial - 1]}{drawn % 10**serial:0{serial}d}"
    return body + luhn(body)


def _replace(node: Any, others: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _replace(child, others) for key, child in node.items()}
    if isinstance(node, list):
        return [_replace(child, others) for child in node]
    return others.get(node, node) if isinstance(node, str) else node
