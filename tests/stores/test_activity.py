"""The activity log: what is written, who sees it, filters and pages."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from dtr.core.errors import Denied, Invalid, Unauthorized
from dtr.core.facts import Audience, FactObject, RepositoryRef, Verb
from dtr.core.paging import ListPage
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal, PrincipalKind
from dtr.features.events.model import Event, EventFilter, Period
from dtr.features.events.service import Activity
from dtr.features.events.service import activity as activity_service
from dtr.features.events.store import ranges
from dtr.oci.errors import NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction
from tests.support.activity import ALL, WHOLE, make_activity, names, record
from tests.support.facts import ALICE, BOB, NOW, fact, security_fact
from tests.support.rows import repository_row

APP = RepositoryName.parse("alice/app")


@pytest.fixture
def activity(database: Database) -> Activity:
    return make_activity(database)


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
