"""The socket that all worker processes accept connections from."""

import errno
import socket

BACKLOG = 2048
"""Connections that the kernel holds for us while every worker is busy (it may allow fewer)."""

_EVERY_ADDRESS = ("", "::")

_HINTS = {
    errno.EADDRINUSE: (
        "something listens there already",
        "stop the other program, or choose another port with --listen HOST:PORT",
    ),
    errno.EACCES: (
        "not permitted",
        "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); choose another with --listen HOST:PORT",
    ),
    errno.EADDRNOTAVAIL: (
        "this machine does not have that address",
        "use one of its own addresses, or :PORT for all of them",
    ),
}


class ListenError(Exception):
    """The address cannot be listened on: `message` says which and why, `hint` what to do next."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def bind_listening_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    An empty host or `::` means every address, IPv4 and IPv6; port 0 any free port. Raises `ListenError`.
    """
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, address = _resolve(host, port)
        dualstack = family == socket.AF_INET6 and host in _EVERY_ADDRESS and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=dualstack)
    except socket.gaierror as error:
        hint = "use an IP address, or a name that resolves to one of this machine"
        raise ListenError(f"cannot listen on {shown}: unknown host ({error.strerror})", hint) from error
    except OSError as error:
        reason, hint = _HINTS.get(
            error.errno or 0, (error.strerror or str(error), "choose another with --listen")
        )
        raise ListenError(f"cannot listen on {shown}: {reason}", hint) from error


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    if host in _EVERY_ADDRESS:
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        return family, ("", port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), port)
