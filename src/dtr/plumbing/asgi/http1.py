"""The HTTP/1.1 server protocol: httptools in front, ASGI behind, two short cuts between.

* A request without a body that the `FastLane` can answer from memory is answered at once: no scope, no task.
* The rest of a body of known length goes straight to the exchange, past the parser: no copies.

Sources: RFC 9112 (HTTP/1.1), ASGI 3.0 HTTP specification. Runs inside `uvicorn.Server`.
"""

import asyncio
import urllib.parse
from collections import deque
from typing import Any

import httptools
import structlog

from dtr.plumbing.asgi.connections import Census, ConnectionLimits, FastLane, Headers
from dtr.plumbing.asgi.exchange import ASGI_ZERO_COPY, STATUS_LINES, Exchange
from dtr.plumbing.asgi.zerocopy import FileSender

MAX_URL_BYTES = 8192
MAX_PIPELINED = 256
MAX_DISCARDED_BYTES = 16 * 1024 * 1024
"""How much of a body that nobody wants is read past to keep the connection, before it is closed instead."""

log = structlog.get_logger()


class HttpProtocol(asyncio.Protocol):
    """One client connection."""

    def __init__(  # noqa: PLR0913 - the first four are uvicorn's
        self,
        *,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],  # noqa: ARG002 - uvicorn hands it in; our applications are wired by constructors
        _loop: asyncio.AbstractEventLoop | None = None,
        lane: FastLane,
        limits: ConnectionLimits,
        census: Census,
    ) -> None:
        self._app = config.loaded_app
        self._loop = _loop or asyncio.get_running_loop()
        self._server_state = server_state
        self._lane = lane
        self._limits = limits
        self._census = census
        self._parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport
        self._file_sender: FileSender | None = None
        self._client: tuple[str, int] | None = None
        self._client_host = ""
        self._tls = False
        self._url = b""
        self._headers: Headers = []
        self._has_body = False
        self._expects_continue = False
        self._in_head = False
        self._head_bytes = 0
        self._body_left = 0
        self._direct_bytes = 0
        self._discarded_bytes = 0
        self._receiving: Exchange | None = None
        self._current: Exchange | None = None
        self._pipeline: deque[Exchange] = deque()
        self._reading_paused = False
        self._drained: asyncio.Future[None] | None = None
        self.waiting_since = 0.0
        self.stalled_since = 0.0

    # -- the connection ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the new connection."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports are not asyncio's class
        self._census.accepted += 1
        if len(self._server_state.connections) >= self._limits.connections:
            transport.close()
            return
        self._census.handled += 1
        self._server_state.connections.add(self)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._client = (str(peer[0]), int(peer[1]))
            self._client_host = self._client[0]
        self._tls = transport.get_extra_info("sslcontext") is not None
        self.waiting_since = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell everybody who waits for this client that it is gone."""
        self._server_state.connections.discard(self)
        for exchange in (self._current, self._receiving, *self._pipeline):
            if exchange is not None and not exchange.complete:
                exchange.disconnect()
        self.resume_writing()
        if self._file_sender is not None:
            self._file_sender.close()

    @property
    def phase(self) -> str:
        """What the connection is doing: `reading` a request, `writing` an answer, or `waiting`."""
        if self._current is not None:
            return "reading" if self._current.more_body else "writing"
        return "reading" if self._in_head else "waiting"

    def is_overdue(self, now: float) -> bool:
        """Tell whether this client kept us waiting too long: a head that never ends, an unread response."""
        if self.stalled_since:
            return now - self.stalled_since > self._limits.stalled_seconds
        if self._current is not None:
            return False
        limit = self._limits.header_seconds if self._in_head else self._limits.keep_alive_seconds
        return now - self.waiting_since > limit

    def shutdown(self) -> None:
        """Close once the running response is complete (uvicorn's graceful stop)."""
        if self._current is None:
            self.transport.close()
        else:
            self._current.keep_alive = False

    # -- bytes in ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Feed the parser, or the body that is on its way past the parser."""
        if self._direct_bytes:
            data = self._feed_direct(data)
            if not data:
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ignore_upgrade()
        except httptools.HttpParserCallbackError as error:
            log.exception("http.callback_failed", cause=repr(error.__context__))
            self.transport.abort()
        except httptools.HttpParserError:
            self._refuse(400, "the request is not valid HTTP")
        else:
            self._after_parsing(len(data))

    def _after_parsing(self, size: int) -> None:
        """Bound a head that is still incomplete; let the rest of a body of known length skip the parser."""
        if self._in_head:
            self._head_bytes += size
            if self._head_bytes > self._limits.header_bytes + MAX_URL_BYTES:
                self._refuse_large_head()
        elif self._receiving is not None:
            self._direct_bytes = self._body_left

    def _feed_direct(self, data: bytes) -> bytes:
        """Hand body bytes on without parsing; return what belongs to the next request."""
        taken = min(self._direct_bytes, len(data))
        self._direct_bytes -= taken
        self.on_body(data if taken == len(data) else data[:taken])
        if not self._direct_bytes:
            self.on_message_complete()
            self._parser = httptools.HttpRequestParser(self)
        return data[taken:]

    def eof_received(self) -> None:
        """Let the transport close: a client that has sent its last byte is not waited for."""

    # -- httptools' callbacks ----------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start a request."""
        self._url = b""
        self._headers = []
        self._has_body = False
        self._body_left = 0
        self._expects_continue = False
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header field."""
        name = name.lower()
        self._headers.append((name, value))
        if name == b"content-length":
            self._has_body = value != b"0"
            self._body_left = int(value) if value.isdigit() else 0
        elif name == b"transfer-encoding":
            self._has_body = True
            self._body_left = 0
        elif name == b"expect":
            self._expects_continue = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Answer from memory, or start (or queue) an exchange."""
        self._in_head = False
        if self._head_is_too_large() or self.transport.is_closing():
            return
        method = self._parser.get_method()
        keep_alive = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
        if self._current is None and keep_alive and not self._has_body and not self.stalled_since:
            answer = self._lane.answer(method, self._url, self._headers, self._client_host)
            if answer is not None:
                self.transport.write(b"%b%b%b" % (STATUS_LINES[200], self.default_headers(), answer))
                self.waiting_since = self._loop.time()
                self._server_state.total_requests += 1
                return
        try:
            scope = self._scope(method)
        except httptools.HttpParserInvalidURLError:
            self._refuse(400, "the address of the request is not valid")
            return
        self._begin(scope, keep_alive=keep_alive)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        exchange = self._receiving
        if exchange is None:
            return
        self._body_left = max(0, self._body_left - len(body))
        if not exchange.complete:
            exchange.feed(body)
            return
        self._discarded_bytes += len(body)
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self.transport.close()

    def on_message_complete(self) -> None:
        """End a request's body."""
        if self._receiving is not None:
            self._receiving.feed_end()
            self._receiving = None

    def _scope(self, method: bytes) -> dict[str, Any]:
        url = httptools.parse_url(self._url)
        raw_path = url.path or b"/"
        path = raw_path.decode("ascii", "replace")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": self._parser.get_http_version(),
            "method": method.decode("ascii"),
            "scheme": "https" if self._tls else "http",
            "path": urllib.parse.unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
            "root_path": "",
            "headers": self._headers,
            "client": self._client,
            "server": self.transport.get_extra_info("sockname"),
            "extensions": {} if self._tls else {ASGI_ZERO_COPY: {}},
        }

    def _begin(self, scope: dict[str, Any], *, keep_alive: bool) -> None:
        exchange = Exchange(self, scope, keep_alive=keep_alive, expects_continue=self._expects_continue)
        self._receiving = exchange
        if self._current is None:
            self._start(exchange)
        else:
            self._pipeline.append(exchange)
            self.pause_reading()
            if len(self._pipeline) > MAX_PIPELINED:
                self.transport.abort()

    def _start(self, exchange: Exchange) -> None:
        self._current = exchange
        task = self._loop.create_task(self._run(exchange))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    async def _run(self, exchange: Exchange) -> None:
        """Run the application; a response it leaves unfinished cannot be mended, so the connection goes."""
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        finally:
            if not exchange.complete:
                self.transport.abort()

    # -- bytes out ---------------------------------------------------------------------------

    def default_headers(self) -> bytes:
        """Return the date header line; uvicorn renews it every second."""
        lines = self._server_state.default_headers
        return b"%b: %b\r\n" % lines[0] if lines else b""

    async def send_file(self, head: bytes, fd: int, offset: int, count: int) -> None:
        """Write `head` and `count` bytes of an open file, without copying them through this process."""
        await self.drain()
        if self._file_sender is None:
            self._file_sender = FileSender(self._loop, self.transport)
        self.stalled_since = self._loop.time()
        try:
            await self._file_sender.send(head, fd, offset, count, self._note_progress)
        finally:
            self.stalled_since = 0.0

    def _note_progress(self) -> None:
        self.stalled_since = self._loop.time()

    async def drain(self) -> None:
        """Wait until the transport's buffer has room."""
        if self._drained is not None:
            await asyncio.shield(self._drained)

    def pause_writing(self) -> None:
        """Take the transport's note that its buffer is full."""
        self.stalled_since = self._loop.time()
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Take the transport's note that its buffer has room again."""
        self.stalled_since = 0.0
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def exchange_done(self, exchange: Exchange) -> None:
        """Go on with the next request, or close."""
        self._server_state.total_requests += 1
        self._current = None
        self.waiting_since = self._loop.time()
        unread_and_unasked = exchange.more_body and exchange.expects_continue
        if not exchange.keep_alive or unread_and_unasked:
            self.transport.close()
        elif self._pipeline:
            self._start(self._pipeline.popleft())
        self._discarded_bytes = 0
        self.resume_reading()

    def pause_reading(self) -> None:
        """Stop reading from the socket."""
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the socket again."""
        if self._reading_paused and not self.transport.is_closing() and not self._pipeline:
            self._reading_paused = False
            self.transport.resume_reading()

    # -- refusals below the application ------------------------------------------------------

    def _head_is_too_large(self) -> bool:
        size = sum(len(name) + len(value) + 4 for name, value in self._headers)
        if len(self._url) > MAX_URL_BYTES:
            self._refuse(414, f"the address is longer than {MAX_URL_BYTES} bytes")
        elif size > self._limits.header_bytes:
            self._refuse_large_head()
        else:
            return False
        return True

    def _refuse_large_head(self) -> None:
        self._refuse(431, f"the headers are longer than {self._limits.header_bytes} bytes")

    def _refuse(self, status: int, message: str) -> None:
        """Answer a request that no application will see, then close."""
        if self.transport.is_closing():
            return
        if self._current is not None:
            self.transport.abort()
            return
        body = b'{"errors":[{"code":"UNKNOWN","message":"%b"}]}' % message.encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(
            body
        )
        self.transport.write(b"%b%b%b%b" % (STATUS_LINES[status], self.default_headers(), head, body))
        self.transport.close()

    def _ignore_upgrade(self) -> None:
        """Serve the request as HTTP/1.1 (RFC 9110 section 7.8 allows it) and close: what follows cannot be parsed."""
        if self._current is not None:
            self._current.keep_alive = False
        if self._receiving is not None:
            self._receiving.feed_end()
            self._receiving = None
