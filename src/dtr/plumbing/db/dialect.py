"""Where SQLite and PostgreSQL differ, by name."""

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from dtr.core.errors import RegistryError, StorageFull, Unavailable

BUSY_SECONDS = 20
"""How long a statement waits for another process's lock before it gives up."""

_MMAP_BYTES = 256 * 1024 * 1024
_SQLITE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""What is wrong with the file or the machine. Other codes tell of mistakes of ours, which no later try mends."""
_LOST_RACES = frozenset({"23503", "40001", "40P01"})
"""A foreign key whose row somebody deleted after this transaction saw it; no serialization; deadlock."""
_DISK_FULL = frozenset({"53100"})


def is_sqlite(url: URL) -> bool:
    """Tell whether the address names an SQLite file."""
    return url.get_backend_name() == "sqlite"


def sqlite_engine(url: URL, begin: str, pool_size: int = 8) -> Engine:
    """Make an engine whose transactions start with `begin` ("BEGIN" to read, "BEGIN IMMEDIATE" to write)."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"mmap_size={_MMAP_BYTES}",
            "journal_size_limit=67108864",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def postgresql_engine(url: URL, pool_size: int) -> Engine:
    """Make an engine on psycopg 3 that notices dead connections before it uses them."""
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "application_name": "dtr"},
    )


def relax_durability(tx: Connection) -> None:
    """Let PostgreSQL answer the commit of this transaction before it is flushed."""
    tx.exec_driver_sql("SET LOCAL synchronous_commit = off")


def is_retryable(error: DBAPIError) -> bool:
    """Tell whether PostgreSQL gave up on a transaction that would succeed if run again."""
    return getattr(error.orig, "sqlstate", None) in _LOST_RACES


def as_registry_error(error: DBAPIError) -> RegistryError | None:
    """Translate an engine's trouble (not a violated constraint) to what a caller can act on."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _sqlite_trouble(getattr(original, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF)
    sqlstate = getattr(original, "sqlstate", None)
    if sqlstate in _DISK_FULL:
        return StorageFull("the disk that holds the database is full")
    lost = error.connection_invalidated or (sqlstate is None and isinstance(error, OperationalError))
    if lost or (sqlstate or "")[:2] in {"08", "53", "57", "40"}:
        return Unavailable("the database cannot be used right now", retry_after_seconds=5)
    return None


def _sqlite_trouble(code: int) -> RegistryError | None:
    if code == sqlite3.SQLITE_FULL:
        return StorageFull("the disk that holds the database is full")
    if code in _SQLITE_TROUBLE:
        return Unavailable("the database cannot be used right now", retry_after_seconds=5)
    return None


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raise `StorageFull` or `Unavailable` instead of the engine's own operational errors."""
    try:
        yield
    except DBAPIError as error:
        meaning = None if isinstance(error, IntegrityError) else as_registry_error(error)
        if meaning is None:
            raise
        raise meaning from error
