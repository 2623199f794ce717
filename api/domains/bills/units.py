"""Wagons and containers that two live bills name at once: a warning, within this gateway's documents.

What a document names is kept as keyed tags (HMAC-SHA-256 under a key that only this gateway has), so that a
copy of the database tells nobody what travels in which wagon.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from sqlmodel import Session, col, select

from api.domains.bills.document import units
from api.domains.bills.document.form import RailBill
from api.domains.bills.rules import UNDONE
from api.domains.bills.tables import BillRow, UnitTagRow
from api.kernel.house import House

__all__ = ["overlapping", "remember"]


def _tag(house: House, unit: str) -> str:
    key = house.settings.secret("tag_key").encode()
    return hmac.new(key, b"unit/1\x00" + unit.encode(), hashlib.sha256).hexdigest()


def remember(session: Session, house: House, digest: str, document: Any) -> None:
    """Keep the tags of a stored document's units."""
    window = units(RailBill.model_validate(document))
    for unit in window.numbers:
        session.add(
            UnitTagRow(
                document=digest,
                tag=_tag(house, unit),
                starts=window.starts.isoformat(),
                ends=window.ends.isoformat(),
            )
        )


def overlapping(session: Session, house: House, bill: str, document: Any) -> list[str]:
    """The units of a document that another undelivered bill here names in that time; whose is not said."""
    window = units(RailBill.model_validate(document))
    tags = {_tag(house, unit): unit for unit in window.numbers}
    rows = session.exec(
        select(UnitTagRow.tag)
        .join(BillRow, col(BillRow.id) == col(UnitTagRow.document))
        .where(
            col(UnitTagRow.tag).in_(tags),
            UnitTagRow.document != bill,
            UnitTagRow.starts <= window.ends.isoformat(),
            UnitTagRow.ends >= window.starts.isoformat(),
            col(BillRow.state).in_([int(state) for state in UNDONE]),
        )
        .distinct()
    )
    return sorted(tags[tag] for tag in rows)
