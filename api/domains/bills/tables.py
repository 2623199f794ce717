"""A bill's tables: what the chain said, kept by the indexer; and tags of wagons and containers.

Everything here but the tags can be deleted and is written anew from the chain's events.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

__all__ = ["BillEventRow", "BillRow", "UnitTagRow"]


class BillRow(SQLModel, table=True):
    """A bill as it stands: its word, taken apart."""

    __tablename__ = "bills"

    id: str = Field(primary_key=True)
    state: int
    to_order: bool
    sequence: int = Field(sa_type=BigInteger)
    version: int
    issuer: int = Field(index=True, sa_type=BigInteger)
    holder: int = Field(index=True, sa_type=BigInteger)
    offeree: int = Field(index=True, sa_type=BigInteger)
    offer_expiry: int = Field(sa_type=BigInteger)
    note: str
    block: int = Field(sa_type=BigInteger)


class BillEventRow(SQLModel, table=True):
    """One act that took effect. ``word`` is the bill's word after it, hex."""

    __tablename__ = "bill_events"

    bill: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True, sa_type=BigInteger)
    act: str
    key: str
    party: int = Field(index=True, sa_type=BigInteger)
    deadline: int = Field(sa_type=BigInteger)
    word: str
    detail: str
    block: int = Field(index=True, sa_type=BigInteger)
    block_hash: str
    block_time: int = Field(sa_type=BigInteger)
    transaction: str
    log_index: int


class UnitTagRow(SQLModel, table=True):
    """A wagon or container that a stored document names, as a keyed tag, and the days it is on the way."""

    __tablename__ = "unit_tags"
    __table_args__ = (Index("ix_unit_tags_tag_document", "tag", "document"),)

    id: int | None = Field(default=None, primary_key=True)
    document: str = Field(index=True)
    tag: str
    starts: str
    ends: str
