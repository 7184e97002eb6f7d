"""One worker process: uvicorn's server around our protocol, and a sweeper for clients that keep it waiting."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from socket import socket
from typing import Any

import uvicorn

from dtr.plumbing.asgi.connections import Census, ConnectionLimits, FastLane, Refusals
from dtr.plumbing.asgi.http1 import HttpProtocol
from dtr.plumbing.asgi.signals import release_exit_signals

GRACE_SECONDS = 8
"""Time for running requests at the stop; the supervisor kills after ten seconds."""
LAST_WORDS_SECONDS = 1.0
SWEEP_SECONDS = 1.0
IO_THREADS = 32


class _Server(uvicorn.Server):
    """uvicorn's server, which lets the process end by a signal only from the moment it handles them itself."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start to serve."""
        await super().startup(sockets)
        release_exit_signals()


class WorkerServer:
    """Serves an ASGI application on a listening socket until SIGTERM."""

    def __init__(
        self,
        application: Any,
        lane: FastLane,
        refusals: Refusals,
        limits: ConnectionLimits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.census = Census()
        config = uvicorn.Config(
            application,
            loop="uvloop",
            http=self._protocol_factory(lane, refusals, limits),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # ours is stricter: `limits.ProxyTrust`
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_context_factory=(lambda *_: tls) if tls is not None else None,
        )
        self._server = _Server(config)

    def connection_phases(self) -> Counter[str]:
        """Count the open connections by what they do; see `HttpProtocol.phase`."""
        return Counter(connection.phase for connection in self._connections())

    def total_requests(self) -> int:
        """Return how many requests this process has answered."""
        return self._server.server_state.total_requests

    async def run(self, listening: socket) -> None:
        """Serve until told to stop; running requests are finished first."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(IO_THREADS, thread_name_prefix="dtr-io"))
        sweeper = loop.create_task(self._sweep(), name="connection-sweeper")
        try:
            await self._server.serve(sockets=[listening])
        finally:
            sweeper.cancel()
            await self._let_cancelled_requests_end()

    async def _let_cancelled_requests_end(self) -> None:
        """Wait for what uvicorn cancelled at its time limit: it still needs the database to put things in order."""
        tasks = [task for task in self._server.server_state.tasks if not task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)

    async def _sweep(self) -> None:
        """Close connections whose clients are overdue. One pass a second costs less than a timer a request."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for connection in self._connections():
                if connection.is_overdue(loop.time()):
                    connection.transport.abort()

    def _protocol_factory(self, lane: FastLane, refusals: Refusals, limits: ConnectionLimits) -> Any:
        """Make connections; uvicorn calls it like the class of a protocol."""
        return partial(HttpProtocol, lane=lane, refusals=refusals, limits=limits, census=self.census)

    def _connections(self) -> list[HttpProtocol]:
        connections: set[Any] = set(self._server.server_state.connections)
        return list(connections)


Repeated = Callable[[], Any]


async def repeat(every_seconds: float, work: Repeated, on_error: Callable[[BaseException], None]) -> None:
    """Await `work()` again and again; an error is handed on and does not end it."""
    while True:
        await asyncio.sleep(every_seconds)
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - a background loop outlives what it runs
            on_error(error)
