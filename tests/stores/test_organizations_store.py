"""Organizations, teams and ranks: two writers at once, what is told, what is revoked; on both databases."""

import asyncio
from collections.abc import Awaitable

import pytest

from dtr.core.errors import Conflict, Denied, RegistryError, Unauthorized
from dtr.core.paging import ListPage
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal, PrincipalKind
from dtr.features.accounts.model.accounts import (
    AccountChanges,
    AccountOwnsRepositories,
    AccountQuery,
    LastAdmin,
    NewAccount,
    NoSuchAccount,
    WrongPassword,
)
from dtr.features.accounts.model.organizations import LastOwner, MemberFilter, TeamChanges, TeamExists
from dtr.plumbing.db import Database, open_database
from tests.support.accounts import HOME, PASSWORD, Registry

ALL = ListPage("", 1000)


@pytest.fixture
async def registry(database: Database) -> Registry:
    """Give a registry with the owners alice and bob of the organization acme, and carol without rights."""
    registry = Registry(database)
    await registry.accounts.ensure_admin(PASSWORD)
    for name in ("alice", "bob", "carol"):
        await registry.accounts.create(name, PASSWORD)
    await registry.accounts.users.create(OPERATOR, NewAccount(name="acme", is_org=True))
    for name in ("alice", "bob"):
        await registry.accounts.organizations.put_member(OPERATOR, "acme", name, is_admin=True)
    registry.facts.clear()
    return registry


async def outcomes(*attempts: Awaitable[object]) -> list[type[RegistryError] | None]:
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for result in results:
        assert result is None or not isinstance(result, BaseException) or isinstance(result, RegistryError)
    return [type(each) if isinstance(each, RegistryError) else None for each in results]


async def owners(registry: Registry) -> list[str]:
    page = await registry.accounts.organizations.members(OPERATOR, "acme", MemberFilter.ADMINS, ALL)
    return [each.account.name for each in page.items]


async def test_of_two_owners_who_demote_each_other_at_once_exactly_one_succeeds(
    registry: Registry, database_url: str
) -> None:
    alice, bob = await registry.caller("alice"), await registry.caller("bob")
    second = open_database(database_url)
    await second.open()
    try:
        other = Registry(second).accounts.organizations
        mine = registry.accounts.organizations

        found = await outcomes(
            mine.put_member(alice, "acme", "bob", is_admin=False),
            other.put_member(bob, "acme", "alice", is_admin=False),
        )
    finally:
        await second.close()

    assert sorted(found, key=str) == sorted([None, Denied], key=str)
    assert len(await owners(registry)) == 1


async def test_of_two_owners_who_leave_at_once_exactly_one_goes(
    registry: Registry, database_url: str
) -> None:
    alice, bob = await registry.caller("alice"), await registry.caller("bob")
    second = open_database(database_url)
    await second.open()
    try:
        found = await outcomes(
            registry.accounts.organizations.remove_member(alice, "acme", "alice"),
            Registry(second).accounts.organizations.remove_member(bob, "acme", "bob"),
        )
    finally:
        await second.close()

    assert sorted(found, key=str) == sorted([None, LastOwner], key=str)
    assert len(await owners(registry)) == 1


async def test_of_two_administrators_who_demote_each_other_at_once_exactly_one_succeeds(
    registry: Registry, database_url: str
) -> None:
    await registry.accounts.create("root", PASSWORD, is_admin=True)
    admin, root = await registry.caller("admin"), await registry.caller("root")
    demotion = AccountChanges(is_admin=False)
    second = open_database(database_url)
    await second.open()
    try:
        found = await outcomes(
            registry.accounts.users.change(admin, "root", demotion),
            Registry(second).accounts.users.change(root, "admin", demotion),
        )
    finally:
        await second.close()

    assert found.count(None) == 1
    assert set(found) - {None} <= {Denied, LastAdmin}


async def test_administrators_who_all_resign_at_once_leave_one(registry: Registry, database_url: str) -> None:
    names = ["admin", "root1", "root2", "root3"]
    for name in names[1:]:
        await registry.accounts.create(name, PASSWORD, is_admin=True)
    callers = [await registry.caller(name) for name in names]
    second = open_database(database_url)
    await second.open()
    try:
        processes = [registry.accounts.users, Registry(second).accounts.users]
        found = await outcomes(
            *(
                processes[number % 2].change(caller, name, AccountChanges(is_admin=False))
                for number, (caller, name) in enumerate(zip(callers, names, strict=True))
            )
        )
    finally:
        await second.close()

    assert found.count(LastAdmin) == 1
    assert found.count(None) == 3


async def test_one_of_two_teams_of_the_same_name_is_made(registry: Registry) -> None:
    alice = await registry.caller("alice")

    found = await outcomes(*(registry.accounts.teams.create(alice, "acme", "dev") for _ in range(4)))

    assert found.count(None) == 1
    assert found.count(TeamExists) == 3


async def test_one_of_two_accounts_of_the_same_name_is_made(registry: Registry) -> None:
    new = NewAccount(name="twin", is_org=True)

    found = await outcomes(*(registry.accounts.users.create(OPERATOR, new) for _ in range(4)))

    assert found.count(None) == 1


async def test_a_member_removed_while_put_into_a_team_is_in_both_or_neither(registry: Registry) -> None:
    accounts, alice = registry.accounts, await registry.caller("alice")
    await accounts.teams.create(alice, "acme", "dev")
    carol = (await accounts.get("carol")).id
    for _ in range(5):
        await accounts.organizations.put_member(alice, "acme", "carol", is_admin=False)
        await outcomes(
            accounts.teams.put_member(alice, "acme", "dev", "carol", is_admin=False),
            accounts.organizations.remove_member(alice, "acme", "carol"),
        )

        members = await accounts.organizations.members(alice, "acme", MemberFilter.ALL, ALL)
        in_team = await accounts.teams.members(alice, "acme", "dev", MemberFilter.ALL, ALL)
        is_member = carol in [each.account.id for each in members.items]
        assert (carol in [each.account.id for each in in_team.items]) <= is_member


async def test_rights_lost_during_a_request_are_not_used(registry: Registry) -> None:
    alice = await registry.caller("alice")
    admin = await registry.caller("admin")
    await registry.accounts.create("root", PASSWORD, is_admin=True)
    await registry.accounts.users.change(OPERATOR, "admin", AccountChanges(is_admin=False))
    await registry.accounts.set_active("alice", is_active=False)

    with pytest.raises(Denied):
        await registry.accounts.users.delete(admin, "carol")
    with pytest.raises(Denied):
        await registry.accounts.users.create(admin, NewAccount(name="newcomer", password=PASSWORD))
    with pytest.raises(Unauthorized):
        await registry.accounts.teams.create(alice, "acme", "dev")
    assert (await registry.accounts.get("carol")).is_active


@pytest.mark.parametrize(
    "limited",
    [
        Principal("id", "alice", permits=()),
        Principal("id", "admin", is_admin=True, permits=(Permit.parse("**", ["admin"]),)),
        Principal("id", "robot+acme+ci", kind=PrincipalKind.ROBOT, permits=()),
    ],
)
async def test_robots_and_limited_tokens_have_no_access_to_accounts(
    registry: Registry, limited: Principal
) -> None:
    caller, accounts = Caller(limited, HOME), registry.accounts
    for attempt in (
        accounts.users.list_page(caller, AccountQuery(), ALL),
        accounts.users.get(caller, "alice"),
        accounts.users.create(caller, NewAccount(name="newcomer", password=PASSWORD)),
        accounts.users.change(caller, "alice", AccountChanges(full_name="X")),
        accounts.users.change_many(caller, []),
        accounts.users.delete(caller, "carol"),
        accounts.users.change_password(caller, "alice", "another password", PASSWORD),
        accounts.organizations.members(caller, "acme", MemberFilter.ALL, ALL),
        accounts.organizations.of_user(caller, "alice", ALL),
        accounts.organizations.put_member(caller, "acme", "carol", is_admin=False),
        accounts.organizations.remove_member(caller, "acme", "alice"),
        accounts.teams.list_page(caller, "acme", ALL),
        accounts.teams.create(caller, "acme", "dev"),
        accounts.public_keys.list_page(caller, "alice", ALL),
        accounts.public_keys.add(caller, "alice", ""),
        accounts.logins.unlock(caller, "alice"),
    ):
        with pytest.raises(Denied):
            await attempt
    assert registry.told() == []


async def test_every_change_of_accounts_is_told_once_and_no_change_is_not(registry: Registry) -> None:
    users, admin = registry.accounts.users, await registry.caller("admin")

    await users.create(admin, NewAccount(name="dave", password=PASSWORD, full_name="D."))
    assert registry.told() == ["AccountCreated"]
    await users.change(admin, "dave", AccountChanges(is_admin=True, full_name="Dave"))
    [fact] = registry.facts
    assert (fact.name, fact.object.type, fact.object.name) == ("AccountChanged", "user", "dave")
    assert fact.details == {"isAdmin": True, "fullName": "Dave"}
    assert fact.is_security
    assert fact.caller == admin
    registry.facts.clear()
    await users.change(admin, "dave", AccountChanges(is_admin=True))
    assert registry.told() == []
    await users.change_password(admin, "dave", "another password")
    await registry.accounts.unlock("dave")
    await users.delete(admin, "dave")
    assert not any(PASSWORD in str(fact) or "another password" in str(fact) for fact in registry.facts)
    assert registry.told() == ["PasswordChanged", "AccountUnlocked", "AccountDeleted"]


async def test_every_change_of_members_and_teams_is_told_once(registry: Registry) -> None:
    organizations, teams = registry.accounts.organizations, registry.accounts.teams
    alice = await registry.caller("alice")

    for is_admin in (None, False, True, True, False):
        await organizations.put_member(alice, "acme", "carol", is_admin=is_admin)
    await organizations.remove_member(alice, "acme", "carol")
    await organizations.remove_member(alice, "acme", "carol")
    assert registry.told() == ["MemberAdded", "MemberChanged", "MemberChanged", "MemberRemoved"]

    team = await teams.create(alice, "acme", "dev")
    await teams.change(alice, "acme", "dev", TeamChanges(description="Devs"))
    await teams.change(alice, "acme", "dev", TeamChanges(description="Devs"))
    for is_admin in (False, None, True):
        await teams.put_member(alice, "acme", team.id, "carol", is_admin=is_admin)
    await teams.remove_member(alice, "acme", "dev", "carol")
    await teams.remove_member(alice, "acme", "dev", "carol")
    await teams.delete(alice, "acme", "dev")
    assert registry.told() == [
        "TeamCreated",
        "TeamChanged",
        "MemberAdded",
        "TeamMemberAdded",
        "TeamMemberChanged",
        "TeamMemberRemoved",
        "TeamDeleted",
    ]


async def test_logins_are_told_without_the_password(registry: Registry) -> None:
    await registry.fail(1)
    await registry.fail(1, name="No Such Name")
    await registry.log_in()
    await registry.log_in()

    told = [(fact.name, fact.object.name, fact.details, fact.caller.address) for fact in registry.facts]
    assert told == [
        ("LoginFailed", "alice", {"name": "alice"}, HOME),
        ("LoginFailed", "", {"name": ""}, HOME),
        ("LoginSucceeded", "alice", {}, HOME),
    ]
    assert all(fact.is_security and fact.caller.principal == ANONYMOUS for fact in registry.facts)
    assert "wrong" not in str([fact.details for fact in registry.facts])


async def test_whoever_loses_a_right_loses_what_was_issued(registry: Registry) -> None:
    accounts, alice = registry.accounts, await registry.caller("alice")
    bob, carol = (await accounts.get("bob")).id, (await accounts.get("carol")).id
    await accounts.teams.create(alice, "acme", "dev")
    await accounts.teams.put_member(alice, "acme", "dev", "carol", is_admin=True)
    await accounts.teams.put_member(alice, "acme", "dev", "bob", is_admin=False)
    await accounts.users.change(OPERATOR, "carol", AccountChanges(is_auditor=True, is_active=True))
    assert registry.voided == []

    async def voided(attempt: Awaitable[object]) -> list[str]:
        registry.voided.clear()
        await attempt
        return sorted(registry.voided)

    assert await voided(accounts.organizations.put_member(alice, "acme", "bob", is_admin=False)) == [bob]
    assert await voided(accounts.teams.remove_member(alice, "acme", "dev", "bob")) == [bob]
    assert await voided(accounts.teams.delete(alice, "acme", "dev")) == [carol]
    assert await voided(accounts.organizations.remove_member(alice, "acme", "carol")) == [carol]
    assert await voided(accounts.users.change(OPERATOR, "carol", AccountChanges(is_auditor=False))) == [carol]
    assert await voided(accounts.set_password("carol", "another password")) == [carol]
    assert await voided(accounts.set_active("carol", is_active=False)) == [carol]
    assert await voided(accounts.users.delete(OPERATOR, "carol")) == [carol]
    assert await voided(accounts.users.delete(OPERATOR, "acme")) == sorted(
        [bob, (await accounts.get("alice")).id]
    )


async def test_an_account_with_repositories_stays(registry: Registry) -> None:
    registry.guarded.add("acme")

    with pytest.raises(AccountOwnsRepositories):
        await registry.accounts.users.delete(OPERATOR, "acme")
    assert await owners(registry) == ["alice", "bob"]
    assert registry.told() == []

    registry.guarded.clear()
    await registry.accounts.users.delete(OPERATOR, "acme")
    with pytest.raises(NoSuchAccount):
        await owners(registry)


async def test_a_password_that_changed_meanwhile_is_not_overwritten(registry: Registry) -> None:
    alice = await registry.caller("alice")
    users = registry.accounts.users

    found = await outcomes(
        users.change_password(alice, "alice", "another password", PASSWORD),
        users.change_password(alice, "alice", "yet another password", PASSWORD),
    )

    assert found.count(None) == 1
    assert set(found) - {None} <= {Conflict, WrongPassword}
    winner = "another password" if found[0] is None else "yet another password"
    assert (await registry.log_in("alice", winner)).name == "alice"
    await registry.fail(1)


async def test_the_first_start_makes_the_default_organization_with_its_owner(database: Database) -> None:
    registry = Registry(database)
    await asyncio.gather(*(registry.another_process().ensure_admin(None) for _ in range(4)))

    page = await registry.accounts.organizations.members(
        OPERATOR, "docker-datacenter", MemberFilter.ADMINS, ALL
    )

    assert [each.account.name for each in page.items] == ["admin"]
    assert await registry.accounts.principal_of("docker-datacenter") == ANONYMOUS
    assert registry.told() == ["AccountCreated", "AccountCreated"]
    await registry.accounts.users.delete(OPERATOR, "docker-datacenter")
    await registry.accounts.ensure_admin(None)
    with pytest.raises(NoSuchAccount):
        await registry.accounts.users.get(OPERATOR, "docker-datacenter")
