"""Rules, people, requests and sign-offs, as the gateway remembers them.

A person stands here as a keyed hash of what the party calls him: never a name. A request's content is public
on the chain once it is signed, or names rules and tokens alone.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

__all__ = ["ApprovalRow", "ApprovalRuleRow", "PersonRow", "SignOffRow"]

_RowId = BigInteger().with_variant(Integer, "sqlite")


class ApprovalRuleRow(SQLModel, table=True):
    """A party's rule. One that covers nothing is a rule that was lifted."""

    __tablename__ = "approval_rules"

    party: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    version: int = Field(sa_type=BigInteger)
    acts: str
    """JSON: a list of ``room/Act``, or ``*``."""
    people: int = Field(sa_type=BigInteger)
    lifetime: int = Field(sa_type=BigInteger)
    """Seconds in which a request must have all its sign-offs, and its act must execute."""
    changed: int = Field(sa_type=BigInteger)


class PersonRow(SQLModel, table=True):
    """Whom a token stands for."""

    __tablename__ = "token_persons"

    token: str = Field(primary_key=True)
    party: int = Field(index=True, sa_type=BigInteger)
    person: str
    approval: str | None = None
    """The request on which the token waits; until it is granted the token is refused."""


class ApprovalRow(SQLModel, table=True):
    """A request: what is to be signed, or changed, once enough people have signed off."""

    __tablename__ = "approvals"

    id: str = Field(primary_key=True)
    """Begins with the time, so that requests are in order."""
    party: int = Field(index=True, sa_type=BigInteger)
    kind: str
    room: str = ""
    act: str = ""
    digest: str = Field(index=True)
    """What is signed off: an act's EIP-712 digest, or that of a rule or token as a document."""
    content: str
    """JSON: an act's message and cosignatures; a rule; a token's id."""
    status: str = Field(index=True)
    reason: str | None = None
    """The code of what ended it."""
    people: int = Field(sa_type=BigInteger)
    token: str
    """The proposer's."""
    created: int = Field(sa_type=BigInteger)
    expires: int = Field(sa_type=BigInteger)
    ended: int | None = Field(default=None, sa_type=BigInteger)
    signature: str | None = None
    """The key's signature, where that alone was asked for."""


class SignOffRow(SQLModel, table=True):
    """What one person said of a request, and where in the log it stands."""

    __tablename__ = "sign_offs"
    __table_args__ = (UniqueConstraint("approval", "person", "decision"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=_RowId)
    approval: str = Field(index=True)
    decision: str
    person: str
    """Empty where the token stands for nobody, such as a system's."""
    token: str
    at: int = Field(sa_type=BigInteger)
    seed: str
    """Salts the digest in the log; with it, whoever is shown the statement finds it there."""
    leaf: int = Field(sa_type=BigInteger)
