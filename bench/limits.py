"""What is not a matter of ratios: how soon the first answer comes, how much memory a large blob takes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

from bench.contents import GIB, MEGABYTE, BlobSource
from bench.kinds import Kind
from bench.load import play
from bench.peers import Peer
from bench.process import peak_memory_bytes, reset_peak_memory
from bench.scripts import upload_by_patch
from bench.works import PUSHED, SCOPES

START: Final = "start to first answer"

_BIG_BYTES: Final = 4 * GIB
_BLOCK_BYTES: Final = GIB // 8

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Limit:
    """A measurement that must stay below a limit; theirs is for comparison."""

    name: str
    unit: str
    at_most: float
    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def passed(self) -> bool:
        """Whether we stayed below, in the median."""
        return median(self.ours) <= self.at_most


def measure_start(kinds: tuple[Kind, Kind], core: int, rounds: int) -> Limit:
    """Measure the time from starting a server, on an empty directory, to its first answer."""
    pairs = [[_in_new_directory(kind, core, _start_seconds) for kind in kinds] for _ in range(rounds)]
    ours, theirs = zip(*pairs, strict=True)
    return Limit(START, "s", 2, ours, theirs)


def measure_memory(kinds: tuple[Kind, Kind], core: int) -> Iterator[Limit]:
    """Measure the peak memory of the largest process while one blob of 4 GiB is pushed, then pulled."""
    source = BlobSource(_BIG_BYTES, _BLOCK_BYTES)
    peaks = [_in_new_directory(kind, core, lambda peer: _peaks(peer, source)) for kind in kinds]
    for name, ours, theirs in zip(("push", "pull"), *peaks, strict=True):
        yield Limit(f"peak memory, {name} of 4 GiB", "MB", 150, [ours], [theirs])


def _in_new_directory(kind: Kind, core: int, look: Callable[[Peer], _Found]) -> _Found:
    with TemporaryDirectory(prefix="bench-") as directory, Peer(kind, Path(directory), core) as peer:
        return look(peer)


def _start_seconds(peer: Peer) -> float:
    return peer.seconds_to_first_answer


def _peaks(peer: Peer, source: BlobSource) -> tuple[float, float]:
    peer.login(SCOPES)
    blob = source.new()
    reset_peak_memory(peer.pid)
    play(peer.address, upload_by_patch(peer, PUSHED, blob))
    pushing = peak_memory_bytes(peer.pid)
    reset_peak_memory(peer.pid)
    peer.call(peer.request("GET", f"/v2/{PUSHED}/blobs/{blob.digest}", 200, length=blob.size_bytes))
    return pushing / MEGABYTE, peak_memory_bytes(peer.pid) / MEGABYTE
