"""Fixtures for the permission test: one registry a database, and one world on it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.server import RunRegistry
from tests.support.world import World


@pytest.fixture(scope="session")
def world(run_registry: RunRegistry) -> Iterator[World]:
    """Give everybody who might call, on a running registry, once for each database."""
    with run_registry() as server, closing(World(server)) as made:
        yield made
