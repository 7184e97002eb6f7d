"""The metrics of the whole server, whichever of its processes is asked, in Prometheus' text format."""

import asyncio
import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dtr.plumbing.telemetry.counters import (
    BLOB_UPLOADED,
    DURATION_BOUNDS_SECONDS,
    LOGIN_FAILED,
    MANIFEST_PULLED,
    MANIFEST_PUSHED,
    Connections,
    Counters,
    RouteCounters,
)
from dtr.plumbing.telemetry.shared_counters import SharedCounters

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

SAVE_SECONDS = 1.0
"""How far the numbers of the other processes may lag behind."""

EVENT_METRICS = {
    BLOB_UPLOADED: ("dtr_blob_uploads", "Blobs stored by a finished upload."),
    MANIFEST_PUSHED: ("dtr_manifests_pushed", "Manifests stored."),
    MANIFEST_PULLED: ("dtr_manifests_pulled", "Manifests sent, each GET counted once."),
    LOGIN_FAILED: ("dtr_login_failures", "Refused name and password pairs, and refused refresh tokens."),
}


class Metrics:
    """Counts in memory, shares the numbers with the other processes once a second, renders the sum.

    Make one in each worker process, after the fork.
    """

    def __init__(
        self,
        shared: SharedCounters,
        version: str,
        started_at: float,
        now: Callable[[], float] = time.time,
        connections: Callable[[], Connections] = Connections,
    ) -> None:
        """Count for this process.

        `started_at` is when the server started, `now` returns the time, both in seconds since the epoch;
        `connections` returns this process's client connections.
        """
        self._shared = shared
        self._version = version
        self._started_at = started_at
        self._now = now
        self._connections = connections
        self._pid = os.getpid()
        self._counters = Counters(processes=1)
        self._saving = asyncio.Lock()
        self._saved = b""
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.count_request = self._counters.count_request
        """See `Counters.count_request`: about half a microsecond a call."""

    def count_event(self, event: str) -> None:
        """Count one of the events in `EVENT_METRICS`."""
        self._counters.events[event] += 1

    async def start(self) -> None:
        """Begin to share the numbers."""
        await self._save()
        self._task = asyncio.create_task(self._save_regularly(), name="metrics")

    async def close(self) -> None:
        """Share the last numbers and stop."""
        if self._task is not None:
            self._closing.set()
            await self._task

    async def render(self) -> bytes:
        """Return the metrics of all processes in the text format that `CONTENT_TYPE` names."""
        total = await self._total()
        return await asyncio.to_thread(_exposition, total, self._version, self._now() - self._started_at)

    async def connections(self) -> Connections:
        """Return the client connections of all processes."""
        return (await self._total()).connections

    async def _total(self) -> Counters:
        await self._save()
        return await asyncio.to_thread(self._shared.total)

    async def _save(self) -> None:
        async with self._saving:
            self._counters.connections = self._connections()
            content = self._counters.to_bytes()
            if content != self._saved:
                await asyncio.to_thread(self._shared.save, self._pid, content)
                self._saved = content

    async def _save_regularly(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), SAVE_SECONDS)
            with contextlib.suppress(OSError):  # a full disk must not end the counting
                await self._save()


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Snapshot:
    """Hands finished numbers to prometheus-client, which asks for them when it renders."""

    def __init__(self, counters: Counters, version: str, uptime_seconds: float) -> None:
        self._counters = counters
        self._version = version
        self._uptime_seconds = uptime_seconds

    def collect(self) -> "Iterator[Metric]":
        """Yield every metric."""
        yield from _server_metrics(self._counters, self._version, self._uptime_seconds)
        yield from _connection_metrics(self._counters.connections)
        yield from _request_metrics(self._counters.routes)
        yield from _event_metrics(self._counters)


def _exposition(counters: Counters, version: str, uptime_seconds: float) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - only a scrape needs it

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(counters, version, uptime_seconds))
    return generate_latest(registry)


def _server_metrics(counters: Counters, version: str, uptime_seconds: float) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import GaugeMetricFamily  # noqa: PLC0415

    build = GaugeMetricFamily("dtr_build_info", "The version that runs.", labels=["version"])
    build.add_metric([version], 1)
    yield build
    yield GaugeMetricFamily("dtr_uptime_seconds", "Time since the server started.", value=uptime_seconds)
    yield GaugeMetricFamily("dtr_worker_processes", "Running worker processes.", value=counters.processes)


def _connection_metrics(connections: Connections) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

    opened = GaugeMetricFamily("dtr_connections", "Open client connections by state.", labels=["state"])
    opened.add_metric(["reading"], connections.reading)
    opened.add_metric(["writing"], connections.writing)
    opened.add_metric(["waiting"], connections.waiting)
    yield opened
    yield CounterMetricFamily(
        "dtr_connections_accepted", "Client connections since the start.", value=connections.accepted
    )


def _request_metrics(routes: dict[tuple[str, str, int], RouteCounters]) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415

    labels = ["method", "route", "status"]
    requests = CounterMetricFamily("dtr_http_requests", "Answered requests.", labels=labels)
    duration = HistogramMetricFamily(
        "dtr_http_request_duration_seconds",
        "Time from the request's head to the answer's end.",
        labels=["route"],
    )
    bytes_in = CounterMetricFamily("dtr_http_request_bytes", "Body bytes received.", labels=["route"])
    bytes_out = CounterMetricFamily("dtr_http_response_bytes", "Body bytes sent.", labels=["route"])
    by_route: defaultdict[str, RouteCounters] = defaultdict(RouteCounters)
    for (method, route, status), entry in sorted(routes.items()):
        requests.add_metric([method, route, str(status)], entry.count)
        by_route[route].add(entry)
    for route, entry in by_route.items():
        duration.add_metric([route], buckets=_cumulative(entry.buckets), sum_value=entry.seconds)
        bytes_in.add_metric([route], entry.bytes_in)
        bytes_out.add_metric([route], entry.bytes_out)
    yield from (requests, duration, bytes_in, bytes_out)


def _event_metrics(counters: Counters) -> "Iterator[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily  # noqa: PLC0415

    for event, (name, meaning) in EVENT_METRICS.items():
        yield CounterMetricFamily(name, meaning, value=counters.events[event])


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    """Return upper bound and number of requests up to it, as Prometheus counts."""
    bounds = [*(str(bound) for bound in DURATION_BOUNDS_SECONDS), "+Inf"]
    running = 0
    pairs: list[tuple[str, float]] = []
    for bound, count in zip(bounds, buckets, strict=True):
        running += count
        pairs.append((bound, running))
    return pairs
