"""Fixtures for tests of the pages: a furnished registry, browsers without scripts, and Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.chromium import CHROMIUM, Chromium, start_chromium
from tests.support.server import ServerProcess
from tests.support.site import NAMES, Role, Site, furnish

Visit = Callable[[Role], Browser]


@pytest.fixture(scope="session")
def web_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a registry with somebody in every role; tests that share it must not change what they did not make."""
    server = ServerProcess(tmp_path_factory.mktemp("web") / "data")
    server.start()
    try:
        yield furnish(server)
    finally:
        assert server.stop() == 0


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Give an empty registry for one test alone."""
    server = ServerProcess(tmp_path / "data")
    server.start()
    yield server
    assert server.stop() == 0


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
