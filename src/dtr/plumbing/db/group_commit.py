"""One writer thread for an SQLite file: transactions that wait together share one flush.

A commit that must survive power loss costs a flush of the disk, and SQLite lets one transaction write at a time.
So all writes of this process queue here. The thread takes everything that waits, runs each unit behind its own
savepoint in one transaction, commits once, and only then tells the callers. A unit that fails is rolled back alone.
"""

import asyncio
import fcntl
import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from dtr.plumbing.db.dialect import as_registry_error, translated_errors

MAX_UNITS_PER_COMMIT = 64
"""More would make the first caller of a batch wait too long."""

COUNT_GENERATION_UP = text("UPDATE content_generation SET number = number + 1 WHERE id = 1")


@dataclass(slots=True)
class _Unit:
    """One caller's piece of work and where its outcome goes."""

    run: Callable[[Connection], Any]
    durable: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class GroupCommitWriter:
    """Runs write transactions of one process on an SQLite database. Start once, after any fork."""

    def __init__(self, engine: Engine, lock_file: Path) -> None:
        self._engine = engine
        self._lock_file = lock_file
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="dtr-db-writer", daemon=True)
        self._durable: bool | None = None
        self._lock: int
        self._connection: Connection
        self._gate = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """Begin to take work. Raises Unavailable when the database cannot be opened."""
        self._lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with translated_errors():
            self._connection = self._engine.connect()
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end the thread. Blocks until it has ended."""
        with self._gate:
            self._stopped = True
            self._queue.put(None)
        self._thread.join()

    async def write(self, run: Callable[[Connection], Any], *, durable: bool) -> Any:
        """Run `run` in a transaction; return its result once that is committed.

        Raises RuntimeError after `stop`: nobody would ever take the work.
        """
        loop = asyncio.get_running_loop()
        unit = _Unit(run, durable, loop, loop.create_future())
        with self._gate:
            if self._stopped:
                raise RuntimeError("the database is closed: nothing can be written any more")
            self._queue.put(unit)
        return await unit.future

    def _work(self) -> None:
        while batch := self._next_batch():
            self._commit(self._connection, self._lock, batch)
            _settle(batch)
        self._connection.close()
        os.close(self._lock)

    def _next_batch(self) -> list[_Unit]:
        first = self._queue.get()
        batch = [first] if first is not None else []
        while batch and len(batch) < MAX_UNITS_PER_COMMIT and not self._queue.empty():
            unit = self._queue.get()
            if unit is None:
                self._queue.put(None)
                break
            batch.append(unit)
        return batch

    def _commit(self, connection: Connection, lock: int, batch: list[_Unit]) -> None:
        """Run the batch in one transaction. Every unit ends with a result or an error."""
        durable = any(unit.durable for unit in batch)
        try:
            with translated_errors(), _held(lock):
                self._set_durability(connection, durable=durable)
                with connection.begin():
                    for unit in batch:
                        _run_alone(connection, unit, savepoint=len(batch) > 1)
                    if durable:
                        connection.execute(COUNT_GENERATION_UP)
        except BaseException as error:  # noqa: BLE001 - the callers get it; this is the thread's outermost frame
            for unit in batch:
                unit.result, unit.error = None, unit.error or error

    def _set_durability(self, connection: Connection, *, durable: bool) -> None:
        """FULL flushes at commit; NORMAL survives a crash of the process but not of the machine."""
        if durable is not self._durable:
            level = "FULL" if durable else "NORMAL"
            connection.connection.cursor().execute(f"PRAGMA synchronous={level}")
            self._durable = durable


def _run_alone(connection: Connection, unit: _Unit, *, savepoint: bool) -> None:
    """Run one unit so that its failure undoes its own work only."""
    if not savepoint:
        unit.result = unit.run(connection)
        return
    connection.exec_driver_sql("SAVEPOINT unit")
    try:
        unit.result = unit.run(connection)
    except Exception as error:
        unit.error = _translated(error)
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            raise
        connection.exec_driver_sql("ROLLBACK TO unit")
    connection.exec_driver_sql("RELEASE unit")


def _translated(error: BaseException) -> BaseException:
    meaning = as_registry_error(error) if isinstance(error, DBAPIError) else None
    if meaning is None:
        return error
    meaning.__cause__ = error
    return meaning


@contextmanager
def _held(lock: int) -> Iterator[None]:
    """Hold the lock that orders the writers of all processes: they wake in turn instead of polling SQLite's own."""
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _settle(batch: list[_Unit]) -> None:
    """Wake each event loop once for all its units."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
    for unit in batch:
        by_loop.setdefault(unit.loop, []).append(unit)
    for loop, units in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile, and nobody waits there any more
            loop.call_soon_threadsafe(_settle_all, units)


def _settle_all(units: list[_Unit]) -> None:
    for unit in units:
        unit.settle()
