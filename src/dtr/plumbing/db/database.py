"""The one way to the metadata database: read and write transactions on SQLite or PostgreSQL."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from dtr.plumbing.db import dialect
from dtr.plumbing.db.group_commit import GroupCommitWriter

Transaction = Connection
"""What a function that runs in a transaction is given."""

T = TypeVar("T")

POSTGRESQL_ATTEMPTS = 5
"""How often a transaction is run when PostgreSQL reports a deadlock or a serialization failure."""

RETRY_PAUSE_SECONDS = 0.02
"""How much longer each pause before such an attempt is: at once it would meet the same opponent again."""

READ_GENERATION = "SELECT number FROM content_generation WHERE id = 1"


class Database(Protocol):
    """Runs functions in transactions. Safe for concurrent use from one event loop.

    Any call raises `Unavailable` when the engine cannot be reached or used, and `StorageFull` when its disk is full;
    errors raised by the function itself pass through after a rollback.
    """

    url: URL

    async def open(self) -> None:
        """Connect. Call once, in the process that will use the database (after a fork)."""
        ...

    async def close(self) -> None:
        """Finish running work and disconnect."""
        ...

    async def read(self, run: Callable[[Transaction], T]) -> T:
        """Run `run` in a transaction that sees one consistent state, on a thread."""
        ...

    async def quick_read(self, run: Callable[[Transaction], T]) -> T:
        """Like `read`, for indexed look-ups of a few rows: on SQLite it runs at once, on the event loop."""
        ...

    async def write(self, run: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Run `run` in a write transaction and return its result once that is committed.

        `run` must be short and may be run more than once (each time from a clean state). With `durable=False` the
        commit survives kill -9 but perhaps not a power loss, and caches are not told: for bookkeeping only.
        """
        ...

    def generation(self) -> int | None:
        """Return a number that differs after every durable write of any process; `None` where there is none.

        Costs about 2 microseconds on SQLite. PostgreSQL has none: there a cache cannot be validated cheaply.
        """
        ...

    def quick_number(self, statement: str) -> int | None:
        """Return the one number that a look-up without parameters finds, as cheaply as `generation`.

        `None` where that cannot be had at once (PostgreSQL), and when SQLite is in trouble.
        """
        ...


def open_database(url: str, threads: int = 8) -> Database:
    """Make the database that the address names. Nothing is opened before `open()`."""
    parsed = make_url(url)
    if dialect.is_sqlite(parsed):
        return SqliteDatabase(parsed, threads)
    return PostgresqlDatabase(parsed, threads)


class SqliteDatabase:
    """One file in WAL mode: readers never wait, writers go through one thread a process."""

    def __init__(self, url: URL, threads: int) -> None:
        self.url = url
        self._path = Path(url.database or "")
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="dtr-db")
        self._readers = dialect.sqlite_engine(url, "BEGIN", threads)
        self._writers = dialect.sqlite_engine(url, "BEGIN IMMEDIATE", 1)
        self._writer = GroupCommitWriter(self._writers, self._path.with_name(self._path.name + ".lock"))
        self._inline: Connection
        self._numbers: sqlite3.Cursor

    async def open(self) -> None:
        """Connect; see `Database.open`."""
        with dialect.translated_errors():
            self._inline = self._readers.connect()
            raw: Any = self._readers.raw_connection()
            self._numbers = raw.driver_connection.cursor()
        self._writer.start()

    async def close(self) -> None:
        """Finish queued writes, fold the log into the file and disconnect."""
        await asyncio.to_thread(self._writer.stop)
        self._inline.close()
        self._executor.shutdown()
        self._numbers.close()
        self._numbers.connection.close()
        self._readers.dispose()
        self._writers.dispose()

    async def read(self, run: Callable[[Transaction], T]) -> T:
        """See `Database.read`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _in_transaction, self._readers, run)

    async def quick_read(self, run: Callable[[Transaction], T]) -> T:
        """See `Database.quick_read`."""
        with dialect.translated_errors(), self._inline.begin():
            return run(self._inline)

    async def write(self, run: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """See `Database.write`."""
        result: T = await self._writer.write(run, durable=durable)
        return result

    def generation(self) -> int | None:
        """See `Database.generation`."""
        return self.quick_number(READ_GENERATION)

    def quick_number(self, statement: str) -> int | None:
        """See `Database.quick_number`."""
        try:
            number: int = self._numbers.execute(statement).fetchone()[0]
        except sqlite3.Error:  # whoever asks goes to the database itself, and meets the trouble there
            return None
        return number


class PostgresqlDatabase:
    """Any PostgreSQL from 13 on. Every call takes a pooled connection on a thread."""

    def __init__(self, url: URL, threads: int) -> None:
        self.url = url
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="dtr-db")
        self._engine = dialect.postgresql_engine(url, threads)

    async def open(self) -> None:
        """Check that the server answers; see `Database.open`."""
        await self.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar_one())

    async def close(self) -> None:
        """Finish running work and disconnect."""
        await asyncio.to_thread(self._executor.shutdown)
        self._engine.dispose()

    async def read(self, run: Callable[[Transaction], T]) -> T:
        """See `Database.read`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _in_transaction, self._engine, run)

    async def quick_read(self, run: Callable[[Transaction], T]) -> T:
        """See `Database.quick_read`."""
        return await self.read(run)

    async def write(self, run: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """See `Database.write`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _write_with_retry, self._engine, run, durable)

    def generation(self) -> int | None:
        """See `Database.generation`."""
        return None

    def quick_number(self, statement: str) -> int | None:  # noqa: ARG002 - the protocol's signature
        """See `Database.quick_number`."""
        return None


def _in_transaction(engine: Engine, run: Callable[[Transaction], T]) -> T:
    with dialect.translated_errors(), engine.begin() as tx:
        return run(tx)


def _write_with_retry(engine: Engine, run: Callable[[Transaction], T], durable: bool) -> T:  # noqa: FBT001 - positional for run_in_executor
    def unit(tx: Transaction) -> T:
        if not durable:
            dialect.relax_durability(tx)
        return run(tx)

    with dialect.translated_errors():
        for attempt in range(1, POSTGRESQL_ATTEMPTS):
            try:
                with engine.begin() as tx:
                    return unit(tx)
            except DBAPIError as error:
                if not dialect.is_retryable(error):
                    raise
            time.sleep(attempt * RETRY_PAUSE_SECONDS)
        with engine.begin() as tx:
            return unit(tx)
