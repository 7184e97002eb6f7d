"""The activity log with a clock that stands still."""

from typing import Any

from dtr.core.clock import FakeClock
from dtr.core.paging import ListPage, Page
from dtr.features.events.model import Event, EventFilter, Retention
from dtr.features.events.service import Activity
from dtr.plumbing.db import Database, Transaction
from tests.support.facts import NOW

ALL = EventFilter()
WHOLE = ListPage(size=1000)


async def _keep_all() -> Retention:
    return Retention(is_enabled=False)


def make_activity(database: Database, *, record_pulls: bool = True) -> Activity:
    """Make the log, which keeps everything."""
    return Activity(database, FakeClock(NOW), _keep_all, record_pulls=record_pulls)


async def record(database: Database, activity: Activity, *facts: Any) -> None:
    """Write facts down, all in one transaction."""

    def run(tx: Transaction) -> None:
        for each in facts:
            activity.record(tx, each)

    await database.write(run)


def names(page: Page[Event]) -> list[str]:
    """Return the names of the events on a page."""
    return [event.name for event in page.items]
