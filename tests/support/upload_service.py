"""The upload service in the test's own process: bodies, and worker processes that may die."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import text

from dtr.core.clock import Clock, FakeClock
from dtr.features.images.service.uploads import Uploads
from dtr.oci.digest import Digest
from dtr.oci.errors import UploadUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.db import Database, open_database
from dtr.plumbing.db.migrate import migrate
from tests.support.grants import user_row
from tests.support.mortal import Life, MortalDatabase, MortalDriver
from tests.support.rows import find_blob

T = TypeVar("T")

IDLE_SECONDS = 3600.0


class ConnectionBroke(Exception):
    """What a body raises whose client is gone."""


async def body(parts: Iterable[bytes], ending: Exception | None = None) -> AsyncIterator[bytes]:
    """Give the parts of a body; then end, or break off."""
    for part in parts:
        yield part
    if ending is not None:
        raise ending


class Worker:
    """The upload service of one worker process, which may die. Its successor carries the same number."""

    def __init__(self, database: Database, driver: BlobDriver, clock: Clock, number: int = 0) -> None:
        self.life = Life()
        self.uploads = Uploads(
            MortalDatabase(database, self.life),
            cast("BlobDriver", MortalDriver(driver, self.life)),
            clock,
            announce_to_nobody,
            writer=f"worker.{number}.",
            idle_seconds=IDLE_SECONDS,
        )


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory(prefix="dtr-uploads-") as directory:
        path = Path(directory) / "empty.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def copy_of_an_empty_database(directory: Path) -> str:
    """Make an SQLite database with the current schema; return its address. A copy is quicker than a migration."""
    (directory / "dtr.db").write_bytes(_empty_database())
    return f"sqlite:///{directory / 'dtr.db'}"


class SmallRegistry:
    """Two worker processes on one database and one store, driven from code that is not asynchronous."""

    def __init__(self, make_driver: Callable[[Path, Clock], BlobDriver]) -> None:
        """Start it. `make_driver` is given a directory of its own and the clock, which only the test moves."""
        self._directory = Path(tempfile.mkdtemp(prefix="dtr-uploads-"))
        self._runner = asyncio.Runner()
        self.clock = FakeClock(datetime.now(UTC))
        self.database = open_database(copy_of_an_empty_database(self._directory), threads=2)
        self.driver = make_driver(self._directory, self.clock)
        self.run(self.database.open())
        self.run(self.database.write(lambda tx: user_row(tx, "a")))
        self.run(self.driver.start())
        self.workers = [self._new_worker(number) for number in range(2)]

    def close(self) -> None:
        """Stop it and remove what it kept."""
        self.run(self.driver.close())
        self.run(self.database.close())
        self._runner.close()
        shutil.rmtree(self._directory)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""
        return self._runner.run(work)

    def replace(self, number: int) -> None:
        """Let another process take the place of a dead one."""
        self.workers[number] = self._new_worker(number)
        self.run(self.workers[number].uploads.free_leases_of_predecessor())

    def stored_bytes(self, name: RepositoryName, upload_id: str) -> int | None:
        """Ask where a session stands; `None` when there is no such session."""
        try:
            return self.run(self.workers[0].uploads.status(name, upload_id)).received_bytes
        except UploadUnknown:
            return None

    def shows(self, name: RepositoryName, digest: Digest) -> bool:
        """Tell whether a repository shows a blob."""
        return self.run(self.database.read(lambda tx: find_blob(tx, name.path, digest))) is not None

    def content(self, digest: Digest) -> bytes | None:
        """Return what the store holds as a blob; `None` when it holds none."""

        async def read() -> bytes | None:
            keys = {stored.key async for stored in self.driver.list_keys()}
            return await self.driver.read_small(blob_key(digest), 2**20) if blob_key(digest) in keys else None

        return self.run(read())

    def leftovers(self) -> tuple[int, list[str]]:
        """Return the number of sessions, and the uploads in the store."""

        async def stored() -> list[str]:
            return [upload.upload_id async for upload in self.driver.list_uploads()]

        count = text("SELECT COUNT(*) FROM upload")
        rows = self.run(self.database.read(lambda tx: int(tx.execute(count).scalar_one())))
        return rows, self.run(stored())

    def _new_worker(self, number: int) -> Worker:
        return Worker(self.database, self.driver, self.clock, number)
