"""Pages in the order of time, newest first, merged from a few ranges of indexes.

An index gives rows in order only within one value of its first columns. So a list of several values (types of events,
namespaces) reads the newest rows of each, and merges: the cost depends on the size of the page alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Row, TextClause, text

from dtr.core.batches import in_batches
from dtr.features.events.model import Window
from dtr.plumbing.db import Transaction, list_of_numbers

BRANCHES_A_STATEMENT: Final = 100
"""SQLite takes at most 500 parts of a UNION."""

BRANCH = """
SELECT * FROM (SELECT {time}, {number} FROM {table}
                WHERE {conditions}
                  AND ({time}, {number}) <= (:until, :until_number) AND {time} >= :since
                ORDER BY {time} DESC, {number} DESC
                LIMIT :branch_limit) AS branch_{branch}
"""

PAGE = "{branches} ORDER BY {time} DESC, {number} DESC LIMIT :limit"


@dataclass(frozen=True, slots=True)
class Source:
    """The table that pages are taken from."""

    table: str
    time: str
    """The column of the moment, in microseconds."""
    number: str
    """The column that tells entries of one moment apart, and is unique."""


@dataclass(frozen=True, slots=True)
class Range:
    """Rows whose columns have these values. Some index starts with these columns, then comes the moment."""

    equals: Mapping[str, Any]
    also: Mapping[str, Any] = field(default_factory=dict)
    """Columns that no index helps with, checked row by row."""


def page(
    tx: Transaction, source: Source, ranges: Sequence[Range], window: Window, limit: int
) -> list[Row[Any]]:
    """Return the newest `limit` rows of the ranges together that lie in the window; each row once."""
    # First which rows: PostgreSQL plans a union of a hundred whole rows ten times as long.
    numbers = sorted(_places(tx, source, ranges, window, limit), reverse=True)[:limit]
    found = tx.execute(whole_rows(source), {"numbers": [number for _, number in numbers]}) if numbers else ()
    by_number = {getattr(row, source.number): row for row in found}
    return [by_number[number] for _, number in numbers]


def count(tx: Transaction, source: Source, ranges: Sequence[Range], window: Window, most: int) -> int:
    """Return how many rows the ranges have together; `most` if there are as many or more."""
    return min(most, len(_places(tx, source, ranges, window, most)))


def _places(
    tx: Transaction, source: Source, ranges: Iterable[Range], window: Window, limit: int
) -> set[tuple[int, int]]:
    """Return moment and number of the newest `limit` rows of the ranges together, and perhaps of some more."""
    found: set[tuple[int, int]] = set()
    common = {
        "until": window.start.micros,
        "until_number": window.start.number,
        "since": window.since_micros,
        "branch_limit": limit,
        # A row may lie in two ranges (what somebody did, and what happened in a namespace), but never in three.
        "limit": 2 * limit,
    }
    for batch in in_batches(ranges, BRANCHES_A_STATEMENT):
        shapes = tuple((tuple(each.equals), tuple(each.also)) for each in batch)
        values = {
            f"{column}_{branch}": value
            for branch, each in enumerate(batch)
            for column, value in {**each.equals, **each.also}.items()
        }
        rows = tx.execute(statement(source, shapes), {**common, **values})
        found.update((row[0], row[1]) for row in rows)
    return found


@lru_cache(maxsize=4)
def whole_rows(source: Source) -> TextClause:
    """Return the query for rows by their numbers. Index: the primary key."""
    return text(f"SELECT * FROM {source.table} WHERE {source.number} IN :numbers").bindparams(  # noqa: S608 - constants
        list_of_numbers("numbers")
    )


@lru_cache(maxsize=256)
def statement(source: Source, shapes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]) -> TextClause:
    """Return the query for ranges with these columns, by index and row by row."""
    branches = [
        BRANCH.format(
            table=source.table,
            time=source.time,
            number=source.number,
            branch=branch,
            conditions=" AND ".join(f"{column} = :{column}_{branch}" for column in (*equals, *also))
            or "TRUE",
        )
        for branch, (equals, also) in enumerate(shapes)
    ]
    return text(PAGE.format(branches=" UNION ALL ".join(branches), time=source.time, number=source.number))
