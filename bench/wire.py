"""Just enough HTTP/1.1 to keep a server busy: prepared requests, answers of which only the head is read."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

Address: TypeAlias = tuple[str, int]
Part: TypeAlias = bytes | bytearray | memoryview

_HEAD_BYTES: Final = 16 * 1024
_DISCARD: Final = bytearray(4 * 1024 * 1024)
_END_OF_CHUNKS: Final = b"0\r\n\r\n"


class WrongAnswer(Exception):
    """A server answered something else than what the measurement is about."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, ready to send, and what its answer must look like."""

    parts: Sequence[Part]
    """The head and the body, as they go over the wire."""

    status: int
    length: int | None = None
    """The length that the answer must announce (bytes); None: any."""

    has_body: bool = True
    """False for HEAD: the answer announces a length and sends nothing."""

    keeps_body: bool = False
    """Whether the answer's body is wanted; otherwise the kernel throws it away."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is complete and has the expected status and length."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of the first header called `name`, in any case."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class Connection:
    """A connection with at most one request under way. Not for concurrent use."""

    __slots__ = ("_body", "_head", "_left", "_pending", "_request", "_socket", "_status")

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = Request((), 0)
        self._start_over()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def send(self, request: Request) -> None:
        """Send a request whole, however long that takes."""
        self._request = request
        for part in request.parts:
            self._socket.sendall(part)

    def call(self, request: Request) -> Answer:
        """Send a request and wait for its answer. Raises WrongAnswer."""
        self.send(request)
        while (answer := self.advance()) is None:
            pass
        return answer

    def advance(self) -> Answer | None:
        """Take in what has arrived, waiting if nothing has; return the answer once it is complete.

        Raises WrongAnswer.
        """
        if not self._head:
            return self._take_head(self._pending + self._receive())
        if self._left is None:
            return self._take_chunks(self._receive())
        if self._request.keeps_body:
            return self._take_body(self._receive())
        return self._discard(self._left)

    def _start_over(self) -> None:
        self._pending = self._head = b""
        self._body = bytearray()
        self._left: int | None = 0
        self._status = 0

    def _receive(self) -> bytes:
        data = self._socket.recv(_HEAD_BYTES)
        if not data:
            raise WrongAnswer(f"the server closed the connection after {_first_line(self._request)}")
        return data

    def _take_head(self, data: bytes) -> Answer | None:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._pending = data
            return None
        self._head, rest = data[:end], data[end + 4 :]
        self._status, length = _parse_head(self._head)
        if self._status != self._request.status:
            raise self._wrong(rest)
        if not self._request.has_body:
            self._expect(length)
            return self._complete() if not rest else self._take_body(rest)
        self._left = length
        if length is None:
            return self._take_chunks(rest)
        self._expect(length)
        return self._take_body(rest)

    def _take_body(self, data: bytes) -> Answer | None:
        assert self._left is not None
        self._left -= len(data)
        if self._left < 0:
            raise WrongAnswer(f"more bytes than announced after {_first_line(self._request)}")
        if self._request.keeps_body:
            self._body += data
        return self._complete() if self._left == 0 else None

    def _take_chunks(self, data: bytes) -> Answer | None:
        """Collect a body of unknown length; only its end is looked for until it has all arrived."""
        self._body += data
        if not self._body.endswith(_END_OF_CHUNKS):
            return None
        self._body = _join_chunks(self._body)
        self._expect(len(self._body))
        return self._complete()

    def _discard(self, left: int) -> Answer | None:
        """Drop body bytes in the kernel: the server is measured, not our copying (tcp(7), MSG_TRUNC)."""
        size = self._socket.recv_into(_DISCARD, min(left, len(_DISCARD)), socket.MSG_TRUNC)
        if size == 0:
            raise WrongAnswer(f"{left} bytes are missing after {_first_line(self._request)}")
        self._left = left - size
        return self._complete() if self._left == 0 else None

    def _complete(self) -> Answer:
        answer = Answer(self._status, self._head, bytes(self._body))
        self._start_over()
        return answer

    def _expect(self, length: int | None) -> None:
        if self._request.length is not None and length != self._request.length:
            raise WrongAnswer(
                f"{_first_line(self._request)} was answered with {length} bytes, not {self._request.length}"
            )

    def _wrong(self, rest: bytes) -> WrongAnswer:
        line, status = _first_line(self._request), self._request.status
        return WrongAnswer(f"{line} was answered with {self._status}, not {status}: {rest[:500]!r}")


def _parse_head(head: bytes) -> tuple[int, int | None]:
    """Return the status and the announced length; None: the body comes in chunks."""
    lower = head.lower()
    start = lower.find(b"\r\ncontent-length:")
    if start < 0:
        return int(head[9:12]), None if b"\r\ntransfer-encoding: chunked" in lower else 0
    end = lower.find(b"\r\n", start + 2)
    return int(head[9:12]), int(lower[start + 17 : end if end > 0 else None])


def _join_chunks(body: bytearray) -> bytearray:
    """Return what chunks hold (RFC 9112, section 7.1)."""
    joined, position = bytearray(), 0
    while True:
        end = body.index(b"\r\n", position)
        size = int(body[position:end].partition(b";")[0], 16)
        if size == 0:
            return joined
        joined += body[end + 2 : end + 2 + size]
        position = end + 2 + size + 2


def _first_line(request: Request) -> str:
    return bytes(request.parts[0][:200]).partition(b"\r\n")[0].decode("latin-1")
