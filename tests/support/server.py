"""The registry as a real process: `dtr serve` on a free loopback port."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import httpx

from tests.support.ports import free_port

ADMIN_PASSWORD = "correct-horse-battery"
START_SECONDS = 30.0
STOP_SECONDS = 15.0
DTR = str(Path(sys.executable).with_name("dtr"))


class ServerProcess:
    """One `dtr serve` and its workers. Its log is the file `server.log` beside the data directory."""

    def __init__(
        self,
        data: Path,
        *,
        workers: int = 1,
        database: str | None = None,
        environment: Mapping[str, str | None] | None = None,
        tls: bool = False,
    ) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.log = data.with_name(data.name + ".log")
        self.admin_password = ADMIN_PASSWORD
        self._arguments = ["--listen", f"127.0.0.1:{self.port}", "--workers", str(workers)]
        if database is not None:
            self._arguments += ["--database", database]
        if tls:
            self._arguments.append("--tls")
        wanted: dict[str, str | None] = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DTR_")},
            "DTR_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "DTR_DATA": str(data),
            **(environment or {}),
        }
        self._environment = {name: value for name, value in wanted.items() if value is not None}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the supervisor (with one worker: of the server)."""
        assert self._process is not None
        return self._process.pid

    def worker_pids(self) -> list[int]:
        """The process ids of the forked workers."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def database_url(self) -> str:
        """The address of its metadata database."""
        return self._command_environment().get("DTR_DATABASE", f"sqlite:///{self.data / 'metadata.db'}")

    def start(self) -> None:
        """Start and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [DTR, "serve", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def stop(self) -> int:
        """Ask it to end; return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kill it and its workers, as a crash would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def is_running(self) -> bool:
        """Tell whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run another `dtr` command on the same registry."""
        return subprocess.run(
            [DTR, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self._command_environment(),
        )

    def add_user(self, name: str, password: str) -> None:
        """Create an account."""
        done = self.run("user", "add", name, "--password-stdin", stdin=password)
        assert done.returncode == 0, done.stderr

    def _command_environment(self) -> dict[str, str]:
        environment = dict(self._environment)
        if "--database" in self._arguments:
            environment["DTR_DATABASE"] = self._arguments[self._arguments.index("--database") + 1]
        return environment

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/_ping", verify=False, timeout=2)  # noqa: S501 - only whether it is there
            except httpx.TransportError:
                assert self.is_running(), self.log.read_text()
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the server did not answer in time: {self.log.read_text()}")


@contextmanager
def running(
    data: Path,
    *,
    workers: int = 1,
    database: str | None = None,
    environment: Mapping[str, str | None] | None = None,
) -> Iterator[ServerProcess]:
    """Run a registry for a while; fails unless it ends cleanly."""
    server = ServerProcess(data, workers=workers, database=database, environment=environment)
    server.start()
    try:
        yield server
    finally:
        assert server.stop() == 0


class RunRegistry(Protocol):
    """Runs a registry with an empty database for a while."""

    def __call__(self, *, workers: int = 1) -> AbstractContextManager[ServerProcess]: ...
