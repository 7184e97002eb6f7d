"""Granting access to single repositories: to teams of the organization that owns one, and to single users."""

from typing import Final

from dtr.core.clock import Clock
from dtr.core.errors import Invalid
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller
from dtr.features.access.model import Level, NamespaceOperation, Operation, decide_namespace
from dtr.features.accounts.model import Account, Team, no_such_team, no_such_user
from dtr.features.accounts.service import RevokeAccess
from dtr.features.accounts.store import accounts, teams
from dtr.features.repositories.events import team_access_changed, user_access_changed
from dtr.features.repositories.model import Repository, no_such_repository
from dtr.features.repositories.model.access import TeamAccess, UserAccess, not_of_teams, team_of_another
from dtr.features.repositories.service.guard import require
from dtr.features.repositories.service.namespaces import rank_in
from dtr.features.repositories.service.repositories import RepositoryView, view
from dtr.features.repositories.store import access as store
from dtr.features.repositories.store import repositories
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

MOST_CHOICES: Final = 200
"""Teams that are named to choose from."""


class RepositoryGrants:
    """Who was granted a level on a repository."""

    def __init__(self, database: Database, clock: Clock, announce: Announce, revoke: RevokeAccess) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce
        self._revoke = revoke

    async def list_teams(
        self, caller: Caller, name: RepositoryName, page: ListPage
    ) -> tuple[RepositoryView, Page[TeamAccess]]:
        """Return a repository and a page of the teams with a level on it. Raises like `guard.require`."""

        def read(tx: Transaction) -> tuple[RepositoryView, Page[TeamAccess]]:
            repository = require(tx, caller.principal, name, Operation.VIEW_ACCESS)
            return view(tx, caller.principal, name), store.repository_teams(tx, repository.id, page)

        return await self._database.read(read)

    async def team_choices(self, caller: Caller, name: RepositoryName) -> list[Team]:
        """Return teams that a level on a repository can be given to, by name; none to who may not know the teams.

        Not more than `MOST_CHOICES`. Raises like `guard.require`.
        """

        def read(tx: Transaction) -> list[Team]:
            repository = require(tx, caller.principal, name, Operation.VIEW_ACCESS)
            rank = rank_in(tx, caller.principal, repository.namespace)
            known = decide_namespace(caller.principal, repository.namespace, rank)
            owner = accounts.find(tx, repository.namespace)
            if owner is None or not owner.is_org or NamespaceOperation.VIEW_MEMBERS not in known:
                return []
            return list(teams.list_page(tx, owner.id, ListPage(size=MOST_CHOICES)).items)

        return await self._database.read(read)

    async def set_team(
        self, caller: Caller, name: RepositoryName, team_ref: str, level: Level
    ) -> tuple[RepositoryView, TeamAccess]:
        """Give a team, by name or id, a level on a repository; return both.

        Raises like `guard.require`, NoSuchTeam, and Invalid if the team is of another organization or the owner of the
        repository a user.
        """

        def write(tx: Transaction) -> tuple[RepositoryView, TeamAccess]:
            repository, owner = self._held(tx, caller, name)
            team = team_in(tx, owner, team_ref)
            before = store.set_repository_team(tx, repository.id, team.id, level)
            self._note_team(tx, caller, repository, team, before, level)
            return view(tx, caller.principal, name), TeamAccess(team, level)

        return await self._database.write(write)

    async def remove_team(self, caller: Caller, name: RepositoryName, team_ref: str) -> None:
        """Take the level of a team away. Nothing happens if it has none. Raises like `set_team`."""

        def write(tx: Transaction) -> None:
            repository, owner = self._held(tx, caller, name)
            team = team_in(tx, owner, team_ref)
            before = store.delete_repository_team(tx, repository.id, team.id)
            self._note_team(tx, caller, repository, team, before, None)

        await self._database.write(write)

    async def list_users(
        self, caller: Caller, name: RepositoryName, page: ListPage
    ) -> tuple[RepositoryView, Page[UserAccess]]:
        """Return a repository and a page of the users with a level on it in person. Raises like `guard.require`."""

        def read(tx: Transaction) -> tuple[RepositoryView, Page[UserAccess]]:
            repository = require(tx, caller.principal, name, Operation.VIEW_ACCESS)
            return view(tx, caller.principal, name), store.repository_users(tx, repository.id, page)

        return await self._database.read(read)

    async def set_user(
        self, caller: Caller, name: RepositoryName, user_ref: str, level: Level
    ) -> tuple[RepositoryView, UserAccess]:
        """Give an active user, by name or id, a level on somebody else's repository; return both.

        Raises like `guard.require`, NoSuchUser, and Invalid for an organization, a disabled user, or the owner.
        """

        def write(tx: Transaction) -> tuple[RepositoryView, UserAccess]:
            repository, owner = self._held(tx, caller, name)
            user = _grantee(tx, user_ref, owner)
            before = store.set_user(tx, repository.id, user.id, level)
            self._note_user(tx, caller, repository, user, before, level)
            return view(tx, caller.principal, name), UserAccess(user, level)

        return await self._database.write(write)

    async def remove_user(self, caller: Caller, name: RepositoryName, user_ref: str) -> None:
        """Take the level of a user away. Nothing happens if they have none.

        Raises like `guard.require`, and NoSuchUser.
        """

        def write(tx: Transaction) -> None:
            repository, _ = self._held(tx, caller, name)
            user = accounts.find_by_ref(tx, user_ref)
            if user is None:
                raise no_such_user(user_ref)
            before = store.delete_user(tx, repository.id, user.id)
            self._note_user(tx, caller, repository, user, before, None)

        await self._database.write(write)

    def _held(self, tx: Transaction, caller: Caller, name: RepositoryName) -> tuple[Repository, Account]:
        """Return the repository and its owner; nobody else changes either, or the owner's teams, meanwhile."""
        seen = require(tx, caller.principal, name, Operation.MANAGE_ACCESS)
        account = accounts.find(tx, seen.namespace)
        owner = None if account is None else accounts.lock(tx, account.id)
        repository = repositories.lock(tx, seen.path)
        if owner is None or repository is None or repository.id != seen.id:
            raise no_such_repository(name.path)
        return repository, owner

    def _note_team(  # noqa: PLR0913, PLR0917 - what happened, from all sides
        self,
        tx: Transaction,
        caller: Caller,
        repository: Repository,
        team: Team,
        before: Level | None,
        after: Level | None,
    ) -> None:
        if before is after:
            return
        if is_less(before, after):
            self._revoke(tx, teams.list_member_ids(tx, team.id))
        self._announce(tx, team_access_changed(caller, repository, team, before, after, self._clock.now()))

    def _note_user(  # noqa: PLR0913, PLR0917 - what happened, from all sides
        self,
        tx: Transaction,
        caller: Caller,
        repository: Repository,
        user: Account,
        before: Level | None,
        after: Level | None,
    ) -> None:
        if before is after:
            return
        if is_less(before, after):
            self._revoke(tx, [user.id])
        self._announce(tx, user_access_changed(caller, repository, user, before, after, self._clock.now()))


def is_less(before: Level | None, after: Level | None) -> bool:
    """Tell whether somebody lost something."""
    return before is not None and (after is None or after.rank < before.rank)


def team_in(tx: Transaction, owner: Account, ref: str) -> Team:
    """Return the team of an organization, by name or id.

    Raises Invalid if the owner is a user or the team, named by its id, is of another organization, and NoSuchTeam.
    """
    if not owner.is_org:
        raise not_of_teams(owner.name)
    found = teams.find_by_ref(tx, owner.id, ref)
    if found is None:
        if store.organization_of_team(tx, ref) is not None:
            raise team_of_another(ref, owner.name)
        raise no_such_team(ref)
    return found


def _grantee(tx: Transaction, ref: str, owner: Account) -> Account:
    found = accounts.find_by_ref(tx, ref)
    user = None if found is None else accounts.lock(tx, found.id)
    if user is None:
        raise no_such_user(ref)
    if user.is_org:
        raise Invalid(
            said("%(name)s is an organization: access is given to its teams", name=user.name), name=user.name
        )
    if not user.is_active:
        raise Invalid(said("%(name)s is disabled", name=user.name), name=user.name)
    if user.id == owner.id:
        raise Invalid(said("%(name)s owns the repository", name=user.name), name=user.name)
    return user
