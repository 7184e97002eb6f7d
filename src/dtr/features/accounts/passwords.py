"""Checks passwords: slow hashes on threads, and a short memory of checks that succeeded."""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Final

from dtr.core.clock import Clock
from dtr.plumbing.crypto.passwords import PasswordHasher, generate_password

CONCURRENT_CHECKS: Final = 2
"""Slow hashes at a time in one process: each takes a core and tens of megabytes."""

MEMORY_SECONDS: Final = 60
"""How long a successful check is remembered: clients send the password again with every token request."""

MEMORY_SIZE: Final = 10_000
"""How many checks are remembered at most."""


class PasswordChecks:
    """Hashes and checks passwords without blocking the event loop.

    On threads of its own: a wave of logins must not delay what else the process does on threads.
    """

    def __init__(self, hasher: PasswordHasher, clock: Clock) -> None:
        self._hasher = hasher
        self._clock = clock
        self._threads = ThreadPoolExecutor(CONCURRENT_CHECKS, thread_name_prefix="dtr-password")
        self._memory_key = secrets.token_bytes(32)
        self._memory: OrderedDict[bytes, float] = OrderedDict()

    def close(self) -> None:
        """End the threads; waits for a running check, which takes tens of milliseconds."""
        self._threads.shutdown(cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the hash to store for a new password."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, stored_hash: str | None, password: str) -> bool:
        """Check a password the slow way, and remember a success.

        Without a stored hash (no such account) the same work is done in vain, so that the time tells nothing.
        """
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._threads, self._verify, stored_hash, password)
        if matches and stored_hash is not None:
            self._remember(stored_hash, password)
            return True
        return False

    def remembers(self, stored_hash: str, password: str) -> bool:
        """Tell whether this password matched this very hash within the last minute."""
        remembered_until = self._memory.get(self._fingerprint(stored_hash, password))
        return remembered_until is not None and self._clock.monotonic() < remembered_until

    def needs_rehash(self, stored_hash: str) -> bool:
        """Tell whether the hash was made with weaker parameters than new ones are."""
        return self._hasher.needs_rehash(stored_hash)

    def _verify(self, stored_hash: str | None, password: str) -> bool:
        decoy = self._decoy  # made at the first check of all, whoever it is for
        return self._hasher.verify(decoy if stored_hash is None else stored_hash, password)

    @cached_property
    def _decoy(self) -> str:
        return self._hasher.hash(generate_password())

    def _remember(self, stored_hash: str, password: str) -> None:
        fingerprint = self._fingerprint(stored_hash, password)
        self._memory[fingerprint] = self._clock.monotonic() + MEMORY_SECONDS
        self._memory.move_to_end(fingerprint)
        while len(self._memory) > MEMORY_SIZE:
            self._memory.popitem(last=False)

    def _fingerprint(self, stored_hash: str, password: str) -> bytes:
        """Tie the password to its hash under a key that stays in the process: another hash, no memory."""
        return hmac.digest(self._memory_key, f"{stored_hash}\0{password}".encode(), hashlib.sha256)
