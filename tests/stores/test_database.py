"""Transactions on both databases: what is committed, what is undone, what is flushed, what is said when it fails."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from dtr.core.errors import Unavailable
from dtr.features.repositories.store import repositories as store
from dtr.plumbing.db import Database, Transaction, open_database
from tests.support.ports import free_port
from tests.support.rows import repository_row


async def paths(database: Database) -> list[str]:
    return [repository.path for repository in await database.read(store.list_all)]


def making(path: str) -> Callable[[Transaction], int]:
    return lambda tx: repository_row(tx, path).id


async def test_a_write_gives_its_result_and_is_seen_by_the_next_read(database: Database) -> None:
    number = await database.write(making("alice/app"))

    found = await database.quick_read(lambda tx: store.find(tx, "alice/app"))
    assert found is not None
    assert found.id == number


@pytest.mark.parametrize("durable", [True, False])
async def test_an_error_in_a_write_undoes_it_and_comes_to_the_caller(
    database: Database, durable: bool
) -> None:
    def write(tx: Transaction) -> None:
        repository_row(tx)
        raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        await database.write(write, durable=durable)

    assert await paths(database) == []


async def test_a_violated_constraint_comes_to_the_caller_as_it_is(database: Database) -> None:
    def write(tx: Transaction) -> None:
        repository_row(tx)
        tx.exec_driver_sql(
            "INSERT INTO repository (path, namespace, created_at) VALUES ('alice/app', 'a', 1)"
        )

    with pytest.raises(IntegrityError):
        await database.write(write)

    assert await paths(database) == []


@pytest.mark.parametrize(
    "mistake", ["SELECT no_such_column FROM repository", "SELECT * FROM repository WHERE id = ?"]
)
async def test_a_mistake_of_ours_is_not_taken_for_trouble_of_the_database(
    database: Database, mistake: str
) -> None:
    for way in (database.read, database.write):
        with pytest.raises(DBAPIError):
            await way(lambda tx: tx.exec_driver_sql(mistake))


async def test_a_value_that_no_column_can_hold_is_a_mistake_of_ours(database: Database) -> None:
    with pytest.raises(DBAPIError):
        await database.read(lambda tx: tx.execute(store.FIND, {"path": object()}))


async def test_a_file_that_is_no_database_is_trouble(tmp_path: Path) -> None:
    (tmp_path / "dtr.db").write_bytes(b"something else entirely" * 100)
    database = open_database(f"sqlite:///{tmp_path / 'dtr.db'}")

    with pytest.raises(Unavailable):
        await database.open()


async def test_a_failing_read_does_not_harm_the_next(database: Database) -> None:
    def read(tx: Transaction) -> None:
        tx.exec_driver_sql("SELECT 1")
        raise KeyError

    for way in (database.read, database.quick_read):
        with pytest.raises(KeyError):
            await way(read)

    assert await database.read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar_one()) == 1
    assert await database.quick_read(lambda tx: tx.exec_driver_sql("SELECT 1").scalar_one()) == 1


async def test_a_hundred_writes_at_once_all_land(database: Database) -> None:
    names = [f"alice/r{number:03}" for number in range(100)]

    await asyncio.gather(*(database.write(making(name)) for name in names))

    assert await paths(database) == names


@pytest.mark.item("B3")
async def test_a_read_sees_a_write_whole_or_not_at_all(database: Database) -> None:
    def write(tx: Transaction, number: int) -> None:
        repository_row(tx, f"alice/{number}")
        repository_row(tx, f"bob/{number}")

    async def write_many() -> None:
        for number in range(50):
            await database.write(lambda tx, n=number: write(tx, n))  # type: ignore[misc]

    writing = asyncio.create_task(write_many())
    seen = []
    while not writing.done():
        seen.append(len(await paths(database)))
    await writing

    assert all(count % 2 == 0 for count in seen)


async def test_a_cancelled_caller_does_not_stop_the_writes_of_others(database: Database) -> None:
    impatient = asyncio.create_task(database.write(making("alice/impatient")))
    patient = asyncio.create_task(database.write(making("alice/patient")))
    await asyncio.sleep(0)
    impatient.cancel()

    await patient

    assert "alice/patient" in await paths(database)
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_work_after_the_end_is_refused_at_once(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    await database.write(making("alice/app"))
    await database.close()

    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError):
            await database.write(making("alice/late"))
        with pytest.raises(RuntimeError):
            await database.read(store.list_all)


async def test_what_was_queued_at_the_end_is_still_written(database_url: str) -> None:
    database = open_database(database_url)
    await database.open()
    writes = [asyncio.create_task(database.write(making(f"alice/{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*writes)

    again = open_database(database_url)
    await again.open()
    assert len(await paths(again)) == 20
    await again.close()


@pytest.mark.item("B2", "E2")
async def test_a_durable_commit_is_flushed_and_bookkeeping_is_not(database: Database) -> None:
    def level(tx: Transaction) -> str:
        sqlite = tx.dialect.name == "sqlite"
        return str(tx.exec_driver_sql("PRAGMA synchronous" if sqlite else "SHOW synchronous_commit").scalar())

    levels = [await database.write(level, durable=durable) for durable in (True, False, True)]

    full, relaxed = ("2", "1") if database.url.get_backend_name() == "sqlite" else ("on", "off")
    assert levels == [full, relaxed, full]


async def test_a_database_whose_directory_is_missing_cannot_be_opened(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'absent' / 'dtr.db'}")

    with pytest.raises(Unavailable):
        await database.open()


async def test_a_server_that_is_not_there_cannot_be_opened() -> None:
    database = open_database(f"postgresql://postgres@127.0.0.1:{free_port()}/dtr")

    with pytest.raises(Unavailable):
        await database.open()
    await database.close()
