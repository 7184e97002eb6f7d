"""Teams of organizations, and who is in them."""

from dtr.core.ids import new_id
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import NamespaceOperation
from dtr.features.accounts import events
from dtr.features.accounts.model.accounts import Account, check_text
from dtr.features.accounts.model.organizations import (
    MAX_DESCRIPTION_LENGTH,
    Member,
    MemberFilter,
    NoSuchMember,
    Team,
    TeamChanges,
    TeamExists,
    TeamMembership,
    team_name,
)
from dtr.features.accounts.service import guard
from dtr.features.accounts.service.room import Room
from dtr.features.accounts.store import organizations
from dtr.features.accounts.store import teams as store
from dtr.plumbing.db import Transaction


class Teams:
    """Lists, makes, changes and deletes teams, and manages their members.

    Every method raises NoSuchAccount, Unauthorized and Denied; those about one team raise NoSuchTeam.
    """

    def __init__(self, room: Room) -> None:
        self._room = room

    async def list_page(self, caller: Caller, org_ref: str, page: ListPage) -> Page[Team]:
        """Return a page of an organization's teams, for its members."""

        def read(tx: Transaction) -> Page[Team]:
            org = _visible_organization(tx, caller, org_ref)
            return store.list_page(tx, org.id, page)

        return await self._room.database.read(read)

    async def of_member(
        self, caller: Caller, org_ref: str, user_ref: str, page: ListPage
    ) -> Page[TeamMembership]:
        """Return a page of a member's teams, for members. Raises NoSuchUser, NoSuchMember."""

        def read(tx: Transaction) -> Page[TeamMembership]:
            org = _visible_organization(tx, caller, org_ref)
            user = guard.find_user(tx, user_ref)
            if organizations.find_rank(tx, org.id, user.id) is None:
                raise NoSuchMember(
                    said("%(name)s is no member of %(organization)s", name=user.name, organization=org.name),
                    name=user.name,
                )
            return store.list_teams_of(tx, org.id, user.id, page)

        return await self._room.database.read(read)

    async def get(self, caller: Caller, org_ref: str, team_ref: str) -> Team:
        """Return a team, for members of its organization."""
        return await self._room.database.read(
            lambda tx: guard.find_team(tx, _visible_organization(tx, caller, org_ref), team_ref)
        )

    async def create(self, caller: Caller, org_ref: str, name: str, description: str = "") -> Team:
        """Make a team. Raises Invalid, and TeamExists for a taken name."""
        check_text(description, said("a description"), MAX_DESCRIPTION_LENGTH)

        def write(tx: Transaction) -> Team:
            org = guard.lock_organization(tx, org_ref)
            guard.require(tx, guard.user_of(tx, caller), org, NamespaceOperation.MANAGE_TEAMS)
            team = Team(new_id(), org.id, team_name(name), description, self._room.clock.now())
            if not store.insert(tx, team):
                raise _exists(org, team.name)
            self._room.announce(tx, events.team_created(caller, org, team))
            return team

        return await self._room.database.write(write)

    async def change(self, caller: Caller, org_ref: str, team_ref: str, changes: TeamChanges) -> Team:
        """Change a team, as an owner or one of the team's admins. Raises Invalid, and TeamExists for a taken name."""
        check_text(changes.description or "", said("a description"), MAX_DESCRIPTION_LENGTH)

        def write(tx: Transaction) -> Team:
            org = guard.lock_organization(tx, org_ref)
            principal = guard.user_of(tx, caller)
            before = _visible_team(tx, principal, org, team_ref)
            guard.require_team(tx, principal, org, before, NamespaceOperation.MANAGE_TEAMS)
            name = None if changes.name is None else team_name(changes.name)
            if name not in {None, before.name} and store.find_by_ref(tx, org.id, name or "") is not None:
                raise _exists(org, name or "")
            store.change(tx, before.id, TeamChanges(name=name, description=changes.description))
            after = guard.find_team(tx, org, before.id)
            self._room.tell(tx, events.team_changed(caller, org, before, after, self._room.clock.now()))
            return after

        return await self._room.database.write(write)

    async def delete(self, caller: Caller, org_ref: str, team_ref: str) -> None:
        """Delete a team, with what was granted to it."""

        def write(tx: Transaction) -> None:
            org = guard.lock_organization(tx, org_ref)
            principal = guard.user_of(tx, caller)
            guard.require(tx, principal, org, NamespaceOperation.MANAGE_TEAMS)
            team = guard.find_team(tx, org, team_ref)
            self._room.revoke_access(tx, store.list_member_ids(tx, team.id))
            store.delete(tx, team.id)
            self._room.announce(tx, events.team_deleted(caller, org, team, self._room.clock.now()))

        await self._room.database.write(write)

    async def members(  # noqa: PLR0913 - whose, which, and how much of it
        self,
        caller: Caller,
        org_ref: str,
        team_ref: str,
        wanted: MemberFilter,
        page: ListPage,
        *,
        contains: str = "",
    ) -> Page[Member]:
        """Return a page of a team's members, for members of its organization; with `contains` in a name, if given."""

        def read(tx: Transaction) -> Page[Member]:
            team = guard.find_team(tx, _visible_organization(tx, caller, org_ref), team_ref)
            return store.list_members(tx, team.id, wanted, page, contains)

        return await self._room.database.read(read)

    async def member(self, caller: Caller, org_ref: str, team_ref: str, user_ref: str) -> Member:
        """Return a team's member, for members of its organization. Raises NoSuchUser, NoSuchMember."""

        def read(tx: Transaction) -> Member:
            team = guard.find_team(tx, _visible_organization(tx, caller, org_ref), team_ref)
            user = guard.find_user(tx, user_ref)
            rank = store.find_rank(tx, team.id, user.id)
            if rank is None:
                raise NoSuchMember(
                    said("%(name)s is no member of the team %(team)s", name=user.name, team=team.name),
                    name=user.name,
                )
            return Member(user, rank)

        return await self._room.database.read(read)

    async def put_member(
        self, caller: Caller, org_ref: str, team_ref: str, user_ref: str, *, is_admin: bool | None
    ) -> Member:
        """Put a user into a team, and into its organization, or change their rank; None leaves a rank as it is.

        For owners and the team's admins. Raises NoSuchUser.
        """

        def write(tx: Transaction) -> Member:
            org = guard.lock_organization(tx, org_ref)
            team = self._managed_team(tx, guard.user_of(tx, caller), org, team_ref)
            user, now = guard.find_user(tx, user_ref), self._room.clock.now()
            if organizations.find_rank(tx, org.id, user.id) is None:
                organizations.put_member(tx, org.id, user.id, now, is_admin=False)
                self._room.tell(tx, events.member_put(caller, org, user, now, before=None, after=False))
            before = store.find_rank(tx, team.id, user.id)
            after = bool(before) if is_admin is None else is_admin
            store.put_member(tx, team.id, user.id, now, is_admin=after)
            self._room.tell(
                tx, events.team_member_put(caller, org, team, user, now, before=before, after=after)
            )
            return Member(user, after)

        return await self._room.database.write(write)

    async def remove_member(self, caller: Caller, org_ref: str, team_ref: str, user_ref: str) -> None:
        """Take a user out of a team; nothing happens if they are not in it. Members may leave. Raises NoSuchUser."""

        def write(tx: Transaction) -> None:
            org = guard.lock_organization(tx, org_ref)
            principal = guard.user_of(tx, caller)
            team = _visible_team(tx, principal, org, team_ref)
            user = guard.find_user(tx, user_ref)
            leaves = user.id == principal.account_id and store.find_rank(tx, team.id, user.id) is not None
            if not leaves:
                guard.require_team(tx, principal, org, team, NamespaceOperation.MANAGE_TEAMS)
            if store.remove_member(tx, team.id, user.id):
                self._room.revoke_access(tx, [user.id])
                now = self._room.clock.now()
                self._room.announce(tx, events.team_member_removed(caller, org, team, user, now))

        await self._room.database.write(write)

    @staticmethod
    def _managed_team(tx: Transaction, principal: Principal, org: Account, team_ref: str) -> Team:
        team = _visible_team(tx, principal, org, team_ref)
        guard.require_team(tx, principal, org, team, NamespaceOperation.MANAGE_TEAMS)
        return team


def _visible_organization(tx: Transaction, caller: Caller, org_ref: str) -> Account:
    principal = guard.user_of(tx, caller)
    org = guard.find_organization(tx, org_ref)
    guard.require(tx, principal, org, NamespaceOperation.VIEW_MEMBERS)
    return org


def _visible_team(tx: Transaction, principal: Principal, org: Account, team_ref: str) -> Team:
    """Return a team if the caller may know which there are: others are told neither way."""
    guard.require(tx, principal, org, NamespaceOperation.VIEW_MEMBERS)
    return guard.find_team(tx, org, team_ref)


def _exists(org: Account, name: str) -> TeamExists:
    return TeamExists(
        said(
            "the organization %(organization)s has a team %(name)s already", organization=org.name, name=name
        ),
        name=name,
    )
