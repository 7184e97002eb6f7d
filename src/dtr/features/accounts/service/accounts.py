"""The room as its users see it: one object with everything that can be done with accounts."""

from collections.abc import Sequence

from dtr.core.clock import Clock
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal
from dtr.features.accounts.model.accounts import (
    Account,
    AccountChanges,
    NewAccount,
    ProvenLogin,
    no_such_user,
)
from dtr.features.accounts.password_policy import DEFAULT_POLICY, PasswordPolicy
from dtr.features.accounts.passwords import PasswordChecks
from dtr.features.accounts.service.login import Logins
from dtr.features.accounts.service.organizations import Organizations
from dtr.features.accounts.service.public_keys import PublicKeys
from dtr.features.accounts.service.room import (
    DeletionGuard,
    DeletionStep,
    RevokeAccess,
    RevokeTokens,
    Room,
    revoke_nothing,
)
from dtr.features.accounts.service.teams import Teams
from dtr.features.accounts.service.users import Users
from dtr.features.accounts.service.views import Views
from dtr.features.accounts.store import accounts as store
from dtr.plumbing.announcements import Announce, announce_to_nobody
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.db import Database


class Accounts:
    """The accounts of the registry.

    What takes a caller is in `logins`, `users`, `organizations`, `teams`, `public_keys` and `views`. The methods here
    find out who somebody is, or serve the operator of the machine, who may do everything.
    """

    def __init__(  # noqa: PLR0913 - what it needs, each of another type
        self,
        database: Database,
        hasher: PasswordHasher,
        clock: Clock,
        revoke_tokens: RevokeTokens,
        *,
        revoke_access: RevokeAccess = revoke_nothing,
        announce: Announce = announce_to_nobody,
        deletion_guards: Sequence[DeletionGuard] = (),
        deletion_steps: Sequence[DeletionStep] = (),
        policy: PasswordPolicy = DEFAULT_POLICY,
    ) -> None:
        room = Room(database, clock, revoke_tokens, revoke_access, announce, deletion_guards, deletion_steps)
        self._database = database
        self._passwords = PasswordChecks(hasher, clock)
        self.logins = Logins(room, self._passwords)
        self.users = Users(room, self._passwords, policy, self.logins)
        self.organizations = Organizations(room)
        self.teams = Teams(room)
        self.public_keys = PublicKeys(room)
        self.views = Views(room)

    def close(self) -> None:
        """End the threads that check passwords."""
        self._passwords.close()

    async def authenticate(self, name: str, password: str, address: str) -> Principal:
        """Return the caller who proves to be `name`; raises like `log_in`."""
        return (await self.log_in(name, password, address)).principal

    async def log_in(
        self, name: str, password: str, address: str, *, user_agent: str = "", request_id: str = ""
    ) -> ProvenLogin:
        """Return the login of the caller who proves to be `name` from the IP address `address`.

        Raises Unauthorized for an unknown or disabled account and for a wrong password, without saying which;
        TooManyRequests when too many attempts failed before, whether or not this one is right.
        """
        return await self.logins.log_in(name, password, Caller(ANONYMOUS, address, user_agent, request_id))

    async def principal_of(self, name: str) -> Principal:
        """Return the user `name` as a caller with its present rights; anonymous if gone or disabled."""
        account = await self._database.quick_read(lambda tx: store.find(tx, name))
        usable = account is not None and account.is_active and not account.is_org
        return account.principal if account is not None and usable else ANONYMOUS

    async def get(self, name: str) -> Account:
        """Return the user `name`. Raises NoSuchUser."""
        account = await self._database.quick_read(lambda tx: store.find(tx, name))
        if account is None or account.is_org:
            raise no_such_user(name)
        return account

    async def list_all(self) -> list[Account]:
        """Return every user, ordered by name."""
        return await self._database.read(store.list_users)

    async def list_organizations(self) -> list[Account]:
        """Return every organization, ordered by name."""
        return await self._database.read(store.list_organizations)

    async def ensure_admin(self, password: str | None) -> str | None:
        """Make what the first start needs; see `Users.ensure_admin`."""
        return await self.users.ensure_admin(password)

    async def create(
        self,
        name: str,
        password: str,
        *,
        is_admin: bool = False,
        is_auditor: bool = False,
        full_name: str = "",
    ) -> Account:
        """Make a user, as the operator; see `Users.create`."""
        new = NewAccount(
            name=name, password=password, is_admin=is_admin, is_auditor=is_auditor, full_name=full_name
        )
        return await self.users.create(OPERATOR, new)

    async def set_active(self, name: str, *, is_active: bool) -> None:
        """Enable or disable a user, as the operator; see `Users.change`."""
        await self.users.change(OPERATOR, name, AccountChanges(is_active=is_active))

    async def set_password(self, name: str, password: str) -> None:
        """Set a new password, as the operator; see `Users.change_password`."""
        await self.users.change_password(OPERATOR, name, password)

    async def unlock(self, name: str) -> None:
        """Forget the failed logins of a user, as the operator; see `Logins.unlock`."""
        await self.logins.unlock(OPERATOR, name)
