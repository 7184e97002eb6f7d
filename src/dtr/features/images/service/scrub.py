"""Reading every stored blob and comparing it with its digest."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from dtr.core.clock import Clock, to_micros
from dtr.core.errors import Unavailable
from dtr.features.images.store import blobs as store
from dtr.oci.digest import Digest, new_hasher
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.errors import KeyMissing
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.db import Database

PAGE = 200

log = structlog.get_logger()

Progress = Callable[[int], None]
"""Called with the number of bytes that were just read."""


class Damage(StrEnum):
    """What is wrong with a stored blob."""

    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_CONTENT = "wrong content"
    UNREADABLE = "unreadable"


_WRONG_BYTES = frozenset({Damage.WRONG_SIZE, Damage.WRONG_CONTENT})
"""Damage that the store must forget, or it would take these bytes for those of the next push."""

_NOT_THERE = frozenset({Damage.MISSING, Damage.UNREADABLE})
"""Damage that a disk which is not mounted, or fails, gives to every blob."""


@dataclass(slots=True)
class ScrubReport:
    """What a scrub found. Sizes in bytes."""

    checked_blobs: int = 0
    checked_bytes: int = 0
    damaged: dict[str, Damage] = field(default_factory=dict)
    """Without those that turned out to be pushed again when they were to be repaired."""
    quarantined: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    """Blobs that were in quarantine and are right after all."""
    unrecorded: int = 0
    """Stored objects that the database does not know; the garbage collector's business."""


class StoreLooksEmpty(Unavailable):
    """No blob at all can be read: more likely a missing mount or a broken disk than a lost store."""


class Pacer:
    """Keeps reading below a rate, so that a scrub does not slow the registry."""

    def __init__(self, clock: Clock, bytes_per_second: int | None) -> None:
        self._clock = clock
        self._rate = bytes_per_second
        self._started = clock.monotonic()
        self._bytes = 0

    async def spend(self, size: int) -> None:
        """Wait until so many bytes more are within the rate."""
        if self._rate is None:
            return
        self._bytes += size
        ahead = self._bytes / self._rate - (self._clock.monotonic() - self._started)
        if ahead > 0:
            await asyncio.sleep(ahead)


class Scrub:
    """Checks the store against the database, while the registry runs."""

    def __init__(self, database: Database, driver: BlobDriver, clock: Clock) -> None:
        self._database = database
        self._driver = driver
        self._clock = clock

    async def totals(self) -> tuple[int, int]:
        """Return the number of blobs and of their bytes."""
        return await self._database.read(store.totals)

    async def run(self, *, repair: bool, bytes_per_second: int | None, progress: Progress) -> ScrubReport:
        """Read all blobs. With `repair`, damaged ones go into quarantine: a HEAD says 404, pushing them again heals.

        Those that cannot be read stay as they are: nobody knows whether they are damaged, and to push them again would
        meet the same disk. Raises StoreLooksEmpty instead of putting everything into quarantine.
        """
        report = ScrubReport()
        pacer = Pacer(self._clock, bytes_per_second)
        repairable: dict[str, int] = {}
        last = ""
        while page := await self._page(last):
            for digest, size_bytes, was_quarantined in page:
                damage = await self._check(Digest.parse(digest), size_bytes, pacer, progress)
                self._note(report, digest, size_bytes, damage)
                if damage is None and was_quarantined and repair:
                    await self._restore(report, digest)
                if damage not in {None, Damage.UNREADABLE}:
                    repairable[digest] = size_bytes
            last = page[-1][0]
        report.unrecorded = await self._count_unrecorded()
        if repair:
            _check_not_empty(report)
            for digest, size_bytes in repairable.items():
                await self._repair(report, Digest.parse(digest), size_bytes, pacer)
        return report

    async def _page(self, last: str) -> list[tuple[str, int, bool]]:
        return await self._database.read(lambda tx: store.blobs_after(tx, last, PAGE))

    def _note(self, report: ScrubReport, digest: str, size_bytes: int, damage: Damage | None) -> None:
        report.checked_blobs += 1
        report.checked_bytes += size_bytes
        if damage is not None:
            log.error("scrub.damaged", digest=digest, problem=damage.value)
            report.damaged[digest] = damage

    async def _check(
        self, digest: Digest, size_bytes: int, pacer: Pacer, progress: Progress
    ) -> Damage | None:
        hasher = new_hasher(digest.algorithm)
        read = 0
        try:
            async with aclosing(self._driver.read(blob_key(digest))) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(hasher.update, piece)
                    read += len(piece)
                    progress(len(piece))
                    await pacer.spend(len(piece))
        except KeyMissing:
            return Damage.MISSING
        except Unavailable:
            return Damage.UNREADABLE
        if read != size_bytes:
            return Damage.WRONG_SIZE
        return None if hasher.hexdigest() == digest.hex else Damage.WRONG_CONTENT

    async def _restore(self, report: ScrubReport, digest: str) -> None:
        await self._database.write(lambda tx: store.lift_quarantine(tx, digest))
        report.restored.append(digest)

    async def _repair(self, report: ScrubReport, digest: Digest, size_bytes: int, pacer: Pacer) -> None:
        """Take one damaged blob out of use, unless a push mended it in the time since it was read.

        First out of the store, where the next push would adopt it, then out of sight: in the other order that push
        would show it again.
        """
        damage = await self._check(digest, size_bytes, pacer, _unseen)
        if damage is Damage.UNREADABLE:
            return
        if damage in _WRONG_BYTES:
            await self._driver.set_aside(blob_key(digest))
        if damage is not None and await self._quarantine(digest):
            report.quarantined.append(str(digest))
        else:
            del report.damaged[str(digest)]

    async def _quarantine(self, digest: Digest) -> bool:
        """Hide a blob that is not in the store; return whether it still was not there."""
        seen_at = to_micros(self._clock.now())
        with suppress(KeyMissing):
            await self._driver.size(blob_key(digest))
            return False
        now = to_micros(self._clock.now())
        return await self._database.write(
            lambda tx: store.quarantine(tx, str(digest), seen_at=seen_at, now=now)
        )

    async def _count_unrecorded(self) -> int:
        unrecorded = 0
        async with aclosing(self._driver.list_keys()) as objects:
            async for stored in objects:
                algorithm, _, name = stored.key.split("/")[1:]
                unrecorded += not await self._is_known(f"{algorithm}:{name}")
        return unrecorded

    async def _is_known(self, digest: str) -> bool:
        return await self._database.quick_read(lambda tx: store.is_known(tx, digest))


def _check_not_empty(report: ScrubReport) -> None:
    """Raise StoreLooksEmpty if not one blob could be read."""
    not_there = sum(damage in _NOT_THERE for damage in report.damaged.values())
    if report.checked_blobs and not_there == report.checked_blobs:
        message = "not one blob can be read: is the store mounted where the settings say? Nothing was changed"
        raise StoreLooksEmpty(message, retry_after_seconds=60)


def _unseen(_size: int) -> None:
    """Progress of reading that nobody waits for."""
