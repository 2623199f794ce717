"""What is asked of the registry of parties about a time gone by: keys, roles, profiles.

Each question can be answered by a call or from the registry's storage (contracts/parties/Parties.sol); tests
hold the two ways together.

>>> key_of("0x" + "11" * 20).function
'keyOf'
"""

from __future__ import annotations

from typing import Any

from api.kernel.onchain import Question
from api.kernel.party_acts import Role
from chain.intents import Address
from chain.storage import Storage

__all__ = ["had_role_at", "key_of", "party_of"]

_PARTIES = "Parties"


def key_of(key: Address) -> Question:
    """A key's standing: ``party``, ``since``, ``until``, ``custodial``."""
    return Question(_PARTIES, "keyOf", (key,), lambda storage: storage.read("_keys", key))


def party_of(number: int) -> Question:
    """A party's standing: among others ``profile``, the digest of what it was admitted as."""
    return Question(_PARTIES, "party", (number,), lambda storage: storage.read("_parties", number))


def had_role_at(party: int, role: Role, time: int) -> Question:
    """Whether a party held a role at a time (seconds of Unix time)."""
    arguments = (party, int(role), time)
    return Question(_PARTIES, "hadRoleAt", arguments, lambda storage: _had_role_at(storage, *arguments))


def _had_role_at(storage: Storage, party: int, role: int, time: int) -> bool:
    span: dict[str, Any] = storage.read("_lastTenure", party, role)
    if span["from"] > time:
        left = storage.length("_earlierTenures", party, role)
        while span["from"] > time:
            if left == 0:
                return False
            left -= 1
            span = storage.read("_earlierTenures", party, role, left)
    # Nobody has a span that begins at 0: that one was never written.
    return bool(span["from"] != 0 and (span["until"] == 0 or time < span["until"]))
