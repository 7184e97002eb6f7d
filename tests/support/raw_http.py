"""HTTP/1.1 by hand: bytes out, strictly parsed answers in. Every wait ends after `SECONDS`."""

import re
import socket
import ssl
import struct
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

SECONDS = 20.0
PIECE_BYTES = 64 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [ -~]*")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)")


class BrokenAnswer(AssertionError):
    """The bytes that came are no HTTP answer (RFC 9112)."""


class Closed(Exception):
    """The server closed the connection before an answer began."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: every header line, names in lower case, and the body without its framing."""

    status: int
    lines: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the one value of a header; fails if there are several."""
        values = [value for key, value in self.lines if key == name]
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def names(self) -> list[str]:
        """The names of all header lines."""
        return [name for name, _ in self.lines]


class Wire:
    """One connection to a server."""

    def __init__(self, url: str, *, receive_buffer_bytes: int | None = None) -> None:
        """Connect; a small `receive_buffer_bytes` makes a client that takes little before the server must wait."""
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.socket()
        self._socket.settimeout(SECONDS)
        if receive_buffer_bytes is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._socket.connect((parts.hostname, parts.port))
        if parts.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def ask(self, data: bytes, *, method: str = "GET") -> Answer:
        """Send bytes and read one answer."""
        self.send(data)
        return self.answer(method=method)

    def answer(self, *, method: str = "GET", skip_interim: bool = True) -> Answer:
        """Read one answer to a request with this method. Raises Closed, or BrokenAnswer.

        With `skip_interim=False` a 100 is an answer too.
        """
        status, lines = self._head()
        while status == 100 and skip_interim:
            status, lines = self._head()
        return Answer(status, tuple(lines), self._body(method, status, lines))

    def interim(self) -> int:
        """Read the head of an answer without a body (100 Continue); return its status."""
        return self._head()[0]

    def closes(self, within: float = SECONDS) -> bool:
        """Read to the end; tell whether the server closed the connection within some seconds, unanswered."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if not self._socket.recv(PIECE_BYTES):
                    return True
            except TimeoutError:
                return False
            except OSError:
                return True
        return False

    def cut(self) -> None:
        """Break the connection at once, as the machine of a client that dies does (RST)."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def receive(self, count: int) -> bytes:
        """Read exactly this many bytes. Raises BrokenAnswer when fewer come."""
        taken = bytearray()
        while len(taken) < count:
            if not self._buffer:
                self._fill_within(taken)
            wanted = count - len(taken)
            taken += self._buffer[:wanted]
            self._buffer = self._buffer[wanted:]
        return bytes(taken)

    def _fill_within(self, taken: bytearray) -> None:
        try:
            self._fill()
        except Closed as error:
            raise BrokenAnswer(f"the body breaks off after {len(taken)} bytes") from error

    def _head(self) -> tuple[int, list[tuple[str, str]]]:
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *rest = head.split(b"\r\n")
        match = _STATUS_LINE.fullmatch(first)
        if match is None:
            raise BrokenAnswer(f"no status line: {first!r}")
        return int(match[1]), [_header(line) for line in rest]

    def _body(self, method: str, status: int, lines: list[tuple[str, str]]) -> bytes:
        headers = dict(lines)
        if method == "HEAD" or status in (100, 204, 304):
            return b""
        if "transfer-encoding" in headers:
            assert "content-length" not in headers
            return self._chunks()
        if "content-length" not in headers:
            raise BrokenAnswer(f"an answer without an end: {lines}")
        return self.receive(int(headers["content-length"]))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._line(), 16):
            body += self.receive(size)
            assert self._line() == b""
        assert self._line() == b""
        return body

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _fill(self) -> None:
        try:
            piece = self._socket.recv(PIECE_BYTES)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            piece = b""
        if not piece and self._buffer:
            raise BrokenAnswer(f"the answer breaks off after {self._buffer[:200]!r}")
        if not piece:
            raise Closed
        self._buffer += piece


def head(method: str, target: str, *lines: str, host: str | None = "registry.test") -> bytes:
    """Write the head of a request. A `host` of `None` leaves the Host header out."""
    named = [] if host is None else [f"Host: {host}"]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *named, *lines, "", ""]).encode("latin-1")


def talk(url: str, *requests: bytes, methods: Sequence[str] = ()) -> list[Answer]:
    """Send requests in one piece on one connection; return an answer for each."""
    with Wire(url) as wire:
        wire.send(b"".join(requests))
        return [wire.answer(method=method) for method in methods or ["GET"] * len(requests)]


def _header(line: bytes) -> tuple[str, str]:
    match = _HEADER_LINE.fullmatch(line)
    if match is None:
        raise BrokenAnswer(f"no header line: {line!r}")
    return match[1].decode().lower(), match[2].decode("latin-1").strip()
