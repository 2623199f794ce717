"""Two full sample bills of the project's own, and the filling in of what a demo must set.

The parties are plainly invented; places are real. Station codes of Kazakhstan, Russia and Belarus and of
Małaszewicze are published ones; the other station numbers, wagons, containers and seals are for
demonstration, with check digits that hold.

>>> sample_names()
('astana-chengdu', 'chongqing-duisburg')
>>> fill(sample("astana-chengdu"), issuer=3, holder=9)["holder"]["party"]
9
"""

from __future__ import annotations

import copy
import json
import re
from datetime import date, timedelta
from importlib import resources
from typing import Any

from api.domains.bills.document.scalars import DATE_PATTERN, as_day

__all__ = ["fill", "sample", "sample_names"]

_FOLDER = resources.files("api.domains.bills") / "samples"
_DATE = re.compile(DATE_PATTERN)


def sample_names() -> tuple[str, ...]:
    """Give the names of the sample bills."""
    return tuple(
        sorted(one.name.removesuffix(".json") for one in _FOLDER.iterdir() if one.name.endswith(".json"))
    )


def sample(name: str) -> dict[str, Any]:
    """Give a fresh copy of a sample bill as a JSON value.

    :raises KeyError: there is none of that name
    """
    if name not in sample_names():
        raise KeyError(name)
    value: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return value


def fill(
    value: dict[str, Any],
    *,
    issuer: int,
    holder: int,
    delivery_agent: int | None = None,
    bill_number: str | None = None,
    note_number: str | None = None,
    note_date: date | None = None,
) -> dict[str, Any]:
    """Give a copy of a bill with the parties' numbers of this registry set wherever they stand.

    :param issuer: number of the issuer; also set where the contractual carrier or the consignee is the issuer
    :param holder: number of the holder
    :param delivery_agent: number of the delivery agent; without it the agent stays unregistered
    :param bill_number: another number for the bill
    :param note_number: another number for the note, for a demo that is played again
    :param note_date: another date for the note; all days of the bill move with it
    """
    filled = copy.deepcopy(value)
    consignment = filled["consignment"]
    old_issuer, agent = filled["issuer"]["party"], filled.get("delivery_agent", {})
    old_agent = agent.get("party")
    everyone = [
        filled["issuer"],
        agent,
        consignment["consignee"],
        consignment["contractual_carrier"],
        *(section["carrier"] for section in consignment["sections"]),
    ]
    for box in everyone:
        number = box.pop("party", None)
        if number == old_issuer:
            box["party"] = issuer
        elif number is not None and number == old_agent and delivery_agent is not None:
            box["party"] = delivery_agent
    filled["holder"]["party"] = holder
    if bill_number is not None:
        filled["bill"]["number"] = bill_number
    if note_number is not None:
        filled["note"]["number"] = note_number
    if note_date is not None:
        moved: dict[str, Any] = _move(filled, note_date - as_day(filled["note"]["date"]))
        return moved
    return filled


def _move(node: Any, by: timedelta) -> Any:
    if isinstance(node, dict):
        return {key: _move(child, by) for key, child in node.items()}
    if isinstance(node, list):
        return [_move(child, by) for child in node]
    if isinstance(node, str) and _DATE.match(node):
        return (as_day(node) + by).isoformat()
    return node
