"""What can be done with accounts: of users, and of organizations as far as they are the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dtr.core.errors import Conflict, Denied, Invalid, NotFound, RegistryError, Unauthorized
from dtr.core.ids import new_id
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import OPERATOR, Caller, Principal
from dtr.features.access.model import NamespaceOperation, may_administer
from dtr.features.accounts import events
from dtr.features.accounts.model.accounts import (
    ADMIN_NAME,
    DEFAULT_ORGANIZATION,
    MAX_FULL_NAME_LENGTH,
    MAX_OPERATIONS,
    Account,
    AccountChanges,
    AccountCounts,
    AccountExists,
    AccountQuery,
    LastAdmin,
    NewAccount,
    OwnAccount,
    WrongPassword,
    bulk_changes,
    check_new_name,
    check_org_ranks,
    check_text,
    no_such_account,
    no_such_user,
)
from dtr.features.accounts.password_policy import PasswordPolicy
from dtr.features.accounts.passwords import PasswordChecks
from dtr.features.accounts.service import guard
from dtr.features.accounts.service.login import Logins
from dtr.features.accounts.service.room import Room
from dtr.features.accounts.store import accounts as store
from dtr.features.accounts.store import login as login_store
from dtr.features.accounts.store import organizations, sessions
from dtr.plumbing.crypto.passwords import generate_password
from dtr.plumbing.db import Transaction

NO_PASSWORD = ""
"""The hash of accounts that cannot log in: no password matches it."""


@dataclass(frozen=True, slots=True)
class AccountList:
    """A page of accounts, how many of each kind there are, and what belongs to the organizations on the page."""

    page: Page[Account]
    users: int
    organizations: int
    counts: Mapping[str, AccountCounts]


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One change of many: what to do to the account `ref`."""

    op: str
    ref: str
    value: object = None


class Users:
    """Makes, changes, deletes and lists accounts."""

    def __init__(self, room: Room, passwords: PasswordChecks, policy: PasswordPolicy, logins: Logins) -> None:
        self._room = room
        self._passwords = passwords
        self._policy = policy
        self._logins = logins

    async def list_page(self, caller: Caller, query: AccountQuery, page: ListPage) -> AccountList:
        """Return a page of accounts. Raises Invalid for a malformed query, Unauthorized, Denied."""
        check_text(query.contains, said("what names should contain"), MAX_FULL_NAME_LENGTH)

        def read(tx: Transaction) -> AccountList:
            guard.user_of(tx, caller)
            found = store.list_page(tx, query, page)
            users, orgs = store.count_by_kind(tx)
            return AccountList(found, users, orgs, self._counts(tx, found.items))

        return await self._room.database.read(read)

    async def get(self, caller: Caller, ref: str) -> tuple[Account, AccountCounts]:
        """Return an account, and what belongs to it if it is an organization. Raises NoSuchAccount."""

        def read(tx: Transaction) -> tuple[Account, AccountCounts]:
            guard.user_of(tx, caller)
            account = guard.find_account(tx, ref)
            return account, self._counts(tx, [account]).get(account.id, AccountCounts())

        return await self._room.database.read(read)

    async def create(self, caller: Caller, new: NewAccount) -> Account:
        """Make an account. Raises Denied, Invalid if something is not allowed, and AccountExists for a taken name."""
        guard.require_admin(caller.principal)  # before a slow hash; again where it counts
        check_new_name(new.name)
        check_text(new.full_name, said("a full name"), MAX_FULL_NAME_LENGTH)
        password_hash = await self._new_hash(new)
        account = _account(new, self._room.clock.now())

        def write(tx: Transaction) -> None:
            guard.admin_of(tx, caller)
            if not store.insert(tx, account, password_hash):
                raise AccountExists(
                    said("there is already an account %(name)s", name=new.name), name=new.name
                )
            self._room.announce(tx, events.account_created(caller, account))

        await self._room.database.write(write)
        return account

    async def ensure_admin(self, password: str | None) -> str | None:
        """Make the administrator's account and the first organization if there is no such account yet.

        Returns the generated password, in the one process that made the account; None if `password` was given or
        nothing made. Raises Invalid if `password` is not allowed.
        """
        if await self._room.database.read(lambda tx: store.find(tx, ADMIN_NAME)) is not None:
            return None
        chosen = generate_password() if password is None else password
        new = NewAccount(name=ADMIN_NAME, password=chosen, is_admin=True)
        password_hash, now = await self._new_hash(new), self._room.clock.now()
        admin = _account(new, now)
        org = _account(NewAccount(name=DEFAULT_ORGANIZATION, is_org=True), now)

        def write(tx: Transaction) -> bool:
            if not store.insert(tx, admin, password_hash):
                return False
            self._room.announce(tx, events.account_created(OPERATOR, admin))
            if store.insert(tx, org, NO_PASSWORD):
                organizations.put_member(tx, org.id, admin.id, now, is_admin=True)
                self._room.announce(tx, events.account_created(OPERATOR, org))
            return True

        made = await self._room.database.write(write)
        return chosen if made and password is None else None

    async def change(
        self, caller: Caller, ref: str, changes: AccountChanges
    ) -> tuple[Account, AccountCounts]:
        """Change an account. Raises NoSuchAccount, Invalid, LastAdmin, and Denied.

        Users may change their own full name, owners that of their organization; the rest is for administrators.
        """
        check_text(changes.full_name or "", said("a full name"), MAX_FULL_NAME_LENGTH)

        def write(tx: Transaction) -> tuple[Account, AccountCounts]:
            admins = store.lock_admins(tx) if False in changes.ranks.values() else set()
            principal = guard.user_of(tx, caller)
            before = _lock(tx, ref)
            self._require_change(tx, principal, before, changes)
            if before.is_org:
                check_org_ranks(changes.ranks.items())
            ends_admin = changes.is_admin is False or changes.is_active is False
            _keep_an_admin(before, admins, ends_admin=ends_admin)
            after = self._apply(tx, caller, before, changes)
            return after, self._counts(tx, [after]).get(after.id, AccountCounts())

        return await self._room.database.write(write)

    async def change_many(
        self, caller: Caller, items: Sequence[BulkItem]
    ) -> list[tuple[BulkItem, RegistryError | None]]:
        """Do many changes, each by itself; return what went wrong with each. Raises Denied, Invalid for too many."""
        if len(items) > MAX_OPERATIONS:
            raise Invalid(
                said("one request holds at most %(count)s operations", count=MAX_OPERATIONS), given=len(items)
            )
        await self._room.database.read(lambda tx: guard.admin_of(tx, caller))
        return [(item, await self._attempt(caller, item)) for item in items]

    async def delete(self, caller: Caller, ref: str) -> None:
        """Delete an account and what belongs to it; raises like `delete_within`."""
        await self._room.database.write(lambda tx: self.delete_within(tx, caller, ref))

    def delete_within(self, tx: Transaction, caller: Caller, ref: str) -> None:
        """Delete an account and what belongs to it, in a transaction that may do more.

        Raises NoSuchAccount, Denied, LastAdmin, OwnAccount, and Conflict while a guard objects, as for repositories.
        """
        admins = store.lock_admins(tx)
        principal = guard.admin_of(tx, caller)
        account = _lock(tx, ref)
        _keep_an_admin(account, admins, ends_admin=True)
        if account.id == principal.account_id:
            raise OwnAccount("nobody deletes their own account; ask another administrator")
        for check in self._room.deletion_guards:
            check(tx, account)
        for delete in self._room.deletion_steps:
            delete(tx, caller, account)
        self._remove(tx, caller, account)

    async def change_password(self, caller: Caller, ref: str, new: str, old: str | None = None) -> None:
        """Give a user a new password, and end all sessions and tokens that the old one began.

        Users prove their own `old` one, at the pace of logins; administrators need none for others. Raises NoSuchUser,
        Denied, WrongPassword, TooManyRequests, Invalid, and Conflict if the password changed meanwhile.
        """
        account, is_own = await self._room.database.read(lambda tx: _whose_password(tx, caller, ref))
        version = await self._prove(caller, account, old) if is_own else None
        self._policy.check(account.name, new)
        password_hash = await self._passwords.hash(new)

        def write(tx: Transaction) -> None:
            _whose_password(tx, caller, account.id)
            if not store.set_password_hash(tx, account.id, password_hash, version):
                raise Conflict("the password was changed by somebody else meanwhile")
            if caller.session_id:  # every other session ends
                sessions.renew(tx, account.id, caller.session_id)
            self._room.revoke_tokens(tx, account.id)
            self._room.revoke_access(tx, [account.id])
            self._room.announce(tx, events.password_changed(caller, account, self._room.clock.now()))

        await self._room.database.write(write)

    async def _prove(self, caller: Caller, account: Account, old: str | None) -> int:
        if old is None:
            raise Invalid("the old password is needed: oldPassword")
        try:
            return (await self._logins.log_in(account.name, old, caller)).credentials_version
        except Unauthorized:
            raise WrongPassword("the old password is wrong") from None

    async def _new_hash(self, new: NewAccount) -> str:
        """Return what to store for the password of a new account. Raises Invalid."""
        if not new.is_org:
            self._policy.check(new.name, new.password)
            return await self._passwords.hash(new.password)
        if new.password:
            raise Invalid("an organization has no password")
        ranks = {"isActive": new.is_active, "isAdmin": new.is_admin, "isAuditor": new.is_auditor}
        check_org_ranks(ranks.items())
        return NO_PASSWORD

    async def _attempt(self, caller: Caller, item: BulkItem) -> RegistryError | None:
        try:
            changes = bulk_changes(item.op, item.value)
            if changes is None:
                await self.delete(caller, item.ref)
            else:
                await self.change(caller, item.ref, changes)
        except (Invalid, NotFound, Conflict) as error:
            return error
        return None

    @staticmethod
    def _require_change(
        tx: Transaction, principal: Principal, account: Account, changes: AccountChanges
    ) -> None:
        if may_administer(principal):
            return
        if changes.ranks:
            raise Denied(
                said(
                    "only administrators of the registry may change %(fields)s",
                    fields=", ".join(changes.ranks),
                )
            )
        is_own = account.id == principal.account_id
        if not is_own and not (
            account.is_org and guard.may(tx, principal, account, NamespaceOperation.MANAGE_MEMBERS)
        ):
            raise Denied(
                said("%(who)s may not change the account %(name)s", who=principal.name, name=account.name),
                name=account.name,
            )

    def _apply(self, tx: Transaction, caller: Caller, before: Account, changes: AccountChanges) -> Account:
        after = store.change(tx, before.id, changes)
        if before.is_active and not after.is_active:
            self._room.revoke_tokens(tx, after.id)
        if changes.take_rights_from(before):
            self._room.revoke_access(tx, [after.id])
        self._room.tell(tx, events.account_changed(caller, before, after, self._room.clock.now()))
        return after

    def _remove(self, tx: Transaction, caller: Caller, account: Account) -> None:
        if account.is_org:
            self._room.revoke_access(tx, organizations.list_member_ids(tx, account.id))
        else:
            self._room.revoke_tokens(tx, account.id)
            self._room.revoke_access(tx, [account.id])
            login_store.forget_all_failures(tx, account.name)
        store.delete(tx, account.id)
        self._room.announce(tx, events.account_deleted(caller, account, self._room.clock.now()))

    @staticmethod
    def _counts(tx: Transaction, accounts: Sequence[Account]) -> dict[str, AccountCounts]:
        ids = [each.id for each in accounts if each.is_org]
        return store.count_of_organizations(tx, ids) if ids else {}


def _account(new: NewAccount, now: datetime) -> Account:
    return Account(
        id=new_id(),
        name=new.name,
        full_name=new.full_name,
        is_admin=new.is_admin,
        is_active=new.is_active,
        created_at=now,
        is_org=new.is_org,
        is_auditor=new.is_auditor,
    )


def _lock(tx: Transaction, ref: str) -> Account:
    account = store.lock(tx, guard.find_account(tx, ref).id)
    if account is None:
        raise no_such_account(ref)
    return account


def _keep_an_admin(account: Account, admins: set[str], *, ends_admin: bool) -> None:
    if ends_admin and admins == {account.id}:
        raise LastAdmin(
            said("%(name)s is the last active administrator of the registry", name=account.name),
            name=account.name,
        )


def _whose_password(tx: Transaction, caller: Caller, ref: str) -> tuple[Account, bool]:
    """Return the user whose password is to change, and whether that is the caller's own."""
    principal = guard.user_of(tx, caller)
    account = store.find_by_ref(tx, ref)
    is_own = account is not None and account.id == principal.account_id
    if not is_own:
        guard.require_admin(principal)
    if account is None or account.is_org:
        raise no_such_user(ref)
    return account, is_own
