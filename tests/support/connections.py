"""Many connections to a server, spread over all its worker processes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.support.raw_http import Answer, Wire, head

CONNECTIONS_AT_ONCE = 20
MOST_CONNECTIONS = 400


def get(target: str, token: str | None = None, *lines: str, method: str = "GET") -> bytes:
    """Write a request without a body, with a token if one is given."""
    named = [f"Authorization: Bearer {token}"] if token is not None else []
    return head(method, target, *named, *lines)


def worker_of(answer: Answer) -> str:
    """Return which process answered: its request identifiers share a beginning."""
    return (answer.header("x-request-id") or "").partition("-")[0]


@contextmanager
def connections_to_every_worker(url: str, workers: int = 2) -> Iterator[list[Wire]]:
    """Open at least 20 connections, more if they do not reach all worker processes yet."""
    with ExitStack() as stack:
        wires: list[Wire] = []
        seen: set[str] = set()
        while len(seen) < workers and len(wires) < MOST_CONNECTIONS:
            fresh = [stack.enter_context(Wire(url)) for _ in range(CONNECTIONS_AT_ONCE)]
            seen |= {worker_of(wire.ask(get("/v2/"))) for wire in fresh}
            wires += fresh
        assert len(seen) == workers, "the connections reach too few of the worker processes"
        yield wires


def statuses(wires: list[Wire], request: bytes, method: str = "GET") -> set[int]:
    """Send one request on every connection; return the statuses that came."""
    return {wire.ask(request, method=method).status for wire in wires}
