"""Who belongs to an organization."""

from dtr.core.errors import Denied
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import NamespaceOperation, may_administer, may_audit
from dtr.features.accounts import events
from dtr.features.accounts.model.accounts import Account
from dtr.features.accounts.model.organizations import (
    LastOwner,
    Member,
    MemberFilter,
    Membership,
    NoSuchMember,
)
from dtr.features.accounts.service import guard
from dtr.features.accounts.service.room import Room
from dtr.features.accounts.store import organizations as store
from dtr.plumbing.db import Transaction


class Organizations:
    """Lists, adds, changes and removes members. Every method raises NoSuchAccount, Unauthorized and Denied."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def members(
        self, caller: Caller, org_ref: str, wanted: MemberFilter, page: ListPage, *, contains: str = ""
    ) -> Page[Member]:
        """Return a page of an organization's members, for its members; with `contains` in a name, if given."""

        def read(tx: Transaction) -> Page[Member]:
            principal = guard.user_of(tx, caller)
            org = guard.find_organization(tx, org_ref)
            guard.require(tx, principal, org, NamespaceOperation.VIEW_MEMBERS)
            return store.list_members(tx, org.id, wanted, page, contains)

        return await self._room.database.read(read)

    async def member(self, caller: Caller, org_ref: str, user_ref: str) -> Member:
        """Return a member, for members. Raises NoSuchUser, and NoSuchMember for somebody who is none."""

        def read(tx: Transaction) -> Member:
            principal = guard.user_of(tx, caller)
            org = guard.find_organization(tx, org_ref)
            guard.require(tx, principal, org, NamespaceOperation.VIEW_MEMBERS)
            user = guard.find_user(tx, user_ref)
            rank = store.find_rank(tx, org.id, user.id)
            if rank is None:
                raise NoSuchMember(
                    said("%(name)s is no member of %(organization)s", name=user.name, organization=org.name),
                    name=user.name,
                )
            return Member(user, rank)

        return await self._room.database.read(read)

    async def of_user(self, caller: Caller, user_ref: str, page: ListPage) -> Page[Membership]:
        """Return a page of the organizations of a user, for the user, administrators and auditors."""

        def read(tx: Transaction) -> Page[Membership]:
            principal = guard.user_of(tx, caller)
            user = guard.find_user(tx, user_ref)
            if user.id != principal.account_id and not may_audit(principal):
                raise Denied(
                    said(
                        "%(who)s may not see the organizations of %(name)s",
                        who=principal.name,
                        name=user.name,
                    ),
                    name=user.name,
                )
            return store.list_organizations(tx, user.id, page)

        return await self._room.database.read(read)

    async def put_member(
        self, caller: Caller, org_ref: str, user_ref: str, *, is_admin: bool | None
    ) -> Member:
        """Make a user a member, or change their rank; None leaves the rank of a member as it is.

        Raises NoSuchUser, and LastOwner where an owner would leave nobody who owns the organization.
        """

        def write(tx: Transaction) -> Member:
            org = guard.lock_organization(tx, org_ref)
            principal = guard.user_of(tx, caller)
            guard.require(tx, principal, org, NamespaceOperation.MANAGE_MEMBERS)
            user = guard.find_user(tx, user_ref)
            before = store.find_rank(tx, org.id, user.id)
            after = bool(before) if is_admin is None else is_admin
            if before and not after:
                _keep_an_owner(tx, principal, org, user)
                self._room.revoke_access(tx, [user.id])
            store.put_member(tx, org.id, user.id, self._room.clock.now(), is_admin=after)
            now = self._room.clock.now()
            self._room.tell(tx, events.member_put(caller, org, user, now, before=before, after=after))
            return Member(user, after)

        return await self._room.database.write(write)

    async def remove_member(self, caller: Caller, org_ref: str, user_ref: str) -> None:
        """Take a user out of an organization and its teams; nothing happens if they are not in it.

        Members may leave. Raises NoSuchUser, and LastOwner where an owner would leave nobody who owns it.
        """

        def write(tx: Transaction) -> None:
            org = guard.lock_organization(tx, org_ref)
            principal = guard.user_of(tx, caller)
            user = guard.find_user(tx, user_ref)
            rank = store.find_rank(tx, org.id, user.id)
            leaves = user.id == principal.account_id and rank is not None
            if not leaves:
                guard.require(tx, principal, org, NamespaceOperation.MANAGE_MEMBERS)
            if rank:
                _keep_an_owner(tx, principal, org, user)
            if store.remove_member(tx, org.id, user.id):
                self._room.revoke_access(tx, [user.id])
                self._room.announce(tx, events.member_removed(caller, org, user, self._room.clock.now()))

        await self._room.database.write(write)


def _keep_an_owner(tx: Transaction, principal: Principal, org: Account, user: Account) -> None:
    """Raise LastOwner if `user` is the last owner who can log in. An administrator of the registry may go on."""
    if not may_administer(principal) and not store.has_other_owner(tx, org.id, user.id):
        raise LastOwner(
            said("%(name)s is the last owner of %(organization)s", name=user.name, organization=org.name),
            name=org.name,
        )
