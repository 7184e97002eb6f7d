"""Pages of events and audit entries cost the same among 100,000 of them."""

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, text

from dtr.core.clock import to_micros
from dtr.core.facts import Audience, Verb
from dtr.features.events.model import EventFilter, Period, Place
from dtr.features.events.store import activity as store
from dtr.features.events.store import audit, ranges
from dtr.features.events.store.ranges import Range
from dtr.features.events.tables import audit_entry_table, event_table
from dtr.plumbing.db.migrate import migrate
from tests.support.facts import NOW

DAY = timedelta(days=1)
ROWS = 100_000
BUSY_REPOSITORY = 7


def seed(tx: Connection) -> None:
    """Fill the log: nine of ten events are pulls, half of all are in one repository, few are by bob."""
    fixed = {
        "version": 1, "actor_kind": "user", "address": "", "user_agent": "", "request_id": "",
        "object": json.dumps({"type": "tag", "id": "", "name": "v1", "content": ""}), "count": 1, "details": "{}",
    }  # fmt: skip
    start = to_micros(NOW)
    rows = []
    for number in range(1, ROWS + 1):
        is_pull = number % 10 != 0
        rows.append(
            {
                **fixed,
                "published_at": start + number,
                "name": "ManifestPulled" if is_pull else "TagPushed",
                "type": "GET" if is_pull else ("CREATE", "UPDATE", "DELETE")[number % 3],
                "audience": "admins" if is_pull else "readers",
                "actor_id": "id-of-bob" if number % 5_000 == 0 else "id-of-alice",
                "actor_name": "",
                "repository_id": BUSY_REPOSITORY if number % 2 == 0 else number % 1000,
                "repository": "alice/app",
                "namespace": "alice" if number % 4 else "other",
            }
        )
    for begin in range(0, ROWS, 5_000):
        tx.execute(insert(event_table), rows[begin : begin + 5_000])
    tx.execute(
        insert(audit_entry_table),
        [
            {
                "position": number, "at": start + number, "name": "A" if number % 500 else "B",
                "actor_id": f"id-{number % 50}", "namespace": f"n-{number % 20}",
                "outcome": "success" if number % 200 else "denied",
                "object_type": "user" if number % 300 else "team", "content": "{}", "hash": "",
            }
            for number in range(1, 20_001)
        ],
    )  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").fresh_database()
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('seeded') / 'dtr.db'}"
        migrate(url)
        engine = create_engine(url)
    with engine.begin() as tx:
        seed(tx)
    with engine.begin() as tx:
        tx.exec_driver_sql("ANALYZE")
    yield engine
    engine.dispose()


NO_PULLS = frozenset(Verb) - {Verb.GET}
MIDDLE = Period(NOW + timedelta(microseconds=ROWS // 3), NOW + timedelta(microseconds=2 * ROWS // 3))
READERS = frozenset({Audience.READERS})
EVERYBODY = frozenset(Audience)


def event_ranges(name: str) -> tuple[list[Range], EventFilter]:
    wanted = EventFilter(
        types=NO_PULLS if "no-pulls" in name else frozenset(Verb),
        actor_id="id-of-bob" if "by-bob" in name else "",
        period=MIDDLE if "in-between" in name else Period(),
    )
    if name.startswith("repository"):
        audiences = READERS if "reader" in name else EVERYBODY
        return store.in_repository(BUSY_REPOSITORY, audiences, wanted), wanted
    if name.startswith("namespace"):
        own = [] if wanted.actor_id else store.of_actor("id-of-bob", wanted)
        return [*own, *store.in_namespace("other", wanted)], wanted
    return store.everywhere(wanted), wanted


EVENT_LISTS = [
    f"{where}{what}{who}{when}"
    for where in ("everywhere", "repository", "repository-reader", "namespace")
    for what in ("", "-no-pulls")
    for who in ("", "-by-bob")
    for when in ("", "-in-between")
]


@pytest.mark.parametrize("name", EVENT_LISTS)
def test_a_page_is_read_from_indexes_and_costs_little(seeded: Engine, name: str) -> None:
    found_in, wanted = event_ranges(name)
    with seeded.begin() as tx:
        assert_indexed(tx, store.EVENTS, found_in, wanted.period)
        events = store.page(tx, found_in, wanted, Place(), 11)

    assert len(events) > 0
    assert events == sorted(events, key=lambda event: (event.published_at, event.id), reverse=True)


AUDIT_LISTS: dict[str, list[Range]] = {
    "everywhere": [Range({})],
    "name": [Range({"name": "B"})],
    "actor": [Range({"actor_id": "id-7"})],
    "outcome": [Range({"outcome": "denied"})],
    "object": [Range({"object_type": "team"})],
    "own": [Range({"actor_id": "id-7"}), Range({"namespace": "n-3"}), Range({"namespace": "n-4"})],
}


@pytest.mark.parametrize("name", AUDIT_LISTS)
@pytest.mark.parametrize("period", [Period(), MIDDLE], ids=["", "in-between"])
def test_a_page_of_the_audit_chain_is_read_from_indexes(seeded: Engine, name: str, period: Period) -> None:
    with seeded.begin() as tx:
        assert_indexed(tx, audit.ENTRIES, AUDIT_LISTS[name], period)


def assert_indexed(tx: Connection, source: ranges.Source, found_in: list[Range], period: Period) -> None:
    """Check that no branch of a page reads more than a short range of an index, or sorts more than pages."""
    shapes = tuple((tuple(each.equals), tuple(each.also)) for each in found_in)
    statement = ranges.statement(source, shapes)
    window = period.window()
    values: dict[str, Any] = {
        "until": window.start.micros,
        "until_number": window.start.number,
        "since": window.since_micros,
        "branch_limit": 11,
        "limit": 22,
        **{
            f"{column}_{branch}": value
            for branch, each in enumerate(found_in)
            for column, value in {**each.equals, **each.also}.items()
        },
    }
    if tx.dialect.name == "sqlite":
        rows = tx.execute(text(f"EXPLAIN QUERY PLAN {statement.text}"), values).all()
        details = [row[3] for row in rows]
        branches = {row[0] for row in rows if row[3].startswith("CO-ROUTINE")}
        reads = [each for each in details if source.table in each]
        assert len(reads) == len(found_in)
        indexed = re.compile(rf"SEARCH {source.table} USING (COVERING )?INDEX")
        assert all(map(indexed.match, reads)), details
        # What a branch gives is a page at most and may be sorted; what it reads may not.
        assert not [row for row in rows if row[1] in branches and "TEMP B-TREE" in row[3]], details
        return
    plan = tx.execute(text(f"EXPLAIN (FORMAT JSON) {statement.text}"), values).scalar_one()
    for node in nodes(plan[0]["Plan"]):
        assert node["Node Type"] != "Seq Scan", plan
        if "Relation Name" in node:
            assert "Index Cond" in node, plan


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


def test_the_pages_go_through_all_events_of_a_repository(seeded: Engine) -> None:
    wanted = EventFilter()
    found_in = store.in_repository(BUSY_REPOSITORY, EVERYBODY, wanted)
    number, place = 0, Place()
    with seeded.begin() as tx:
        expected = tx.execute(text("SELECT count(*) FROM event WHERE repository_id = 7")).scalar_one()
        while True:
            page = store.page(tx, found_in, wanted, place, 10_001)
            number += len(page[:10_000])
            if len(page) <= 10_000:
                break
            place = Place.parse(page[10_000].marker)

    assert number == expected


def test_retention_reads_indexes(seeded: Engine) -> None:
    before = NOW - DAY
    with seeded.begin() as tx:
        began = time.perf_counter()
        gone = [store.delete_older(tx, verb, before, 1000) for verb in Verb]
        seconds = time.perf_counter() - began

    assert gone == [0] * len(Verb)
    assert seconds < 0.1


@pytest.mark.parametrize("column", ["request_id", "user_agent"])
def test_the_detector_of_full_scans_finds_one(seeded: Engine, column: str) -> None:
    with seeded.begin() as tx, pytest.raises(AssertionError):
        assert_indexed(tx, store.EVENTS, [Range({column: ""})], Period())
