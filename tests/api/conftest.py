"""Fixtures for tests of the control plane: one registry a database, with two workers and three users."""

import itertools
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.support.api import ApiClient
from tests.support.go_client import GoClient
from tests.support.server import RunRegistry, ServerProcess

ALICE_PASSWORD = "alice's own password"
BOB_PASSWORD = "bob's own password"
CAROL_PASSWORD = "carol has a password"


@pytest.fixture(scope="session")
def server(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a running registry with the users admin, alice and bob, once for each database."""
    with run_registry(workers=2) as process:
        process.add_user("alice", ALICE_PASSWORD)
        process.add_user("bob", BOB_PASSWORD)
        yield process


@pytest.fixture
def admin(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client of the administrator."""
    with closing(ApiClient(server.url, "admin", server.admin_password)) as client:
        yield client


@pytest.fixture
def alice(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client of the user alice."""
    with closing(ApiClient(server.url, "alice", ALICE_PASSWORD)) as client:
        yield client


@pytest.fixture
def bob(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client of the user bob."""
    with closing(ApiClient(server.url, "bob", BOB_PASSWORD)) as client:
        yield client


@pytest.fixture
def anonymous(server: ServerProcess) -> Iterator[ApiClient]:
    """Give a client without a name."""
    with closing(ApiClient(server.url)) as client:
        yield client


_numbers = itertools.count(1)


@pytest.fixture
def number() -> int:
    """Give a number that no other test of this process has, to make names of."""
    return next(_numbers)


@pytest.fixture
def carol(server: ServerProcess, admin: ApiClient, number: int) -> Iterator[ApiClient]:
    """Give a client of a user of this test alone."""
    name = f"carol-t{number}"
    assert admin.post("/enzi/v0/accounts", {"name": name, "password": CAROL_PASSWORD}).status_code == 201
    with closing(ApiClient(server.url, name, CAROL_PASSWORD)) as client:
        yield client


@pytest.fixture
def go(server: ServerProcess) -> Iterator[GoClient]:
    """Give the administrator's client that is written in Go."""
    with closing(GoClient(server.url, "admin", server.admin_password)) as client:
        yield client


@pytest.fixture
def elsewhere(server: ServerProcess, number: int) -> Iterator[httpx.Client]:
    """Give a client with an address of its own, on which failed logins are counted."""
    transport = httpx.HTTPTransport(local_address=f"127.0.77.{number}")
    with httpx.Client(base_url=server.url, transport=transport, timeout=30) as client:
        yield client
