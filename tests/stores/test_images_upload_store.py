"""Rows of upload sessions, on both databases."""

import pytest

from dtr.core.clock import from_micros
from dtr.features.images.model import UploadSession
from dtr.features.images.store import uploads
from dtr.plumbing.db import Database
from tests.support.rows import NOW_MICROS

ID = "6f1c0e0e-0000-4000-8000-000000000001"
PATH = "alice/app"
UNTIL = NOW_MICROS + 60


@pytest.fixture
async def session(database: Database) -> str:
    assert await create(database, ID)
    return ID


async def create(
    database: Database, upload_id: str, path: str = PATH, *, now: int = NOW_MICROS, most: int = 10
) -> bool:
    session = UploadSession(upload_id, path, "sha256", 0, 0, None, from_micros(now))
    return await database.write(lambda tx: uploads.create(tx, session, most=most), durable=False)


async def claim(database: Database, writer: str = "w.1", *, now: int = NOW_MICROS, path: str = PATH) -> bool:
    claimed = await database.write(
        lambda tx: uploads.claim(tx, ID, path, writer=writer, now=now, until=now + 60), durable=False
    )
    return claimed is not None


async def release(database: Database, writer: str, hashed: int = 7, digest: str | None = "sha256:x") -> None:
    await database.write(
        lambda tx: uploads.release(
            tx, ID, writer=writer, now=NOW_MICROS + 1, hashed_bytes=hashed, digest_so_far=digest
        ),
        durable=False,
    )


async def found(database: Database, path: str = PATH) -> UploadSession | None:
    return await database.read(lambda tx: uploads.find(tx, ID, path))


async def end_idle(database: Database, *, before: int, now: int, limit: int = 10) -> list[str]:
    return await database.write(lambda tx: uploads.delete_idle(tx, before=before, now=now, limit=limit))


async def test_a_new_session_holds_nothing(database: Database, session: str) -> None:
    assert await found(database) == UploadSession(ID, PATH, "sha256", 0, 0, None, from_micros(NOW_MICROS))


async def test_a_repository_has_no_more_sessions_than_the_limit(database: Database) -> None:
    created = [await create(database, str(number), most=2) for number in range(3)]

    assert created == [True, True, False]
    assert await create(database, "of another", "alice/other", most=2)
    await database.write(lambda tx: uploads.delete(tx, "0"), durable=False)
    assert await create(database, "3", most=2)


@pytest.mark.item("47")
async def test_a_session_belongs_to_its_repository(database: Database, session: str) -> None:
    assert await found(database, "alice/other") is None
    assert not await claim(database, path="alice/other")
    assert not await database.write(lambda tx: uploads.delete_unclaimed(tx, ID, "alice/other", NOW_MICROS))


@pytest.mark.item("50")
async def test_only_one_writer_gets_the_lease(database: Database, session: str) -> None:
    assert await claim(database, "w.1")
    assert not await claim(database, "w.2")


async def test_a_lease_that_ran_out_goes_to_the_next_writer(database: Database, session: str) -> None:
    await claim(database, "w.1")

    assert not await claim(database, "w.2", now=UNTIL)
    assert await claim(database, "w.2", now=UNTIL + 1)


async def test_only_the_holder_renews(database: Database, session: str) -> None:
    await claim(database, "w.1")

    renewed = [
        await database.write(
            lambda tx, w=writer: uploads.renew(tx, ID, writer=w, now=NOW_MICROS + 1, until=UNTIL + 100)  # type: ignore[misc]
        )
        for writer in ("w.1", "w.2")
    ]

    assert renewed == [True, False]
    assert not await claim(database, "w.2", now=UNTIL + 1)


async def test_a_release_keeps_the_digest_so_far_and_frees_the_lease(
    database: Database, session: str
) -> None:
    await claim(database, "w.1")

    await release(database, "w.1")

    kept = await found(database)
    assert kept is not None
    assert (kept.hashed_bytes, kept.digest_so_far) == (7, "sha256:x")
    assert kept.touched_at == from_micros(NOW_MICROS + 1)
    assert await claim(database, "w.2")


async def test_who_lost_the_lease_releases_nothing(database: Database, session: str) -> None:
    await claim(database, "w.1")
    await claim(database, "w.2", now=UNTIL + 1)

    await release(database, "w.1")

    kept = await found(database)
    assert kept is not None
    assert kept.digest_so_far is None
    assert not await claim(database, "w.3", now=UNTIL + 2)


async def test_leases_of_a_dead_process_are_given_back_and_no_others(
    database: Database, session: str
) -> None:
    await claim(database, "worker.1.5")

    await database.write(lambda tx: uploads.release_all_of(tx, "worker.10."))
    assert not await claim(database, "worker.2.1")

    await database.write(lambda tx: uploads.release_all_of(tx, "worker.1."))
    assert await claim(database, "worker.2.1")


@pytest.mark.item("51")
async def test_a_session_with_a_writer_is_not_cancelled(database: Database, session: str) -> None:
    await claim(database, "w.1")

    assert not await database.write(lambda tx: uploads.delete_unclaimed(tx, ID, PATH, NOW_MICROS))

    await release(database, "w.1")
    assert await database.write(lambda tx: uploads.delete_unclaimed(tx, ID, PATH, NOW_MICROS))
    assert await found(database) is None


async def test_deleting_a_session_ends_it(database: Database, session: str) -> None:
    assert await database.read(lambda tx: uploads.exists(tx, ID))

    await database.write(lambda tx: uploads.delete(tx, ID))
    await database.write(lambda tx: uploads.delete(tx, ID))

    assert not await database.read(lambda tx: uploads.exists(tx, ID))


@pytest.mark.item("60b")
async def test_a_session_touched_in_time_is_not_ended(database: Database, session: str) -> None:
    assert await end_idle(database, before=NOW_MICROS, now=NOW_MICROS) == []
    assert await end_idle(database, before=NOW_MICROS + 1, now=NOW_MICROS) == [ID]


@pytest.mark.item("60b")
async def test_a_session_with_a_writer_is_ended_only_after_its_lease(
    database: Database, session: str
) -> None:
    await claim(database, "w.1")
    assert await end_idle(database, before=NOW_MICROS + 1, now=NOW_MICROS) == []
    assert await end_idle(database, before=NOW_MICROS + 1, now=UNTIL + 1) == [ID]
    assert await found(database) is None


async def test_the_longest_idle_sessions_come_first(database: Database) -> None:
    for number in (3, 1, 2):
        await create(database, str(number), now=NOW_MICROS + number)

    ended = await end_idle(database, before=NOW_MICROS + 10, now=NOW_MICROS + 10, limit=2)

    assert sorted(ended) == ["1", "2"]
