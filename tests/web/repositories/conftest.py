"""Fixtures for tests of the pages about repositories."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.api import ApiClient
from tests.support.hostile import HOSTILE
from tests.support.people import ACCOUNTS, make_organization, make_user
from tests.support.server import RunRegistry, ServerProcess
from tests.support.site import REPOSITORIES
from tests.web.repositories.scene import make


@pytest.fixture(scope="session")
def registry(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a registry with some people and two repositories of an organization; once for each database.

    acme/web/front is public; acme/ledger is read and written by the team writers, to which wendy belongs.
    """
    with run_registry() as server, closing(ApiClient(server.url, "admin", server.admin_password)) as root:
        for name in ("olivia", "wendy", "simon"):
            make_user(root, name)
        make_user(root, "audrey", isAuditor=True)
        make_organization(root, "acme", olivia=True, wendy=False)
        for team in ("writers", "readers"):
            assert root.post(f"{ACCOUNTS}/acme/teams", {"name": team}).status_code == 201
        assert root.put(f"{ACCOUNTS}/acme/teams/writers/members/wendy", {}).status_code == 200
        make(root, "acme", "web/front", visibility="public", shortDescription=HOSTILE)
        make(root, "acme", "ledger")
        granted = root.put(f"{REPOSITORIES}/acme/ledger/teamAccess/writers", {"accessLevel": "read-write"})
        assert granted.is_success, granted.text
        yield server
