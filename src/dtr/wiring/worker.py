"""One worker process, from fork to stop."""

import asyncio
import resource
import sys
import time
from collections.abc import Sequence
from socket import socket

import structlog
import uvloop

from dtr import __version__
from dtr.doors.api.door import Loaded
from dtr.plumbing.asgi.connections import ConnectionLimits
from dtr.plumbing.asgi.server import WorkerServer, repeat
from dtr.plumbing.asgi.signals import hold_exit_signals
from dtr.plumbing.telemetry.access import AccessLog, console_line, json_line, write_to_stderr
from dtr.plumbing.telemetry.counters import Connections
from dtr.plumbing.telemetry.logs import is_console
from dtr.plumbing.telemetry.metrics import Metrics
from dtr.plumbing.telemetry.observer import RequestObserver
from dtr.plumbing.telemetry.shared_counters import SharedCounters
from dtr.settings.tree import Settings
from dtr.wiring.entrance import EVENTS, build_entrance
from dtr.wiring.parts import Parts, build_parts, opened
from dtr.wiring.startup import Preparation

FLUSH_PULLS_SECONDS = 5.0
EXPIRE_UPLOADS_SECONDS = 60.0
FORGET_TAG_MOVES_SECONDS = 600.0
FORGET_OLD_NAMES_SECONDS = 3600.0
COMPACT_EVENTS_SECONDS = 300.0
LOOK_AFTER_AUDIT_SECONDS = 3600.0
LOOK_FOR_SNAPSHOT_SECONDS = 600.0
"""One is taken each day; a server may be up for a part of it only."""
LATE_PARTS_SECONDS = 3.0
"""After a start many clients come back at once; what takes a second of work is made when they have been served."""
SPARE_DESCRIPTORS = 128
"""For the database, log files, and what libraries open."""
DESCRIPTORS_PER_CONNECTION = 3
"""The socket; during a download its duplicate and the blob."""

log = structlog.get_logger()


def work(
    settings: Settings, preparation: Preparation, listening: socket, started_at: float, index: int
) -> None:
    """Serve until SIGTERM. `started_at` is when the server started, in seconds since the epoch."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        hold_exit_signals()
        runner.run(_serve(settings, preparation, listening, started_at, index))


async def _serve(
    settings: Settings, preparation: Preparation, listening: socket, started_at: float, index: int
) -> None:
    async with opened(build_parts(settings, f"{preparation.replica_id}.{index}.")) as parts:
        await parts.keys.load()
        await parts.images.uploads.free_leases_of_predecessor()
        server: WorkerServer | None = None

        def connections() -> Connections:
            return _connections(server) if server is not None else Connections()

        shared = SharedCounters(settings.run_directory / "metrics")
        metrics = Metrics(shared, __version__, started_at, connections=connections)
        access_log = _access_log(settings)
        entrance = build_entrance(
            settings, parts, metrics, RequestObserver(access_log, metrics, EVENTS), preparation.ca_certificate
        )
        server = WorkerServer(
            entrance.application, entrance.lane, entrance.refusals, _limits(settings), preparation.tls
        )
        await metrics.start()
        if access_log is not None:
            await access_log.start()
        background = [*_background(parts, index), asyncio.create_task(_load(entrance.late))]
        try:
            await server.run(listening)
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await parts.images.pulls.flush()
            await metrics.close()
            if access_log is not None:
                await access_log.close()


def _background(parts: Parts, index: int) -> list[asyncio.Task[None]]:
    """Start what a worker does beside answering requests. What one can do for all, the first one does."""

    def note(error: BaseException) -> None:
        log.error("worker.background_failed", exc_info=error)

    everybody = [
        asyncio.create_task(repeat(FLUSH_PULLS_SECONDS, parts.images.pulls.flush, note)),
        asyncio.create_task(repeat(EXPIRE_UPLOADS_SECONDS, parts.images.uploads.expire, note)),
        asyncio.create_task(repeat(FORGET_TAG_MOVES_SECONDS, parts.tag_history.prune, note)),
    ]
    if index > 0:
        return everybody
    return [
        *everybody,
        asyncio.create_task(repeat(FORGET_OLD_NAMES_SECONDS, parts.renaming.forget_old_names, note)),
        asyncio.create_task(repeat(COMPACT_EVENTS_SECONDS, parts.activity.compact, note)),
        asyncio.create_task(repeat(LOOK_AFTER_AUDIT_SECONDS, parts.audit.look_after, note)),
        asyncio.create_task(repeat(LOOK_FOR_SNAPSHOT_SECONDS, parts.storage_usage.take_snapshot, note)),
    ]


async def _load(late: Sequence[Loaded]) -> None:
    """Make the API and the pages while the data plane answers already; an error shows at the first request as well."""
    await asyncio.sleep(LATE_PARTS_SECONDS)
    for part in late:
        try:
            await part()
        except Exception:
            log.exception("worker.late_part_failed")


def _access_log(settings: Settings) -> AccessLog | None:
    if not settings.logs.access:
        return None
    render = console_line if is_console(settings.logs.format, sys.stderr) else json_line
    return AccessLog(render, write_to_stderr, time.time)


def _limits(settings: Settings) -> ConnectionLimits:
    limits = settings.limits
    return ConnectionLimits(
        header_bytes=limits.header_bytes,
        header_seconds=limits.header_seconds,
        keep_alive_seconds=limits.keep_alive_seconds,
        stalled_seconds=limits.body_idle_seconds,
        connections=min(limits.max_connections, _affordable_connections()),
    )


def _affordable_connections() -> int:
    """Return how many connections the descriptors of this process suffice for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (soft - SPARE_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION)


def _connections(server: WorkerServer) -> Connections:
    phases = server.connection_phases()
    return Connections(
        accepted=server.census.accepted,
        handled=server.census.handled,
        requests=server.total_requests(),
        reading=phases["head"] + phases["reading"],
        writing=phases["writing"],
        waiting=phases["waiting"],
    )
