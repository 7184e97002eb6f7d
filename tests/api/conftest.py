"""Fixtures for tests of the control plane: one registry a database, with two workers and three users."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.api import ApiClient
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from tests.support.postgresql import PostgresqlServer

ALICE_PASSWORD = "alice's own password"
BOB_PASSWORD = "bob's own password"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Give a running registry with the users admin, alice and bob, once for each database."""
    database = None
    if request.param == "postgresql":
        postgresql: PostgresqlServer = request.getfixturevalue("postgresql")
        database = postgresql.fresh_database(migrated=False)
    process = ServerProcess(tmp_path_factory.mktemp("registry") / "data", workers=2, database=database)
    process.start()
    process.add_user("alice", ALICE_PASSWORD)
    process.add_user("bob", BOB_PASSWORD)
    yield process
    assert process.stop() == 0


@pytest.fixture
def admin(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client of the administrator."""
    client = ApiClient(server.url, "admin", server.admin_password)
    yield client
    client.close()


@pytest.fixture
def alice(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client of the user alice."""
    client = ApiClient(server.url, "alice", ALICE_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def bob(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client of the user bob."""
    client = ApiClient(server.url, "bob", BOB_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def anonymous(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client without a name."""
    client = ApiClient(server.url)
    yield client
    client.close()


_numbers = itertools.count(1)


@pytest.fixture
def number() -> int:
    """Give a number that no other test of this process has, to make names of."""
    return next(_numbers)
