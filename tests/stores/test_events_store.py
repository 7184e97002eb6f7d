"""The activity log: what is written, who sees it, and pages that cost the same among 100,000 events."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, text

from dtr.core.clock import FakeClock, to_micros
from dtr.core.errors import Denied, Invalid, Unauthorized
from dtr.core.facts import Audience, FactObject, RepositoryRef, Verb
from dtr.core.paging import ListPage, Page
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal, PrincipalKind
from dtr.features.events.model import Event, EventFilter, Period, Place, Retention, parse_moment, parse_verb
from dtr.features.events.service import Activity
from dtr.features.events.service import activity as activity_service
from dtr.features.events.store import activity as store
from dtr.features.events.store import audit, ranges
from dtr.features.events.store.ranges import Range
from dtr.features.events.tables import audit_entry_table, event_table
from dtr.oci.errors import NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction
from dtr.plumbing.db.migrate import migrate
from tests.support.facts import ALICE, BOB, NOW, fact, security_fact
from tests.support.rows import repository_row

APP = RepositoryName.parse("alice/app")
ALL = EventFilter()
WHOLE = ListPage(size=1000)


async def keep_all() -> Retention:
    return Retention(is_enabled=False)


def make_activity(database: Database, *, record_pulls: bool = True) -> Activity:
    return Activity(database, FakeClock(NOW), keep_all, record_pulls=record_pulls)


@pytest.fixture
def activity(database: Database) -> Activity:
    return make_activity(database)


async def record(database: Database, activity: Activity, *facts: Any) -> None:
    def run(tx: Transaction) -> None:
        for each in facts:
            activity.record(tx, each)

    await database.write(run)


def names(page: Page[Event]) -> list[str]:
    return [event.name for event in page.items]


async def test_an_event_says_everything_that_the_fact_told(database: Database, activity: Activity) -> None:
    told = fact(
        target=FactObject("tag", name="v2", id="i", content="c"),
        count=3,
        details={"previousDigest": None, "text": "\u00e9\x00\ud800"},
    )
    await record(database, activity, told)

    [event] = (await activity.list_all(OPERATOR, ALL, WHOLE)).items

    assert event == Event(
        id=event.id,
        published_at=NOW,
        name="TagPushed",
        type=Verb.CREATE,
        audience=Audience.READERS,
        actor_id="id-of-alice",
        actor_name="alice",
        actor_kind="user",
        address="192.0.2.1",
        user_agent="docker/27",
        request_id="r-1",
        repository="alice/app",
        namespace="alice",
        object=told.object,
        target=told.target,
        count=3,
        details=told.details,
    )


async def test_facts_of_the_whole_registry_concern_no_activity(
    database: Database, activity: Activity
) -> None:
    await record(
        database, activity, fact("A", repository=None), fact("B", repository=None, namespace="bob"), fact("C")
    )

    assert names(await activity.list_all(OPERATOR, ALL, WHOLE)) == ["C", "B"]


@pytest.mark.parametrize("name", ["LoginSucceeded", "LoginFailed", "AccessTokenUsed"])
async def test_logins_are_no_activity(database: Database, activity: Activity, name: str) -> None:
    await record(database, activity, security_fact(name), security_fact("AccountChanged"))

    assert names(await activity.list_all(OPERATOR, ALL, WHOLE)) == ["AccountChanged"]


async def test_pulls_can_be_left_out(database: Database) -> None:
    activity = make_activity(database, record_pulls=False)
    await record(database, activity, fact("Pulled", verb=Verb.GET), fact("Pushed"))

    assert names(await activity.list_all(OPERATOR, ALL, WHOLE)) == ["Pushed"]


# -- who sees what -------------------------------------------------------------------------

ROBOT = Caller(
    Principal(
        "id-of-robot",
        "robot+alice+ci",
        kind=PrincipalKind.ROBOT,
        permits=(Permit.parse("alice/*", ["pull"]),),
    )
)
AUDITOR = Caller(Principal("id-of-eve", "eve", is_auditor=True))


@pytest.fixture
async def told(database: Database, activity: Activity) -> Activity:
    """Give events in alice/app (private) and bob/app (public), by alice and bob."""

    def prepare(tx: Transaction) -> None:
        app = repository_row(tx, "alice/app")
        other = repository_row(tx, "bob/app")
        tx.execute(text("UPDATE repository SET visibility = 'public' WHERE path = 'bob/app'"))
        here, there = RepositoryRef(app.id, app.path), RepositoryRef(other.id, other.path)
        pulled = {"verb": Verb.GET, "audience": Audience.ADMINS}
        for index, each in enumerate(
            [
                fact("A-push", repository=here),
                fact("A-pull", repository=here, **pulled),
                fact("B-push", repository=there, caller=BOB),
                fact("B-pull-by-alice", repository=there, **pulled),
                fact("B-delete", repository=there, caller=BOB, verb=Verb.DELETE, details={"x": 1}),
                fact("org", repository=None, namespace="team", caller=BOB),
            ]
        ):
            object.__setattr__(each, "at", NOW + timedelta(seconds=index))
            activity.record(tx, each)

    await database.write(prepare)
    return activity


async def test_administrators_and_auditors_see_everything(told: Activity) -> None:
    everything = ["org", "B-delete", "B-pull-by-alice", "B-push", "A-pull", "A-push"]

    assert names(await told.list_all(OPERATOR, ALL, WHOLE)) == everything
    assert names(await told.list_all(AUDITOR, ALL, WHOLE)) == everything


async def test_others_see_what_they_did_and_what_happened_in_their_namespace(told: Activity) -> None:
    assert names(await told.list_all(ALICE, ALL, WHOLE)) == ["B-pull-by-alice", "A-pull", "A-push"]
    assert names(await told.list_all(BOB, ALL, WHOLE)) == ["org", "B-delete", "B-pull-by-alice", "B-push"]


async def test_nobody_looks_at_others_by_naming_them(told: Activity) -> None:
    wanted = EventFilter(actor_id="id-of-bob")

    assert names(await told.list_all(ALICE, wanted, WHOLE)) == []
    assert names(await told.list_all(BOB, EventFilter(actor_id="id-of-alice"), WHOLE)) == ["B-pull-by-alice"]


async def test_strangers_and_robots_have_no_list_of_everything(told: Activity) -> None:
    with pytest.raises(Unauthorized):
        await told.list_all(Caller(ANONYMOUS), ALL, WHOLE)
    with pytest.raises(Denied):
        await told.list_all(ROBOT, ALL, WHOLE)


async def test_readers_of_a_repository_see_no_pulls_and_no_addresses(told: Activity) -> None:
    page = await told.list_in(ALICE, RepositoryName.parse("bob/app"), ALL, WHOLE)

    assert names(page) == ["B-delete", "B-push"]
    assert {(event.address, event.user_agent) for event in page.items} == {("", "")}
    assert all(event.details == {} for event in page.items)


async def test_administrators_of_a_repository_see_all_of_it(told: Activity) -> None:
    page = await told.list_in(BOB, RepositoryName.parse("bob/app"), ALL, WHOLE)

    assert names(page) == ["B-delete", "B-pull-by-alice", "B-push"]
    assert page.items[1].address == "192.0.2.1"
    assert page.items[0].details == {"x": 1}


async def test_a_private_repository_is_unknown_to_others(told: Activity) -> None:
    for caller in (BOB, Caller(ANONYMOUS)):
        with pytest.raises(NameUnknown):
            await told.list_in(caller, APP, ALL, WHOLE)


async def test_a_stranger_may_log_in_to_see_the_activity_of_a_public_repository(told: Activity) -> None:
    with pytest.raises(Unauthorized):
        await told.list_in(Caller(ANONYMOUS), RepositoryName.parse("bob/app"), ALL, WHOLE)


async def test_a_robot_sees_what_readers_see(told: Activity) -> None:
    assert names(await told.list_in(ROBOT, APP, ALL, WHOLE)) == ["A-push"]


async def test_the_activity_of_an_organization_is_for_its_owners(told: Activity, database: Database) -> None:
    def make_owner(tx: Transaction) -> None:
        for identity, name, is_org in (("id-of-alice", "alice", False), ("id-of-team", "team", True)):
            tx.execute(
                text(
                    "INSERT INTO account (id, name, password_hash, created_at, is_org) VALUES (:i, :n, '', 0, :o)"
                ),
                {"i": identity, "n": name, "o": is_org},
            )
        tx.execute(
            text(
                "INSERT INTO organization_member (org_id, account_id, is_admin, created_at)"
                " VALUES ('id-of-team', 'id-of-alice', TRUE, 0)"
            )
        )

    await database.write(make_owner)

    assert names(await told.list_all(ALICE, ALL, WHOLE))[0] == "org"


# -- filters and pages ---------------------------------------------------------------------

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EventFilter(types=frozenset({Verb.DELETE})), ["B-delete"]),
        (EventFilter(types=frozenset(Verb) - {Verb.GET}), ["org", "B-delete", "B-push", "A-push"]),
        (EventFilter(types=frozenset()), []),
        (EventFilter(actor_id="id-of-bob"), ["org", "B-delete", "B-push"]),
        (EventFilter(actor_id="id-of-bob", types=frozenset({Verb.CREATE})), ["org", "B-push"]),
        (EventFilter(period=Period(since=NOW + 4 * SECOND)), ["org", "B-delete"]),
        (EventFilter(period=Period(until=NOW + SECOND)), ["A-push"]),
        (EventFilter(period=Period(NOW + SECOND, NOW + 3 * SECOND)), ["B-push", "A-pull"]),
        (EventFilter(period=Period(NOW + 3 * SECOND, NOW + SECOND)), []),
        (
            EventFilter(period=Period(since=NOW + SECOND), actor_id="id-of-alice"),
            ["B-pull-by-alice", "A-pull"],
        ),
    ],
)
async def test_filters_combine(told: Activity, wanted: EventFilter, expected: list[str]) -> None:
    page = await told.list_all(OPERATOR, wanted, ListPage(size=100, with_count=True))

    assert names(page) == expected
    assert page.total == len(expected)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("caller", [OPERATOR, ALICE, BOB], ids=["operator", "alice", "bob"])
async def test_pages_join_to_the_whole_list(told: Activity, size: int, caller: Caller) -> None:
    whole = names(await told.list_all(caller, ALL, WHOLE))
    found: list[str] = []
    start: str | None = ""
    while start is not None:
        page = await told.list_all(caller, ALL, ListPage(start, size))
        assert len(page.items) <= size
        found += names(page)
        start = page.next_start

    assert found == whole


async def test_a_page_goes_on_where_an_event_was_that_is_gone(told: Activity, database: Database) -> None:
    page = await told.list_all(OPERATOR, ALL, ListPage(size=2))
    await database.write(lambda tx: tx.execute(text("DELETE FROM event WHERE name = 'B-pull-by-alice'")))

    assert names(await told.list_all(OPERATOR, ALL, ListPage(page.next_start or "", 2))) == [
        "B-push",
        "A-pull",
    ]


async def test_events_of_one_moment_are_all_given(database: Database, activity: Activity) -> None:
    await record(database, activity, *[fact(str(index)) for index in range(7)])
    page = await activity.list_all(OPERATOR, ALL, ListPage(size=3))
    rest = await activity.list_all(OPERATOR, ALL, ListPage(page.next_start or "", 100))

    assert names(page) + names(rest) == ["6", "5", "4", "3", "2", "1", "0"]


async def test_counting_stops_at_a_limit(told: Activity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_service, "MAX_COUNT", 4)

    assert (await told.list_all(OPERATOR, ALL, ListPage(with_count=True))).total == 4


async def test_many_namespaces_are_read_in_several_statements(
    told: Activity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "BRANCHES_A_STATEMENT", 2)

    assert names(await told.list_all(OPERATOR, ALL, ListPage(size=3))) == [
        "org",
        "B-delete",
        "B-pull-by-alice",
    ]


@pytest.mark.parametrize(
    "marker", ["x", "1", "-", "1-", "-1", "1-x", "1-2-3", "٣-٣", "9" * 40 + "-1", "1 -1"]
)
async def test_a_bad_page_marker_is_refused(activity: Activity, marker: str) -> None:
    with pytest.raises(Invalid):
        await activity.list_all(OPERATOR, ALL, ListPage(marker))


@pytest.mark.parametrize(
    "given",
    [
        "2030-01-01T12:00:00Z",
        "2030-01-01t12:00:00z",
        "2030-01-01T14:00:00+02:00",
        "2030-01-01 07:00:00-05:00",
    ],
)
def test_moments_are_read_in_any_zone(given: str) -> None:
    assert parse_moment(given, "x") == NOW.replace(microsecond=0)


def test_a_plus_sign_that_was_not_escaped_is_understood() -> None:
    assert parse_moment("2030-01-01T14:00:00 02:00", "x") == NOW.replace(microsecond=0)
    assert parse_moment("", "x") is None


@pytest.mark.parametrize(
    "given",
    ["now", "2030-01-01", "2030-01-01T12:00:00", "1893499200", "2030-13-01T12:00:00Z", "2030-01-01T25:00:00Z",
     "2030-01-01T12:00:00+99:00", "20300101T120000Z", "2030-W01-1T12:00:00Z", "٢٠٣٠-01-01T12:00:00Z", "Z"],
)  # fmt: skip
def test_other_moments_are_refused(given: str) -> None:
    with pytest.raises(Invalid):
        parse_moment(given, "publishedAfter")


def test_types_are_read_in_any_case() -> None:
    assert parse_verb("create") is Verb.CREATE
    assert parse_verb("") is None
    with pytest.raises(Invalid):
        parse_verb("PULL")


# -- retention -----------------------------------------------------------------------------


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


# -- among 100,000 events ------------------------------------------------------------------

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
        return [*store.of_actor("id-of-bob", wanted), *store.in_namespace("other", wanted)], wanted
    return store.everywhere(wanted), wanted


EVENT_LISTS = [
    f"{where}{what}{who}{when}"
    for where in ("everywhere", "repository", "repository-reader", "namespace")
    for what in ("", "-no-pulls")
    for who in ("", "-by-bob")
    for when in ("", "-in-between")
    if not (where == "namespace" and who)
]


@pytest.mark.parametrize("name", EVENT_LISTS)
def test_a_page_is_read_from_indexes_and_costs_little(seeded: Engine, name: str) -> None:
    found_in, wanted = event_ranges(name)
    with seeded.begin() as tx:
        assert_indexed(tx, store.EVENTS, found_in, wanted.period)
        store.page(tx, found_in, wanted, Place(), 11)
        began = time.perf_counter()
        events = store.page(tx, found_in, wanted, Place(), 11)
        seconds = time.perf_counter() - began

    assert len(events) > 0
    assert events == sorted(events, key=lambda event: (event.published_at, event.id), reverse=True)
    assert seconds < 0.1


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
    statement = ranges.statement(source, shapes, "*")
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
        assert all(each.startswith(f"SEARCH {source.table} USING INDEX") for each in reads), details
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
