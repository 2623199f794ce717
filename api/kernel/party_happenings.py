"""What the registry of parties tells: who was admitted, what they may do, which keys speak for them.

All of it is public on the chain, and every party may see it.

>>> "Suspended" in NAMES
True
"""

from __future__ import annotations

from typing import Any, Final

from sqlmodel import Session

from api.kernel.party_acts import Role
from api.kernel.room import Happening
from chain.indexer import ChainEvent
from chain.intents import Domain

__all__ = ["NAMES", "happening"]

NAMES: Final = (
    "Admitted",
    "KeyAdded",
    "KeyRevoked",
    "Reinstated",
    "RoleEnded",
    "RoleGranted",
    "Suspended",
)
_ROLES: Final = {int(role): role.name.lower().replace("_", "-") for role in Role}


def happening(session: Session, event: ChainEvent, domain: Domain) -> Happening | None:
    """What an event of the registry tells."""
    if event.name not in NAMES:
        return None
    facts = {name: _json(name, value) for name, value in event.arguments.items()}
    return Happening(event.name, str(event.arguments["party"]), None, facts)


def _json(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if name == "role":
        return _ROLES.get(value, str(value))
    return value.lower() if isinstance(value, str) else value
