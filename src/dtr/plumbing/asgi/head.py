"""The head of an HTTP/1.1 request while it arrives: target and header fields, and what they say about the body."""

import urllib.parse
from typing import TYPE_CHECKING, Any

import httptools

if TYPE_CHECKING:
    from dtr.plumbing.asgi.connections import Headers

MAX_URL_BYTES = 8192
MAX_LENGTH_DIGITS = 18
"""A content length of more digits is larger than any disk."""

ONLY_ONCE = frozenset((b"host", b"authorization", b"content-range", b"range"))
"""Fields of which two would leave open which one counts (RFC 9110 section 5.3, RFC 9112 section 3.2)."""


class RequestHead:
    """Collects one head. What comes after its end (trailers) must not be added: it would pass for a header."""

    __slots__ = ("body_bytes", "expects_continue", "flaw", "has_body", "headers", "once", "size_bytes", "url")

    def __init__(self) -> None:
        self.url = b""
        self.headers: Headers = []
        self.has_body = False
        self.body_bytes = 0
        """The announced length of the body; 0 also when it comes in chunks of unknown number."""
        self.expects_continue = False
        self.flaw = ""
        self.size_bytes = 0
        self.once: set[bytes] = set()

    def add_url(self, piece: bytes) -> None:
        """Take a piece of the request target."""
        self.url += piece

    def add_header(self, name: bytes, value: bytes) -> None:
        """Take one header field."""
        name = name.lower()
        self.size_bytes += len(name) + len(value) + 4
        self.headers.append((name, value))
        if name in ONLY_ONCE:
            self._note_single(name)
        elif name == b"content-length":
            self._note_length(value)
        elif name == b"transfer-encoding":
            self.has_body = True
            self.body_bytes = 0
        elif name == b"expect":
            self.expects_continue = value.lower() == b"100-continue"

    def _note_single(self, name: bytes) -> None:
        if name in self.once:
            self.flaw = f"the header {name.decode()} may be sent once"
        self.once.add(name)

    def _note_length(self, value: bytes) -> None:
        if len(value) > MAX_LENGTH_DIGITS or not value.isdigit():
            self.flaw = "the content length is not a sensible number"
            return
        self.body_bytes = int(value)
        self.has_body = self.body_bytes > 0

    def problem(self, limit_bytes: int, http_version: str) -> tuple[int, str] | None:
        """Return status and reason to refuse the complete head, or `None`."""
        if len(self.url) > MAX_URL_BYTES:
            return 414, f"the address is longer than {MAX_URL_BYTES} bytes"
        if self.size_bytes > limit_bytes:
            return 431, f"the headers are longer than {limit_bytes} bytes"
        if not self.flaw and http_version == "1.1" and b"host" not in self.once:
            self.flaw = "the header host is missing"
        return (400, self.flaw) if self.flaw else None

    def scope(self, method: bytes, http_version: str) -> dict[str, Any]:
        """Return the ASGI scope of this request; the connection adds what it knows.

        Raises httptools.HttpParserInvalidURLError.
        """
        url = httptools.parse_url(self.url)
        raw_path = url.path or b"/"
        path = raw_path.decode("ascii", "replace")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": http_version,
            "method": method.decode("ascii"),
            "path": urllib.parse.unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
            "root_path": "",
            "headers": self.headers,
        }


def error_document(message: str) -> bytes:
    """Return the error document for a request that no application takes."""
    return b'{"errors":[{"code":"UNKNOWN","message":"%b"}]}' % message.encode()


def refusal(body: bytes, request_id: str) -> bytes:
    """Return the rest of an answer that refuses a request and ends the connection, behind status line and date."""
    lines = (
        b"content-type: application/json",
        b"x-content-type-options: nosniff",
        b"x-request-id: " + request_id.encode(),
        b"content-length: %d" % len(body),
        b"connection: close",
    )
    return b"\r\n".join((*lines, b"", body))
