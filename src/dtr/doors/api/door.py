"""The way into the API: who calls is found out here, then FastAPI takes over."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Protocol

from dtr.core.errors import RegistryError
from dtr.core.principal import Caller
from dtr.doors.api.errors import ErrorAnswer, told, told_unforeseen
from dtr.doors.api.intake import check_address, check_body
from dtr.plumbing.asgi.mount import AsgiApplication, run_mounted
from dtr.plumbing.asgi.request import ClientGone, Request
from dtr.plumbing.asgi.response import Response, json_response

MAX_BODY_BYTES = 1024 * 1024
"""Of a request; nothing in the API needs more."""

API_PREFIXES = ("/api/v0", "/enzi/v0")

CALLER_KEY = "dtr.caller"
SEEN_KEY = "dtr.seen"
"""Where the application notes what it saw in a request: its route."""

UNAUTHORIZED = 401


class Identity(Protocol):
    """Finds out who calls."""

    async def caller(self, request: Request) -> Caller:
        """Return the caller. Raises Unauthorized, TooManyRequests, or Denied for a request forged by another site."""
        ...


class ApiDoor:
    """Everything below one of the API's prefixes."""

    def __init__(
        self, prefix: str, identity: Identity, application: Callable[[], Awaitable[AsgiApplication]]
    ) -> None:
        """Take the parts. `application` gives the FastAPI application, once that is made."""
        self.prefix = prefix
        self._identity = identity
        self._application = application

    async def handle(self, request: Request) -> Response:
        """Answer, whatever happens. Raises ClientGone."""
        request.route = self.prefix
        try:
            response = await self._respond(request)
        except ClientGone:
            raise
        except RegistryError as error:
            response = _answer(told(error))
        except Exception as error:  # noqa: BLE001 - the outermost frame of the API
            response = _answer(told_unforeseen(error, request.request_id, request.method, request.route))
        if response.status == UNAUTHORIZED:
            response.headers.extend(_challenge(request))
        return response

    async def _respond(self, request: Request) -> Response:
        caller = await self._identity.caller(request)
        request.user = caller.principal.name or ""
        check_address(request)
        body = await request.body(MAX_BODY_BYTES)
        check_body(request.header(b"content-type"), body)
        application = await self._application()
        seen: dict[str, str] = {}
        extra = {CALLER_KEY: caller, SEEN_KEY: seen, "headers": _with_media_type(request)}
        response = await run_mounted(application, request, body, extra)
        request.route = seen.get("route", self.prefix)
        return response

    def common_headers(self) -> list[tuple[bytes, bytes]]:
        """Keep answers, which depend on the caller, out of caches."""
        return [(b"cache-control", b"no-store"), (b"vary", b"authorization, cookie")]

    def error_headers(self, request: Request, error: Exception) -> list[tuple[bytes, bytes]]:  # noqa: ARG002 - the protocol's signature
        """Add nothing: errors of this door are answered here, with their headers."""
        return []


def _answer(error: ErrorAnswer) -> Response:
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    return json_response(error.status, error.body, headers)


def _with_media_type(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the header fields; a body whose type was not named is JSON (see `check_body`)."""
    if request.header(b"content-type"):
        return request.headers
    others = [field for field in request.headers if field[0] != b"content-type"]
    return [*others, (b"content-type", b"application/json")]


def _challenge(request: Request) -> list[tuple[bytes, bytes]]:
    """Ask for name and password (RFC 7617), but not a browser's page, where a window would pop up."""
    if request.header(b"cookie") is not None:
        return []
    return [(b"www-authenticate", b'Basic realm="dtr", charset="UTF-8"')]


class Loaded:
    """Something that is made once, on a thread, when the process has started: imports take their time."""

    def __init__(self, make: Callable[[], AsgiApplication]) -> None:
        self._make = make
        self._made: asyncio.Future[AsgiApplication] | None = None

    async def __call__(self) -> AsgiApplication:
        """Return it; the first call begins to make it. What went wrong is raised to all who wait, then tried anew."""
        if self._made is None or _has_failed(self._made):
            self._made = _on_own_thread(self._make)
        return await asyncio.shield(self._made)


def _has_failed(made: "asyncio.Future[AsgiApplication]") -> bool:
    return made.done() and (made.cancelled() or made.exception() is not None)


def _on_own_thread(make: Callable[[], AsgiApplication]) -> "asyncio.Future[AsgiApplication]":
    """Make it on a thread that nobody waits for: a process that is told to stop meanwhile stops at once."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[AsgiApplication] = loop.create_future()

    def settle(outcome: AsgiApplication | BaseException) -> None:
        if made.done():
            return
        if isinstance(outcome, BaseException):
            made.set_exception(outcome)
        else:
            made.set_result(outcome)

    def run() -> None:
        try:
            outcome: AsgiApplication | BaseException = make()
        except BaseException as error:  # noqa: BLE001 - whatever it is goes to those who wait
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="dtr-late", daemon=True).start()
    return made
