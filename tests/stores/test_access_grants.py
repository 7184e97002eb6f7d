"""Granting and taking away on both databases: races, facts, and what is left behind."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import NotFound, RegistryError
from dtr.core.facts import Audience, Fact, Verb
from dtr.core.paging import ListPage
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import Level, NamespaceRank
from dtr.features.accounts.store import accounts, organizations, teams
from dtr.features.repositories.service.access import RepositoryGrants
from dtr.features.repositories.service.namespace_access import NamespaceGrants
from dtr.features.repositories.service.namespaces import rank_in
from dtr.features.repositories.store import access as store
from dtr.features.repositories.store import repositories
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import grant_namespace, organization_row, team_row, user_row
from tests.support.rows import repository_row

APP = RepositoryName.parse("acme/app")
WHOLE = ListPage(size=100)


@dataclass
class Room:
    """An organization with an owner, a team of two, and one repository; and what the services told others."""

    database: Database
    owner: Caller
    members: tuple[Principal, Principal]
    org_id: str
    team_id: str
    repository_id: int
    facts: list[Fact] = field(default_factory=list)
    revoked: list[list[str]] = field(default_factory=list)

    @property
    def repositories(self) -> RepositoryGrants:
        return RepositoryGrants(self.database, FakeClock(), self._announce, self._revoke)

    @property
    def namespaces(self) -> NamespaceGrants:
        return NamespaceGrants(self.database, FakeClock(), self._announce, self._revoke)

    def _announce(self, _tx: Transaction, fact: Fact) -> None:
        self.facts.append(fact)

    def _revoke(self, _tx: Transaction, account_ids: Sequence[str]) -> None:
        self.revoked.append(sorted(account_ids))

    @property
    def member_ids(self) -> list[str]:
        return sorted(each.account_id or "" for each in self.members)

    async def rows(self) -> list[tuple[str, str]]:
        """Return what is granted on the repository to teams and users, as it is stored."""

        def read(tx: Transaction) -> list[tuple[str, str]]:
            found = store.repository_teams(tx, self.repository_id, WHOLE).items
            users = store.repository_users(tx, self.repository_id, WHOLE).items
            return [
                *((each.team.name, each.level.value) for each in found),
                *((each.user.name, each.level.value) for each in users),
            ]

        return await self.database.read(read)


@pytest.fixture
async def room(database: Database) -> Room:
    def write(tx: Transaction) -> Room:
        owner, one, two = (user_row(tx, name) for name in ("olga", "mia", "max"))
        org_id = organization_row(tx, "acme", owner, members=(one, two))
        team_id = team_row(tx, org_id, "developers", one, two)
        made = repository_row(tx, APP.path)
        return Room(database, Caller(owner), (one, two), org_id, team_id, made.id)

    return await database.write(write)


async def test_only_who_loses_something_has_to_fetch_new_tokens(room: Room) -> None:
    grants = room.repositories
    await grants.set_team(room.owner, APP, "developers", Level.READ_ONLY)
    await grants.set_team(room.owner, APP, "developers", Level.ADMIN)
    assert room.revoked == []
    await grants.set_team(room.owner, APP, "developers", Level.READ_WRITE)
    assert room.revoked == [room.member_ids]
    await grants.remove_team(room.owner, APP, "developers")
    assert room.revoked == [room.member_ids] * 2
    await grants.remove_team(room.owner, APP, "developers")
    assert len(room.revoked) == 2


async def test_a_level_on_the_namespace_that_is_lowered_ends_what_was_issued(room: Room) -> None:
    grants = room.namespaces
    await grants.set_team(room.owner, "acme", "developers", Level.ADMIN)
    assert room.revoked == []
    await grants.set_team(room.owner, "acme", "developers", Level.READ_ONLY)
    await grants.remove_team(room.owner, "acme", room.team_id)
    await grants.remove_team(room.owner, "acme", room.team_id)
    assert room.revoked == [room.member_ids] * 2


async def test_a_user_whose_level_is_lowered_has_to_fetch_new_tokens(room: Room, database: Database) -> None:
    guest = await database.write(lambda tx: user_row(tx, "guest"))
    grants = room.repositories
    await grants.set_user(room.owner, APP, "guest", Level.READ_WRITE)
    assert room.revoked == []
    await grants.set_user(room.owner, APP, "guest", Level.READ_ONLY)
    await grants.remove_user(room.owner, APP, "guest")
    await grants.remove_user(room.owner, APP, "guest")
    assert room.revoked == [[guest.account_id]] * 2


async def test_every_change_is_told_once_as_a_matter_of_security(room: Room) -> None:
    grants = room.repositories
    await grants.set_team(room.owner, APP, "developers", Level.READ_ONLY)
    await grants.set_team(room.owner, APP, "developers", Level.READ_ONLY)
    await grants.set_team(room.owner, APP, "developers", Level.ADMIN)
    await grants.remove_team(room.owner, APP, "developers")
    await room.namespaces.set_team(room.owner, "acme", "developers", Level.READ_ONLY)
    await grants.set_user(room.owner, APP, "mia", Level.READ_ONLY)

    assert [
        (each.name, each.verb, each.details["oldLevel"], each.details["newLevel"]) for each in room.facts
    ] == [
        ("TeamAccessChanged", Verb.CREATE, None, "read-only"),
        ("TeamAccessChanged", Verb.UPDATE, "read-only", "admin"),
        ("TeamAccessChanged", Verb.DELETE, "admin", None),
        ("NamespaceTeamAccessChanged", Verb.CREATE, None, "read-only"),
        ("UserAccessChanged", Verb.CREATE, None, "read-only"),
    ]
    assert all(each.is_security and each.audience is Audience.ADMINS for each in room.facts)
    assert [each.object.name for each in room.facts] == ["developers"] * 4 + ["mia"]
    assert room.facts[0].repository is not None
    assert room.facts[0].repository.path == APP.path
    assert room.facts[3].namespace == "acme"


async def test_two_who_change_one_level_at_once_leave_one_of_the_two(room: Room) -> None:
    levels = [Level.READ_ONLY, Level.READ_WRITE, Level.ADMIN] * 5
    await asyncio.gather(
        *(room.repositories.set_team(room.owner, APP, "developers", level) for level in levels),
        *(room.namespaces.set_team(room.owner, "acme", "developers", level) for level in levels),
    )
    [(team, last)] = await room.rows()
    assert team == "developers"
    chain = [each for each in room.facts if each.name == "TeamAccessChanged"]
    assert chain[-1].details["newLevel"] == last
    for before, after in itertools.pairwise(chain):
        assert after.details["oldLevel"] == before.details["newLevel"]


async def attempt(work: object) -> str:
    """Return what became of a grant."""
    try:
        await work  # type: ignore[misc]
    except NotFound:
        return "gone"
    return "granted"


@pytest.mark.parametrize("delay", [0, 1, 2, 5])
async def test_a_team_that_is_deleted_meanwhile_keeps_nothing(room: Room, delay: int) -> None:
    async def delete() -> None:
        for _ in range(delay):
            await asyncio.sleep(0)

        def write(tx: Transaction) -> None:
            accounts.lock(tx, room.org_id)
            teams.delete(tx, room.team_id)

        await room.database.write(write)

    outcomes = await asyncio.gather(
        attempt(room.repositories.set_team(room.owner, APP, "developers", Level.ADMIN)),
        delete(),
        attempt(room.repositories.set_team(room.owner, APP, "developers", Level.READ_ONLY)),
        attempt(room.namespaces.set_team(room.owner, "acme", "developers", Level.ADMIN)),
    )
    assert set(outcomes) <= {"gone", "granted", None}
    assert await room.rows() == []
    assert await attempt(room.repositories.set_team(room.owner, APP, room.team_id, Level.ADMIN)) == "gone"
    assert await room.database.read(lambda tx: store.namespace_team_level(tx, room.team_id)) is None


@pytest.mark.parametrize("delay", [0, 1, 2, 5])
async def test_a_repository_that_is_deleted_meanwhile_keeps_nothing(room: Room, delay: int) -> None:
    async def delete() -> None:
        for _ in range(delay):
            await asyncio.sleep(0)
        await room.database.write(lambda tx: repositories.delete(tx, room.repository_id))

    outcomes = await asyncio.gather(
        attempt(room.repositories.set_team(room.owner, APP, "developers", Level.ADMIN)),
        delete(),
        attempt(room.repositories.set_user(room.owner, APP, "mia", Level.ADMIN)),
        attempt(room.repositories.remove_user(room.owner, APP, "max")),
    )
    assert set(outcomes) <= {"gone", "granted", None}
    assert await room.rows() == []
    again = await room.database.write(lambda tx: repository_row(tx, APP.path))
    assert again.id != room.repository_id
    found = await room.database.read(lambda tx: store.repository_users(tx, again.id, WHOLE))
    assert found.items == []


async def test_a_user_who_is_deleted_meanwhile_keeps_nothing(room: Room) -> None:
    guest = await room.database.write(lambda tx: user_row(tx, "guest"))
    await asyncio.gather(
        attempt(room.repositories.set_user(room.owner, APP, "guest", Level.ADMIN)),
        room.database.write(lambda tx: accounts.delete(tx, guest.account_id or "")),
        attempt(room.repositories.set_user(room.owner, APP, "guest", Level.READ_ONLY)),
    )
    assert await room.rows() == []


async def test_who_may_not_grant_changes_nothing(room: Room) -> None:
    for caller in (Caller(room.members[0]), Caller(Principal("x", "nobody"))):
        with pytest.raises(RegistryError):
            await room.repositories.set_team(caller, APP, "developers", Level.ADMIN)
        with pytest.raises(RegistryError):
            await room.repositories.set_user(caller, APP, "mia", Level.ADMIN)
        with pytest.raises(RegistryError):
            await room.namespaces.set_team(caller, "acme", "developers", Level.ADMIN)
    assert await room.rows() == []
    assert room.facts == []
    assert room.revoked == []


async def test_the_rank_in_a_namespace_is_the_highest_of_all(room: Room) -> None:
    one = room.members[0]

    async def rank(principal: Principal, namespace: str = "acme") -> NamespaceRank | None:
        return await room.database.read(lambda tx: rank_in(tx, principal, namespace))

    assert await rank(room.owner.principal) is NamespaceRank.OWNER
    assert await rank(one) is NamespaceRank.MEMBER
    assert await rank(one, "mia") is NamespaceRank.OWNER
    assert await rank(one, "nobody") is None
    assert await rank(Principal("x", "nobody")) is None
    await room.database.write(lambda tx: grant_namespace(tx, room.team_id, "read-write"))
    assert await rank(one) is NamespaceRank.MEMBER

    def make_admin(tx: Transaction) -> None:
        grant_namespace(tx, team_row(tx, room.org_id, "leads", one), "admin")

    await room.database.write(make_admin)
    assert await rank(one) is NamespaceRank.ADMIN
    await room.database.write(
        lambda tx: organizations.put_member(
            tx, room.org_id, one.account_id or "", FakeClock().now(), is_admin=True
        )
    )
    assert await rank(one) is NamespaceRank.OWNER
