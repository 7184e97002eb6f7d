"""Databases in trouble: several processes, kill -9, full disks, servers that restart, deadlocks."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dtr.core.errors import StorageFull, Unavailable
from dtr.features.repositories.store import repositories as store
from dtr.plumbing.db import Database, Transaction, open_database
from dtr.plumbing.db.migrate import migrate
from tests.support.disks import SmallDisk, small_disk
from tests.support.postgresql import PostgresqlServer, is_installed, running_postgresql
from tests.support.rows import repository_row
from tests.support.writing_process import output_of, start_writing

pytestmark = pytest.mark.fault

ROWS_EACH = 300


async def paths(database: Database) -> set[str]:
    return {repository.path for repository in await database.read(store.list_all)}


async def test_two_processes_that_write_at_once_lose_nothing(database: Database, database_url: str) -> None:
    processes = [start_writing(database_url, name, ROWS_EACH) for name in ("alice", "bob")]
    for process in processes:
        await asyncio.to_thread(process.communicate, timeout=60)

    assert [process.returncode for process in processes] == [0, 0]
    expected = {f"{name}/{number}" for name in ("alice", "bob") for number in range(ROWS_EACH)}
    assert await paths(database) == expected


@pytest.mark.item("B2", "E1")
@pytest.mark.parametrize("after", [1, 137, 600])
async def test_kill_9_loses_no_acknowledged_write(database: Database, database_url: str, after: int) -> None:
    process = start_writing(database_url, "alice", 1000)
    acknowledged = [output_of(process).readline().strip() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=10)
    acknowledged += [line for line in rest.split("\n")[:-1] if line]

    assert len(acknowledged) >= after
    assert set(acknowledged) <= await paths(database)


# -- a full disk ---------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=4) as mounted:
        yield mounted


@pytest.fixture
async def on_disk(disk: SmallDisk) -> AsyncIterator[Database]:
    url = f"sqlite:///{disk.path / 'dtr.db'}"
    migrate(url)
    database = open_database(url)
    await database.open()
    yield database
    disk.free()
    await database.close()


def bulky(tx: Transaction, path: str) -> None:
    """Write more than what SQLite's log can hold without growing."""
    repository_row(tx, path)
    tx.exec_driver_sql(
        "INSERT INTO manifest (repository_id, digest, media_type, size_bytes, content, annotations, pushed_at,"
        " pushed_by) SELECT id, 'sha256:0', '', 200000, zeroblob(200000), '', 0, '' FROM repository WHERE path = ?",
        (path,),
    )


async def write_bulky(database: Database, path: str) -> None:
    await database.write(partial(bulky, path=path))


@pytest.mark.item("E3")
async def test_a_full_disk_is_named_and_pulls_go_on(disk: SmallDisk, on_disk: Database) -> None:
    await write_bulky(on_disk, "alice/before")
    disk.fill()

    with pytest.raises(StorageFull):
        await write_bulky(on_disk, "alice/full")

    assert await paths(on_disk) == {"alice/before"}


@pytest.mark.item("E3")
async def test_a_full_disk_that_is_freed_takes_writes_again(disk: SmallDisk, on_disk: Database) -> None:
    disk.fill()
    for _ in range(3):
        with pytest.raises(StorageFull):
            await write_bulky(on_disk, "alice/app")

    disk.free()
    await write_bulky(on_disk, "alice/app")

    assert await paths(on_disk) == {"alice/app"}


@pytest.mark.item("E3")
async def test_every_write_of_a_batch_learns_that_the_disk_is_full(
    disk: SmallDisk, on_disk: Database
) -> None:
    disk.fill()
    outcomes = await asyncio.gather(
        *(write_bulky(on_disk, f"alice/{number}") for number in range(10)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [StorageFull] * 10
    assert await paths(on_disk) == set()


# -- PostgreSQL ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[PostgresqlServer]:
    """Give a server that a test may restart: nobody else is connected."""
    if not is_installed():
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    with running_postgresql() as server:
        yield server


@pytest.fixture
async def on_postgresql(own_postgresql: PostgresqlServer) -> AsyncIterator[Database]:
    database = open_database(own_postgresql.fresh_database())
    await database.open()
    yield database
    await database.close()


class InTheMiddle:
    """A transaction that waits in its middle until the test lets it go on."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()

    def __call__(self, tx: Transaction) -> None:
        repository_row(tx, "alice/lost")
        self.began.set()
        assert self.go.wait(30)
        repository_row(tx, "bob/lost")


@pytest.mark.item("E3")
async def test_a_restart_of_the_server_breaks_what_runs_and_nothing_after(
    own_postgresql: PostgresqlServer, on_postgresql: Database
) -> None:
    middle = InTheMiddle()
    running = asyncio.create_task(on_postgresql.write(middle))
    await asyncio.to_thread(middle.began.wait, 10)
    await asyncio.to_thread(own_postgresql.restart)
    middle.go.set()

    with pytest.raises(Unavailable):
        await running

    await on_postgresql.write(lambda tx: repository_row(tx, "alice/after"))
    assert await paths(on_postgresql) == {"alice/after"}


async def test_a_deadlock_is_run_again_until_it_succeeds(on_postgresql: Database) -> None:
    meeting = threading.Barrier(2)
    attempts: list[str] = []
    await on_postgresql.write(lambda tx: [repository_row(tx, path) for path in ("a/1", "a/2")])

    def cross(tx: Transaction, first: str, second: str) -> None:
        attempts.append(first)
        _count_push(tx, first)
        if len(attempts) <= 2:
            meeting.wait(10)
        _count_push(tx, second)

    await asyncio.gather(
        on_postgresql.write(lambda tx: cross(tx, "a/1", "a/2")),
        on_postgresql.write(lambda tx: cross(tx, "a/2", "a/1")),
    )

    pushes = [repository.pushes for repository in await on_postgresql.read(store.list_all)]
    assert pushes == [2, 2]
    assert len(attempts) > 2


def _count_push(tx: Transaction, path: str) -> None:
    statement: Any = "UPDATE repository SET pushes = pushes + 1 WHERE path = %s"
    tx.exec_driver_sql(statement, (path,))
