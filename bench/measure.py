"""Runs works against two registries in turn, and sums up what came out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.contents import GIB, MEGABYTE, MIB
from bench.load import Load, load
from bench.peers import Peer
from bench.process import cpu_seconds
from bench.works import SCOPES, Stock, Work

_WARM_UP_SECONDS: Final = 0.2
_LARGE_BYTES: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class Sample:
    """What one registry did in one round."""

    rate: float
    """Units of work a second, or megabytes a second if moving bytes is what the work is about."""

    p50_seconds: float
    p99_seconds: float
    client_busy: float
    """Share of the time that the load generator computed."""

    cpu_seconds_per_gib: float | None
    """CPU time of the server, for large transfers."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came out for one work. Ours and theirs are pairs: measured one after the other."""

    name: str
    unit: str
    at_least: float
    ours: Sequence[Sample]
    theirs: Sequence[Sample]

    @property
    def ratios(self) -> list[float]:
        """How many times as fast we were, by round."""
        return [our.rate / their.rate for our, their in zip(self.ours, self.theirs, strict=True)]

    @property
    def passed(self) -> bool:
        """Whether we were as fast as we have to be, in the median round."""
        return median(self.ratios) >= self.at_least


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    seconds: float
    """How long each registry is loaded in each round."""


def measure(work: Work, peers: tuple[Peer, Peer], stock: Stock, effort: Effort) -> Row:
    """Measure both registries in turn, A B A B. Raises WrongAnswer."""
    rounds = [[_sample(work, peer, stock, effort.seconds) for peer in peers] for _ in range(effort.rounds)]
    ours, theirs = zip(*rounds, strict=True)
    return Row(work.name, "1/s" if work.unit_bytes is None else "MB/s", work.at_least, ours, theirs)


def _sample(work: Work, peer: Peer, stock: Stock, seconds: float) -> Sample:
    peer.login(SCOPES)
    units = work.units(peer)
    if work.stores:
        os.sync()  # what the other one left to write must not slow down this one
    else:
        load(peer.address, units, work.connections, _WARM_UP_SECONDS)
    before = cpu_seconds(peer.pid)
    done = load(peer.address, units, work.connections, seconds)
    used = cpu_seconds(peer.pid) - before
    if work.stores:
        peer.drop_blobs(_LARGE_BYTES, keep=stock.digests)
    return _summary(work, done, used)


def _summary(work: Work, done: Load, cpu: float) -> Sample:
    rate, cpu_per_gib = done.units_per_second, None
    if work.unit_bytes is not None:
        rate *= work.unit_bytes / MEGABYTE
        if work.unit_bytes >= _LARGE_BYTES:
            cpu_per_gib = cpu / (done.units * work.unit_bytes / GIB)
    return Sample(rate, done.latency_seconds(0.5), done.latency_seconds(0.99), done.client_busy, cpu_per_gib)
