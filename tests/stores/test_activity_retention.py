"""Which events are removed, when, and how many at a time."""

from datetime import timedelta
from typing import Any

import pytest

from dtr.core.clock import FakeClock
from dtr.core.facts import Verb
from dtr.core.principal import OPERATOR
from dtr.features.events.model import Retention
from dtr.features.events.service import Activity
from dtr.features.events.service import activity as activity_service
from dtr.plumbing.db import Database
from tests.support.activity import ALL, WHOLE, make_activity, names, record
from tests.support.facts import NOW, fact

SECOND = timedelta(seconds=1)


def compacting(database: Database, **retention: Any) -> Activity:
    async def give() -> Retention:
        return Retention(**retention)

    return Activity(database, FakeClock(NOW), give, record_pulls=True)


DAY = timedelta(days=1)


@pytest.fixture
async def aged(database: Database) -> Database:
    """Give a database with a push and a pull a day, the last ten days."""
    facts = [
        each
        for days in range(10, 0, -1)
        for each in (
            fact(f"push-{days}", at=NOW - days * DAY + SECOND),
            fact(f"pull-{days}", at=NOW - days * DAY + SECOND, verb=Verb.GET),
        )
    ]
    await record(database, make_activity(database), *facts)
    return database


async def left(database: Database) -> list[str]:
    return names(await make_activity(database).list_all(OPERATOR, ALL, WHOLE))


async def test_old_events_go_and_pulls_go_sooner(aged: Database) -> None:
    removed = await compacting(aged, age=5 * DAY, pull_age=2 * DAY).compact()

    assert removed == 5 + 8
    assert sorted(await left(aged)) == ["pull-1", "pull-2", "push-1", "push-2", "push-3", "push-4", "push-5"]


async def test_surplus_events_go_oldest_first(aged: Database) -> None:
    assert await compacting(aged, rows=3).compact() == 17
    assert await left(aged) == ["pull-1", "push-1", "pull-2"]


async def test_age_counts_before_number(aged: Database) -> None:
    assert await compacting(aged, rows=6, age=4 * DAY).compact() == 14
    assert len(await left(aged)) == 6


async def test_nothing_goes_while_that_is_off_or_without_limits(aged: Database) -> None:
    assert await compacting(aged, is_enabled=False, rows=1, age=DAY).compact() == 0
    assert await compacting(aged).compact() == 0
    assert len(await left(aged)) == 20


async def test_a_run_is_bounded_and_the_next_goes_on(aged: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_service, "ROWS_A_TRANSACTION", 3)
    monkeypatch.setattr(activity_service, "TRANSACTIONS_A_RUN", 2)
    activity = compacting(aged, rows=5)

    assert [await activity.compact() for _ in range(4)] == [6, 6, 3, 0]
