"""Fixtures for tests of the pages: registries, browsers without scripts, and Chromium.

`web_server` has somebody in every role and is shared by all; `visit` opens the browser of who has a role there.
What changes much needs a registry of its own: its module, or the folder of its room, defines `registry`. The browsers
of its people are below; olivia owns the organization acme, wendy belongs to it, simon does not.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf, browsers
from tests.support.chromium import CHROMIUM, Chromium, start_chromium
from tests.support.server import ServerProcess, running
from tests.support.site import NAMES, Role, Site, furnish

Visit = Callable[[Role], Browser]


@pytest.fixture(scope="session")
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a registry with somebody in every role; tests that share it must not change what they did not make."""
    with running(tmp_path_factory.mktemp("web") / "data") as server:
        yield furnish(server)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Give an empty registry for one test alone."""
    with running(tmp_path / "data") as server:
        yield server


@pytest.fixture
def visit(web_server: Site) -> Iterator[Visit]:
    """Give a function that returns the browser, without scripts, of whoever has a role; signed in."""
    opened: dict[Role, Browser] = {}

    def visit(role: Role) -> Browser:
        if role not in opened:
            opened[role] = Browser(web_server.url)
            if role is not Role.ANONYMOUS:
                opened[role].sign_in(NAMES[role], web_server.password(role))
        return opened[role]

    yield visit
    for each in opened.values():
        each.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """Give Debian's Chromium.

    One a module, not one a session: while Playwright is there, no test of the same process can run an event loop.
    """
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with start_chromium() as started:
        yield started


@pytest.fixture
def admin(registry: ServerProcess) -> Iterator[ApiClient]:
    """Give the administrator's client of the API."""
    with closing(ApiClient(registry.url, "admin", registry.admin_password)) as client:
        yield client


@pytest.fixture
def browser_of(registry: ServerProcess) -> Iterator[BrowserOf]:
    """Give what opens browsers."""
    with browsers(registry.url) as opened:
        yield opened


@pytest.fixture
def root(registry: ServerProcess, browser_of: BrowserOf) -> Browser:
    """Give the administrator's browser."""
    return browser_of("admin", registry.admin_password)


@pytest.fixture
def olivia(browser_of: BrowserOf) -> Browser:
    """Give the browser of the owner of acme."""
    return browser_of("olivia")


@pytest.fixture
def wendy(browser_of: BrowserOf) -> Browser:
    """Give the browser of a member of acme."""
    return browser_of("wendy")


@pytest.fixture
def simon(browser_of: BrowserOf) -> Browser:
    """Give the browser of somebody who does not belong to acme."""
    return browser_of("simon")


@pytest.fixture
def stranger(browser_of: BrowserOf) -> Browser:
    """Give the browser of somebody who is not signed in."""
    return browser_of()
