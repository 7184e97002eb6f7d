"""A process that dies at a chosen moment, played inside the test's own process.

A service is given a database and a driver that belong to a `Life`. When that is over, every call raises `Crash` and
nothing more reaches the disk, whatever the service does in its `finally` blocks; only what the kernel does for a
dead process still happens: its files are closed.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.db import Database, Transaction

T = TypeVar("T")


class Crash(BaseException):
    """The process is dead."""


class Life:
    """What a process still has to live, in steps: each call to database or driver has one before and one after."""

    def __init__(self) -> None:
        self._steps_left: int | None = None
        self._is_over = False

    def end_after(self, steps: int | None) -> None:
        """Die after so many steps; `None`: live on."""
        self._steps_left = steps

    def step(self) -> None:
        """Take one step. Raises Crash when there is none left."""
        if self._steps_left == 0:
            self._is_over = True
        if self._is_over:
            raise Crash
        if self._steps_left is not None:
            self._steps_left -= 1


class MortalDatabase:
    """A `Database` that a process uses while it lives."""

    def __init__(self, database: Database, life: Life) -> None:
        self.url = database.url
        self._database = database
        self._life = life

    async def open(self) -> None:
        """Do nothing: the real one is open."""

    async def close(self) -> None:
        """Do nothing: the real one outlives its users."""

    def generation(self) -> int | None:
        """See `Database.generation`."""
        return self._database.generation()

    def quick_number(self, statement: str) -> int | None:
        """See `Database.quick_number`."""
        return self._database.quick_number(statement)

    async def read(self, run: Callable[[Transaction], T]) -> T:
        """See `Database.read`."""
        self._life.step()
        return await self._database.read(run)

    async def quick_read(self, run: Callable[[Transaction], T]) -> T:
        """See `Database.quick_read`."""
        self._life.step()
        return await self._database.quick_read(run)

    async def write(self, run: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """See `Database.write`."""
        self._life.step()
        result = await self._database.write(run, durable=durable)
        self._life.step()
        return result


class MortalWriter:
    """An `UploadWriter` of a process while it lives."""

    def __init__(self, writer: Any, life: Life) -> None:
        self._writer = writer
        self._life = life

    @property
    def position(self) -> int:
        """See `UploadWriter.position`."""
        position: int = self._writer.position
        return position

    async def write(self, *chunks: bytes | memoryview) -> None:
        """See `UploadWriter.write`."""
        self._life.step()
        await self._writer.write(*chunks)
        self._life.step()


class MortalDriver:
    """The part of a `BlobDriver` that uploads need, used by a process while it lives."""

    def __init__(self, driver: BlobDriver, life: Life) -> None:
        self._driver = driver
        self._life = life

    @asynccontextmanager
    async def write_upload(self, *arguments: Any) -> AsyncIterator[MortalWriter]:
        """See `BlobDriver.write_upload`. Death closes the file, as the kernel does."""
        self._life.step()
        async with self._driver.write_upload(*arguments) as writer:
            yield MortalWriter(writer, self._life)
        self._life.step()

    async def read_upload(self, *arguments: Any) -> AsyncGenerator[bytes, None]:
        """See `BlobDriver.read_upload`."""
        async for piece in self._driver.read_upload(*arguments):
            self._life.step()
            yield piece

    async def list_uploads(self) -> AsyncGenerator[Any, None]:
        """See `BlobDriver.list_uploads`."""
        async for stored in self._driver.list_uploads():
            self._life.step()
            yield stored

    def __getattr__(self, name: str) -> Any:
        """Give any other method, with a step before and one after."""
        method = getattr(self._driver, name)

        async def call(*arguments: Any) -> Any:
            self._life.step()
            result = await method(*arguments)
            self._life.step()
            return result

        return call
