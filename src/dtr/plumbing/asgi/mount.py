"""An ASGI application, such as one of a framework, behind a door of ours."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import Send

AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]
_ESCAPED_SLASH = b"%2F"


class MountedResponse:
    """What a mounted application answers: complete, or piece by piece as it is made."""

    def __init__(
        self, head: dict[str, Any], messages: "asyncio.Queue[dict[str, Any]]", work: asyncio.Task[None]
    ) -> None:
        self.status: int = head["status"]
        self.headers: list[tuple[bytes, bytes]] = list(head.get("headers", []))
        self._messages = messages
        self._work = work

    async def send(self, request: Request, send: Send) -> None:  # noqa: ARG002 - the protocol's signature
        """See `Response.send`. Raises what the application raises after it began to answer."""
        try:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            more = True
            while more:
                message = await _next(self._messages, self._work)
                more = message.get("more_body", False)
                await send(message)
            await asyncio.wait({self._work})
            self._work.result()
        finally:
            await _end(self._work)


async def run_mounted(
    application: AsgiApplication, request: Request, body: bytes, extra: Mapping[str, Any]
) -> MountedResponse:
    """Let `application` answer a request whose body has been read; return once it has begun to.

    `extra` goes into the ASGI scope. The application sees a HEAD request as GET: the server leaves the body out. What
    it raises before it answers is raised here.
    """
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=2)
    scope = {
        **request.scope,
        "method": "GET" if request.method == "HEAD" else request.method,
        "path": routing_path(request.raw_path),
        "root_path": "",
        **extra,
    }
    work = asyncio.ensure_future(application(scope, _body_as_messages(body), messages.put))
    try:
        head = await _next(messages, work)
    except BaseException:
        await _end(work)
        raise
    return MountedResponse(head, messages, work)


def routing_path(raw_path: bytes) -> str:
    """Return the path to find a route by: decoded, but a slash that was escaped stays part of its component.

    A percent sign that was escaped before `2F` is kept escaped as well, so that nothing reads as a slash that is none.
    """
    pieces = raw_path.replace(b"%2f", _ESCAPED_SLASH).split(_ESCAPED_SLASH)
    return "%2F".join(
        unquote_to_bytes(piece).decode("utf-8", "replace").replace("%2F", "%252F") for piece in pieces
    )


def _body_as_messages(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return what an ASGI application receives: the body at once, and then nothing until it is cancelled."""
    given = False

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _next(messages: "asyncio.Queue[dict[str, Any]]", work: asyncio.Task[None]) -> dict[str, Any]:
    """Return the next message; if the application ends without one, raise what ended it."""
    if not messages.empty():
        return messages.get_nowait()
    getting = asyncio.ensure_future(messages.get())
    try:
        await asyncio.wait({getting, work}, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        if not messages.empty():
            return messages.get_nowait()
        work.result()
        raise RuntimeError("the application ended before its answer did")
    finally:
        getting.cancel()


async def _end(work: asyncio.Task[None]) -> None:
    """Stop the application, if it still runs, and wait until it has let go of what it holds."""
    work.cancel()
    await asyncio.wait({work})
    if not work.cancelled():
        work.exception()  # seen by whoever waited for the answer; asyncio need not complain
