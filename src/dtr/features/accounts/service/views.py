"""Organizations and teams as pages show them: together with what the caller is there and may do there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import NamespaceOperation, decide_namespace
from dtr.features.accounts.model.accounts import Account, AccountCounts, AccountFilter, AccountQuery
from dtr.features.accounts.model.organizations import Team, rank_of
from dtr.features.accounts.service import guard
from dtr.features.accounts.service.room import Room
from dtr.features.accounts.store import accounts, organizations, teams
from dtr.plumbing.db import Transaction

NOTHING: Final = AccountCounts()


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """An organization as the caller sees it."""

    organization: Account
    counts: AccountCounts
    is_owner: bool | None
    """Whether the caller owns it as a member; None if they are no member."""
    operations: frozenset[NamespaceOperation]
    """What the caller may do in it, as a member, administrator or auditor."""


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team as the caller sees it, who may know the teams of the organization."""

    parent: OrganizationView
    team: Team
    is_admin: bool | None
    """Whether the caller manages it as a member of it; None if they are not in it."""

    @property
    def may_manage(self) -> bool:
        """Whether the caller may change the team and who is in it."""
        return bool(self.is_admin) or NamespaceOperation.MANAGE_TEAMS in self.parent.operations


class Views:
    """Reads what pages show. Every method raises Unauthorized, and Denied for robots and limited tokens."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def organizations(
        self, caller: Caller, page: ListPage, contains: str = "", *, only_own: bool = False
    ) -> Page[OrganizationView]:
        """Return a page of organizations, by name: all, or those that the caller belongs to."""

        def read(tx: Transaction) -> Page[OrganizationView]:
            principal = guard.user_of(tx, caller)
            found = _own(tx, principal, page, contains) if only_own else _all(tx, page, contains)
            ids = [each.id for each in found.items]
            counts = accounts.count_of_organizations(tx, ids)
            ranks = organizations.find_ranks(tx, ids, principal.account_id)
            items = [_view(principal, each, counts, ranks) for each in found.items]
            return Page(items, found.next_start, found.total)

        return await self._room.database.read(read)

    async def organization(self, caller: Caller, ref: str) -> OrganizationView:
        """Return an organization, which is no secret among users. Raises NoSuchAccount."""

        def read(tx: Transaction) -> OrganizationView:
            principal = guard.user_of(tx, caller)
            return _single(tx, principal, guard.find_organization(tx, ref))

        return await self._room.database.read(read)

    async def team(self, caller: Caller, org_ref: str, team_ref: str) -> TeamView:
        """Return a team, for members of its organization. Raises NoSuchAccount, Denied and NoSuchTeam."""

        def read(tx: Transaction) -> TeamView:
            principal = guard.user_of(tx, caller)
            org = guard.find_organization(tx, org_ref)
            guard.require(tx, principal, org, NamespaceOperation.VIEW_MEMBERS)
            team = guard.find_team(tx, org, team_ref)
            rank = teams.find_rank(tx, team.id, principal.account_id)
            return TeamView(_single(tx, principal, org), team, rank)

        return await self._room.database.read(read)


def _all(tx: Transaction, page: ListPage, contains: str) -> Page[Account]:
    return accounts.list_page(tx, AccountQuery(AccountFilter.ORGANIZATIONS, contains=contains), page)


def _own(tx: Transaction, principal: Principal, page: ListPage, contains: str) -> Page[Account]:
    found = organizations.list_organizations(tx, principal.account_id or "", page, contains)
    return Page([each.organization for each in found.items], found.next_start, found.total)


def _single(tx: Transaction, principal: Principal, org: Account) -> OrganizationView:
    counts = accounts.count_of_organizations(tx, [org.id])
    return _view(principal, org, counts, organizations.find_ranks(tx, [org.id], principal.account_id))


def _view(
    principal: Principal, org: Account, counts: Mapping[str, AccountCounts], ranks: Mapping[str, bool]
) -> OrganizationView:
    rank = ranks.get(org.id)
    operations = decide_namespace(principal, org.name, rank_of(rank))
    return OrganizationView(org, counts.get(org.id, NOTHING), rank, operations)
