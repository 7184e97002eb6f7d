"""What the kernel knows of a server's processes: their memory, their open files."""

import re
from pathlib import Path


def processes_of(pid: int) -> list[int]:
    """Return a process and its children."""
    return [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def forget_peaks(pids: list[int]) -> None:
    """Let the kernel measure the peak of each process's memory from now on."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process had resident since its peak was forgotten."""
    return _memory(pid, "VmHWM")


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has resident."""
    return _memory(pid, "VmRSS")


def holds_open(pids: list[int], file: Path) -> bool:
    """Tell whether one of the processes has a file open."""
    return any(_target(link) == str(file) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir())


def _memory(pid: int, field: str) -> int:
    match = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""
