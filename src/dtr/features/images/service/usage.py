"""What the stored blobs take: measured when somebody asks, and noted once a day."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final

from dtr.core.clock import Clock
from dtr.core.errors import Denied, Unauthorized
from dtr.core.principal import Caller
from dtr.features.access.model import may_audit
from dtr.features.images.model.usage import NamespaceUse, RepositoryUse, Snapshot, StorageUse, Totals
from dtr.features.images.store import blobs as blob_store
from dtr.features.images.store import usage as store
from dtr.features.images.store.usage import Holding
from dtr.features.repositories.model import HeldSize
from dtr.plumbing.db import Database, Transaction

MOST_NAMED: Final = 100
"""Namespaces, and repositories, that a measurement names at most."""

MOST_BLOBS: Final = 50_000
"""Blobs that are looked at for the sizes of a list of repositories, all together: about 50 ms of work."""

KEPT_SECONDS: Final = 60.0
"""A measurement reads every link: until it is this old, whoever asks gets it again."""

GROWTH: Final = timedelta(days=365)
"""How far back the course goes."""


class StorageUsage:
    """Measures what the stored blobs take."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._kept: tuple[float, StorageUse] | None = None

    async def measure(self, caller: Caller) -> StorageUse:
        """Return what is used, up to a minute old. Raises Unauthorized or Denied."""
        if caller.principal.is_anonymous:
            raise Unauthorized("log in first: with a password or access token, or in the browser")
        if not may_audit(caller.principal):
            raise Denied("only administrators and auditors may see this")
        async with self._one_at_a_time:
            if self._kept is None or self._clock.monotonic() - self._kept[0] >= KEPT_SECONDS:
                measured = await self._database.read(self._measure)
                self._kept = (self._clock.monotonic(), measured)
            return self._kept[1]

    async def held_sizes(self, repository_ids: Sequence[int]) -> Mapping[int, HeldSize]:
        """Return what the blobs of each repository take, by its id; whoever asks has checked who may know."""
        return await self._database.read(
            lambda tx: store.held_sizes(tx, repository_ids, MOST_BLOBS // max(1, len(repository_ids)))
        )

    async def take_snapshot(self) -> bool:
        """Note what is used today, unless that was done; return whether it was done now."""
        today = self._clock.now().date()
        if await self._database.read(lambda tx: store.has_snapshot(tx, today)):
            return False
        blobs, size_bytes = await self._database.read(blob_store.totals)
        snapshot = Snapshot(today, size_bytes, blobs)
        await self._database.write(lambda tx: store.add_snapshot(tx, snapshot), durable=False)
        return True

    def _measure(self, tx: Transaction) -> StorageUse:
        now = self._clock.now()
        found = store.holdings(tx)
        totals = _totals(tx, found)
        before = [each for each in store.snapshots(tx, (now - GROWTH).date()) if each.day < now.date()]
        namespaces = _by_namespace(found)
        return StorageUse(
            measured_at=now,
            totals=totals,
            namespace_count=len(namespaces),
            namespaces=namespaces[:MOST_NAMED],
            repository_count=len(found),
            repositories=_largest(found),
            growth=[*before, Snapshot(now.date(), totals.size_bytes, totals.blobs)],
        )


def _totals(tx: Transaction, found: Sequence[Holding]) -> Totals:
    blobs, size_bytes = blob_store.totals(tx)
    linked_bytes = sum(each.first_bytes for each in found)
    sole_bytes = sum(each.sole_bytes for each in found)
    return Totals(
        blobs=blobs,
        size_bytes=size_bytes,
        sole_bytes=sole_bytes,
        shared_bytes=linked_bytes - sole_bytes,
        unlinked_bytes=size_bytes - linked_bytes,
    )


def _by_namespace(found: Iterable[Holding]) -> list[NamespaceUse]:
    """Return what each namespace holds, the largest first."""
    by_name = attrgetter("namespace")
    grouped = [(name, list(group)) for name, group in groupby(sorted(found, key=by_name), by_name)]
    namespaces = [
        NamespaceUse(
            name=name,
            repositories=len(group),
            logical_bytes=sum(each.logical_bytes for each in group),
            unique_bytes=sum(each.sole_bytes for each in group),
        )
        for name, group in grouped
    ]
    return sorted(namespaces, key=lambda each: (-each.logical_bytes, each.name))


def _largest(found: Iterable[Holding]) -> list[RepositoryUse]:
    """Return the repositories that hold the most."""
    largest = sorted(found, key=lambda each: (-each.logical_bytes, each.path))[:MOST_NAMED]
    return [RepositoryUse(each.path, each.blobs, each.logical_bytes, each.unique_bytes) for each in largest]
