"""Answers kept in memory, true at every moment they are used.

Each look-up reads the database's content generation first. Any durable write of any process changes it, and then
everything kept is dropped. So a cached answer is never older than the last write that was acknowledged.
Bytes of small blobs are kept apart: content never changes under its digest.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_OVERHEAD_BYTES = 500


class BoundedCache(Generic[K, V]):
    """The most recently used values, up to a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: K) -> V | None:
        """Return a value, and keep it for longer."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep a value; drop the least recently used ones beyond the limit."""
        self.drop(key)
        size = size_bytes + ENTRY_OVERHEAD_BYTES
        self._entries[key] = (value, size)
        self._bytes += size
        while self._bytes > self._limit_bytes and self._entries:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._bytes -= dropped

    def drop(self, key: K) -> None:
        """Forget one value."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry[1]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0


class ValidatedCache(Generic[K, V]):
    """A bounded cache of answers that depend on the database."""

    def __init__(self, generation: Callable[[], int | None], limit_bytes: int) -> None:
        self._read_generation = generation
        self._cache: BoundedCache[K, V] = BoundedCache(limit_bytes)
        self._generation: int | None = None

    def generation(self) -> int | None:
        """Read the present generation and drop what is older. `None`: nothing can be kept."""
        current = self._read_generation()
        if current != self._generation:
            self._cache.clear()
            self._generation = current
        return current

    def get(self, key: K) -> V | None:
        """Return an answer that is true now."""
        return self._cache.get(key) if self.generation() is not None else None

    def put(self, key: K, value: V, size_bytes: int, generation: int | None) -> None:
        """Keep an answer that was read from the database after `generation` was."""
        if generation is not None and generation == self._generation:
            self._cache.put(key, value, size_bytes)
