"""Access tokens that are void before their time, because a right that they carry was lost.

Every revocation has a number, one more than the last. A token carries the number of the newest revocation at the
moment before its rights were read. It is void once its holder, or a repository that it names, has a later one. No clock
takes part in that.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from dtr.core.clock import Clock
from dtr.features.tokens.model import (
    CREATION_SUBJECT,
    TokenGrant,
    TokenRules,
    account_subject,
    client_token_subject,
    repository_subject,
    robot_subject,
)
from dtr.features.tokens.store import revocations as store
from dtr.plumbing.db import Database, Transaction

REREAD_SECONDS: Final = 1.0
"""How late a process may learn of a revocation where the database has no generation to ask for (PostgreSQL)."""


class Revocations:
    """What was revoked of late: stored by whoever takes a right away, in memory for who checks tokens."""

    def __init__(self, database: Database, clock: Clock, rules: TokenRules) -> None:
        self._database = database
        self._clock = clock
        # No token that a revocation concerns is accepted for longer, whichever machine's clock is ahead.
        self._keep = timedelta(seconds=rules.lifetime_seconds + 3 * rules.leeway_seconds)
        self._numbers: dict[str, int] = {}
        self._learned_at: dict[str, float] = {}
        self._newest = 0
        self._generation: int | None = None
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    def revoke_accounts(self, tx: Transaction, account_ids: Sequence[str]) -> None:
        """Void every access token of these accounts. They may fetch new ones, with the rights they have then."""
        self._revoke(tx, [account_subject(each) for each in account_ids])

    def revoke_robots(self, tx: Transaction, robot_ids: Sequence[str]) -> None:
        """Void every access token of these robots."""
        self._revoke(tx, [robot_subject(each) for each in robot_ids])

    def revoke_client_tokens(self, tx: Transaction, token_ids: Sequence[str]) -> None:
        """Void every access token that was got with one of these refresh tokens or user's access tokens."""
        self._revoke(tx, [client_token_subject(each) for each in token_ids])

    def revoke_repositories(self, tx: Transaction, paths: Sequence[str]) -> None:
        """Void every access token that grants something on repositories of these names, whoever holds it."""
        self._revoke(tx, [repository_subject(each) for each in paths])

    def revoke_creation(self, tx: Transaction) -> None:
        """Void every access token that may have been given to create a repository by a push."""
        self._revoke(tx, [CREATION_SUBJECT])

    async def mark(self) -> int:
        """Return the number of the newest revocation. To be asked before the rights of a new token are read."""
        generation = self._database.generation()
        if generation is None or not self._is_current(generation):
            await self._read()
        return self._newest

    def is_surely_good(self, grant: TokenGrant, generation: int | None) -> bool:
        """Tell whether the token counts, from memory. False also if that takes a look at the database.

        `generation` was read from the database just now.
        """
        return self._is_current(generation) and not (self._numbers and self._concern(grant))

    async def is_revoked(self, grant: TokenGrant) -> bool:
        """Tell whether the token is void, by what the database says now (or within the last second)."""
        if not self._is_current(self._database.generation()):
            async with self._reading:
                if not self._is_current(self._database.generation()):  # of many that wait one reads for all
                    await self._read()
        return self._concern(grant)

    def _revoke(self, tx: Transaction, subjects: Sequence[str]) -> None:
        if subjects:
            now = self._clock.now()
            store.revoke(tx, subjects, now, drop_before=now - self._keep)

    def _is_current(self, generation: int | None) -> bool:
        if generation is not None:
            return generation == self._generation or self._is_unchanged(generation)
        return self._read_at is not None and self._clock.monotonic() - self._read_at < REREAD_SECONDS

    def _is_unchanged(self, generation: int) -> bool:
        """Tell whether nothing was revoked since the last reading, whatever else was written."""
        if self._database.quick_number(store.READ_NEWEST) != self._newest:
            return False
        self._generation = generation
        return True

    def _concern(self, grant: TokenGrant) -> bool:
        numbers, revocable = self._numbers, grant.revocable
        if numbers.keys().isdisjoint(revocable):  # at the speed of C, by the smaller of both
            return False
        return any(numbers.get(each, 0) > grant.mark for each in revocable)

    async def _read(self) -> None:
        # Both from before the query: what is written meanwhile is read the next time.
        generation, started_at, known = self._database.generation(), self._clock.monotonic(), self._newest
        found = await self._database.quick_read(lambda tx: store.list_since(tx, known))
        newest = found.pop(store.COUNTER, known)
        if found:
            self._learn(found, started_at)
        if newest >= self._newest:  # another reading may have been faster
            self._newest, self._generation, self._read_at = newest, generation, started_at

    def _learn(self, found: dict[str, int], now: float) -> None:
        """Add what was revoked; forget what is so old that no token of before it is left."""
        oldest = now - self._keep.total_seconds()
        for subject in [each for each, at in self._learned_at.items() if at < oldest]:
            del self._numbers[subject], self._learned_at[subject]
        for subject, number in found.items():
            self._numbers[subject] = max(number, self._numbers.get(subject, 0))
            self._learned_at[subject] = now
