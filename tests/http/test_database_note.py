"""The data directory remembers its database: nothing begins an empty one because the address was forgotten."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgresql import PostgresqlServer
from tests.support.server import DTR, ServerProcess

NOTE = "database.kind"


@pytest.fixture
def on_postgresql(tmp_path: Path, postgresql: PostgresqlServer) -> Iterator[ServerProcess]:
    """Give a stopped registry that was run on PostgreSQL, with a password in its address."""
    url = postgresql.fresh_database(migrated=False).replace("postgres@", "postgres:top-secret-word@")
    server = ServerProcess(tmp_path / "data", database=url)
    server.start()
    assert server.stop() == 0
    yield server
    if server.is_running():
        server.kill()


def run(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command without an address of the database, unless `environment` has one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DTR_")}
    return subprocess.run(
        [DTR, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**clean, "DTR_DATA": str(data), **environment},
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert all(word in last for word in words), last
    assert "top-secret-word" not in done.stderr


def test_the_note_holds_no_password(on_postgresql: ServerProcess) -> None:
    note = on_postgresql.data / NOTE

    assert json.loads(note.read_text())["backend"] == "postgresql"
    assert "top-secret-word" not in note.read_text()
    assert note.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", [["user", "list"], ["audit", "verify"], ["database", "migrate"]])
def test_a_command_without_the_address_is_refused_and_makes_no_database(
    on_postgresql: ServerProcess, command: list[str]
) -> None:
    assert_refused(run(on_postgresql.data, *command), "PostgreSQL", "DTR_DATABASE")
    assert not (on_postgresql.data / "metadata.db").exists()


def test_a_start_without_the_address_is_refused_and_makes_no_database(on_postgresql: ServerProcess) -> None:
    done = run(on_postgresql.data, "serve", "--listen", "127.0.0.1:0")

    assert_refused(done, "PostgreSQL", "DTR_DATABASE")
    assert not (on_postgresql.data / "metadata.db").exists()


def test_with_the_address_everything_works(on_postgresql: ServerProcess) -> None:
    done = on_postgresql.run("user", "list")

    assert done.returncode == 0, done.stderr
    assert "admin" in done.stdout


def test_a_command_on_another_database_of_the_server_is_refused(
    on_postgresql: ServerProcess, postgresql: PostgresqlServer
) -> None:
    other = postgresql.fresh_database(migrated=False)

    assert_refused(run(on_postgresql.data, "user", "list", DTR_DATABASE=other), "PostgreSQL")


def test_who_removes_the_note_may_begin_anew(on_postgresql: ServerProcess) -> None:
    (on_postgresql.data / NOTE).unlink()

    assert run(on_postgresql.data, "user", "list").returncode == 0


def test_a_registry_on_sqlite_may_move_but_its_commands_stay_with_it(
    tmp_path: Path, postgresql: PostgresqlServer
) -> None:
    first = ServerProcess(tmp_path / "data")
    first.start()
    assert first.stop() == 0
    assert json.loads((first.data / NOTE).read_text()) == {
        "backend": "sqlite",
        "host": "",
        "name": "metadata.db",
    }
    url = postgresql.fresh_database(migrated=False)
    assert_refused(run(first.data, "user", "list", DTR_DATABASE=url), "SQLite")

    second = ServerProcess(first.data, database=url)
    second.start()
    assert second.stop() == 0

    assert json.loads((first.data / NOTE).read_text())["backend"] == "postgresql"
    assert_refused(run(first.data, "user", "list"), "PostgreSQL", "DTR_DATABASE")


def test_a_copied_data_directory_works_at_its_new_place(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    server.start()
    assert server.stop() == 0
    moved = server.data.rename(tmp_path / "elsewhere")

    assert run(moved, "user", "list").returncode == 0


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"backend": 1}', "\x00"])
def test_a_note_that_nobody_can_read_does_not_stop_anything(tmp_path: Path, content: str) -> None:
    server = ServerProcess(tmp_path / "data")
    server.start()
    assert server.stop() == 0
    (server.data / NOTE).write_text(content)

    assert run(server.data, "user", "list").returncode == 0
