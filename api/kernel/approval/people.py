"""People of a party: tokens that stand for one, known here by a keyed hash.

Whoever could make a token for another person could sign off for both. So where a rule stands, a token that
stands for a person is refused until others of the party have signed it off.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import TYPE_CHECKING, ClassVar

from sqlmodel import Session, col, select

from api.kernel.approval.tables import PersonRow
from api.kernel.tables import TokenRow
from chain.errors import LandbridgeError

if TYPE_CHECKING:
    from api.kernel.house import House

__all__ = ["PersonNeededError", "person_id", "signatories"]


class PersonNeededError(LandbridgeError):
    """A token that signs off must stand for a person of a party."""

    code: ClassVar[str] = "person-needed"


def person_id(house: House, party: int, name: str) -> str:
    """What a person is called here: the same for the same name at the same party, and guessed by nobody.

    :param name: whatever the party calls him, such as a staff number; kept nowhere
    """
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    told = f"{party}\0{plain}".encode()
    return "p" + hmac.new(house.persons_key, told, hashlib.sha256).hexdigest()[:24]


def signatories(session: Session, party: int, now: int) -> set[str]:
    """The people of a party who can sign off now."""
    statement = (
        select(PersonRow.person, TokenRow.scopes)
        .join(TokenRow, col(TokenRow.id) == col(PersonRow.token))
        .where(
            PersonRow.party == party,
            col(PersonRow.approval).is_(None),
            col(TokenRow.revoked).is_(None),
            TokenRow.expires > now,
        )
    )
    return {person for person, scopes in session.exec(statement) if "approve" in scopes.split()}
