"""The audit chain with a clock that stands still, and hands on its rows."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from dtr.core.clock import FakeClock
from dtr.features.events.model import ChainKey
from dtr.features.events.service import Audit, Report
from dtr.plumbing.db import Database, Transaction
from tests.support.facts import NOW, security_fact

KEY = ChainKey(b"k" * 32)


def make_audit(database: Database, clock: FakeClock | None = None, *, logins: bool = True) -> Audit:
    """Make the chain; entries are kept for 400 days."""
    return Audit(database, clock or FakeClock(NOW), KEY, lambda _tx: logins, keep_days=400)


async def write(database: Database, audit: Audit, number: int = 7) -> None:
    """Append entries, each in a transaction of its own."""
    for index in range(number):
        told = security_fact(at=NOW + timedelta(seconds=index), details={"index": index})
        await database.write(lambda tx, told=told: audit.append(tx, told))  # type: ignore[misc]


async def execute(database: Database, *statements: str, **values: Any) -> None:
    """Do to the rows what the product never does."""

    def run(tx: Transaction) -> None:
        for statement in statements:
            tx.execute(text(statement), values)

    await database.write(run)


def assert_broken(report: Report, position: int, kind: str, *words: str) -> None:
    """Fail unless a report names this problem at this position."""
    assert report.problem is not None
    assert (report.problem.position, report.problem.kind) == (position, kind), report.problem
    assert all(word in report.problem.explanation for word in words), report.problem
