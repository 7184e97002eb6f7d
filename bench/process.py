"""What the kernel knows of processes: on which core they run, what they cost. Linux only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_RESET_PEAK: Final = "5"
"""What proc(5) wants in `clear_refs` to set the peak of the resident set back."""


class TooFewCores(Exception):
    """The server and the load generator need a core each."""


def two_cores() -> tuple[int, int]:
    """Return two cores that we may use: for the server, for the load generator. Raises TooFewCores."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise TooFewCores("the server and the load generator need a core each; this machine offers one")
    return cores[0], cores[1]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run the body, and processes started in it for all their life, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, that a process and its living descendants have used."""
    ticks = 0
    for member in _tree(pid):
        fields = (_PROC / str(member) / "stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_memory_bytes(pid: int) -> int:
    """Return the peak of the resident set of the largest process of a tree, since the last reset."""
    return max(_peak_bytes(member) for member in _tree(pid))


def reset_peak_memory(pid: int) -> None:
    """Make `peak_memory_bytes` start from the present again."""
    for member in _tree(pid):
        (_PROC / str(member) / "clear_refs").write_text(_RESET_PEAK)


def _peak_bytes(pid: int) -> int:
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in (_PROC / str(pid) / "task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))
