"""Fixtures for tests of the pages about images."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.api import ApiClient
from tests.support.people import PASSWORD, make_organization, make_user
from tests.support.registry import (
    RegistryClient,
)
from tests.support.server import RunRegistry, ServerProcess
from tests.support.site import REPOSITORIES


@pytest.fixture(scope="session")
def registry(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a registry with an organization, its owner olivia, its member mia, the stranger simon; for each database."""
    with run_registry() as server, closing(ApiClient(server.url, "admin", server.admin_password)) as root:
        for name in ("olivia", "mia", "simon"):
            make_user(root, name)
        make_user(root, "audrey", isAuditor=True)
        make_organization(root, "acme", olivia=True, mia=False)
        yield server


@pytest.fixture
def pusher(registry: ServerProcess) -> Iterator[RegistryClient]:
    """Give olivia's client of the registry."""
    with closing(RegistryClient(registry.url, "olivia", PASSWORD)) as client:
        yield client


@pytest.fixture
def name(admin: ApiClient, request: pytest.FixtureRequest) -> str:
    """Make a public repository of this test alone; its name has a slash in it."""
    short = f"web/{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower()).strip('-')[-80:]}"
    made = admin.post(f"{REPOSITORIES}/acme", {"name": short, "visibility": "public"})
    assert made.status_code == 201, made.text
    return f"acme/{short}"
