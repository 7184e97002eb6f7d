"""Granting access to whole namespaces, to teams of the organization; and what teams and users have on repositories."""

from typing import TypeAlias

from dtr.core.clock import Clock
from dtr.core.errors import Denied
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import (
    Level,
    NamespaceOperation,
    decide_namespace,
    may_audit,
    operations_of,
)
from dtr.features.accounts.model import Account, Team, no_such_account, no_such_user
from dtr.features.accounts.service import RevokeAccess
from dtr.features.accounts.store import accounts, teams
from dtr.features.repositories.events import namespace_team_access_changed
from dtr.features.repositories.model.access import (
    NoSuchNamespaceTeamAccess,
    TeamAccess,
    TeamReach,
    not_of_teams,
)
from dtr.features.repositories.service.access import is_less, team_in
from dtr.features.repositories.service.guard import standing
from dtr.features.repositories.service.namespaces import rank_in, require_namespace
from dtr.features.repositories.service.repositories import RepositoryView, view, views
from dtr.features.repositories.store import access as store
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

TeamOnRepository: TypeAlias = tuple[RepositoryView, Level]
"""A repository with the level that a team has on it."""


class NamespaceGrants:
    """Which teams have a level on the whole namespace of their organization."""

    def __init__(self, database: Database, clock: Clock, announce: Announce, revoke: RevokeAccess) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce
        self._revoke = revoke

    async def list_teams(
        self, caller: Caller, namespace: str, page: ListPage
    ) -> tuple[Account, Page[TeamAccess]]:
        """Return an organization and a page of its teams with a level on the namespace; for its members.

        Raises like `namespaces.require_namespace`, and Invalid if the account is a user.
        """

        def read(tx: Transaction) -> tuple[Account, Page[TeamAccess]]:
            owner = require_namespace(tx, caller.principal, namespace, NamespaceOperation.VIEW_MEMBERS)
            if not owner.is_org:
                raise not_of_teams(owner.name)
            return owner, store.namespace_teams(tx, owner.id, page)

        return await self._database.read(read)

    async def get_team(self, caller: Caller, namespace: str, team_ref: str) -> tuple[Account, TeamAccess]:
        """Return an organization and one of its teams with the level on the namespace; for its members.

        Raises like `list_teams`, NoSuchTeam, and NoSuchNamespaceTeamAccess if the team has none.
        """

        def read(tx: Transaction) -> tuple[Account, TeamAccess]:
            owner = require_namespace(tx, caller.principal, namespace, NamespaceOperation.VIEW_MEMBERS)
            team = team_in(tx, owner, team_ref)
            level = store.namespace_team_level(tx, team.id)
            if level is None:
                raise NoSuchNamespaceTeamAccess(
                    said("the team %(team)s has no level on the namespace", team=team.name)
                )
            return owner, TeamAccess(team, level)

        return await self._database.read(read)

    async def set_team(
        self, caller: Caller, namespace: str, team_ref: str, level: Level
    ) -> tuple[Account, TeamAccess]:
        """Give a team a level on the namespace. Raises like `list_teams`, and NoSuchTeam."""

        def write(tx: Transaction) -> tuple[Account, TeamAccess]:
            owner = self._held(tx, caller, namespace)
            team = team_in(tx, owner, team_ref)
            before = store.set_namespace_team(tx, team.id, level)
            self._note(tx, caller, owner, team, before, level)
            return owner, TeamAccess(team, level)

        return await self._database.write(write)

    async def remove_team(self, caller: Caller, namespace: str, team_ref: str) -> None:
        """Take the level of a team away. Nothing happens if it has none. Raises like `set_team`."""

        def write(tx: Transaction) -> None:
            owner = self._held(tx, caller, namespace)
            team = team_in(tx, owner, team_ref)
            self._note(tx, caller, owner, team, store.delete_namespace_team(tx, team.id), None)

        await self._database.write(write)

    def _held(self, tx: Transaction, caller: Caller, namespace: str) -> Account:
        """Return the account of the namespace; nobody else changes it or its teams meanwhile."""
        seen = require_namespace(tx, caller.principal, namespace, NamespaceOperation.MANAGE_NAMESPACE_ACCESS)
        owner = accounts.lock(tx, seen.id)
        if owner is None:
            raise no_such_account(namespace)
        return owner

    def _note(  # noqa: PLR0913, PLR0917 - what happened, from all sides
        self,
        tx: Transaction,
        caller: Caller,
        owner: Account,
        team: Team,
        before: Level | None,
        after: Level | None,
    ) -> None:
        if before is after:
            return
        if is_less(before, after):
            self._revoke(tx, teams.list_member_ids(tx, team.id))
        self._announce(
            tx, namespace_team_access_changed(caller, owner, team, before, after, self._clock.now())
        )


class AccessOverviews:
    """What one team or one user has on repositories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def repositories_of_team(
        self, caller: Caller, organization: str, team_ref: str, page: ListPage
    ) -> tuple[Team, Page[TeamOnRepository]]:
        """Return a team and a page of the repositories that it has a level on.

        For members of the team, for who administers the namespace, and for auditors. Raises NoSuchAccount, Denied (to
        strangers whether or not there is such a team), NoSuchTeam, and Invalid if the account is a user or the team of
        another organization.
        """

        def read(tx: Transaction) -> tuple[Team, Page[TeamOnRepository]]:
            owner, team = _known_team(tx, caller, organization, team_ref)
            if not _may_see_grants(tx, caller.principal, owner, team):
                raise Denied(
                    said(
                        "only members of the team %(team)s and who administers %(owner)s see that",
                        team=team.name,
                        owner=owner.name,
                    )
                )
            found = store.team_repositories(tx, team.id, page)
            levels = {each.repository.path: each.level for each in found.items}
            seen = views(tx, caller.principal, list(levels))
            items = [(each, levels[each.repository.path]) for each in seen]
            return team, Page(items, found.next_start, found.total)

        return await self._database.read(read)

    async def reach_of_team(self, caller: Caller, organization: str, team_ref: str) -> TeamReach:
        """Return a team's level on the namespace, and what the caller may know and change, for members.

        Raises like `repositories_of_team`, to strangers only.
        """

        def read(tx: Transaction) -> TeamReach:
            owner, team = _known_team(tx, caller, organization, team_ref)
            rank = rank_in(tx, caller.principal, owner.name)
            operations = decide_namespace(caller.principal, owner.name, rank)
            return TeamReach(
                level=store.namespace_team_level(tx, team.id),
                may_change_level=NamespaceOperation.MANAGE_NAMESPACE_ACCESS in operations,
                may_see_repositories=_may_see_grants(tx, caller.principal, owner, team),
            )

        return await self._database.read(read)

    async def access_of_user(
        self, caller: Caller, user_ref: str, name: RepositoryName
    ) -> tuple[Account, RepositoryView, Level | None]:
        """Return the level that a user has on a repository by all that was granted; for themselves and auditors.

        Raises Denied for others, NoSuchUser, and NameUnknown if the caller does not see the repository.
        """

        def read(tx: Transaction) -> tuple[Account, RepositoryView, Level | None]:
            user = accounts.find_by_ref(tx, user_ref)
            if not may_audit(caller.principal) and (
                user is None or user.id != caller.principal.account_id or caller.principal.is_limited
            ):
                raise Denied("everybody sees only their own access")
            if user is None or user.is_org:
                raise no_such_user(user_ref)
            seen = view(tx, caller.principal, name)
            operations = standing(tx, user.principal, name).decision.operations
            reached = [level for level in Level if operations_of(level) <= operations]
            level = max(reached, key=lambda each: each.rank, default=None) if user.is_active else None
            return user, seen, level

        return await self._database.read(read)


def _known_team(tx: Transaction, caller: Caller, organization: str, team_ref: str) -> tuple[Account, Team]:
    """Return an organization and its team, by names or ids. Raises NoSuchAccount, Denied, NoSuchTeam and Invalid."""
    owner = accounts.find_by_ref(tx, organization)
    if owner is None:
        raise no_such_account(organization)
    require_namespace(tx, caller.principal, owner.name, NamespaceOperation.VIEW_MEMBERS)
    return owner, team_in(tx, owner, team_ref)


def _may_see_grants(tx: Transaction, principal: Principal, owner: Account, team: Team) -> bool:
    if principal.is_limited or principal.account_id is None:
        return False
    operations = decide_namespace(principal, owner.name, rank_in(tx, principal, owner.name))
    return (
        may_audit(principal)
        or NamespaceOperation.MANAGE_NAMESPACE_ACCESS in operations
        or teams.find_rank(tx, team.id, principal.account_id) is not None
    )
