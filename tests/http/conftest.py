"""The registry protocol, spoken to a real server: two workers, on SQLite and on PostgreSQL."""

import itertools
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.registry import RegistryClient
from tests.support.server import RunRegistry, ServerProcess

ALICE_PASSWORD = "alice-has-a-password"
BOB_PASSWORD = "bob-has-another-one"


@pytest.fixture(scope="session")
def server(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a running registry with two worker processes and the users alice and bob."""
    with run_registry(workers=2) as process:
        process.add_user("alice", ALICE_PASSWORD)
        process.add_user("bob", BOB_PASSWORD)
        yield process


@pytest.fixture
def admin(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of the administrator."""
    with closing(RegistryClient(server.url, "admin", server.admin_password)) as client:
        yield client


@pytest.fixture
def alice(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of the user alice."""
    with closing(RegistryClient(server.url, "alice", ALICE_PASSWORD)) as client:
        yield client


@pytest.fixture
def bob(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of the user bob."""
    with closing(RegistryClient(server.url, "bob", BOB_PASSWORD)) as client:
        yield client


@pytest.fixture
def anonymous(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client without a name."""
    with closing(RegistryClient(server.url)) as client:
        yield client


_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    """Give the name of a repository of alice that no other test uses."""
    return f"alice/r{next(_numbers)}"
