"""Runs real client programs and servers: found on the system, given a time limit, their words kept.

The engines keep state under fixed paths (`/etc/docker/certs.d`, `/var/lib/containers/cache`).
`private_mounts` shows a program a folder of the test there, in a mount namespace that ends with the program:
nothing is left on the machine and nothing of the machine leaks into a test.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where distribution packages install; searched first, so that no stray other version is tested by chance."""

PROGRAM_SECONDS = 60.0
START_SECONDS = 20.0
STOP_SECONDS = 15.0

NO_BINDS: Mapping[Path, Path] = {}

BIND_AND_EXEC = 'set -e; while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@"'


@dataclass(frozen=True, repr=False)
class Outcome:
    """How a program ended and what it said."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def succeeded(self) -> bool:
        """Whether the exit status was 0."""
        return self.status == 0

    @property
    def text(self) -> str:
        """Everything that was said: standard output, then standard error."""
        return self.stdout + self.stderr

    def __repr__(self) -> str:
        return f"$ {' '.join(self.argv)}\n[exit {self.status}]\n{self.text}"


def find_program(name: str) -> str:
    """Return the path of a program. Where it is missing the test is skipped, but in CI it fails."""
    found = shutil.which(name, path=SYSTEM_PATH) or shutil.which(name)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; CI must install every client")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(
    argv: list[str],
    *,
    env: Mapping[str, str],
    input_text: str = "",
    binds: Mapping[Path, Path] = NO_BINDS,
    timeout_seconds: float = PROGRAM_SECONDS,
) -> Outcome:
    """Run a program to its end, whatever the end. Raises `subprocess.TimeoutExpired` if it takes too long."""
    done = subprocess.run(
        private_mounts(argv, binds),
        env=dict(env),
        input=input_text,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    return Outcome(tuple(argv), done.returncode, done.stdout, done.stderr)


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment with a home of the test's own and no credentials or settings of the caller."""
    return {"PATH": SYSTEM_PATH, "HOME": str(home), "LANG": "C.UTF-8"}


def private_mounts(argv: list[str], binds: Mapping[Path, Path]) -> list[str]:
    """Wrap a command so that it finds each key's file or folder at the value's path. Needs root."""
    if not binds:
        return argv
    pairs = [str(path) for bind in binds.items() for path in bind]
    return [find_program("unshare"), "--mount", "sh", "-c", BIND_AND_EXEC, "bind", *pairs, "--", *argv]


def accepts_connections(port: int) -> bool:
    """Tell whether somebody listens on a TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(ready: Callable[[], bool], what: str, *, timeout_seconds: float = START_SECONDS) -> None:
    """Poll until `ready` is true. Raises `TimeoutError` naming `what` otherwise."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready within {timeout_seconds:g} s")
        time.sleep(0.05)


@contextmanager
def daemon(
    argv: list[str], *, env: Mapping[str, str], log: Path, ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts: ready on entry, ended on exit, by SIGKILL to its group if need be.

    Raises `RuntimeError` with the end of its log if it ends before it is ready.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env=dict(env), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_until(lambda: _runs(process, log) and ready(), argv[0])
        yield process
    finally:
        _stop(process)


def _runs(process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the server ended with {process.returncode}:\n{log.read_text()[-4000:]}")
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)
