"""A request as handlers see it, on top of any ASGI server."""

import time
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dtr.core.errors import PayloadTooLarge
from dtr.core.messages import said
from dtr.plumbing.asgi.limits import BodyPace


class ClientGone(Exception):
    """The client closed the connection, or was too slow to be waited for. There is nobody left to answer."""


class QueryParameters:
    """The query string, decoded. Repeated names keep their order."""

    def __init__(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace")
        self._pairs = urllib.parse.parse_qsl(text, keep_blank_values=True) if text else []

    def get(self, name: str) -> str | None:
        """Return the first value of `name`."""
        return next((value for key, value in self._pairs if key == name), None)

    def get_all(self, name: str) -> list[str]:
        """Return all values of `name`."""
        return [value for key, value in self._pairs if key == name]


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What the server knows of every request before a handler runs."""

    request_id: str
    client_host: str
    """The client's address, behind trusted proxies the one they forward."""
    scheme: str
    host: str
    pace: BodyPace


class Request:
    """One HTTP request. Bodies are streamed; nothing is read before it is asked for."""

    def __init__(self, scope: dict[str, Any], receive: Any, context: RequestContext) -> None:
        self.scope = scope
        self.receive = receive
        self.context = context
        self.method: str = scope["method"]
        self.raw_path: bytes = scope["raw_path"]
        self.path = self.raw_path.decode("ascii", "replace")
        """The path as it was sent: an escaped spelling is another address, so that rules before us hold."""
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.started_at = time.perf_counter()
        self.route = ""
        self.user = ""
        """The caller's name once known: for the access log."""
        self.bytes_in = 0

    @property
    def request_id(self) -> str:
        """The identifier in logs and in the X-Request-Id response header."""
        return self.context.request_id

    @property
    def client_host(self) -> str:
        """The client's IP address."""
        return self.context.client_host

    @property
    def scheme(self) -> str:
        """`http` or `https`, as the client used it."""
        return self.context.scheme

    @property
    def host(self) -> str:
        """Host and port as the client used them; empty when it sent none."""
        return self.context.host

    @cached_property
    def query(self) -> QueryParameters:
        """The decoded query string."""
        return QueryParameters(self.scope["query_string"])

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header given in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    def headers_all(self, name: bytes) -> list[bytes]:
        """Return all values of a header given in lower case."""
        return [value for key, value in self.headers if key == name]

    @property
    def content_length(self) -> int | None:
        """The announced length of the body in bytes."""
        value = self.header(b"content-length")
        return int(value) if value is not None and value.isdigit() else None

    async def stream(self, limit_bytes: int | None = None) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises PayloadTooLarge when it is longer than the limit.

        Raises ClientGone when the client leaves, stays silent, or sends slower than the pace it is held to.
        """
        meter = self.context.pace.meter()
        more = True
        while more:
            message = await meter.wait_for(self.receive())
            if message is None or message["type"] == "http.disconnect":
                raise ClientGone
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            if chunk:
                self.bytes_in += len(chunk)
                if limit_bytes is not None and self.bytes_in > limit_bytes:
                    raise PayloadTooLarge(said("the body is longer than %(count)s bytes", count=limit_bytes))
                meter.count(len(chunk))
                yield chunk

    async def body(self, limit_bytes: int, too_large: type[PayloadTooLarge] = PayloadTooLarge) -> bytes:
        """Return the whole body. Raises `too_large` as soon as it is longer than the limit."""
        announced = self.content_length
        if announced is not None and announced > limit_bytes:
            raise too_large(f"the body is longer than {limit_bytes} bytes")
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise too_large(f"the body is longer than {limit_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)
