"""Registries that are about to suffer."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess
from tests.support.workers import client_of_each_worker

ALICE_PASSWORD = "alice-has-a-password"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Give a running registry with two workers, for this test alone, and the user alice."""
    process = ServerProcess(tmp_path / "data", workers=2)
    process.start()
    process.add_user("alice", ALICE_PASSWORD)
    yield process
    if process.is_running():
        process.kill()


@pytest.fixture
def alice(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of the user alice."""
    with closing(RegistryClient(server.url, "alice", ALICE_PASSWORD)) as client:
        yield client


@pytest.fixture
def both(server: ServerProcess) -> Iterator[list[RegistryClient]]:
    """Give two clients of alice, each connected to another worker."""
    with client_of_each_worker(server, "alice", ALICE_PASSWORD) as clients:
        yield clients
