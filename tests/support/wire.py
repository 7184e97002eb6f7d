"""A socket to a server that sends exactly the bytes it is given, when it is told to."""

import socket
import struct
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.registry import RawAnswer

SECONDS = 30.0


class Wire:
    """One connection to a server, without any HTTP library between."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname, parts.port), SECONDS)
        self._input = self._socket.makefile("rb")

    def send_head(self, method: str, target: str, headers: dict[str, str | int]) -> None:
        """Send a request up to its body; `Host` is added."""
        lines = [f"{method} {target} HTTP/1.1", f"host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data: bytes) -> None:
        """Send bytes. Raises OSError when the server has closed the connection."""
        self._socket.sendall(data)

    def read_answer(self) -> RawAnswer:
        """Read one answer, an interim one (1xx) too. Raises ConnectionError when the server closes instead."""
        status_line = self._input.readline()
        if not status_line:
            raise ConnectionError("the server closed the connection")
        headers = dict(self._headers())
        status = int(status_line.split()[1])
        return RawAnswer(status, headers, self._input.read(int(headers.get("content-length", "0"))))

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self._input.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            yield name.lower(), value.strip()

    def is_closed_by_server(self, within_seconds: float = SECONDS) -> bool:
        """Wait for the end of the connection; anything that arrives before is read past."""
        self._socket.settimeout(within_seconds)
        try:
            while self._input.read1(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def cut(self) -> None:
        """Break the connection at once, as a client that dies does (RST)."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._input.close()
        self._socket.close()


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    """Connect for a while."""
    connection = Wire(url)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def wires_to_all_workers(url: str, workers: int) -> Iterator[list[Wire]]:
    """Give one connection to each worker process.

    Request identifiers begin with a mark of the process that made them: connections are made until all are there.
    """
    found: dict[str, Wire] = {}
    deadline = time.monotonic() + SECONDS
    try:
        while len(found) < workers:
            assert time.monotonic() < deadline, "the kernel gave all connections to the same workers"
            connection = Wire(url)
            if found.setdefault(_mark_of_worker(connection), connection) is not connection:
                connection.close()
        yield list(found.values())
    finally:
        for connection in found.values():
            connection.close()


def _mark_of_worker(connection: Wire) -> str:
    connection.send_head("GET", "/v2/", {})
    return connection.read_answer().headers["x-request-id"].partition("-")[0]
