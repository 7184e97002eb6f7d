"""Fixtures for the permission test: one registry a database, and one world on it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.server import ServerProcess
from tests.support.world import World

if TYPE_CHECKING:
    from tests.support.postgresql import PostgresqlServer


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give everybody who might call, on a running registry, once for each database."""
    database = None
    if request.param == "postgresql":
        postgresql: PostgresqlServer = request.getfixturevalue("postgresql")
        database = postgresql.fresh_database(migrated=False)
    server = ServerProcess(tmp_path_factory.mktemp("registry") / "data", database=database)
    server.start()
    made = World(server)
    yield made
    made.close()
    assert server.stop() == 0
