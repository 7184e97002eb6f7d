"""Sessions that nobody continues, leases of the dead, and what a failure in the middle leaves. Time is played."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text

from dtr.core.clock import FakeClock
from dtr.core.errors import Unavailable
from dtr.features.images.service.uploads import Chunk, Uploads
from dtr.oci.digest import Digest
from dtr.oci.errors import DigestInvalid, RangeInvalid, UploadUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.db import Database
from tests.support.grants import user_row
from tests.support.mortal import Crash
from tests.support.rows import ALICE, find_blob
from tests.support.upload_service import IDLE_SECONDS, ConnectionBroke, Worker, body

pytestmark = pytest.mark.fault

NAME = RepositoryName.parse("alice/app")
LEASE_SECONDS = 60
SESSIONS = 10_000


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that begins with the machine's: files carry the machine's time."""
    return FakeClock(datetime.now(UTC))


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[BlobDriver]:
    """Give an empty blob store in files."""
    made = FilesystemDriver(tmp_path / "storage")
    await made.start()
    yield made
    await made.close()


@pytest.fixture(autouse=True)
async def _alice(database: Database) -> None:
    """Make the account whose namespace is pushed to."""
    await database.write(lambda tx: user_row(tx, "alice"))


@pytest.fixture
def uploads(database: Database, driver: BlobDriver, clock: FakeClock) -> Uploads:
    """Give the upload service of a worker process."""
    return Worker(database, driver, clock).uploads


def chunk(*parts: bytes, ending: Exception | None = None) -> Chunk:
    return Chunk(body(parts, ending))


async def stored_uploads(driver: BlobDriver) -> list[str]:
    return [stored.upload_id async for stored in driver.list_uploads()]


async def sessions(database: Database) -> int:
    return await database.read(lambda tx: int(tx.execute(text("SELECT COUNT(*) FROM upload")).scalar_one()))


async def many(count: int, make: Callable[[int], Awaitable[Any]]) -> None:
    """Do something many times, some at once."""
    for start in range(0, count, 100):
        await asyncio.gather(*(make(number) for number in range(start, start + 100)))


# -- idle sessions


async def idle_sessions(uploads: Uploads, count: int) -> None:
    """Begin sessions; every tenth has received something."""

    async def begin(number: int) -> None:
        name = RepositoryName.parse(f"alice/idle-{number % 20}")  # one repository may have a thousand
        session = await uploads.start(name)
        if number % 10 == 0:
            await uploads.append(name, session.id, chunk(b"some bytes"))

    await many(count, begin)


async def seconds_of_a_push(uploads: Uploads) -> float:
    """Return how long it takes to begin, fill and finish a session, in the median."""
    times = []
    for number in range(25):
        content, started = f"content {number}".encode(), time.perf_counter()
        session = await uploads.start(NAME)
        await uploads.append(NAME, session.id, chunk(content))
        await uploads.status(NAME, session.id)
        await uploads.finish(ALICE, NAME, session.id, Digest.of(content), None)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


@pytest.mark.item("60b")
@pytest.mark.slow
async def test_ten_thousand_idle_sessions_slow_nothing_down_and_expire(
    uploads: Uploads, database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    alone = await seconds_of_a_push(uploads)
    await idle_sessions(uploads, SESSIONS)
    among_many = await seconds_of_a_push(uploads)

    clock.advance(IDLE_SECONDS + 1)
    ended = await uploads.expire()

    assert among_many < 4 * alone + 0.02
    assert ended == SESSIONS
    assert (await sessions(database), await stored_uploads(driver)) == (0, [])


@pytest.mark.item("60b", "47")
async def test_a_session_expires_only_after_the_idle_time(uploads: Uploads, clock: FakeClock) -> None:
    session = await uploads.start(NAME)
    clock.advance(IDLE_SECONDS - 1)
    assert await uploads.expire() == 0
    await uploads.append(NAME, session.id, chunk(b"still in use"))
    clock.advance(IDLE_SECONDS - 1)
    assert await uploads.expire() == 0
    assert (await uploads.status(NAME, session.id)).received_bytes == len(b"still in use")

    clock.advance(2)

    assert await uploads.expire() == 1
    with pytest.raises(UploadUnknown):
        await uploads.status(NAME, session.id)


@pytest.mark.item("60b")
async def test_expiry_spares_a_session_that_a_slow_client_still_writes_to(
    uploads: Uploads, clock: FakeClock
) -> None:
    session = await uploads.start(NAME)

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(10):
            clock.advance(50)
            yield b"a little"
            assert await uploads.expire() == 0

    clock.advance(IDLE_SECONDS - 100)
    stored = await uploads.append(NAME, session.id, Chunk(slow()))

    assert stored.received_bytes == 10 * len(b"a little")


@pytest.mark.item("60b", "B8")
async def test_a_session_that_is_continued_while_expiry_runs_is_not_taken_away(
    uploads: Uploads, database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    session = await uploads.start(NAME)
    clock.advance(IDLE_SECONDS + 1)

    class ContinuedMeanwhile:
        """A database that the client comes back to just before the cleaner writes."""

        async def write(self, run: Any, *, durable: bool = True) -> Any:
            if (await uploads.status(NAME, session.id)).received_bytes == 0:
                await uploads.append(NAME, session.id, chunk(b"just in time"))
            return await database.write(run, durable=durable)

        def __getattr__(self, name: str) -> Any:
            return getattr(database, name)

    cleaner = Worker(cast("Database", ContinuedMeanwhile()), driver, clock, 1).uploads
    await cleaner.expire()

    assert (await uploads.status(NAME, session.id)).received_bytes == len(b"just in time")


@pytest.mark.item("B6")
async def test_expiry_never_takes_a_finished_blob(
    uploads: Uploads, database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    digest = Digest.of(b"a layer without a manifest")
    await uploads.push_whole(ALICE, NAME, digest, Chunk(body([b"a layer without a manifest"]), None, 26))

    clock.advance(100 * IDLE_SECONDS)
    await uploads.expire()

    assert await driver.size(blob_key(digest)) == 26
    assert await database.read(lambda tx: find_blob(tx, NAME.path, digest)) is not None


# -- leases of the dead


@pytest.mark.item("50", "49")
async def test_the_lease_of_a_process_that_never_comes_back_ends_by_itself(
    database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    dying, other = Worker(database, driver, clock, 0), Worker(database, driver, clock, 1)
    session = await other.uploads.start(NAME)
    dying.life.end_after(6)
    with pytest.raises(Crash):
        await dying.uploads.append(NAME, session.id, chunk(b"first ", b"second ", b"third "))
    stored = (await other.uploads.status(NAME, session.id)).received_bytes

    with pytest.raises(RangeInvalid):
        await other.uploads.append(NAME, session.id, chunk(b"too early"))
    clock.advance(LEASE_SECONDS + 1)

    assert (await other.uploads.append(NAME, session.id, chunk(b"in time"))).received_bytes == stored + 7


@pytest.mark.item("50", "49")
async def test_the_successor_of_a_dead_process_gives_its_leases_back_at_once_but_no_others(
    database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    dying, living = Worker(database, driver, clock, 1), Worker(database, driver, clock, 11)
    one, two = await living.uploads.start(NAME), await living.uploads.start(NAME)
    dying.life.end_after(6)
    with pytest.raises(Crash):
        await dying.uploads.append(NAME, one.id, chunk(b"first ", b"second ", b"third "))
    successor = Worker(database, driver, clock, 1).uploads

    async def meanwhile() -> AsyncIterator[bytes]:
        yield b"half"
        await successor.free_leases_of_predecessor()
        with pytest.raises(RangeInvalid):
            await successor.append(NAME, two.id, chunk(b"mixed in"))
        yield b" and half"

    await living.uploads.append(NAME, two.id, Chunk(meanwhile()))

    await successor.append(NAME, one.id, chunk(b"continued"))
    assert (await successor.status(NAME, two.id)).received_bytes == len(b"half and half")


# -- failures in the middle


class FailingDriver:
    """A driver one of whose methods does its work once, but reports a failure."""

    def __init__(self, driver: BlobDriver, method: str) -> None:
        self._driver = driver
        self._method = method

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._driver, name)
        if name != self._method:
            return method
        self._method = ""

        async def work_and_fail(*arguments: Any) -> None:
            await method(*arguments)
            raise Unavailable("the folder could not be flushed", retry_after_seconds=1)

        return work_and_fail


class FailingDatabase:
    """A database whose next durable write fails."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fails = True

    async def write(self, run: Any, *, durable: bool = True) -> Any:
        if durable and self._fails:
            self._fails = False
            raise Unavailable("the database cannot be reached", retry_after_seconds=1)
        return await self._database.write(run, durable=durable)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


async def finish_after_503(uploads: Uploads, content: bytes) -> int:
    """Upload, be told to come back later, and come back with the same last request."""
    digest = Digest.of(content)
    session = await uploads.start(NAME)
    await uploads.append(NAME, session.id, chunk(content))
    with pytest.raises(Unavailable):
        await uploads.finish(ALICE, NAME, session.id, digest, None)
    return await uploads.finish(ALICE, NAME, session.id, digest, None)


@pytest.mark.item("B8")
async def test_finishing_again_succeeds_after_the_store_reported_a_failed_flush(
    database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    failing = cast("BlobDriver", FailingDriver(driver, "commit_upload"))

    assert await finish_after_503(Worker(database, failing, clock).uploads, b"content") == 7


@pytest.mark.item("B8")
async def test_finishing_again_succeeds_after_the_database_was_away(
    database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    failing = cast("Database", FailingDatabase(database))

    assert await finish_after_503(Worker(failing, driver, clock).uploads, b"content") == 7


@pytest.mark.item("B1", "B2", "46")
async def test_the_digest_is_that_of_the_bytes_also_when_a_power_loss_took_some_of_them(
    database: Database, driver: BlobDriver, clock: FakeClock
) -> None:
    uploads = Worker(database, driver, clock).uploads
    session = await uploads.start(NAME)
    await uploads.append(NAME, session.id, chunk(b"lost and found"))
    async with driver.write_upload(session.id, len(b"lost")):
        pass  # cuts the file: what was not flushed is gone, while the row about it was
    after_restart = Worker(database, driver, clock).uploads

    await after_restart.append(NAME, session.id, chunk(b" forever. "))
    with pytest.raises(DigestInvalid):
        await after_restart.finish(ALICE, NAME, session.id, Digest.of(b"lost and found"), None)

    assert await database.read(lambda tx: find_blob(tx, NAME.path, Digest.of(b"lost and found"))) is None


@pytest.mark.item("49", "53")
async def test_a_broken_connection_in_the_last_request_keeps_the_session_and_its_hash(
    uploads: Uploads, clock: FakeClock
) -> None:
    session = await uploads.start(NAME, "sha512")
    await uploads.append(NAME, session.id, chunk(b"one "))
    digest = Digest.of(b"one two three", "sha512")
    with pytest.raises(ConnectionBroke):
        await uploads.finish(ALICE, NAME, session.id, digest, chunk(b"two ", ending=ConnectionBroke()))

    assert (await uploads.status(NAME, session.id)).received_bytes == len(b"one two ")
    assert await uploads.finish(ALICE, NAME, session.id, digest, chunk(b"three")) == len(b"one two three")
