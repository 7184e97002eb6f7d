"""Every page, as everybody, in every width and both colour schemes."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.chromium import NARROW, USUAL, WIDE, Chromium, Watched
from tests.support.screens import SCREENS, Screen, declared_routes, screens_of
from tests.support.site import Role, Site

Visit = Callable[[Role], Browser]

MAX_PAGE_BYTES = 200 * 1024
REFUSALS = {403, 404}

# What axe-core is asked about everybody's pages; the others' pages are parts of these.
EXAMINED = (Role.ANONYMOUS, Role.READER, Role.ADMIN)


def test_every_page_is_listed() -> None:
    assert declared_routes("GET") == set(SCREENS), "list the page in tests/support/screens.py"


@pytest.mark.parametrize("role", list(Role))
def test_everybody_sees_what_they_may_see_and_nothing_else(
    web_server: Site, visit: Visit, role: Role
) -> None:
    browser = visit(role)
    wrong = []
    for route, screens in SCREENS.items():
        for screen in screens:
            path = screen.path(web_server, role)
            answer = browser.http.get(path, follow_redirects=False)
            expected = _expected(screen, role)
            if answer.status_code not in expected:
                wrong.append(f"{route}: {path} answers {answer.status_code}, not {sorted(expected)}")
            if len(answer.content) > MAX_PAGE_BYTES:
                wrong.append(f"{route}: {path} is {len(answer.content)} bytes long")

    assert not wrong, "\n".join(wrong)


def _expected(screen: Screen, role: Role) -> set[int]:
    if role in screen.seen_by:
        return {screen.status}
    if screen.leads_others_on:
        return {303}
    return {303, 404} if role is Role.ANONYMOUS else REFUSALS


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", list(Role))
def test_every_page_looks_right(
    web_server: Site, visit: Visit, chromium: Chromium, tmp_path: Path, role: Role
) -> None:
    shots = Path(os.environ.get("DTR_SCREENSHOTS") or tmp_path) / role
    shots.mkdir(parents=True, exist_ok=True)
    print(f"screenshots: {shots}")  # noqa: T201 - for who looks at them
    wrong: list[str] = []
    signed_in = None if role is Role.ANONYMOUS else visit(role)
    with chromium.visitor(web_server.url, signed_in) as watched:
        for path in screens_of(web_server, role):
            assert watched.open(path) == 200, path
            found = _look(watched, shots / (re.sub(r"\W+", "_", path).strip("_")[:80] or "home"), role)
            wrong += [f"{path}: {each}" for each in [*found, *watched.problems()]]

    assert not wrong, "\n".join(wrong)


def _look(watched: Watched, shot: Path, role: Role) -> list[str]:
    """Look at the open page in every width and colour scheme; return what is wrong."""
    page, found = watched.page, []
    for width in (NARROW, WIDE, USUAL):
        page.set_viewport_size({"width": width, "height": 900})
        too_wide = watched.overflow()
        if too_wide:
            found.append(f"wider than {width}: {too_wide}")
        page.screenshot(path=f"{shot}-{width}.png")
    if role in EXAMINED:
        found += watched.accessibility()
        page.emulate_media(color_scheme="dark")
        found += [f"dark: {each}" for each in watched.accessibility()]
        page.screenshot(path=f"{shot}-{USUAL}-dark.png")
        page.emulate_media(color_scheme="light")
    return found


def test_pages_take_little_time(web_server: Site, visit: Visit, record_property: Callable[..., None]) -> None:
    """Report the slowest pages; the bound is loose, as this machine may be busy."""
    browser = visit(Role.ADMIN)
    for path in screens_of(web_server, Role.ADMIN):
        browser.open(path)

    lines = [
        json.loads(line) for line in web_server.server.log.read_text().splitlines() if line.startswith("{")
    ]
    pages = [line for line in lines if line.get("event") == "request" and line["user"] == "admin"]
    times = sorted(
        ((line["duration_ms"], line["path"]) for line in pages if line["method"] == "GET"), reverse=True
    )
    record_property("slowest_pages", times[:5])
    print(*(f"{took:8.1f} ms {path}" for took, path in times[:5]), sep="\n")  # noqa: T201 - a report
    assert times[0][0] < 3000
