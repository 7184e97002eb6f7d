"""The accounts room with a clock that stands still and hashes that cost nothing."""

from collections.abc import Sequence

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import Unauthorized
from dtr.core.facts import Fact
from dtr.core.principal import Caller, Principal
from dtr.features.accounts.model import Account, AccountOwnsRepositories, LoginAttempt
from dtr.features.accounts.service import Accounts, RevokeTokens
from dtr.features.accounts.store import login as login_store
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
        self.voided: list[str] = []
        self.facts: list[Fact] = []
        self.guarded: set[str] = set()
        self._revoke_tokens = revoke_tokens or self._note_revocation
        self.accounts = self.another_process()

    def another_process(self) -> Accounts:
        return Accounts(
            self.database,
            self.hasher,
            self.clock,
            self._revoke_tokens,
            revoke_access=self._note_voiding,
            announce=self._note_fact,
            deletion_guards=[self._guard],
        )

    async def caller(self, name: str) -> Caller:
        """Return the user as the caller of a request from home."""
        return Caller((await self.accounts.get(name)).principal, HOME)

    def told(self) -> list[str]:
        """Return the names of the facts that were told since the last call."""
        names = [fact.name for fact in self.facts]
        self.facts.clear()
        return names

    def _note_voiding(self, _tx: Transaction, account_ids: Sequence[str]) -> None:
        self.voided += account_ids

    def _note_fact(self, _tx: Transaction, fact: Fact) -> None:
        self.facts.append(fact)

    def _guard(self, _tx: Transaction, account: Account) -> None:
        if account.name in self.guarded:
            raise AccountOwnsRepositories(f"{account.name} owns repositories", name=account.name)

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
                login_store.count_failure(tx, attempt, now)

        await self.database.write(write)
