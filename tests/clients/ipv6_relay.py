"""A second way to a server on 127.0.0.1: the same port of ::1.

Docker never checks the certificates of addresses in 127.0.0.0/8. Reached over IPv6 the registry is a stranger to it,
as a registry on another machine would be.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def has_ipv6_loopback() -> bool:
    """Tell whether this machine can listen on ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@contextmanager
def relay_from_ipv6(port: int) -> Iterator[None]:
    """Pass connections to `[::1]:port` on to `127.0.0.1:port`, byte for byte: TLS stays end to end.

    Raises OSError where IPv6 has no loopback address.
    """
    with _Relay(("::1", port), _RelayHandler) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        yield
        relay.shutdown()


class _Relay(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class _RelayHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        port = self.request.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            answer = threading.Thread(target=_copy, args=(upstream, self.request), daemon=True)
            answer.start()
            _copy(self.request, upstream)
            answer.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy until the source ends, then say so to the target. A connection that breaks ends the copy."""
    try:
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
