"""A PostgreSQL server of the tests' own, on a free loopback port."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from dtr.plumbing.db.migrate import migrate
from tests.support.ports import free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").exists() else []
SECONDS = 60


def is_installed() -> bool:
    """Tell whether the server programs are on this machine."""
    return bool(PROGRAMS)


class PostgresqlServer:
    """A running server that hands out fresh databases with the current schema."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._data = directory / "data"
        self._bin = PROGRAMS[-1]
        self._port = free_port()
        self._numbers = count(1)
        self._template = "dtr_template"

    def start(self) -> None:
        """Create the cluster, start it and prepare the template database."""
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._directory} -F -c max_connections=200"
        )
        self._run(
            "pg_ctl", "-D", str(self._data), "-o", options, "-w", "-l", str(self._directory / "log"), "start"
        )
        self._execute(f"CREATE DATABASE {self._template}")
        migrate(self.url(self._template))

    def stop(self) -> None:
        """Stop the server at once."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        """Break every connection and come back."""
        self._run(
            "pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "-l", str(self._directory / "log"), "restart"
        )

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def fresh_database(self, *, migrated: bool = True) -> str:
        """Create a database and return its address."""
        name = f"dtr_{next(self._numbers)}"
        template = f" TEMPLATE {self._template}" if migrated else ""
        self._execute(f"CREATE DATABASE {name}{template}")
        return self.url(name)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        user = _postgres_user()
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
                user=user,
                cwd=self._directory,
            )
            if done.returncode:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read().decode()}")


def _postgres_user() -> str | None:
    """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
    return "postgres" if os.getuid() == 0 else None


@contextmanager
def running_postgresql() -> Iterator[PostgresqlServer]:
    """Run a server for a while."""
    directory = Path(tempfile.mkdtemp(prefix="dtr-postgresql-"))
    if os.getuid() == 0:
        os.chown(directory, pwd.getpwnam("postgres").pw_uid, -1)
    server = PostgresqlServer(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
