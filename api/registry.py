"""The one list of rooms. A new business is one folder and one line here."""

from __future__ import annotations

from typing import Final

from api.domains.bills.room import BILLS
from api.kernel.parties import PARTIES
from api.kernel.room import Room

__all__ = ["ROOMS"]

ROOMS: Final[tuple[Room, ...]] = (PARTIES, BILLS)
