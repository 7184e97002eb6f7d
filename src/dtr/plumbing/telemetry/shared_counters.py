"""The counters of several processes: each writes its own file, a scrape adds them up.

prometheus-client has a mode for several processes too, but an environment variable set before its import
switches it on, for one directory a process. This needs neither, and adds a histogram's buckets in one go.

    run/metrics/lock           held shared to read, exclusive to move numbers from one file to another
    run/metrics/worker-<pid>   written by its process about once a second, replaced whole
    run/metrics/ended          what the processes that ended had counted
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from dtr.plumbing.telemetry.counters import Counters

_LOCK = "lock"
_ENDED = "ended"
_WORKER = "worker-"


class SharedCounters:
    """The directory in which the processes of one server leave their counters."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def clear(self) -> None:
        """Create the directory, or empty it. Called once at start, before the workers."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for file in self._directory.iterdir():
            file.unlink(missing_ok=True)

    def save(self, pid: int, content: bytes) -> None:
        """Replace what the process left before by `Counters.to_bytes`. Blocks for a small file's write."""
        self._write(f"{_WORKER}{pid}", content)

    def total(self) -> Counters:
        """Return the sum over all processes, running or ended."""
        total = Counters()
        with self._locked(fcntl.LOCK_SH):
            for file in self._directory.iterdir():
                if file.name == _ENDED or (file.name.startswith(_WORKER) and not file.name.endswith(".new")):
                    total.add(_read(file))
        return total

    def retire(self, pid: int) -> None:
        """Keep the totals of a process that ended, forget the rest. One that left nothing is no error."""
        file = self._directory / f"{_WORKER}{pid}"
        with self._locked(fcntl.LOCK_EX):
            ended = _read(self._directory / _ENDED)
            ended.add(_read(file))
            ended.retire()
            self._write(_ENDED, ended.to_bytes())
            file.unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        new = self._directory / f"{name}.new"
        new.write_bytes(content)
        new.replace(self._directory / name)

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        lock = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)


def _read(file: Path) -> Counters:
    try:
        return Counters.from_bytes(file.read_bytes())
    except FileNotFoundError:
        return Counters()
