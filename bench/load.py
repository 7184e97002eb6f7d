"""The load generator: connections that each play one script after the other, in one loop on one core."""

import gc
import select
import time
from array import array
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from bench.wire import Address, Answer, Connection, Request

Script: TypeAlias = Generator[Request, Answer, None]
"""One unit of work as a client does it: yields requests, is sent their answers. Most have one request."""

Units: TypeAlias = Callable[[], Script]
"""Gives a new unit of work each time it is called."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a server did under load."""

    units: int
    seconds: float
    latencies_seconds: "array[float]"
    client_busy: float
    """Share of the time that the load generator computed; near 1 it measures itself."""

    @property
    def units_per_second(self) -> float:
        """Finished units of work a second."""
        return self.units / self.seconds

    def latency_seconds(self, share: float) -> float:
        """Return the time within which `share` (0 to 1) of all units finished."""
        ordered = sorted(self.latencies_seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class _Player:
    """Plays scripts on one connection."""

    __slots__ = ("_connection", "_script", "_units", "started")

    def __init__(self, connection: Connection, units: Units) -> None:
        self._connection = connection
        self._units = units
        self.begin()

    def begin(self) -> None:
        """Start a new script."""
        self.started = time.perf_counter()
        self._script = self._units()
        self._connection.send(next(self._script))

    def advance(self) -> bool:
        """Take in what has arrived and go on with the script; tell whether it has ended."""
        answer = self._connection.advance()
        if answer is None:
            return False
        try:
            self._connection.send(self._script.send(answer))
        except StopIteration:
            return True
        return False


def play(address: Address, script: Script) -> None:
    """Play one script to its end. Raises WrongAnswer."""
    with Connection(address) as connection:
        player = _Player(connection, lambda: script)
        while not player.advance():
            pass


def load(address: Address, units: Units, connections: int, seconds: float) -> Load:
    """Keep `connections` busy with units of work; those begun within `seconds` are finished and counted.

    Raises WrongAnswer as soon as one answer is not as its request expects.
    """
    latencies = array("d")
    with ExitStack() as stack, _no_collection():
        opened = [stack.enter_context(Connection(address)) for _ in range(connections)]
        computed, started = time.process_time(), time.perf_counter()
        players = {connection.fileno(): _Player(connection, units) for connection in opened}
        _loop(players, started + seconds, latencies)
        ended = time.perf_counter()
        computed = time.process_time() - computed
    return Load(len(latencies), ended - started, latencies, computed / (ended - started))


def _loop(players: dict[int, _Player], deadline: float, latencies: "array[float]") -> None:
    running = len(players)
    with select.epoll() as poller:
        for descriptor in players:
            poller.register(descriptor, select.EPOLLIN)
        while running:
            for descriptor, _ in poller.poll():
                player = players[descriptor]
                if not player.advance():
                    continue
                now = time.perf_counter()
                latencies.append(now - player.started)
                if now < deadline:
                    player.begin()
                else:
                    running -= 1


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from adding its pauses to the server's latencies."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
