"""Pages in the order of time, newest first, merged from a few ranges of indexes.

An index gives rows in order only within one value of its first columns. So a list of several values (types of events,
namespaces) reads the newest rows of each, and merges: the cost depends on the size of the page alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Row, TextClause, text

from dtr.core.batches import in_batches
from dtr.features.events.model import Window
from dtr.plumbing.db import Transaction

BRANCHES_A_STATEMENT: Final = 100
"""SQLite takes at most 500 parts of a UNION."""

BRANCH = """
SELECT * FROM (SELECT {columns} FROM {table}
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
    unique = {getattr(row, source.number): row for row in _rows(tx, source, ranges, window, limit, "*")}
    order = sorted(
        unique.values(),
        key=lambda row: (getattr(row, source.time), getattr(row, source.number)),
        reverse=True,
    )
    return order[:limit]


def count(tx: Transaction, source: Source, ranges: Sequence[Range], window: Window, most: int) -> int:
    """Return how many rows the ranges have together; `most` if there are as many or more."""
    columns = f"{source.time}, {source.number}"
    found = _rows(tx, source, ranges, window, most, columns)
    return min(most, len({getattr(row, source.number) for row in found}))


def _rows(  # noqa: PLR0913, PLR0917 - the parameters of one query
    tx: Transaction, source: Source, ranges: Iterable[Range], window: Window, limit: int, columns: str
) -> Iterator[Row[Any]]:
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
        yield from tx.execute(statement(source, shapes, columns), {**common, **values})


@lru_cache(maxsize=256)
def statement(
    source: Source, shapes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], columns: str
) -> TextClause:
    """Return the query for ranges with these columns, by index and row by row."""
    branches = [
        BRANCH.format(
            columns=columns,
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
