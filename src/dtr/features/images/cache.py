"""Answers kept in memory, true at every moment they are used.

Each look-up reads the database's content generation first. Any durable write of any process changes it, and then
everything kept is dropped. So a cached answer is never older than the last write that was acknowledged.
Bytes of small blobs are kept apart: content never changes under its digest.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from dtr.plumbing.cache import BoundedCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ValidatedCache(Generic[K, V]):
    """A bounded cache of answers that depend on the database."""

    def __init__(self, generation: Callable[[], int | None], limit_bytes: int) -> None:
        self._read_generation = generation
        self._cache: BoundedCache[K, V] = BoundedCache(limit_bytes)
        self._generation: int | None = None

    def generation(self) -> int | None:
        """Read the present generation and drop what is older. `None`: nothing can be kept."""
        current = self._read_generation()
        self._drop_older(current)
        return current

    def get(self, key: K) -> V | None:
        """Return an answer that is true now."""
        return self.get_at(key, self._read_generation())

    def get_at(self, key: K, generation: int | None) -> V | None:
        """Return an answer that is true at a generation that the caller has read just now."""
        self._drop_older(generation)
        return self._cache.get(key) if generation is not None else None

    def put(self, key: K, value: V, size_bytes: int, generation: int | None) -> None:
        """Keep an answer that was read from the database after `generation` was."""
        if generation is not None and generation == self._generation:
            self._cache.put(key, value, size_bytes)

    def _drop_older(self, generation: int | None) -> None:
        if generation != self._generation:
            self._cache.clear()
            self._generation = generation
