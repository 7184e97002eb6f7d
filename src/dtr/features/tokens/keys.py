"""The keys that sign tokens: sealed in the database, open in memory, replaced when they are old enough."""

from datetime import timedelta
from typing import Final

from dtr.core.clock import Clock
from dtr.features.tokens.model import TokenRules
from dtr.features.tokens.store import signing_keys as store
from dtr.features.tokens.store.signing_keys import StoredKey
from dtr.plumbing.crypto.keyring import KeyRing, SigningKey, new_signing_key
from dtr.plumbing.crypto.secretbox import SecretBox
from dtr.plumbing.db import Database, Transaction

REREAD_SECONDS: Final = 60
"""A process signs at most this long with a key that another process has replaced."""

UNKNOWN_KEY_PAUSE_SECONDS: Final = 1
"""Tokens signed by unknown keys make a process read the keys again, but not more often than this."""


class KeyRingStore:
    """The signing keys of all processes and replicas, as this process last read them."""

    def __init__(self, database: Database, box: SecretBox, clock: Clock, rules: TokenRules) -> None:
        self._database = database
        self._box = box
        self._clock = clock
        self._rotate_after = timedelta(seconds=rules.rotate_seconds)
        # Until the last token signed with a retired key has expired everywhere.
        self._keep_retired = timedelta(
            seconds=rules.lifetime_seconds + 2 * rules.leeway_seconds + REREAD_SECONDS
        )
        self._ring: KeyRing | None = None
        self._read_at = 0.0

    async def load(self) -> KeyRing:
        """Read the keys; make the first one, or the next one when the active one is old enough.

        Raises SecretUnreadable if they were sealed with another secret than ours.
        """
        stored = await self._database.read(store.list_keys)
        if self._is_rotation_due(stored):
            stored = await self._database.write(self._rotate_if_due)
        return self._use(stored)

    async def ring(self) -> KeyRing:
        """Return the keys, read from the database within the last minute."""
        if self._ring is None or self._seconds_since_read() >= REREAD_SECONDS:
            return await self.load()
        return self._ring

    async def ring_after_unknown_key(self) -> KeyRing:
        """Return the keys, read again unless that was just done: another process may have made a new one."""
        if self._ring is None or self._seconds_since_read() >= UNKNOWN_KEY_PAUSE_SECONDS:
            return await self.load()
        return self._ring

    async def list_all(self) -> list[StoredKey]:
        """Return every key as it is stored, oldest first: the active one and those retired of late."""
        return [key for key in await self._database.read(store.list_keys) if self._counts(key)]

    async def rotate(self) -> KeyRing:
        """Make a new active key now. Tokens signed before stay good until they expire."""
        return self._use(await self._database.write(self._rotate))

    def _rotate_if_due(self, tx: Transaction) -> list[StoredKey]:
        stored = store.list_keys(tx)
        return self._rotate(tx) if self._is_rotation_due(stored) else stored

    def _rotate(self, tx: Transaction) -> list[StoredKey]:
        key = new_signing_key(self._clock)
        sealed = StoredKey(
            key.kid, self._box.seal(key.private_pem, _context(key.kid)), key.created_at, retired_at=None
        )
        store.replace_active_key(tx, sealed, drop_retired_before=key.created_at - self._keep_retired)
        return store.list_keys(tx)

    def _is_rotation_due(self, stored: list[StoredKey]) -> bool:
        newest = max((key.created_at for key in stored if key.retired_at is None), default=None)
        return newest is None or newest + self._rotate_after <= self._clock.now()

    def _use(self, stored: list[StoredKey]) -> KeyRing:
        self._ring = KeyRing([self._unsealed(key) for key in stored if self._counts(key)])
        self._read_at = self._clock.monotonic()
        return self._ring

    def _counts(self, key: StoredKey) -> bool:
        """Tell whether tokens signed with this key may still be good. A stolen old key must not sign for ever."""
        return key.retired_at is None or self._clock.now() < key.retired_at + self._keep_retired

    def _unsealed(self, key: StoredKey) -> SigningKey:
        private_pem = self._box.open(key.sealed_key, _context(key.kid))
        return SigningKey(key.kid, private_pem, key.created_at, key.retired_at)

    def _seconds_since_read(self) -> float:
        return self._clock.monotonic() - self._read_at


def _context(kid: str) -> str:
    """Tie the sealed bytes to their row: they do not open in another one's place."""
    return f"signing-key:{kid}"
