"""The ASGI application: one visible pipeline from a request to its response, its log line and its counters."""

import itertools
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from dtr.core.errors import TooManyRequests, Unauthorized
from dtr.plumbing.asgi.limits import BodyPace, ProxyTrust, RateLimiter
from dtr.plumbing.asgi.problems import Renderer, answer
from dtr.plumbing.asgi.request import ClientGone, Request, RequestContext
from dtr.plumbing.asgi.response import Headers, Response, Send
from dtr.plumbing.asgi.routing import Door, Router

log = structlog.get_logger()

CLIENT_GONE_STATUS = 499
"""Only in logs and counters: the client left before it could be answered."""

BROKEN_STATUS = 500
"""Only in logs and counters: the answer broke off after its head was sent."""


POLICY = b"content-security-policy"
INERT = b"default-src 'none'; frame-ancestors 'none'; sandbox"
"""What browsers may do with what is no page: show it, with nothing of this site in reach. Uploads are content, too."""


class Observer(Protocol):
    """Takes note of every answered request."""

    def observe(self, request: Request, status: int, bytes_out: int, duration_seconds: float) -> None:
        """Count and log. Must be quick and never raise."""
        ...


class RequestIds:
    """Request identifiers: unique between processes, cheap to make."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(5)
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """Return the next identifier."""
        return f"{self._prefix}-{next(self._numbers):x}"


class Application:
    """Everything that answers HTTP, as one ASGI callable."""

    def __init__(  # noqa: PLR0913 - the pipeline's parts, all named
        self,
        router: Router,
        *,
        render: Renderer,
        observer: Observer,
        ids: RequestIds,
        pace: BodyPace,
        proxies: ProxyTrust,
        rates: RateLimiter,
        caller_of: Callable[[Request], Awaitable[str]],
        bind_log_context: Callable[[str], None],
    ) -> None:
        self._router = router
        self._render = render
        self._observer = observer
        self._ids = ids
        self._pace = pace
        self._proxies = proxies
        self._rates = rates
        self._caller_of = caller_of
        self._bind_log_context = bind_log_context

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(Request(scope, receive, self._context(scope)), send)

    async def _serve(self, request: Request, send: Send) -> None:
        self._bind_log_context(request.request_id)
        door = self._router.door(request.path)
        counted = _CountingSend(send, has_body=request.method != "HEAD")
        status = CLIENT_GONE_STATUS
        try:
            response = await self._respond(request, door)
            status = response.status
            response.headers.extend(self.fixed_headers(request.scheme, door, response.headers))
            response.headers.append((b"x-request-id", request.request_id.encode()))
            await response.send(request, counted)
        except (ClientGone, ConnectionError):
            status = CLIENT_GONE_STATUS
        except Exception:
            log.exception("response.broken", method=request.method, route=request.route)
            status = BROKEN_STATUS
        finally:
            duration = time.perf_counter() - request.started_at
            self._observer.observe(request, status, counted.body_bytes, duration)

    async def _respond(self, request: Request, door: Door | None) -> Response:
        try:
            await self._check_rate(request)
            return await (door.handle(request) if door is not None else self._router.handle(request))
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost frame: every error becomes an answer
            response = answer(request, error, self._render)
            if door is not None:
                response.headers.extend(door.error_headers(request, error))
            elif isinstance(error, Unauthorized):
                response.headers.append((b"www-authenticate", b'Basic realm="dtr", charset="UTF-8"'))
            return response

    async def _check_rate(self, request: Request) -> None:
        if not self._rates.enabled:
            return
        wait = self._rates.take(await self._caller_of(request), time.monotonic())
        if wait:
            raise TooManyRequests("too many requests; slow down", retry_after_seconds=math.ceil(wait))

    def fixed_headers(self, scheme: str, door: Door | None, own: Headers = ()) -> list[tuple[bytes, bytes]]:
        """Return the headers that every answer of a door carries, but for the request id.

        An answer that brings no policy for browsers, among its `own` headers or those of its door, gets the strictest.
        """
        headers = [(b"x-content-type-options", b"nosniff")]
        if scheme == "https":
            headers.append((b"strict-transport-security", b"max-age=31536000"))
        if door is not None:
            headers.extend(door.common_headers())
        if not any(name == POLICY for name, _ in (*own, *headers)):
            headers.append((POLICY, INERT))
        return headers

    def _context(self, scope: dict[str, Any]) -> RequestContext:
        peer = scope["client"][0] if scope.get("client") else ""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = (
                headers[name] + b"," + value if name == b"x-forwarded-for" and name in headers else value
            )
        forwarded = self._proxies.trusts(peer)
        scheme = headers.get(b"x-forwarded-proto") if forwarded else None
        host = (headers.get(b"x-forwarded-host") if forwarded else None) or headers.get(b"host", b"")
        return RequestContext(
            request_id=self._ids.next(),
            client_host=self._proxies.client(peer, headers.get(b"x-forwarded-for")),
            scheme="https" if scheme == b"https" else scope["scheme"],
            host=host.decode("latin-1"),
            pace=self._pace,
        )

    async def _lifespan(self, receive: Any, send: Any) -> None:
        """Answer the server's start and stop; what they need is built and ended around it (ASGI lifespan protocol)."""
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


class _CountingSend:
    """Counts the body bytes that go out."""

    def __init__(self, send: Send, *, has_body: bool) -> None:
        self._send = send
        self._has_body = has_body
        self.body_bytes = 0

    async def __call__(self, message: dict[str, Any]) -> None:
        await self._send(message)
        if self._has_body:
            self.body_bytes += len(message.get("body", b"")) + message.get("count", 0)
