"""One request and its response on an HTTP/1.1 connection: the ASGI `receive` and `send` of `HttpProtocol`."""

import asyncio
from http import HTTPStatus
from typing import Any, Protocol

HIGH_WATER_BYTES = 1024 * 1024
"""Body bytes held for a slow application before the socket is no longer read."""

STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

ASGI_ZERO_COPY = "http.response.zerocopysend"


class Connection(Protocol):
    """What an exchange needs of the connection it runs on."""

    transport: asyncio.Transport

    def default_headers(self) -> bytes:
        """Return ready header lines for every response (the date)."""
        ...

    def pause_reading(self) -> None:
        """Stop reading from the socket."""
        ...

    def resume_reading(self) -> None:
        """Read from the socket again."""
        ...

    async def drain(self) -> None:
        """Wait until the socket takes more."""
        ...

    async def send_file(self, head: bytes, fd: int, offset: int, count: int) -> None:
        """Write `head`, then `count` bytes of a file, past the transport."""
        ...

    def exchange_done(self, exchange: "Exchange") -> None:
        """Take the note that the response is complete."""
        ...


class Exchange:
    """The state of one request: body bytes on their way in, response bytes on their way out."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_chunked",
        "_head",
        "_remaining",
        "_waiter",
        "complete",
        "connection",
        "disconnected",
        "expects_continue",
        "keep_alive",
        "more_body",
        "scope",
        "started",
        "status",
    )

    def __init__(
        self, connection: Connection, scope: dict[str, Any], *, keep_alive: bool, expects_continue: bool
    ) -> None:
        self.connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.more_body = True
        self.started = False
        self.complete = False
        self.disconnected = False
        self.status = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._chunked = False
        self._remaining = 0

    # -- the request's body ------------------------------------------------------------------

    def feed(self, chunk: bytes) -> None:
        """Take body bytes that arrived."""
        self._body.append(chunk)
        self._body_bytes += len(chunk)
        if self._body_bytes > HIGH_WATER_BYTES:
            self.connection.pause_reading()
        self._wake()

    def feed_end(self) -> None:
        """Take the note that the body is complete."""
        self.more_body = False
        self._wake()

    def disconnect(self) -> None:
        """Take the note that the client is gone."""
        self.disconnected = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """Return what has arrived of the body as one ASGI message; wait when there is nothing yet."""
        if self.expects_continue and not self.started:
            self.expects_continue = False
            self.connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._body or self.disconnected or self.complete or not self.more_body):
            self.connection.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._body_bytes = 0
        if self.more_body:
            self.connection.resume_reading()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    # -- the response ------------------------------------------------------------------------

    async def send(self, message: dict[str, Any]) -> None:
        """Write one ASGI message. Raises ConnectionError when the client is gone (ASGI HTTP specification 2.4)."""
        if self.disconnected:
            raise ConnectionError("the client is gone")
        kind = message["type"]
        if kind == "http.response.start":
            self._start(message)
        elif kind == "http.response.body":
            await self._send_body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == ASGI_ZERO_COPY:
            await self._send_file(message)
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}")

    def _start(self, message: dict[str, Any]) -> None:
        if self.started:
            raise RuntimeError("the response was started twice")
        self.started = True
        self.status = status = message["status"]
        lines = [STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, self.connection.default_headers()]
        length: int | None = None
        for name, value in message["headers"]:
            _refuse_line_breaks(name, value)
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                length = int(value)
        self._frame(lines, length)
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        self._head = b"".join(lines)

    def _frame(self, lines: list[bytes], length: int | None) -> None:
        """Decide how the client will find the end of the body (RFC 9112 section 6)."""
        if self._without_body():
            self._remaining = 0
        elif length is not None:
            self._remaining = length
        elif self.scope["http_version"] == "1.0":
            self.keep_alive = False
            self._remaining = -1
        else:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")

    def _without_body(self) -> bool:
        return self.scope["method"] == "HEAD" or self.status in (204, 304)

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._without_body():
            body = b""
        self._count(len(body))
        out = body
        if self._chunked:
            out = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            out += b"" if more else b"0\r\n\r\n"
        self._write(out)
        if more:
            await self.connection.drain()
        else:
            self._finish()

    async def _send_file(self, message: dict[str, Any]) -> None:
        head, self._head = self._head, b""
        if self._without_body():
            self._write(head)
        else:
            self._count(message["count"])
            await self.connection.send_file(head, message["file"], message["offset"], message["count"])
        if not message.get("more_body", False):
            self._finish()

    def _count(self, size: int) -> None:
        """Hold the application to the length it announced: a client must find the end of the response."""
        if self._chunked or self._remaining < 0:
            return
        self._remaining -= size
        if self._remaining < 0:
            raise RuntimeError("the response is longer than its Content-Length")

    def _write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self.connection.transport.write(head + data if len(data) < HIGH_WATER_BYTES else head)
            if len(data) < HIGH_WATER_BYTES:
                return
        if data:
            self.connection.transport.write(data)

    def _finish(self) -> None:
        if not self._chunked and self._remaining > 0:
            raise RuntimeError("the response is shorter than its Content-Length")
        self.complete = True
        self._body.clear()
        self._wake()
        self.connection.exchange_done(self)


def _refuse_line_breaks(name: bytes, value: bytes) -> None:
    """No value taken from a request may start a header of its own."""
    if b"\n" in value or b"\r" in value or b"\0" in value or b"\n" in name:
        raise RuntimeError("a response header holds a control character")
