"""Pull counts and last-pull times without a write per pull."""

from dtr.core.clock import Clock, to_micros
from dtr.features.images.store import manifests as store
from dtr.features.repositories import store as repositories_store
from dtr.plumbing.db import Database, Transaction


class PullCounter:
    """Adds up pulls in memory; `flush` writes the sums, one small transaction every few seconds and at the stop."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._pulls: dict[tuple[int, str], int] = {}

    def count(self, repository_id: int, digest: str) -> None:
        """Note one pull of a manifest. Costs well under a microsecond."""
        key = (repository_id, digest)
        self._pulls[key] = self._pulls.get(key, 0) + 1

    async def flush(self) -> None:
        """Write what was counted since the last time; on failure keep it for the next."""
        if not self._pulls:
            return
        counted, self._pulls = self._pulls, {}
        now = to_micros(self._clock.now())

        def write(tx: Transaction) -> None:
            # Repositories first, as a push does: whoever locks rows in another order waits in a circle.
            repositories_store.count_pulls(tx, _by_repository(counted), now)
            store.count_pulls(tx, [(*key, number, now) for key, number in sorted(counted.items())])

        try:
            await self._database.write(write, durable=False)
        except BaseException:
            for key, number in counted.items():
                self._pulls[key] = self._pulls.get(key, 0) + number
            raise


def _by_repository(counted: dict[tuple[int, str], int]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for (repository_id, _), number in counted.items():
        sums[repository_id] = sums.get(repository_id, 0) + number
    return sums
