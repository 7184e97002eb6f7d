"""The HTTP/1.1 server protocol: httptools in front, ASGI behind, two short cuts between.

* A request without a body that the `FastLane` can answer from memory is answered at once: no scope, no task.
* The rest of a body of known length goes straight to the exchange, past the parser: no copies.

Sources: RFC 9112 (HTTP/1.1), ASGI 3.0 HTTP specification. Runs inside `uvicorn.Server`.
"""

import asyncio
from collections import deque
from typing import Any

import httptools
import structlog

from dtr.core.addresses import plain_address
from dtr.plumbing.asgi.connections import Census, ConnectionLimits, FastLane, Patience, Refusals
from dtr.plumbing.asgi.exchange import ASGI_ZERO_COPY, STATUS_LINES, Exchange
from dtr.plumbing.asgi.file_sender import FileSender
from dtr.plumbing.asgi.head import MAX_URL_BYTES, RequestHead, error_document, refusal

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
        refusals: Refusals,
    ) -> None:
        self._app = config.loaded_app
        self._loop = _loop or asyncio.get_running_loop()
        self._server_state = server_state
        self._lane = lane
        self._limits = limits
        self._census = census
        self._refusals = refusals
        self._parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport
        self._file_sender: FileSender | None = None
        self._client: tuple[str, int] | None = None
        self._client_host = ""
        self._tls = False
        self._head = RequestHead()
        self._in_head = False
        self._upgrade_offered = False
        self._refusal: tuple[int, str] | None = None
        self._unframed_bytes = 0
        self._body_left = 0
        self._direct_bytes = 0
        self._discarded_bytes = 0
        self._receiving: Exchange | None = None
        self._current: Exchange | None = None
        self._pipeline: deque[Exchange] = deque()
        self._reading_paused = False
        self._drained: asyncio.Future[None] | None = None
        self.patience = Patience(limits)

    # -- the connection ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the new connection."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's transports are not asyncio's class
        self._census.accepted += 1
        if len(self._server_state.connections) >= self._limits.connections and not self._make_room():
            transport.close()
            return
        self._census.handled += 1
        self._server_state.connections.add(self)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._client_host = plain_address(str(peer[0]))
            self._client = (self._client_host, int(peer[1]))
        self._tls = transport.get_extra_info("sslcontext") is not None
        self.patience.waiting_since = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell everybody who waits for this client that it is gone."""
        self._server_state.connections.discard(self)
        for exchange in (self._current, self._receiving, *self._pipeline):
            if exchange is not None and not exchange.complete:
                exchange.disconnect()
        self._pipeline.clear()
        self.resume_writing()
        if self._file_sender is not None:
            self._file_sender.close()
        self._parser = None  # type: ignore[assignment]  # ends a circle of references

    def _make_room(self) -> bool:
        """Close the connection that has waited longest for a request; return whether there was one."""
        waiting = [each for each in self._server_state.connections if each.is_at_rest()]
        if not waiting:
            return False
        min(waiting, key=lambda each: each.patience.waiting_since).transport.abort()
        return True

    def is_at_rest(self) -> bool:
        """Tell whether nothing is lost when this connection is closed now."""
        if self.phase != "waiting" or self.transport.is_closing():
            return False
        return not self.transport.get_write_buffer_size()

    @property
    def phase(self) -> str:
        """What the connection is doing: taking a `head`, `reading` a body, `writing` an answer, or `waiting`."""
        if self._current is not None:
            return "reading" if self._current.more_body else "writing"
        return "head" if self._in_head else "waiting"

    def is_overdue(self, now: float) -> bool:
        """Tell whether this client kept us waiting too long: a head that never ends, an unread response."""
        unread = self.transport.get_write_buffer_size()
        return self.patience.is_over(now, phase=self.phase, unread_bytes=unread)

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
        self._unframed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            log.exception("http.callback_failed", cause=repr(error.__context__))
            self.transport.abort()
        except httptools.HttpParserError:
            self._refuse(400, "the request is not valid HTTP")
        else:
            self._after_parsing()

    def _after_parsing(self) -> None:
        """Bound what is neither a complete head nor body; let the rest of a body of known length skip the parser.

        Such bytes are a head that goes on, the framing of chunks, trailers. They are counted from the last progress
        on, and the read in which that happened counts as nothing: most of it was something else.
        """
        if self._unframed_bytes > self._limits.header_bytes + MAX_URL_BYTES:
            if self._in_head:
                self._refuse(431, f"the headers are longer than {self._limits.header_bytes} bytes")
            else:
                self.transport.abort()
        elif self._receiving is not None and not self._in_head:
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
        self._head = RequestHead()
        self._in_head = True
        if self._current is None:
            self.patience.waiting_since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target."""
        self._head.add_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header field; trailers are dropped, as RFC 9110 section 6.5.1 allows."""
        if self._in_head:
            self._head.add_header(name, value)

    def on_headers_complete(self) -> None:
        """Answer from memory, or start (or queue) an exchange."""
        self._in_head = False
        self._unframed_bytes = 0
        head, version = self._head, self._parser.get_http_version()
        problem = head.problem(self._limits.header_bytes, version)
        if self.transport.is_closing():
            return
        if problem is not None:
            self._refuse(*problem)
            return
        self._upgrade_offered = self._parser.should_upgrade()
        method = self._parser.get_method()
        keep_alive = self._parser.should_keep_alive() and version == "1.1"
        if self._current is None and keep_alive and not head.has_body and self._drained is None:
            answer = self._lane.answer(method, head.url, head.headers, self._client_host)
            if answer is not None:
                self.transport.write(b"%b%b%b" % (STATUS_LINES[200], self.default_headers(), answer))
                self.patience.waiting_since = self._loop.time()
                self._server_state.total_requests += 1
                return
        try:
            scope = head.scope(method, version)
        except httptools.HttpParserInvalidURLError:
            self._refuse(400, "the address of the request is not valid")
            return
        scope["client"], scope["server"] = self._client, self.transport.get_extra_info("sockname")
        scope["scheme"], scope["extensions"] = ("https", {}) if self._tls else ("http", {ASGI_ZERO_COPY: {}})
        self._body_left = head.body_bytes
        self._begin(scope, keep_alive=keep_alive)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._unframed_bytes = 0
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
        self._unframed_bytes = 0
        if self._upgrade_offered:  # for the parser the message ends here, for us its body follows
            return
        if self._receiving is not None:
            self._receiving.feed_end()
            self._receiving = None

    def _begin(self, scope: dict[str, Any], *, keep_alive: bool) -> None:
        exchange = Exchange(self, scope, keep_alive=keep_alive, expects_continue=self._head.expects_continue)
        self._receiving = exchange
        self._pipeline.append(exchange)
        self._advance()
        if self._pipeline:
            self.pause_reading()
        if len(self._pipeline) > MAX_PIPELINED:
            self.transport.abort()

    def _advance(self) -> None:
        """Start the next request, or read on; not while the client leaves the answers before it unread."""
        if self._current is not None or self._drained is not None:
            return
        if self._pipeline:
            self._start(self._pipeline.popleft())
        elif self._refusal is not None:
            self._send_refusal(*self._refusal)
        if not self._pipeline:
            self.resume_reading()

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
                self._give_up(exchange)

    def _give_up(self, exchange: Exchange) -> None:
        if self._refusal is not None and not exchange.started:
            self._send_refusal(*self._refusal)
        else:
            self.transport.abort()

    # -- bytes out ---------------------------------------------------------------------------

    def default_headers(self) -> bytes:
        """Return the date header line; uvicorn renews it every second."""
        lines = self._server_state.default_headers
        return b"%b: %b\r\n" % lines[0] if lines else b""

    async def send_file(self, head: bytes, fd: int, offset: int, count: int) -> None:
        """Write `head` and `count` bytes of an open file, without copying them through this process."""
        await self.drain()
        self._file_sender = sender = FileSender(self._loop, self.transport)
        self.patience.stalled_since = self._loop.time()
        try:
            await sender.send(head, fd, offset, count, self._note_progress)
        finally:
            self.patience.stalled_since = 0.0
            self._file_sender = None
            sender.close()

    def _note_progress(self) -> None:
        self.patience.stalled_since = self._loop.time()

    async def drain(self) -> None:
        """Wait until the transport's buffer has room."""
        if self._drained is not None:
            await asyncio.shield(self._drained)

    def pause_writing(self) -> None:
        """Take the transport's note that its buffer is full."""
        self.patience.stall(self._loop.time(), self.transport.get_write_buffer_size())
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Take the transport's note that its buffer has room again."""
        self.patience.stalled_since = 0.0
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
        self._advance()

    def exchange_done(self, exchange: Exchange) -> None:
        """Go on with the next request, or close."""
        self._server_state.total_requests += 1
        self._current = None
        self.patience.waiting_since = self._loop.time()
        unread_and_unasked = exchange.more_body and exchange.expects_continue
        if not exchange.keep_alive or unread_and_unasked:
            self.transport.close()
            return
        self._discarded_bytes = 0
        self._advance()

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

    def _refuse(self, status: int, message: str) -> None:
        """Refuse what arrives now, after the answers to what arrived before it."""
        if self.transport.is_closing() or self._refusal is not None:
            return
        self._refusal = (status, message)
        if self._current is None:
            self._send_refusal(status, message)
        elif self._receiving is self._current:
            self._current.disconnect()
        else:
            self.pause_reading()

    def _send_refusal(self, status: int, message: str) -> None:
        """Answer a request that no application has seen to its end, and close: what follows cannot be trusted."""
        body = error_document(message)
        request_id = self._refusals.refused(self._client_host, status, len(body))
        self.transport.write(STATUS_LINES[status] + self.default_headers() + refusal(body, request_id))
        self.transport.close()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1, as RFC 9110 section 7.8 allows; `rest` is what came after the head."""
        self._parser = httptools.HttpRequestParser(self)
        self._upgrade_offered = False
        if self._receiving is not None and self._head.has_body and not self._head.body_bytes:
            self._refuse(400, "a body in chunks cannot come with an offer to upgrade")
            return
        self._direct_bytes = self._body_left
        if not self._direct_bytes:
            self.on_message_complete()
        if rest:
            self.data_received(rest)
