"""Bring a database to the schema of this version. Alembic is imported only when there is something to do."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, pool, text
from sqlalchemy.engine import URL

from dtr.core.errors import Unavailable
from dtr.plumbing.db.dialect import is_sqlite, translated_errors
from dtr.plumbing.db.schema import SCHEMA_REVISION

MIGRATION_LOCK = 0x6474725F6D696772
"""Key of the PostgreSQL advisory lock that lets one process migrate at a time."""


def migrate(url: str) -> bool:
    """Create or upgrade the schema; return whether anything was done. Safe to call from several processes at once.

    Raises `Unavailable` when the database cannot be used or was written by a newer version.
    """
    parsed = make_url(url)
    with translated_errors(), _one_at_a_time(parsed):
        engine = _plain_engine(parsed)
        try:
            with engine.connect() as connection:
                current = _revision(connection)
            if current == SCHEMA_REVISION:
                return False
            _refuse_newer(current)
            _upgrade(engine)
            return True
        finally:
            engine.dispose()


def _plain_engine(url: URL) -> Engine:
    if is_sqlite(url):
        options = {"timeout": 60, "isolation_level": None}
        engine = create_engine(url, poolclass=pool.NullPool, connect_args=options)
        # Left to itself, Python's driver commits every CREATE TABLE alone: a killed migration would stay half-done.
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        return engine
    return create_engine(url.set(drivername="postgresql+psycopg"), poolclass=pool.NullPool)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer(current: str | None) -> None:
    if current is not None and current > SCHEMA_REVISION:
        message = (
            f"the database has schema {current}, newer than the {SCHEMA_REVISION} that this version knows: "
            "run the version that wrote it, or a later one"
        )
        raise Unavailable(message, retry_after_seconds=60)


def _upgrade(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - 150 ms that a start without migration does not pay
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(resources.files("dtr.plumbing.db") / "migrations"))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _one_at_a_time(url: URL) -> AbstractContextManager[None]:
    if is_sqlite(url) and url.database:
        return _locked_file(Path(url.database + ".lock"))
    return nullcontext()
