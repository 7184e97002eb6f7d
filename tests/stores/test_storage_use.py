"""What the stored blobs take: sums that add up, a look at most once a minute, one note a day."""

import asyncio
import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import insert

from dtr.core.clock import FakeClock
from dtr.core.errors import Denied, Unauthorized
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal
from dtr.features.images.model.usage import NamespaceUse, RepositoryUse, Snapshot, Totals
from dtr.features.images.pages.storage import HEIGHT, WIDTH, curve_of
from dtr.features.images.service.usage import MOST_NAMED, StorageUsage
from dtr.features.images.store.tables import blob, blob_link
from dtr.features.repositories.store.tables import repository_table
from dtr.plumbing.db import Database, Transaction
from tests.support.rows import NOW_MICROS, blob_row, repository_row

TODAY = FakeClock().now().date()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def usage(database: Database, clock: FakeClock) -> StorageUsage:
    return StorageUsage(database, clock)


async def test_an_empty_registry_uses_nothing(usage: StorageUsage) -> None:
    use = await usage.measure(OPERATOR)
    assert use.totals == Totals(0, 0, 0, 0, 0)
    assert (use.namespaces, use.repositories) == ([], [])
    assert list(use.growth) == [Snapshot(TODAY, 0, 0)]


def fill(tx: Transaction) -> None:
    """Store blobs of 1, 10, 100, 1,000 and 10,000 bytes with holders of every kind."""
    app, web, other = (repository_row(tx, path) for path in ("alice/app", "alice/web", "bob/app"))
    repository_row(tx, "carol/empty")
    blob_row(tx, b"a", app)
    for repository in (app, web):  # twice in one namespace
        blob_row(tx, b"b" * 10, repository)
    for repository in (app, other):  # in two namespaces
        blob_row(tx, b"c" * 100, repository)
    for repository in (app, web, other):
        blob_row(tx, b"d" * 1_000, repository)
    blob_row(tx, b"e" * 10_000)  # nowhere


async def test_each_blob_counts_for_its_holders_and_once_in_all(
    database: Database, usage: StorageUsage
) -> None:
    await database.write(fill)

    use = await usage.measure(OPERATOR)

    assert use.totals == Totals(
        blobs=5, size_bytes=11_111, sole_bytes=11, shared_bytes=1_100, unlinked_bytes=10_000
    )
    assert list(use.namespaces) == [
        NamespaceUse("alice", repositories=2, logical_bytes=2_121, unique_bytes=11),
        NamespaceUse("bob", repositories=1, logical_bytes=1_100, unique_bytes=0),
    ]
    assert list(use.repositories) == [
        RepositoryUse("alice/app", blobs=4, logical_bytes=1_111, unique_bytes=1),
        RepositoryUse("bob/app", blobs=2, logical_bytes=1_100, unique_bytes=0),
        RepositoryUse("alice/web", blobs=2, logical_bytes=1_010, unique_bytes=0),
    ]
    assert (use.namespace_count, use.repository_count) == (2, 3)


async def test_only_administrators_and_auditors_measure(usage: StorageUsage) -> None:
    with pytest.raises(Unauthorized):
        await usage.measure(Caller(ANONYMOUS))
    limited = Principal("1", "root", is_admin=True, permits=(Permit.parse("**", ["pull"]),))
    for principal in (Principal("2", "alice"), limited):
        with pytest.raises(Denied):
            await usage.measure(Caller(principal))
    await usage.measure(Caller(Principal("3", "audrey", is_auditor=True)))


async def test_a_measurement_is_kept_for_a_minute(
    database: Database, usage: StorageUsage, clock: FakeClock
) -> None:
    first = await usage.measure(OPERATOR)
    await database.write(fill)
    clock.advance(59)
    assert await usage.measure(OPERATOR) is first
    clock.advance(1)
    assert (await usage.measure(OPERATOR)).totals.blobs == 5


async def test_many_who_ask_at_once_cause_one_measurement(usage: StorageUsage) -> None:
    found = await asyncio.gather(*(usage.measure(OPERATOR) for _ in range(5)))
    assert all(each is found[0] for each in found)


async def test_a_day_is_noted_once(database: Database, usage: StorageUsage, clock: FakeClock) -> None:
    assert await usage.take_snapshot()
    await database.write(fill)
    assert not await usage.take_snapshot()
    clock.advance(86_400)
    assert await usage.take_snapshot()
    use = await usage.measure(OPERATOR)
    # The last is what was measured now.
    assert list(use.growth) == [Snapshot(TODAY, 0, 0), Snapshot(TODAY + timedelta(days=1), 11_111, 5)]


async def test_several_processes_note_a_day_once(database: Database, clock: FakeClock) -> None:
    usages = [StorageUsage(database, clock) for _ in range(4)]
    await asyncio.gather(*(each.take_snapshot() for each in usages))
    clock.advance(86_400)
    assert len((await usages[0].measure(OPERATOR)).growth) == 2


async def test_the_course_goes_back_a_year(usage: StorageUsage, clock: FakeClock) -> None:
    await usage.take_snapshot()
    clock.advance(366 * 86_400)
    assert len((await usage.measure(OPERATOR)).growth) == 1


def many(tx: Transaction) -> None:
    """Fill the registry with 100,000 links of 40,000 blobs in 1,000 repositories of 200 namespaces."""
    numbers = range(1, 1_001)
    paths = {number: f"n{number % 200}/r{number}" for number in numbers}
    tx.execute(
        insert(repository_table),
        [
            {"id": number, "path": path, "namespace": path.partition("/")[0], "created_at": NOW_MICROS}
            for number, path in paths.items()
        ],
    )
    digests = [f"sha256:{number * 7919 % 40_009:064x}" for number in range(1, 40_001)]
    tx.execute(insert(blob), [{"digest": each, "size_bytes": 1, "stored_at": NOW_MICROS} for each in digests])
    links = {(number % 1_000 + 1, digests[number * 31 % 40_000]) for number in range(100_000)}
    tx.execute(
        insert(blob_link),
        [{"repository_id": number, "digest": each, "linked_at": NOW_MICROS} for number, each in links],
    )


@pytest.mark.slow
async def test_a_hundred_thousand_links_are_measured_in_little_time(
    database: Database, usage: StorageUsage, record_property: Callable[[str, object], None]
) -> None:
    """Report the time; the bound is loose, as this machine may be busy."""
    await database.write(many)
    started = time.perf_counter()
    use = await usage.measure(OPERATOR)
    took = time.perf_counter() - started
    record_property("milliseconds", round(1_000 * took))
    assert len(use.namespaces) == len(use.repositories) == MOST_NAMED
    assert (use.namespace_count, use.repository_count) == (200, 1_000)
    assert use.totals.sole_bytes + use.totals.shared_bytes + use.totals.unlinked_bytes == 40_000
    assert took < 5


def test_a_curve_is_in_proportion_to_days_and_bytes() -> None:
    day = date(2030, 1, 1)
    growth = [Snapshot(day + timedelta(days=each), size, 1) for each, size in ((0, 0), (1, 50), (4, 100))]
    curve = curve_of(growth)
    assert curve is not None
    assert curve.top_bytes == 110
    points = [tuple(map(float, each.split(","))) for each in curve.line.split()]
    assert [x for x, _ in points] == [0, WIDTH / 4, WIDTH]
    assert [round(1 - y / HEIGHT, 3) for _, y in points] == [0, 0.455, 0.909]


def test_less_than_two_days_make_no_curve_and_zeros_a_flat_one() -> None:
    day = date(2030, 1, 1)
    assert curve_of([]) is None
    assert curve_of([Snapshot(day, 5, 1)]) is None
    flat = curve_of([Snapshot(day, 0, 0), Snapshot(day + timedelta(days=1), 0, 0)])
    assert flat is not None
    assert flat.line == f"0.0,{HEIGHT:.1f} {WIDTH:.1f},{HEIGHT:.1f}"
