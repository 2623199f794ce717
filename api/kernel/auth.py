"""Who is calling: API tokens, scoped, bound to one party, kept only as a hash.

A token reads ``lb_<id>_<secret>``; the secret is 256 random bits, so its bare SHA-256 cannot be searched.

>>> token, row = issue(party=3, scopes=("bills:read",), label="desk", now=0, lifetime=60)
>>> row.digest == token
False
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from sqlmodel import Session

from api.kernel.approval.tables import PersonRow
from api.kernel.tables import TokenRow
from chain.errors import LandbridgeError

__all__ = [
    "SCOPES",
    "ForbiddenError",
    "Principal",
    "UnauthorizedError",
    "UnknownScopeError",
    "authenticate",
    "issue",
]

SCOPES: Final = {
    "read": "see the bills, documents and acts of the party",
    "write": "store documents, prepare acts and submit signed ones",
    "sign": "have the party's entrusted key sign an act",
    "tokens": "make and revoke the party's tokens",
    "webhooks": "have what the party may see sent to an address, and look after that",
    "operate": "the operator's own: admit parties, give roles, watch the gateway",
    "approve": "sign off, as a person, what the party's rule puts under four eyes",
}

_FORM = re.compile(r"lb_([0-9a-f]{16})_([0-9a-f]{64})")


class UnauthorizedError(LandbridgeError):
    """No token, or none that is valid now."""

    code: ClassVar[str] = "unauthorized"


class ForbiddenError(LandbridgeError):
    """A valid token without the scope that the request needs."""

    code: ClassVar[str] = "forbidden"


class UnknownScopeError(LandbridgeError):
    """A scope that does not exist, or that the caller cannot give."""

    code: ClassVar[str] = "unknown-scope"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request."""

    token: str
    party: int | None
    scopes: frozenset[str]
    person: str | None = None
    """Whom the token stands for, as :func:`api.kernel.approval.people.person_id` names people."""

    def needs(self, scope: str) -> None:
        """Refuse unless the token has the scope.

        :raises ForbiddenError: it has not
        """
        if scope not in self.scopes:
            raise ForbiddenError(f"this token lacks the scope {scope}", params={"scope": scope})

    def acting(self) -> int:
        """The party for which the caller acts.

        :raises ForbiddenError: the operator's token acts for no party
        """
        if self.party is None:
            raise ForbiddenError("this token belongs to no party", params={"scope": "party"})
        return self.party


def issue(
    *, party: int | None, scopes: Iterable[str], label: str, now: int, lifetime: int
) -> tuple[str, TokenRow]:
    """Make a token; the caller stores the row and shows the token once.

    :param lifetime: seconds
    :raises UnknownScopeError: no such scope; ``operate`` with a party, or without one anything else
    """
    wanted = frozenset(scopes)
    for scope in sorted(wanted - SCOPES.keys()):
        raise UnknownScopeError(f"no scope is called {scope}", params={"scope": scope})
    fits = wanted == {"operate"} if party is None else "operate" not in wanted
    if not wanted or not fits:
        raise UnknownScopeError(
            "the operator's token has the scope operate alone, a party's never", params={}
        )
    identity, secret = secrets.token_hex(8), secrets.token_hex(32)
    row = TokenRow(
        id=identity,
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        party=party,
        scopes=" ".join(sorted(wanted)),
        label=label,
        created=now,
        expires=now + lifetime,
    )
    return f"lb_{identity}_{secret}", row


def authenticate(session: Session, header: str | None, *, now: int) -> Principal:
    """The caller named by an ``Authorization`` header (RFC 6750).

    :raises UnauthorizedError: none, malformed, unknown, revoked, expired or not signed off: one answer
    """
    refused = UnauthorizedError("send a valid token as Authorization: Bearer lb_…")
    scheme, _, value = (header or "").partition(" ")
    match = _FORM.fullmatch(value.strip()) if scheme.lower() == "bearer" else None
    if match is None:
        raise refused
    row = session.get(TokenRow, match[1])
    digest = hashlib.sha256(match[2].encode()).hexdigest()
    if not hmac.compare_digest(digest, row.digest if row else "0" * 64):
        raise refused
    if row is None or row.revoked is not None or row.expires <= now:
        raise refused
    person = session.get(PersonRow, row.id)
    if person is not None and person.approval is not None:
        raise refused  # others of its party have yet to sign it off
    return Principal(row.id, row.party, frozenset(row.scopes.split()), person.person if person else None)
