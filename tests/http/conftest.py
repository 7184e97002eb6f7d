"""The registry protocol, spoken to a real server: two workers, on SQLite and on PostgreSQL."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from tests.support.postgresql import PostgresqlServer

ALICE_PASSWORD = "alice-has-a-password"
BOB_PASSWORD = "bob-has-another-one"


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Give a running registry with two worker processes and the users alice and bob."""
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
def admin(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of the administrator."""
    client = RegistryClient(server.url, "admin", server.admin_password)
    yield client
    client.close()


@pytest.fixture
def alice(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of the user alice."""
    client = RegistryClient(server.url, "alice", ALICE_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def bob(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of the user bob."""
    client = RegistryClient(server.url, "bob", BOB_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def anonymous(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client without a name."""
    client = RegistryClient(server.url)
    yield client
    client.close()


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """Give the name of a repository of alice that no other test uses."""
    return f"alice/r{next(_numbers)}"
