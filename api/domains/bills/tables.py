"""A bill's tables: what the chain said, kept by the indexer; and tags of wagons and containers.

Everything here but the tags can be deleted and is written anew from the chain's events.
"""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

__all__ = ["BillEventRow", "BillRow", "UnitTagRow"]


class BillRow(SQLModel, table=True):
    """A bill as it stands: its word, taken apart."""

    __tablename__ = "bills"

    id: str = Field(primary_key=True)
    state: int
    to_order: bool
    sequence: int
    version: int
    issuer: int = Field(index=True)
    holder: int = Field(index=True)
    offeree: int = Field(index=True)
    offer_expiry: int
    note: str
    block: int


class BillEventRow(SQLModel, table=True):
    """One act that took effect. ``word`` is the bill's word after it, hex."""

    __tablename__ = "bill_events"

    bill: str = Field(primary_key=True)
    sequence: int = Field(primary_key=True)
    act: str
    key: str
    party: int = Field(index=True)
    deadline: int
    word: str
    detail: str
    block: int = Field(index=True)
    block_hash: str
    block_time: int
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
