"""Logging in: the one place where a password is checked, and how guessing is slowed down."""

import asyncio

from dtr.core.errors import TooManyRequests, Unauthorized
from dtr.core.principal import Caller
from dtr.features.accounts import events
from dtr.features.accounts.model.accounts import Account, ProvenLogin
from dtr.features.accounts.model.login import (
    FailureCounter,
    LoginAttempt,
    is_known,
    is_success_due,
    wait_seconds,
)
from dtr.features.accounts.password_policy import MAX_PASSWORD_BYTES
from dtr.features.accounts.passwords import CONCURRENT_CHECKS, PasswordChecks
from dtr.features.accounts.service import guard
from dtr.features.accounts.service.room import Room
from dtr.features.accounts.store import login as store
from dtr.plumbing.db import Transaction


class Logins:
    """Checks passwords."""

    def __init__(self, room: Room, passwords: PasswordChecks) -> None:
        self._room = room
        self._passwords = passwords
        self._slots = asyncio.Semaphore(CONCURRENT_CHECKS)

    async def log_in(self, name: str, password: str, caller: Caller) -> ProvenLogin:
        """Return the login of the `caller`, so far anonymous, who proves to be `name`.

        Raises Unauthorized for an unknown or disabled account and for a wrong password, without saying which;
        TooManyRequests when too many attempts failed before, whether or not this one is right.
        """
        attempt = LoginAttempt.of(name, caller.address)
        credentials, failed_before = await self._admit(attempt)
        if credentials is None or not self._passwords.remembers(credentials.password_hash, password):
            async with self._slots:
                # Many attempts may have failed while this one waited: sending them at once must not help.
                credentials, failed_before = await self._admit(attempt)
                credentials = await self._verify(attempt, credentials, password, caller)
        if failed_before or is_success_due(credentials.succeeded_at, self._room.clock.now()):
            await self._note_success(attempt, credentials.account, caller)
        return ProvenLogin(credentials.account, credentials.version)

    async def unlock(self, caller: Caller, ref: str) -> None:
        """Forget the failed logins of a user: nobody has to wait for them. Raises NoSuchUser, Denied."""

        def write(tx: Transaction) -> None:
            guard.admin_of(tx, caller)
            account = guard.find_user(tx, ref)
            store.forget_all_failures(tx, account.name)
            self._room.announce(tx, events.account_unlocked(caller, account, self._room.clock.now()))

        await self._room.database.write(write)

    async def _admit(self, attempt: LoginAttempt) -> tuple[store.Credentials | None, bool]:
        """Return the account that is tried, and whether it failed at this address. Raises TooManyRequests."""
        now = self._room.clock.now()
        credentials, failures = await self._room.database.quick_read(
            lambda tx: (store.find_credentials(tx, attempt), store.find_failures(tx, attempt, now))
        )
        # A remembered password is no way past the counters: whoever has to wait could guess it, uncounted.
        known = credentials is not None and is_known(credentials.succeeded_at, now)
        wait = wait_seconds(failures, now, known=known)
        if wait:
            raise TooManyRequests("too many failed logins; wait before the next", retry_after_seconds=wait)
        return credentials, any(count.counter is FailureCounter.ACCOUNT_AND_ADDRESS for count in failures)

    async def _verify(
        self, attempt: LoginAttempt, credentials: store.Credentials | None, password: str, caller: Caller
    ) -> store.Credentials:
        """Check the password the slow way. Raises Unauthorized, after it counted the failure."""
        stored_hash = None if credentials is None else credentials.password_hash
        # No password has more characters than bytes: what is cut off belongs to a wrong one.
        matches = await self._passwords.matches(stored_hash, password[: MAX_PASSWORD_BYTES + 1])
        if credentials is None or not matches:
            await self._count_failure(attempt, caller)
            raise Unauthorized("the user name or the password is wrong")
        if self._passwords.needs_rehash(credentials.password_hash):
            await self._rehash(credentials, password)
        return credentials

    async def _count_failure(self, attempt: LoginAttempt, caller: Caller) -> None:
        now = self._room.clock.now()

        def write(tx: Transaction) -> None:
            store.count_failure(tx, attempt, now)
            self._room.announce(tx, events.login_failed(caller, attempt.name, now))

        await self._room.database.write(write, durable=False)

    async def _note_success(self, attempt: LoginAttempt, account: Account, caller: Caller) -> None:
        now = self._room.clock.now()

        def write(tx: Transaction) -> None:
            store.note_success(tx, attempt, account.id, now)
            self._room.announce(tx, events.login_succeeded(caller, account, now))

        await self._room.database.write(write, durable=False)

    async def _rehash(self, credentials: store.Credentials, password: str) -> None:
        account_id, old = credentials.account.id, credentials.password_hash
        new = await self._passwords.hash(password)
        await self._room.database.write(lambda tx: store.replace_password_hash(tx, account_id, old, new))
