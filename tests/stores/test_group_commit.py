"""Writes on SQLite that wait together share one commit, fail alone, and tell memory that it is out of date."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import Engine, event

from dtr.features.repositories.store import repositories as store
from dtr.plumbing.db import Database, Transaction, open_database
from dtr.plumbing.db.group_commit import MAX_UNITS_PER_COMMIT
from dtr.plumbing.db.migrate import migrate
from tests.support.rows import repository_row
from tests.support.writing_process import start_writing


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'dtr.db'}"
    migrate(url)
    database = open_database(url)
    await database.open()
    yield database
    await database.close()


@contextmanager
def counted_commits() -> Iterator[list[object]]:
    commits: list[object] = []

    def note(connection: object) -> None:
        commits.append(connection)

    event.listen(Engine, "commit", note)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", note)


class Queue:
    """Holds the writer's thread back until all writes of a test wait in its queue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._go = threading.Event()
        self._began = threading.Event()
        self._writes: list[asyncio.Task[object]] = []

    async def __aenter__(self) -> Self:
        self._blocker = asyncio.create_task(self._database.write(self._block, durable=False))
        await asyncio.to_thread(self._began.wait, 5)
        return self

    def _block(self, _tx: Transaction) -> None:
        self._began.set()
        assert self._go.wait(5)

    def add(self, path: str, *, fails: bool = False, durable: bool = True) -> None:
        """Queue a write that makes a repository, and may then fail."""

        def write(tx: Transaction) -> str:
            repository_row(tx, path)
            if fails:
                raise KeyError(path)
            return path

        self._writes.append(asyncio.create_task(self._database.write(write, durable=durable)))

    async def outcomes(self) -> list[object]:
        """Let the thread go on; return what became of each write."""
        await asyncio.sleep(0)
        self._go.set()
        await self._blocker
        return await asyncio.gather(*self._writes, return_exceptions=True)

    async def __aexit__(self, *_: object) -> None:
        self._go.set()
        await self._blocker


async def paths(database: Database) -> list[str]:
    return [repository.path for repository in await database.read(store.list_all)]


async def test_writes_that_wait_together_share_one_commit(sqlite: Database) -> None:
    async with Queue(sqlite) as queue:
        for number in range(20):
            queue.add(f"alice/{number}")
        with counted_commits() as commits:
            outcomes = await queue.outcomes()

    assert outcomes == [f"alice/{number}" for number in range(20)]
    assert len(commits) == 2  # the one that held the queue back, and one for all others


async def test_a_batch_does_not_grow_without_limit(sqlite: Database) -> None:
    async with Queue(sqlite) as queue:
        for number in range(2 * MAX_UNITS_PER_COMMIT + 1):
            queue.add(f"alice/{number}")
        with counted_commits() as commits:
            await queue.outcomes()

    assert len(commits) == 1 + 3


@pytest.mark.parametrize("position", ["first", "middle", "last"])
async def test_a_unit_that_fails_leaves_the_others_of_its_commit(sqlite: Database, position: str) -> None:
    async with Queue(sqlite) as queue:
        for each in ("first", "middle", "last"):
            queue.add(f"alice/{each}", fails=each == position)
        outcomes = await queue.outcomes()

    good = {f"alice/{each}" for each in ("first", "middle", "last") if each != position}
    assert set(await paths(sqlite)) == good
    assert {outcome for outcome in outcomes if isinstance(outcome, str)} == good
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, str)] == [KeyError]


async def test_a_batch_in_which_all_fail_changes_nothing(sqlite: Database) -> None:
    async with Queue(sqlite) as queue:
        for number in range(3):
            queue.add(f"alice/{number}", fails=True)
        outcomes = await queue.outcomes()

    assert [type(outcome) for outcome in outcomes] == [KeyError] * 3
    assert await paths(sqlite) == []


async def test_one_durable_unit_makes_its_whole_commit_durable(sqlite: Database) -> None:
    before = sqlite.generation()
    async with Queue(sqlite) as queue:
        queue.add("alice/bookkeeping", durable=False)
        queue.add("alice/durable")
        await queue.outcomes()

    assert sqlite.generation() != before


@pytest.mark.item("B7")
async def test_a_durable_write_changes_the_generation(sqlite: Database) -> None:
    seen = [sqlite.generation()]
    for number in range(3):
        await sqlite.write(lambda tx, n=number: repository_row(tx, f"alice/{n}"))  # type: ignore[misc]
        seen.append(sqlite.generation())

    assert len(set(seen)) == 4


async def test_bookkeeping_does_not_change_the_generation(sqlite: Database) -> None:
    before = sqlite.generation()

    await sqlite.write(repository_row, durable=False)

    assert sqlite.generation() == before
    assert await paths(sqlite) == ["alice/app"]


async def test_a_write_that_failed_alone_does_not_change_the_generation(sqlite: Database) -> None:
    def fail(_tx: Transaction) -> None:
        raise KeyError

    before = sqlite.generation()
    with pytest.raises(KeyError):
        await sqlite.write(fail)

    assert sqlite.generation() == before


@pytest.mark.item("B7")
async def test_a_write_of_another_process_changes_the_generation_here(sqlite: Database) -> None:
    before = sqlite.generation()

    process = start_writing(str(sqlite.url), "bob", 1)
    await asyncio.to_thread(process.communicate, timeout=30)

    assert process.returncode == 0
    assert sqlite.generation() != before
    assert await paths(sqlite) == ["bob/0"]


async def test_the_generation_is_seen_by_another_connection_as_soon_as_the_write_is_answered(
    sqlite: Database,
) -> None:
    other = open_database(str(sqlite.url))
    await other.open()
    before = other.generation()

    await sqlite.write(repository_row)

    assert other.generation() != before
    await other.close()


async def test_there_is_no_generation_on_postgresql() -> None:
    assert open_database("postgresql://127.0.0.1/dtr").generation() is None
