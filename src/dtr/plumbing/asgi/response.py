"""Responses that handlers return. A handler never writes to the connection itself."""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from dtr.plumbing.asgi.exchange import ASGI_ZERO_COPY
from dtr.plumbing.asgi.request import Request

Headers = Sequence[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Response(Protocol):
    """Something that can be sent once."""

    status: int
    headers: list[tuple[bytes, bytes]]

    async def send(self, request: Request, send: Send) -> None:
        """Write it to the client, the body only if the method has one."""
        ...


@dataclass(slots=True)
class BytesResponse:
    """A response whose body is in memory."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, request: Request, send: Send) -> None:  # noqa: ARG002 - the protocol's signature
        """See `Response.send`. The server leaves the body out for HEAD."""
        headers = self.headers
        if self.status not in (204, 304) and not any(name == b"content-length" for name, _ in headers):
            headers = [*headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Source(Protocol):
    """Stored bytes that can be read in slices."""

    @property
    def descriptor(self) -> int | None:
        """An open file descriptor that the server can send from by itself, or `None`."""
        ...

    def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes [start, stop)."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A slice of the source, and the bytes to write before it (a multipart boundary)."""

    start: int
    stop: int
    prefix: bytes = b""


@dataclass(slots=True)
class SourceResponse:
    """A response that sends slices of stored bytes: from their file where the server can, else in pieces."""

    status: int
    headers: list[tuple[bytes, bytes]]
    source: Source
    parts: list[Part]
    suffix: bytes = b""

    async def send(self, request: Request, send: Send) -> None:
        """See `Response.send`."""
        with contextlib.closing(self.source):
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            if request.method != "HEAD":
                zero_copy = ASGI_ZERO_COPY in request.scope.get("extensions", {})
                for part in self.parts:
                    await self._send_part(part, send, zero_copy=zero_copy)
            await send({"type": "http.response.body", "body": self.suffix})

    async def _send_part(self, part: Part, send: Send, *, zero_copy: bool) -> None:
        if part.prefix:
            await send({"type": "http.response.body", "body": part.prefix, "more_body": True})
        descriptor = self.source.descriptor
        if zero_copy and descriptor is not None:
            count = part.stop - part.start
            await send(
                {
                    "type": ASGI_ZERO_COPY,
                    "file": descriptor,
                    "offset": part.start,
                    "count": count,
                    "more_body": True,
                }
            )
            return
        async with contextlib.aclosing(self.source.read(part.start, part.stop)) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})


def json_response(status: int, content: object, headers: Headers = ()) -> BytesResponse:
    """Make a JSON response."""
    return BytesResponse(status, [(b"content-type", b"application/json"), *headers], orjson.dumps(content))


def text_response(status: int, text: str, headers: Headers = ()) -> BytesResponse:
    """Make a plain-text response."""
    return BytesResponse(status, [(b"content-type", b"text/plain; charset=utf-8"), *headers], text.encode())
