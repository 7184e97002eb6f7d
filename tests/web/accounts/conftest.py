"""Fixtures for tests of the pages about people: a registry whose organization is the same before every test."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.people import ACCOUNTS, make_organization, make_user
from tests.support.server import RunRegistry, ServerProcess
from tests.support.site import REPOSITORIES

USERS = ("olivia", "wendy", "mark", "simon")
KEPT = {"admin", "audrey", "docker-datacenter", *USERS}


@pytest.fixture(scope="session")
def registry(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a registry with some people; once for each database."""
    with run_registry() as server, closing(ApiClient(server.url, "admin", server.admin_password)) as root:
        for name in USERS:
            make_user(root, name)
        make_user(root, "audrey", isAuditor=True)
        yield server


@pytest.fixture
def admin(admin: ApiClient) -> Iterator[ApiClient]:
    """Give the administrator's client of the API, of a registry with an organization as each test finds it.

    olivia owns acme; wendy and mark belong to it and to its team, which mark manages and which reads and writes
    acme/app. What a test adds is deleted.
    """
    make_organization(admin, "acme", olivia=True, wendy=False, mark=False)
    teams = f"{ACCOUNTS}/acme/teams"
    for answer in (
        admin.post(teams, {"name": "writers"}),
        admin.put(f"{teams}/writers/members/wendy", {"isAdmin": False}),
        admin.put(f"{teams}/writers/members/mark", {"isAdmin": True}),
        admin.post(f"{REPOSITORIES}/acme", {"name": "app"}),
        admin.put(f"{REPOSITORIES}/acme/app/teamAccess/writers", {"accessLevel": "read-write"}),
    ):
        assert answer.is_success, answer.text
    yield admin
    for each in admin.get(REPOSITORIES, params={"pageSize": 100}).json()["repositories"]:
        admin.delete(f"{REPOSITORIES}/{each['namespace']}/{each['name']}")
    for account in admin.get(ACCOUNTS, params={"limit": 1000}).json()["accounts"]:
        if account["name"] not in KEPT:
            assert admin.delete(f"{ACCOUNTS}/{account['id']}").is_success, account


@pytest.fixture
def browser_of(admin: ApiClient, browser_of: BrowserOf) -> BrowserOf:
    """Give what opens browsers, on a registry with its organization."""
    return browser_of


@pytest.fixture
def mark(browser_of: BrowserOf) -> Browser:
    """Give the browser of who manages the team."""
    return browser_of("mark")
