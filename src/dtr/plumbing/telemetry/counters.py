"""What one process counts: plain numbers in memory, cheap to raise, easy to add up over processes."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

import orjson

DURATION_BOUNDS_SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
)
"""Upper bounds of the histogram's buckets; the last bucket, without bound, is not listed. Blobs take long."""

KNOWN_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"

BLOB_UPLOADED = "blob_uploaded"
MANIFEST_PUSHED = "manifest_pushed"
MANIFEST_PULLED = "manifest_pulled"
LOGIN_FAILED = "login_failed"


class RouteCounters:
    """The requests of one method, route and status."""

    __slots__ = ("buckets", "bytes_in", "bytes_out", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(DURATION_BOUNDS_SECONDS) + 1)
        self.seconds = 0.0
        self.bytes_in = 0
        self.bytes_out = 0

    @property
    def count(self) -> int:
        """How many requests there were."""
        return sum(self.buckets)

    def add(self, other: "RouteCounters") -> None:
        """Add the requests of another process or status."""
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out


@dataclass(frozen=True, slots=True)
class Connections:
    """The client connections of one process, or of several added up."""

    accepted: int = 0
    """Connections since the start."""
    handled: int = 0
    """Those that were served, not refused for their number."""
    requests: int = 0
    """Requests since the start."""
    reading: int = 0
    """Open connections on which a request is arriving."""
    writing: int = 0
    """Open connections on which a request is being answered."""
    waiting: int = 0
    """Open connections without a request."""

    @property
    def active(self) -> int:
        """All open connections."""
        return self.reading + self.writing + self.waiting

    def __add__(self, other: "Connections") -> "Connections":
        """Add the connections of another process."""
        return Connections(
            self.accepted + other.accepted,
            self.handled + other.handled,
            self.requests + other.requests,
            self.reading + other.reading,
            self.writing + other.writing,
            self.waiting + other.waiting,
        )

    def closed(self) -> "Connections":
        """Return what stays of these when their process ends: totals, nothing open."""
        return Connections(self.accepted, self.handled, self.requests)


@dataclass(slots=True)
class Counters:
    """Everything one process counts."""

    routes: dict[tuple[str, str, int], RouteCounters] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    connections: Connections = field(default_factory=Connections)
    processes: int = 0
    """Running processes that these numbers come from."""

    def count_request(  # noqa: PLR0913, PLR0917 - positional because this is the hottest path
        self, method: str, route: str, status: int, duration_seconds: float, bytes_in: int, bytes_out: int
    ) -> None:
        """Count an answered request. `route` is the route's template, never the path itself."""
        entry = self.routes.get((method, route, status)) or self._entry(method, route, status)
        entry.buckets[bisect_left(DURATION_BOUNDS_SECONDS, duration_seconds)] += 1
        entry.seconds += duration_seconds
        entry.bytes_in += bytes_in
        entry.bytes_out += bytes_out

    def _entry(self, method: str, route: str, status: int) -> RouteCounters:
        """Return the counters of a rare key; clients cannot add keys by inventing methods."""
        known = method if method in KNOWN_METHODS else OTHER_METHOD
        return self.routes.setdefault((known, route, status), RouteCounters())

    def add(self, other: "Counters") -> None:
        """Add the numbers of another process."""
        for key, theirs in other.routes.items():
            self.routes.setdefault(key, RouteCounters()).add(theirs)
        self.events.update(other.events)
        self.connections += other.connections
        self.processes += other.processes

    def retire(self) -> None:
        """Keep what stays true when the process ends."""
        self.connections = self.connections.closed()
        self.processes = 0

    def to_bytes(self) -> bytes:
        """Return the numbers in a form that `from_bytes` takes back."""
        connections = self.connections
        plain = {
            "routes": [
                [*key, entry.buckets, entry.seconds, entry.bytes_in, entry.bytes_out]
                for key, entry in self.routes.items()
            ],
            "events": self.events,
            "connections": [
                connections.accepted,
                connections.handled,
                connections.requests,
                connections.reading,
                connections.writing,
                connections.waiting,
            ],
            "processes": self.processes,
        }
        return orjson.dumps(plain)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Counters":
        """Return the numbers that `to_bytes` wrote."""
        plain = orjson.loads(content)
        counters = cls(
            events=Counter(plain["events"]),
            connections=Connections(*plain["connections"]),
            processes=plain["processes"],
        )
        for method, route, status, buckets, seconds, bytes_in, bytes_out in plain["routes"]:
            entry = counters.routes[method, route, status] = RouteCounters()
            entry.buckets, entry.seconds, entry.bytes_in, entry.bytes_out = (
                buckets,
                seconds,
                bytes_in,
                bytes_out,
            )
        return counters
