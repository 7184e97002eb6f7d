"""Lists of visible repositories: what the rules say one by one, for every kind of caller, in pages of any size."""

from dataclasses import dataclass, replace

import pytest

from dtr.core.errors import Invalid
from dtr.core.paging import ListPage, PageRequest
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal, PrincipalKind
from dtr.features.access.model import Operation
from dtr.features.accounts.model import NoSuchAccount
from dtr.features.repositories.model import RepositoryChanges, Visibility
from dtr.features.repositories.service import Repositories
from dtr.features.repositories.service.guard import standings
from dtr.features.repositories.store import repositories as store
from dtr.features.repositories.store import visible
from dtr.features.repositories.store.visible import Range, following, range_of
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import (
    grant_namespace,
    grant_to_team,
    grant_to_user,
    organization_row,
    team_row,
    user_row,
)
from tests.support.rows import repository_row

# Byte order: '-' < '.' < '/' < digits < '_' < letters.
ORGANIZATIONS = ["acme", "acme-b", "acme.b", "acme0", "acme_b", "acmeb", "zoo"]
SHORT_NAMES = ["a", "a-b", "a.b", "a/b", "a_b", "ab", "app", "web/app", "web/front/app"]
PATTERNS = [
    ("**",),
    ("acme/*",),
    ("acme/**", "alice/app"),
    ("*/app", "acme_b/a_b"),
    ("**/app",),
    ("acm*/web/**",),
    ("nobody/*",),
    ("a*/a*", "acme/a", "acme/a"),
]


def permits(*patterns: str) -> tuple[Permit, ...]:
    return tuple(Permit.parse(each, ["pull"]) for each in patterns)


@dataclass(frozen=True)
class Population:
    """Who asks, and every path that there is."""

    callers: dict[str, Principal]
    paths: list[str]


def populate(tx: Transaction) -> Population:
    alice, bob, owner = user_row(tx, "alice"), user_row(tx, "bob"), user_row(tx, "owner")
    orgs = {
        name: organization_row(tx, name, *([owner] if name.startswith("acme") else []), members=(alice,))
        for name in ORGANIZATIONS
    }
    made = {}
    for namespace in [*ORGANIZATIONS, "alice", "bob"]:
        for number, short in enumerate(SHORT_NAMES):
            path = f"{namespace}/{short}"
            made[path] = repository_row(tx, path)
            if number % 4 == 0:
                store.change(tx, path, RepositoryChanges(visibility=Visibility.PUBLIC))
    readers = team_row(tx, orgs["acme_b"], "readers", alice)
    grant_namespace(tx, readers, "read-only")
    testers = team_row(tx, orgs["zoo"], "testers", alice, bob)
    for shown in ("zoo/a", "zoo/a/b", "zoo/web/app"):
        grant_to_team(tx, testers, made[shown].id)
    for shown in ("zoo/a/b", "acme/ab", "alice/a-b", "bob/ab"):
        grant_to_user(tx, bob, made[shown].id)
    callers = {
        "anonymous": ANONYMOUS,
        "alice": alice,
        "bob": bob,
        "owner": owner,
        "stranger": user_row(tx, "stranger"),
        "admin": user_row(tx, "root", is_admin=True),
        "auditor": user_row(tx, "watch", is_auditor=True),
        "operator": OPERATOR.principal,
    }
    for number, patterns in enumerate(PATTERNS):
        robot = Principal(
            f"r{number}", f"robot+{number}", kind=PrincipalKind.ROBOT, permits=permits(*patterns)
        )
        callers |= {
            f"robot {patterns}": robot,
            f"alice's token {patterns}": replace(alice, permits=permits(*patterns)),
            f"owner's token {patterns}": replace(owner, permits=permits(*patterns)),
            f"admin's token {patterns}": replace(callers["admin"], permits=permits(*patterns)),
        }
    return Population(callers, sorted(made))


def by_the_rules(tx: Transaction, principal: Principal, paths: list[str]) -> list[str]:
    found = standings(tx, principal, map(RepositoryName.parse, paths))
    return [name.path for name, each in found.items() if each.decision.allows(Operation.VIEW)]


async def test_lists_and_counts_are_what_the_rules_say(database: Database) -> None:
    there = await database.write(populate)

    def compare(tx: Transaction) -> None:
        for who, principal in there.callers.items():
            expected = by_the_rules(tx, principal, there.paths)
            assert visible.paths(tx, principal, Range(), 1000) == expected, who
            assert visible.count(tx, principal, Range()) == len(expected), who
            for namespace in ("acme", "acme_b", "bob"):
                within = Range.of_namespace(namespace)
                inside = [path for path in expected if path.startswith(f"{namespace}/")]
                assert visible.paths(tx, principal, within, 1000) == inside, (who, namespace)
                assert visible.count(tx, principal, within) == len(inside), (who, namespace)

    await database.read(compare)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_joined_pages_are_the_list(database: Database, size: int) -> None:
    there = await database.write(populate)

    def compare(tx: Transaction) -> None:
        for who, principal in there.callers.items():
            seen: list[str] = []
            while page := visible.paths(
                tx, principal, Range().from_(following(seen[-1]) if seen else ""), size
            ):
                seen += page
            assert seen == by_the_rules(tx, principal, there.paths), who

    await database.read(compare)


async def test_pages_of_the_api_start_at_the_marker_even_if_it_is_gone(database: Database) -> None:
    there = await database.write(populate)
    repositories = Repositories(database)
    caller = Caller(there.callers["admin"])

    first = await repositories.list_visible(caller, ListPage(size=3, with_count=True))
    assert first.total == len(there.paths)
    assert [each.repository.path for each in first.items] == there.paths[:3]
    assert first.next_start == there.paths[3]

    def remove(tx: Transaction) -> None:
        gone = store.find(tx, there.paths[3])
        assert gone is not None
        store.delete(tx, gone.id)

    await database.write(remove)
    second = await repositories.list_visible(caller, ListPage(start=first.next_start, size=3))
    assert [each.repository.path for each in second.items] == there.paths[4:7]
    assert second.total is None
    last = await repositories.list_visible(caller, ListPage(start="zoo/web/front/app", size=3))
    assert (len(last.items), last.next_start) == (1, None)
    beyond = await repositories.list_visible(caller, ListPage(start="zz\N{SNOWMAN}", size=3))
    assert (beyond.items, beyond.next_start) == ([], None)


async def test_a_marker_with_control_characters_is_refused(database: Database) -> None:
    with pytest.raises(Invalid):
        await Repositories(database).list_visible(OPERATOR, ListPage(start="a\0b"))


async def test_a_namespace_is_known_to_users_and_to_others_only_by_what_they_see(database: Database) -> None:
    there = await database.write(populate)
    repositories = Repositories(database)
    await database.write(lambda tx: organization_row(tx, "empty"))
    robot = Principal("r", "robot+r", kind=PrincipalKind.ROBOT, permits=permits("acme/*"))

    async def paths(principal: Principal, namespace: str) -> list[str]:
        page = await repositories.list_in_namespace(Caller(principal), namespace, ListPage(size=100))
        return [each.repository.path for each in page.items]

    assert await paths(there.callers["stranger"], "empty") == []
    assert len(await paths(ANONYMOUS, "acme")) == 3
    for principal in (ANONYMOUS, robot):
        with pytest.raises(NoSuchAccount):
            await paths(principal, "empty")
    for namespace in ("nobody", "ACME", "acme/a", "a\0", "", "%"):
        with pytest.raises(NoSuchAccount):
            await paths(there.callers["admin"], namespace)


async def test_the_catalog_shows_auditors_what_they_see_but_may_not_pull(database: Database) -> None:
    there = await database.write(populate)

    page = await Repositories(database).catalog(there.callers["auditor"], PageRequest(None, None))

    assert page.names == there.paths


async def test_each_entry_says_what_the_caller_may_do(database: Database) -> None:
    there = await database.write(populate)
    repositories = Repositories(database)
    page = await repositories.list_visible(Caller(there.callers["alice"]), ListPage(size=1000))
    may = {each.repository.path: each.operations for each in page.items}

    assert Operation.DELETE_REPOSITORY in may["alice/ab"]
    assert may["acme/a"] == {Operation.VIEW, Operation.PULL, Operation.VIEW_ACTIVITY}
    assert {each.repository.namespace for each in page.items if each.is_of_organization} == set(ORGANIZATIONS)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("acme/app", Range("acme/app", "acme/app ")),
        ("acme/*", Range("acme/", "acme/~", "acme/%")),
        ("**", Range("", "~", "%")),
        ("**/a_p", Range("", "~", "%/a!_p")),
    ],
)
def test_a_pattern_is_a_range_that_holds_all_it_matches(pattern: str, expected: Range) -> None:
    assert range_of(pattern) == expected
