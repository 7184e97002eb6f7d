"""The accounts room with a clock that stands still and hashes that cost nothing."""

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import Unauthorized
from dtr.core.principal import Principal
from dtr.features.accounts import store
from dtr.features.accounts.model import LoginAttempt
from dtr.features.accounts.service import Accounts, RevokeTokens
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.db import Database, Transaction

HOME = "192.0.2.1"
PASSWORD = "correct horse battery"


class QuickHasher(PasswordHasher):
    """Hashes without the cost that makes real hashes safe, and counts its work."""

    def __init__(self) -> None:
        self.version = 1
        self.checks = 0

    def hash(self, password: str) -> str:
        return f"v{self.version}:{password}"

    def verify(self, stored: str, password: str) -> bool:
        self.checks += 1
        return stored.partition(":")[2] == password

    def needs_rehash(self, stored: str) -> bool:
        return not stored.startswith(f"v{self.version}:")


class Registry:
    """The accounts of one process, with everything a test wants to touch."""

    def __init__(self, database: Database, revoke_tokens: RevokeTokens | None = None) -> None:
        self.database = database
        self.clock = FakeClock()
        self.hasher = QuickHasher()
        self.revoked: list[str] = []
        self._revoke_tokens = revoke_tokens or self._note_revocation
        self.accounts = self.another_process()

    def another_process(self) -> Accounts:
        return Accounts(self.database, self.hasher, self.clock, self._revoke_tokens)

    def _note_revocation(self, _tx: Transaction, account_id: str) -> None:
        self.revoked.append(account_id)

    async def log_in(self, name: str = "alice", password: str = PASSWORD, address: str = HOME) -> Principal:
        return await self.accounts.authenticate(name, password, address)

    async def fail(self, times: int, name: str = "alice", address: str = HOME) -> None:
        for _ in range(times):
            with pytest.raises(Unauthorized):
                await self.log_in(name, "wrong", address)

    async def note_failures(self, times: int, name: str, address: str) -> None:
        attempt, now = LoginAttempt.of(name, address), self.clock.now()

        def write(tx: Transaction) -> None:
            for _ in range(times):
                store.count_failure(tx, attempt, now)

        await self.database.write(write)
