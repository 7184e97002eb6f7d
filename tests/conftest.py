"""Fixtures for all tests."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dtr.plumbing.db import Database, open_database
from dtr.plumbing.db.migrate import migrate
from tests.support.postgresql import PostgresqlServer, is_installed, running_postgresql
from tests.support.server import RunRegistry, ServerProcess, running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """Give a PostgreSQL server that lives as long as the test run."""
    if not is_installed():
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a fresh database with the current schema, once for each engine."""
    if request.param == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        return server.fresh_database()
    url = f"sqlite:///{tmp_path / 'dtr.db'}"
    migrate(url)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Give an open, empty database, once for each engine."""
    opened = open_database(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def run_registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunRegistry:
    """Give what runs registries as processes, once for each engine: every call one on a database of its own."""

    def run(*, workers: int = 1) -> AbstractContextManager[ServerProcess]:
        database = None
        if request.param == "postgresql":
            postgresql: PostgresqlServer = request.getfixturevalue("postgresql")
            database = postgresql.fresh_database(migrated=False)
        return running(tmp_path_factory.mktemp("registry") / "data", workers=workers, database=database)

    return run
