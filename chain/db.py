"""One way to open the database, and two kinds of session: one that writes, one that reads.

SQLite (one machine) and PostgreSQL (several gateways) behave alike through these: a writing session is one
transaction that is durable when it ends and never begins as a reader that may fail to become a writer.

>>> engine = open_engine("sqlite:////tmp/landbridge-example.db")
>>> with writing(engine) as session:
...     _ = session.exec(text("CREATE TABLE IF NOT EXISTS example (id INTEGER)"))
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from sqlite3 import Connection as SqliteConnection
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlmodel import Session

from chain.errors import LandbridgeError

__all__ = ["DatabaseUrlError", "insert_rows", "open_engine", "reading", "writing"]

_BUSY_SECONDS = 30
_ROWS_AT_ONCE = 128
_READ_ONLY = "landbridge_read_only"


class DatabaseUrlError(LandbridgeError):
    """A database URL that names neither a SQLite file nor a PostgreSQL database."""

    code: ClassVar[str] = "database-url"


def open_engine(url: str) -> Engine:
    """Open a database; nothing is created in it.

    :param url: ``sqlite:///relative/file.db``, ``sqlite:////absolute/file.db`` or ``postgresql://…``
    :raises DatabaseUrlError: another kind of database, or SQLite without a file
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUrlError("the database URL cannot be read") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=16, max_overflow=64
        )
    if backend != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError("the database is a SQLite file or PostgreSQL", params={"backend": backend})
    # The threads of one process wait for one another in SQLite, not in the pool.
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS}, pool_size=16, max_overflow=112)

    @event.listens_for(engine, "connect")
    def _configure(connection: SqliteConnection, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for us
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    turn = _Turn(engine)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get(_READ_ONLY, False):
            connection.exec_driver_sql("BEGIN")
            return
        # A deferred transaction that reads first and writes later is refused at once when another writer
        # came between, whatever the busy timeout: so a writer takes the lock at its beginning.
        with turn.taken_by(connection):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


class _Turn:
    """Whose turn it is to write among the threads of this process.

    SQLite lets those who wait for its lock sleep and look again, up to a tenth of a second each time, and
    whoever happens to look first is next. Here the next one begins when the one before has ended; SQLite's
    own lock then holds up other processes only.
    """

    def __init__(self, engine: Engine) -> None:
        self._free = threading.Lock()
        self._holder: object = None  # the driver's connection
        for name in ("do_commit", "do_rollback"):
            setattr(engine.dialect, name, self._ending(getattr(engine.dialect, name)))
        event.listen(engine, "close", lambda connection, _record: self._pass_on(connection))
        event.listen(engine, "close_detached", self._pass_on)

    @contextmanager
    def taken_by(self, connection: Connection) -> Iterator[None]:
        """Wait for the turn, and keep it until the transaction ends; not if the block raises."""
        if not self._free.acquire(timeout=_BUSY_SECONDS):
            raise OperationalError("BEGIN IMMEDIATE", {}, TimeoutError("the database is busy"))
        driver = self._holder = connection.connection.dbapi_connection
        try:
            yield
        except BaseException:
            self._pass_on(driver)
            raise

    def _ending(self, end: Callable[[Any], None]) -> Callable[[Any], None]:
        def ended(connection: Any) -> None:
            try:
                end(connection)
            finally:
                driver = getattr(connection, "dbapi_connection", connection)
                if not driver.in_transaction:  # a commit that fails for a full disk is yet to be rolled back
                    self._pass_on(driver)

        return ended

    def _pass_on(self, driver: object) -> None:
        if self._holder is driver is not None:
            self._holder = None
            self._free.release()


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction that may write; durable when the block ends, undone when it raises.

    Rows stay readable after the block.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One transaction that only reads, and on SQLite holds up no writer; what it changes is undone."""
    # The connection is taken at the first statement: whoever only waits holds none.
    with Session(engine.execution_options(**{_READ_ONLY: True}), expire_on_commit=False) as session:
        yield session
        session.expunge_all()
        session.rollback()


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows of the same columns, in the caller's transaction, past the session's objects.

    SQLite's driver lets go of the interpreter at each step of a statement, and a thread that is busy keeps
    it for milliseconds each time; so there the rows go in as few statements as may be.
    """
    connection = session.connection()
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(insert(table), rows)
        return
    columns = tuple(rows[0])
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        values = tuple(row[column] for row in part for column in columns)
        connection.exec_driver_sql(_insert_text(table.name, columns, len(part)), values)


@lru_cache(maxsize=512)
def _insert_text(table: str, columns: tuple[str, ...], count: int) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    row = f"({', '.join('?' * len(columns))})"
    return f'INSERT INTO "{table}" ({names}) VALUES {", ".join([row] * count)}'  # noqa: S608 - our own names
