"""Is this replica well, and how busy is it: `/_ping`, `/health`, `/metrics`, `/nginx_status`, `/ca`.

Nobody has to say who they are here; `/metrics` can be kept for administrators.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from dtr.core.errors import NotFound, RegistryError
from dtr.core.messages import as_message, said, said_together
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Response, json_response, text_response
from dtr.plumbing.asgi.routing import Route
from dtr.plumbing.telemetry.metrics import CONTENT_TYPE, Metrics

log = structlog.get_logger()

CHECK_SECONDS = 5.0
"""A part that does not answer within this time is unwell."""
FRESH_SECONDS = 1.0
"""A result is given again for this long, so that many probes cost no more than one."""

Check = Callable[[], Awaitable[None]]
"""Looks at one part of the replica; raises when it is unwell."""

_NO_STORE = (b"cache-control", b"no-store")


class _Part:
    """One part of the replica. A check that hangs is waited for, never started a second time."""

    def __init__(self, name: str, check: Check, limit_seconds: float) -> None:
        self._name = name
        self._check = check
        self._limit_seconds = limit_seconds
        self._running: asyncio.Task[str] | None = None

    async def problem(self) -> str:
        """Return what is wrong, an empty text if nothing."""
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        done, _ = await asyncio.wait({self._running}, timeout=self._limit_seconds)
        if not done:
            return said(
                "%(part)s: no answer within %(count)s s", part=self._name, count=f"{self._limit_seconds:g}"
            )
        finished, self._running = self._running, None
        return finished.result()

    async def _run(self) -> str:
        try:
            await self._check()
        except Exception as error:
            log.warning("health.part_unwell", part=self._name, exc_info=error)
            problem = as_message(error.message) if isinstance(error, RegistryError) else said("not usable")
            return said("%(part)s: %(problem)s", part=self._name, problem=problem)
        return ""


class Health:
    """Judges this replica by its parts, which have names said to people. For one event loop."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        monotonic: Callable[[], float] = time.monotonic,
        limit_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._parts = [_Part(name, check, limit_seconds) for name, check in checks.items()]
        self._monotonic = monotonic
        self._judging: asyncio.Task[str] | None = None
        self._fresh_until = 0.0

    async def problem(self) -> str:
        """Return what is wrong with this replica, an empty text if nothing; at most `FRESH_SECONDS` old."""
        if self._judging is None or (self._judging.done() and self._monotonic() >= self._fresh_until):
            self._judging = asyncio.create_task(self._judge())
        return await asyncio.shield(self._judging)

    async def _judge(self) -> str:
        problems = await asyncio.gather(*(part.problem() for part in self._parts))
        self._fresh_until = self._monotonic() + FRESH_SECONDS
        return said_together(filter(None, problems))


class HealthDoor:
    """The handlers, and the routes that lead to them."""

    def __init__(
        self,
        health: Health,
        metrics: Metrics,
        ca_certificate: bytes | None,
        authorize_metrics: Callable[[Request], Awaitable[None]] | None = None,
        *,
        metrics_enabled: bool = True,
    ) -> None:
        """Take the PEM of the own authority, if there is one.

        `authorize_metrics` raises `Unauthorized` or `Denied` for those who may not read the metrics.
        """
        self._health = health
        self._metrics = metrics
        self._ca_certificate = ca_certificate
        self._authorize_metrics = authorize_metrics
        self._metrics_enabled = metrics_enabled

    def routes(self) -> list[Route]:
        """Return every route of this door."""
        return [
            Route("GET", "/_ping", self.ping),
            Route("GET", "/health", self.ping),
            Route("GET", "/metrics", self.metrics),
            Route("GET", "/nginx_status", self.connections),
            Route("GET", "/ca", self.ca),
        ]

    async def ping(self, _request: Request) -> Response:
        """Say whether this replica is well: 200, or 503 and the parts that are not."""
        problem = await self._health.problem()
        answer = {"Error": problem, "Healthy": not problem}
        return json_response(503 if problem else 200, answer, [_NO_STORE])

    async def metrics(self, request: Request) -> Response:
        """Give the metrics of all worker processes to Prometheus."""
        if not self._metrics_enabled:
            raise NotFound("metrics are turned off here")
        if self._authorize_metrics is not None:
            await self._authorize_metrics(request)
        headers = [(b"content-type", CONTENT_TYPE.encode()), _NO_STORE]
        return BytesResponse(200, headers, await self._metrics.render())

    async def connections(self, _request: Request) -> Response:
        """Give the connection counters of all worker processes, as nginx' module stub_status writes them."""
        now = await self._metrics.connections()
        text = (
            f"Active connections: {now.active} \n"
            "server accepts handled requests\n"
            f" {now.accepted} {now.handled} {now.requests} \n"
            f"Reading: {now.reading} Writing: {now.writing} Waiting: {now.waiting} \n"
        )
        return text_response(200, text, [_NO_STORE])

    async def ca(self, _request: Request) -> Response:
        """Give the certificate of the authority that issued the server's certificate."""
        if self._ca_certificate is None:
            raise NotFound("the certificate of this registry was not issued by an authority of its own")
        return BytesResponse(200, [(b"content-type", b"application/x-pem-file")], self._ca_certificate)
