"""What can be done with accounts."""

import asyncio
from collections.abc import Callable

from dtr.core.clock import Clock
from dtr.core.errors import Conflict, NotFound, TooManyRequests, Unauthorized
from dtr.core.ids import new_id
from dtr.core.principal import ANONYMOUS, Principal
from dtr.features.accounts import store
from dtr.features.accounts.model import (
    ADMIN_NAME,
    MAX_PASSWORD_LENGTH,
    Account,
    FailureCounter,
    LoginAttempt,
    ProvenLogin,
    check_new_name,
    check_new_password,
    is_known,
    is_success_due,
    wait_seconds,
)
from dtr.features.accounts.passwords import CONCURRENT_CHECKS, PasswordChecks
from dtr.plumbing.crypto.passwords import PasswordHasher, generate_password
from dtr.plumbing.db import Database, Transaction

RevokeTokens = Callable[[Transaction, str], None]
"""Revokes, in the given transaction, every token that stands for the password of the account with this id."""


class Accounts:
    """The accounts of the registry, and the one place where a password is checked."""

    def __init__(
        self, database: Database, hasher: PasswordHasher, clock: Clock, revoke_tokens: RevokeTokens
    ) -> None:
        self._database = database
        self._clock = clock
        self._revoke_tokens = revoke_tokens
        self._passwords = PasswordChecks(hasher, clock)
        self._slots = asyncio.Semaphore(CONCURRENT_CHECKS)

    def close(self) -> None:
        """End the threads that check passwords."""
        self._passwords.close()

    async def create(
        self, name: str, password: str, *, is_admin: bool = False, full_name: str = ""
    ) -> Account:
        """Make an account. Raises Invalid if name or password is not allowed, Conflict for a taken name."""
        check_new_name(name)
        account = await self._insert(name, password, is_admin=is_admin, full_name=full_name)
        if account is None:
            raise Conflict(f"there is already a user {name}", name=name)
        return account

    async def ensure_admin(self, password: str | None) -> str | None:
        """Make the administrator's account if there is none yet, with `password` or a generated one.

        Returns the generated password, in the one process that made the account; otherwise None.
        Raises Invalid if `password` is not allowed.
        """
        if await self._database.read(lambda tx: store.find(tx, ADMIN_NAME)) is not None:
            return None
        chosen = generate_password() if password is None else password
        account = await self._insert(ADMIN_NAME, chosen, is_admin=True, full_name="")
        return chosen if account is not None and password is None else None

    async def get(self, name: str) -> Account:
        """Return the account `name`. Raises NotFound."""
        account = await self._database.quick_read(lambda tx: store.find(tx, name))
        if account is None:
            raise _unknown(name)
        return account

    async def list_all(self) -> list[Account]:
        """Return every account, ordered by name."""
        return await self._database.read(store.list_all)

    async def principal_of(self, name: str) -> Principal:
        """Return the account `name` as a caller with its present rights; anonymous if gone or disabled."""
        account = await self._database.quick_read(lambda tx: store.find(tx, name))
        return account.principal if account is not None and account.is_active else ANONYMOUS

    async def set_active(self, name: str, *, is_active: bool) -> None:
        """Enable or disable an account; disabling revokes its tokens. Raises NotFound."""

        def write(tx: Transaction) -> None:
            account_id = store.set_active(tx, name, is_active=is_active)
            if account_id is None:
                raise _unknown(name)
            if not is_active:
                self._revoke_tokens(tx, account_id)

        await self._database.write(write)

    async def set_password(self, name: str, password: str) -> None:
        """Set a new password and revoke the tokens given for the old one. Raises NotFound or Invalid."""
        check_new_password(name, password)
        password_hash = await self._passwords.hash(password)

        def write(tx: Transaction) -> None:
            account_id = store.set_password_hash(tx, name, password_hash)
            if account_id is None:
                raise _unknown(name)
            self._revoke_tokens(tx, account_id)

        await self._database.write(write)

    async def unlock(self, name: str) -> None:
        """Forget the failed logins of an account: nobody has to wait for them. Raises NotFound."""

        def write(tx: Transaction) -> None:
            if store.find(tx, name) is None:
                raise _unknown(name)
            store.forget_all_failures(tx, name)

        await self._database.write(write)

    async def authenticate(self, name: str, password: str, address: str) -> Principal:
        """Return the caller who proves to be `name`; raises like `log_in`."""
        return (await self.log_in(name, password, address)).principal

    async def log_in(self, name: str, password: str, address: str) -> ProvenLogin:
        """Return the login of the caller who proves to be `name` from the IP address `address`.

        Raises Unauthorized for an unknown or disabled account and for a wrong password, without saying which;
        TooManyRequests when too many attempts failed before, whether or not this one is right.
        """
        attempt = LoginAttempt.of(name, address)
        credentials, failed_before = await self._admit(attempt)
        if credentials is None or not self._passwords.remembers(credentials.password_hash, password):
            async with self._slots:
                # Many attempts may have failed while this one waited: sending them at once must not help.
                credentials, failed_before = await self._admit(attempt)
                credentials = await self._verify(attempt, credentials, password)
        if failed_before or is_success_due(credentials.succeeded_at, self._clock.now()):
            await self._note_success(attempt, credentials.account.id)
        return ProvenLogin(credentials.account, credentials.version)

    async def _admit(self, attempt: LoginAttempt) -> tuple[store.Credentials | None, bool]:
        """Return the account that is tried, and whether it failed at this address. Raises TooManyRequests."""
        now = self._clock.now()
        credentials, failures = await self._database.quick_read(
            lambda tx: (store.find_credentials(tx, attempt), store.find_failures(tx, attempt, now))
        )
        # A remembered password is no way past the counters: whoever has to wait could guess it, uncounted.
        known = credentials is not None and is_known(credentials.succeeded_at, now)
        wait = wait_seconds(failures, now, known=known)
        if wait:
            raise TooManyRequests("too many failed logins; wait before the next", retry_after_seconds=wait)
        return credentials, any(count.counter is FailureCounter.ACCOUNT_AND_ADDRESS for count in failures)

    async def _verify(
        self, attempt: LoginAttempt, credentials: store.Credentials | None, password: str
    ) -> store.Credentials:
        """Check the password the slow way. Raises Unauthorized, after it counted the failure."""
        stored_hash = None if credentials is None else credentials.password_hash
        matches = await self._passwords.matches(stored_hash, password[: MAX_PASSWORD_LENGTH + 1])
        if credentials is None or not matches:
            now = self._clock.now()
            await self._database.write(lambda tx: store.count_failure(tx, attempt, now), durable=False)
            raise Unauthorized("the user name or the password is wrong")
        if self._passwords.needs_rehash(credentials.password_hash):
            await self._rehash(credentials, password)
        return credentials

    async def _note_success(self, attempt: LoginAttempt, account_id: str) -> None:
        now = self._clock.now()
        await self._database.write(lambda tx: store.note_success(tx, attempt, account_id, now), durable=False)

    async def _rehash(self, credentials: store.Credentials, password: str) -> None:
        account_id, old = credentials.account.id, credentials.password_hash
        new = await self._passwords.hash(password)
        await self._database.write(lambda tx: store.replace_password_hash(tx, account_id, old, new))

    async def _insert(self, name: str, password: str, *, is_admin: bool, full_name: str) -> Account | None:
        """Add an account; None if the name is taken."""
        check_new_password(name, password)
        password_hash = await self._passwords.hash(password)
        account = Account(new_id(), name, full_name, is_admin, is_active=True, created_at=self._clock.now())
        inserted = await self._database.write(lambda tx: store.insert(tx, account, password_hash))
        return account if inserted else None


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no user {name}", name=name)
