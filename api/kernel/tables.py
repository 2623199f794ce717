"""What the gateway remembers, whatever the room: parties, tokens, sealed documents, answered requests.

No personal data stands here: parties are organisations, and what a document says is sealed. Times are
seconds of Unix time, UTC. Parties' numbers (32 bits), times (48 bits) and blocks are wider than an INTEGER of
PostgreSQL.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, LargeBinary, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

__all__ = [
    "AnsweredRequest",
    "DocumentRow",
    "EvidenceRequest",
    "KeyRow",
    "PartyRow",
    "ProfileRow",
    "TenureRow",
    "TokenRow",
    "WrapRow",
]


class ProfileRow(SQLModel, table=True):
    """What an organisation is called, under the digest by which the chain knows it."""

    __tablename__ = "profiles"

    digest: str = Field(primary_key=True)
    name: str
    name_zh: str
    country: str
    seed: str
    """Salts the digest, so that the name cannot be guessed from the chain."""
    reader_key: str
    """X25519 public key, hex: documents for this party are sealed to it."""
    custodial: bool
    created: int = Field(sa_type=BigInteger)

    def content(self) -> dict[str, str]:
        """What its digest is taken of."""
        return {
            "format": "landbridge/profile/1",
            "name": self.name,
            "name_zh": self.name_zh,
            "country": self.country,
            "reader_key": self.reader_key,
        }


class PartyRow(SQLModel, table=True):
    """A party as the chain shows it, kept by the indexer."""

    __tablename__ = "parties"

    number: int = Field(primary_key=True, sa_type=BigInteger)
    profile: str = Field(index=True)
    rulebook: str
    admitted: int = Field(sa_type=BigInteger)
    suspended: bool = False
    block: int = Field(sa_type=BigInteger)
    """Block of the last change."""


class KeyRow(SQLModel, table=True):
    """A key and whom it speaks for, kept by the indexer."""

    __tablename__ = "party_keys"

    address: str = Field(primary_key=True)
    party: int = Field(index=True, sa_type=BigInteger)
    custodial: bool
    since: int = Field(sa_type=BigInteger)
    until: int | None = Field(default=None, sa_type=BigInteger)
    block: int = Field(sa_type=BigInteger)


class TenureRow(SQLModel, table=True):
    """A span of time in which a party has a role, kept by the indexer."""

    __tablename__ = "tenures"

    party: int = Field(primary_key=True, sa_type=BigInteger)
    role: int = Field(primary_key=True)
    starts: int = Field(primary_key=True, sa_type=BigInteger)
    ends: int | None = Field(default=None, sa_type=BigInteger)
    block: int = Field(sa_type=BigInteger)

    @classmethod
    def last(cls, session: Session, party: int, role: int) -> TenureRow | None:
        """The newest span of a role."""
        return session.exec(
            select(cls).where(cls.party == party, cls.role == role).order_by(col(cls.starts).desc())
        ).first()


class RegistryRow(SQLModel, table=True):
    """The one registry whose events this database holds: its contracts' addresses by name, as JSON."""

    __tablename__ = "registry"

    id: int = Field(default=1, primary_key=True)
    contracts: str


class TokenRow(SQLModel, table=True):
    """An API token: only its SHA-256 is kept."""

    __tablename__ = "tokens"

    id: str = Field(primary_key=True)
    digest: str
    party: int | None = Field(default=None, index=True, sa_type=BigInteger)
    """Whose token it is; none for the operator's."""
    scopes: str
    label: str
    created: int = Field(sa_type=BigInteger)
    expires: int = Field(sa_type=BigInteger)
    revoked: int | None = Field(default=None, sa_type=BigInteger)


class DocumentRow(SQLModel, table=True):
    """A sealed document: its digest, its format, and where its ciphertext lies."""

    __tablename__ = "documents"

    digest: str = Field(primary_key=True)
    format: str
    blob: str = Field(index=True)
    size: int
    author: int = Field(sa_type=BigInteger)
    created: int = Field(sa_type=BigInteger)


class WrapRow(SQLModel, table=True):
    """A document's key, sealed to one reader."""

    __tablename__ = "wraps"
    __table_args__ = (UniqueConstraint("document", "party"),)

    id: int | None = Field(default=None, primary_key=True)
    document: str = Field(index=True)
    party: int = Field(index=True, sa_type=BigInteger)
    wrap: bytes
    shown_by: int = Field(sa_type=BigInteger)
    created: int = Field(sa_type=BigInteger)


class EvidenceRequest(SQLModel, table=True):
    """That a caller's Idempotency-Key stands for a leaf of the log, for good.

    ``name`` is the hash of token and key, ``fingerprint`` that of the body.
    """

    __tablename__ = "evidence_requests"
    __table_args__: ClassVar[Any] = {"sqlite_with_rowid": False}

    name: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    fingerprint: bytes
    leaf: int = Field(sa_type=BigInteger)


class AnsweredRequest(SQLModel, table=True):
    """An unsafe request and its answer (encrypted), under the caller's Idempotency-Key, for a day."""

    __tablename__ = "answered_requests"

    token: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    status: int
    content_type: str
    body: bytes
    replayable: bool
    created: int = Field(sa_type=BigInteger)
