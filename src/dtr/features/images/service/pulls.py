"""Pull counts, last-pull times and facts about pulls without a write per pull."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from dtr.core.batches import in_batches
from dtr.core.clock import Clock, to_micros
from dtr.core.facts import RepositoryRef
from dtr.core.principal import Caller, Principal, TokenSubject
from dtr.features.images.events import manifest_pulled, what_was_pulled
from dtr.features.images.model import StoredManifest
from dtr.features.images.store import pulls as store
from dtr.features.repositories.store import repositories as repositories_store
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

MOST_KEYS = 10_000
"""Pulls that differ in anything told of them, between two flushes."""

KEYS_PER_WRITE = 500
"""So many facts are told in one transaction: others want to write as well."""

Key: TypeAlias = tuple[int, str, str, str, str, str, str]
"""Repository, digest, tag, account id, name, address, user agent; texts are empty where there is nothing to say."""


@dataclass(slots=True)
class _Pulls:
    """Pulls that are alike."""

    holder: TokenSubject
    number: int = 0


@dataclass(slots=True)
class _Counted:
    """What was counted since the last flush: pulls to tell of, and pulls only to count (by repository and digest)."""

    told: dict[Key, _Pulls] = field(default_factory=dict)
    silent: Counter[tuple[int, str]] = field(default_factory=Counter)

    def pieces(self) -> "Iterator[_Counted]":
        """Yield everything in pieces of a bearable size, in the order in which rows are locked."""
        for keys in in_batches(sorted(self.told), KEYS_PER_WRITE):
            yield _Counted(told={key: self.told[key] for key in keys})
        for places in in_batches(sorted(self.silent), MOST_KEYS):
            yield _Counted(silent=Counter({place: self.silent[place] for place in places}))

    def by_manifest(self) -> Counter[tuple[int, str]]:
        """Return the numbers of pulls of each manifest."""
        sums = Counter(self.silent)
        for (repository_id, digest, *_), pulls in self.told.items():
            sums[repository_id, digest] += pulls.number
        return sums


class PullCounter:
    """Adds up pulls in memory; `flush` writes sums and facts, in small transactions every few seconds and at the stop.

    Pulls that are alike in all that is told of them become one fact with their number. Of more than 10,000 different
    ones address and user agent are left out; beyond that, pulls are only counted.
    """

    def __init__(
        self, database: Database, clock: Clock, announce: Announce, *, record_pulls: bool = True
    ) -> None:
        """Take the parts. Without `record_pulls` all pulls are only counted, and none is told."""
        self._database = database
        self._clock = clock
        self._announce = announce
        self._record_pulls = record_pulls
        self._counted = _Counted()

    def count(
        self, found: StoredManifest, tag: str, holder: TokenSubject, address: str, user_agent: str
    ) -> None:
        """Note one pull of a manifest, by tag or (with an empty one) by digest. Costs less than a microsecond."""
        key = (
            found.repository_id,
            found.digest,
            tag,
            holder.account_id,
            holder.name,
            address,
            user_agent,
        )
        pulls = self._counted.told.get(key)
        if pulls is None:
            pulls = self._begin(key, holder)
            if pulls is None:
                return
        pulls.number += 1

    def _begin(self, key: Key, holder: TokenSubject) -> _Pulls | None:
        """Return where pulls of a new kind are counted; None if they were counted without anything to tell."""
        told = self._counted.told
        if self._record_pulls and len(told) < MOST_KEYS:
            return told.setdefault(key, _Pulls(holder))
        coarse = (*key[:5], "", "")
        if self._record_pulls and (coarse in told or len(told) < 2 * MOST_KEYS):
            return told.setdefault(coarse, _Pulls(holder))
        self._counted.silent[key[0], key[1]] += 1
        return None

    async def flush(self) -> None:
        """Write what was counted since the last time; on failure keep for the next what was not written."""
        counted, self._counted = self._counted, _Counted()
        now = self._clock.now()
        pieces = list(counted.pieces())
        while pieces:
            try:
                await self._write(pieces[0], now)
            except BaseException:
                self._take_back(pieces)
                raise
            del pieces[0]

    async def _write(self, piece: _Counted, now: datetime) -> None:
        sums = piece.by_manifest()
        micros = to_micros(now)

        def write(tx: Transaction) -> None:
            # Repositories first, as a push does: whoever locks rows in another order waits in a circle.
            repositories_store.count_pulls(tx, _by_repository(sums), micros)
            store.count_pulls(tx, [(*place, number, micros) for place, number in sorted(sums.items())])
            self._tell(tx, piece.told, now)

        await self._database.write(write, durable=False)

    def _tell(self, tx: Transaction, told: Mapping[Key, _Pulls], now: datetime) -> None:
        """Tell of pulls from repositories that still exist."""
        paths = store.paths(tx, {key[0] for key in told}) if told else {}
        for (repository_id, digest, tag, account_id, name, address, agent), pulls in told.items():
            if repository_id in paths:
                principal = Principal(account_id or None, name or None, kind=pulls.holder.kind)
                caller = Caller(principal, address, agent)
                repository = RepositoryRef(repository_id, paths[repository_id])
                pulled = what_was_pulled(tag, digest)
                fact = manifest_pulled(caller, repository, pulled, count=pulls.number, at=now)
                self._announce(tx, fact)

    def _take_back(self, pieces: Sequence[_Counted]) -> None:
        """Add what could not be written to what was counted meanwhile; beyond the limits only its number."""
        for piece in pieces:
            self._counted.silent.update(piece.silent)
            for key, pulls in piece.told.items():
                kept = self._counted.told.get(key) or self._begin(key, pulls.holder)
                if kept is not None:
                    kept.number += pulls.number
                else:
                    self._counted.silent[key[0], key[1]] += pulls.number - 1


def _by_repository(sums: Mapping[tuple[int, str], int]) -> dict[int, int]:
    by_repository: Counter[int] = Counter()
    for (repository_id, _), number in sums.items():
        by_repository[repository_id] += number
    return by_repository
