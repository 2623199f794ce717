"""What the scrubber keeps: how far the pass under way has come, and what was found.

Times are whole seconds of Unix time.

>>> ScrubRow.__tablename__
'scrub'
"""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

__all__ = ["ScrubFindingRow", "ScrubRow"]


class ScrubRow(SQLModel, table=True):
    """The one place where the scrubber is, whatever the number of gateways.

    :ivar number: of the pass under way, or of the last
    :ivar phase: what it looks at; empty between two passes
    :ivar at: how far it has come in this phase, as the phase itself notes it
    :ivar began: when this pass began
    :ivar ended: when the last whole pass ended, with its number and its beginning beside
    :ivar checked: what this pass has looked at, by kind, as JSON; ``totals`` is what there was when it began
    :ivar holder: the process at work on it, until ``held_until`` at most
    """

    __tablename__ = "scrub"

    id: int = Field(default=1, primary_key=True)
    number: int = Field(default=0, sa_type=BigInteger)
    phase: str = ""
    at: str = ""
    began: int = Field(default=0, sa_type=BigInteger)
    ended: int | None = Field(default=None, sa_type=BigInteger)
    ended_number: int | None = Field(default=None, sa_type=BigInteger)
    ended_began: int | None = Field(default=None, sa_type=BigInteger)
    checked: str = "{}"
    totals: str = ""
    holder: str = ""
    held_until: int = Field(default=0, sa_type=BigInteger)


class ScrubFindingRow(SQLModel, table=True):
    """One thing that is, or was, wrong.

    :ivar place: where; with the code it is the finding's name
    :ivar facts: more of it, as JSON
    :ivar number: of the pass that saw it last
    :ivar cleared: when a whole pass found it well again
    """

    __tablename__ = "scrub_findings"

    code: str = Field(primary_key=True)
    place: str = Field(primary_key=True)
    facts: str
    number: int = Field(sa_type=BigInteger, index=True)
    first_seen: int = Field(sa_type=BigInteger)
    last_seen: int = Field(sa_type=BigInteger)
    cleared: int | None = Field(default=None, sa_type=BigInteger, index=True)
