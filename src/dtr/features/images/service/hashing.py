"""Hashers of uploads under way, kept between the requests of one upload."""

from collections import OrderedDict
from dataclasses import dataclass

from dtr.oci.digest import Hasher, new_hasher

MAX_KEPT = 1000


@dataclass(slots=True)
class RunningHash:
    """A hasher that has seen the first `position` bytes of an upload."""

    algorithm: str
    hasher: Hasher
    position: int

    def observe(self, chunk: bytes | memoryview) -> None:
        """Take in the next bytes."""
        self.hasher.update(chunk)
        self.position += len(chunk)

    def digest(self) -> str:
        """Return the digest of all bytes so far."""
        return f"{self.algorithm}:{self.hasher.hexdigest()}"


class RunningHashes:
    """The hashers this process keeps. One that is missing costs a second read of the upload, nothing else."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, RunningHash] = OrderedDict()

    def take(self, upload_id: str, algorithm: str, position: int) -> RunningHash | None:
        """Return the hasher that stands at `position`, a fresh one at 0, or `None` when nobody has hashed so far."""
        kept = self._kept.pop(upload_id, None)
        if kept is not None and kept.position == position and kept.algorithm == algorithm:
            return kept
        return RunningHash(algorithm, new_hasher(algorithm), 0) if position == 0 else None

    def keep(self, upload_id: str, running: RunningHash) -> None:
        """Remember a hasher for the upload's next request."""
        self._kept[upload_id] = running
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
