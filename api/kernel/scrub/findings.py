"""What the scrubber can find, by stable codes, and how findings are kept: opened, seen again, cleared.

A finding is cleared by a whole pass that did not see it again; one that comes back is opened anew. What was
cleared is forgotten after 90 days.

>>> MEANINGS["blob-altered"].severity
'error'
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, func, select, update

from api.kernel.scrub.tables import ScrubFindingRow
from chain.logcheck import Fault

__all__ = [
    "MEANINGS",
    "Meaning",
    "clear",
    "is_error",
    "is_known",
    "is_mentioned",
    "listed",
    "open_counts",
    "record",
]

_KEPT_SECONDS = 90 * 86_400


class Meaning(NamedTuple):
    """How bad a finding is, and what it means."""

    severity: Literal["error", "info"]
    en: str
    zh: str


MEANINGS: Final[dict[str, Meaning]] = {
    "blob-missing": Meaning("error", "a stored ciphertext is missing", "存储的密文缺失"),
    "blob-truncated": Meaning("error", "a stored ciphertext is cut off", "存储的密文不完整"),
    "blob-altered": Meaning("error", "a stored ciphertext was altered", "存储的密文被改动"),
    "blob-unreadable": Meaning("error", "a stored ciphertext cannot be read", "存储的密文无法读取"),
    "blobs-unlisted": Meaning("error", "a part of the storage cannot be listed", "存储的一部分无法列出"),
    "blob-orphan": Meaning("info", "a stored ciphertext belongs to no document", "存储的密文不属于任何单证"),
    "document-row-altered": Meaning(
        "error", "what the database says of a document is not what the log was told", "单证记录与日志不符"
    ),
    "document-row-missing": Meaning(
        "error", "the log tells of a document that the database does not know", "日志所载单证在数据库中缺失"
    ),
    "leaf-altered": Meaning("error", "a leaf of the log was altered", "日志叶节点被改动"),
    "leaf-missing": Meaning("error", "a leaf of the log is missing", "日志叶节点缺失"),
    "leaf-extra": Meaning("error", "a leaf stands beyond the end of the log", "日志末尾之外存在叶节点"),
    "tile-altered": Meaning("error", "a part of the log's tree was altered", "日志树部分内容被改动"),
    "tile-missing": Meaning("error", "a part of the log's tree is missing", "日志树部分内容缺失"),
    "head-altered": Meaning(
        "error", "a sealed head is not the head of the log's tree", "已封日志头与日志树不符"
    ),
    "log-size-altered": Meaning("error", "the log's size was altered", "日志大小被改动"),
}
"""Every code, stable (docs/log.md)."""

_ERRORS = [code for code, meaning in MEANINGS.items() if meaning.severity == "error"]


def is_error(code: str) -> bool:
    """Whether a finding means that something is wrong; so does one whose code is not known any more."""
    return code not in MEANINGS or MEANINGS[code].severity == "error"


def record(session: Session, number: int, faults: Iterable[Fault], *, now: int) -> None:
    """Keep what a pass saw, in the caller's writing transaction."""
    rows = [
        {
            "code": fault.code,
            "place": fault.place,
            "facts": json.dumps(dict(fault.facts)),
            "number": number,
            "first_seen": now,
            "last_seen": now,
            "cleared": None,
        }
        for fault in faults
    ]
    if not rows:
        return
    dialect = session.get_bind().dialect.name
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(ScrubFindingRow)
    new: dict[str, Any] = {
        name: insert.excluded[name] for name in ("facts", "number", "last_seen", "cleared")
    }
    again = col(ScrubFindingRow.cleared).is_(None)
    new["first_seen"] = case((again, col(ScrubFindingRow.first_seen)), else_=insert.excluded.first_seen)
    session.connection().execute(
        insert.on_conflict_do_update(index_elements=["code", "place"], set_=new), rows
    )


def clear(session: Session, number: int, *, now: int) -> None:
    """Clear what a whole pass did not see again, in the caller's writing transaction."""
    gone = (col(ScrubFindingRow.cleared).is_(None), col(ScrubFindingRow.number) < number)
    session.exec(update(ScrubFindingRow).where(*gone).values(cleared=now))
    session.exec(delete(ScrubFindingRow).where(col(ScrubFindingRow.cleared) < now - _KEPT_SECONDS))


def is_known(session: Session, number: int, place: str) -> bool:
    """Whether this pass found something at a place."""
    statement = select(ScrubFindingRow.code).where(
        ScrubFindingRow.number == number, ScrubFindingRow.place == place
    )
    return session.exec(statement).first() is not None


def is_mentioned(session: Session, number: int, text: str) -> bool:
    """Whether a finding of this pass names a hash or a ciphertext among its facts."""
    statement = select(ScrubFindingRow.code).where(
        ScrubFindingRow.number == number, col(ScrubFindingRow.facts).contains(text, autoescape=True)
    )
    return session.exec(statement).first() is not None


def open_counts(session: Session) -> dict[str, int]:
    """How many findings are open, by code."""
    statement = (
        select(ScrubFindingRow.code, func.count())
        .where(col(ScrubFindingRow.cleared).is_(None))
        .group_by(ScrubFindingRow.code)
    )
    return dict(session.exec(statement).all())


def listed(session: Session, *, cleared: bool, start: int, limit: int) -> Sequence[ScrubFindingRow]:
    """Findings, what is wrong before what is only told.

    :param cleared: those too that were cleared
    """
    statement = select(ScrubFindingRow).order_by(
        col(ScrubFindingRow.code).in_(_ERRORS).desc(),
        col(ScrubFindingRow.code),
        col(ScrubFindingRow.first_seen),
        col(ScrubFindingRow.place),
    )
    if not cleared:
        statement = statement.where(col(ScrubFindingRow.cleared).is_(None))
    return session.exec(statement.offset(start).limit(limit)).all()
