"""The processes of a running registry, each by itself: connections to all of them, their memory, their open files."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

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


def processes_of(pid: int) -> list[int]:
    """Return a process and its children."""
    return [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def forget_peaks(pids: list[int]) -> None:
    """Let the kernel measure the peak of each process's memory from now on."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process had resident since its peak was forgotten."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has resident."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024


def holds_open(pids: list[int], file: Path) -> bool:
    """Tell whether one of the processes has a file open."""
    return any(_target(link) == str(file) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir())


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""
