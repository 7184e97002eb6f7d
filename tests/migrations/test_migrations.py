"""The chain of migrations on both engines: complete, repeatable, safe to run twice at once and to be killed in."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, make_url, text

import dtr.features
from dtr.core.errors import Unavailable
from dtr.plumbing.db import metadata
from dtr.plumbing.db.migrate import migrate
from dtr.plumbing.db.schema import SCHEMA_REVISION

SECONDS = 60

DIE_IN_THE_MIDDLE = """
import os, signal, sys
from sqlalchemy import Engine, event
from dtr.plumbing.db.migrate import migrate

left = int(sys.argv[2])

@event.listens_for(Engine, "before_cursor_execute")
def count(connection, cursor, statement, *rest):
    global left
    if statement.lstrip().startswith(("CREATE", "INSERT")):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

migrate(sys.argv[1])
"""


@pytest.fixture(scope="module", autouse=True)
def _all_tables_declared() -> None:
    """Import every room, so that the metadata is complete."""
    for module in pkgutil.walk_packages(dtr.features.__path__, "dtr.features."):
        importlib.import_module(module.name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a database without any table, once for each engine."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql").fresh_database(migrated=False)
        return url
    return f"sqlite:///{tmp_path / 'dtr.db'}"


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def contents(url: str) -> dict[str, int]:
    """Count the rows of every table."""
    with connected(url) as connection:
        names = inspect(connection).get_table_names()
        quoted = [connection.dialect.identifier_preparer.quote(name) for name in names]
        counts = [connection.execute(text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in quoted]  # noqa: S608 - names of our own tables
        return dict(zip(names, counts, strict=True))


def revisions(url: str) -> list[str]:
    with connected(url) as connection:
        return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def test_the_chain_of_migrations_makes_what_the_rooms_declare(empty_url: str) -> None:
    migrate(empty_url)

    with connected(empty_url) as connection:
        # SQLite gives defaults back in a spelling that cannot be compared.
        options = {"compare_type": True, "compare_server_default": connection.dialect.name != "sqlite"}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert differences == []


def test_every_room_has_its_tables(empty_url: str) -> None:
    migrate(empty_url)

    assert {*metadata.tables, "alembic_version"} == set(contents(empty_url))
    assert {"account", "repository", "blob", "manifest", "tag", "upload"} <= set(metadata.tables)


def test_migrating_twice_does_something_once_and_changes_nothing_after(empty_url: str) -> None:
    assert migrate(empty_url)
    before = contents(empty_url)

    assert not migrate(empty_url)

    assert contents(empty_url) == before
    assert revisions(empty_url) == [SCHEMA_REVISION]


def test_the_revision_that_the_start_knows_is_the_newest() -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files("dtr.plumbing.db") / "migrations"))

    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]


def test_the_generation_begins_with_one_row(empty_url: str) -> None:
    migrate(empty_url)

    with connected(empty_url) as connection:
        rows = connection.execute(text("SELECT id, number FROM content_generation")).all()

    assert [row.id for row in rows] == [1]


def test_a_newer_schema_is_refused_with_advice(empty_url: str) -> None:
    migrate(empty_url)
    with connected(empty_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Unavailable, match=r"9999.*newer.*later"):
        migrate(empty_url)

    assert revisions(empty_url) == ["9999"]


def test_processes_that_migrate_at_once_agree(empty_url: str) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from dtr.plumbing.db.migrate import migrate; migrate(sys.argv[1])",
    ]
    processes = [subprocess.Popen([*command, empty_url], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=SECONDS)[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert contents(empty_url)["content_generation"] == 1
    assert revisions(empty_url) == [SCHEMA_REVISION]


@pytest.mark.fault
@pytest.mark.item("E1")
@pytest.mark.parametrize("statements", [1, 4, 12, 20])
def test_a_migration_that_was_killed_is_done_by_the_next_start(empty_url: str, statements: int) -> None:
    command = [sys.executable, "-c", DIE_IN_THE_MIDDLE, empty_url, str(statements)]
    killed = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    assert killed.returncode == -9, killed.stderr

    migrate(empty_url)

    assert revisions(empty_url) == [SCHEMA_REVISION]
    assert contents(empty_url)["content_generation"] == 1
