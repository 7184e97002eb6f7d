"""A server of constants: shows what the load generator reaches when the server hardly does anything.

Knows `GET /v2/`, `GET /small` (1 KiB), `GET /large` (128 MiB) and `PUT` (drops the body).
"""

import select
import socket
import sys
from typing import Final

from bench.contents import KIB, MIB

SMALL_BYTES: Final = KIB
LARGE_BYTES: Final = 128 * MIB
_BUFFER: Final = bytearray(4 * MIB)


def serve(port: int) -> None:
    """Answer until killed."""
    constants = _Constants()
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener, select.epoll() as poller:
        poller.register(listener, select.EPOLLIN)
        clients: dict[int, socket.socket] = {}
        while True:
            for descriptor, _ in poller.poll():
                client = clients.get(descriptor)
                if client is None:
                    client, _ = listener.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    clients[client.fileno()] = client
                    poller.register(client, select.EPOLLIN)
                elif not constants.answer(client):
                    del clients[descriptor]
                    client.close()


class _Constants:
    """Answers one request at a time, each whole."""

    def __init__(self) -> None:
        self._small = _answer(200, bytes(SMALL_BYTES))
        self._large = _answer(200, bytes(LARGE_BYTES))
        self._created = _answer(201, b"")

    def answer(self, client: socket.socket) -> bool:
        """Answer the request that has arrived; tell whether there was one, or else the client has left."""
        request = client.recv(4096)
        if request.startswith(b"PUT"):
            self._swallow(client, request)
            client.sendall(self._created)
        elif request:
            client.sendall(self._large if request.startswith(b"GET /large") else self._small)
        return bool(request)

    def _swallow(self, client: socket.socket, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        left = int(head.rpartition(b"Content-Length: ")[2].partition(b"\r\n")[0]) - len(body)
        while left > 0:
            left -= client.recv_into(_BUFFER, min(left, len(_BUFFER)), socket.MSG_TRUNC)


def _answer(status: int, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} Constant\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    serve(int(sys.argv[1]))
