"""Without JavaScript everything can be read, and every form can be sent."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.browser import Browser
from tests.support.chromium import Chromium
from tests.support.html_pages import HtmlForm
from tests.support.screens import declared_routes, screens_of
from tests.support.server import ServerProcess
from tests.support.site import NAMES, Role, Site, furnish

Visit = Callable[[Role], Browser]

FOUND = "#repositories tbody tr:not(.table-group)"
"""The repositories in the list."""

LOGIN_DOOR = ("/login", "/logout")
"""Paths that do not belong to the pages' application."""

SERVER_ERROR = 500


@pytest.fixture(scope="module")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a registry whose forms may all be sent."""
    server = ServerProcess(tmp_path_factory.mktemp("forms") / "data")
    server.start()
    try:
        yield furnish(server)
    finally:
        assert server.stop() == 0


def _forms(browser: Browser, paths: list[str]) -> Iterator[tuple[str, HtmlForm]]:
    for path in paths:
        yield from ((path, form) for form in browser.open(path).forms)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER, Role.READER])
def test_every_form_that_changes_something_carries_the_token_and_leads_to_a_route(
    web_server: Site, visit: Visit, role: Role
) -> None:
    browser = visit(role)
    token = browser.http.cookies["csrftoken"]
    for path, form in _forms(browser, screens_of(web_server, role)):
        assert form.method in {"get", "post"}, path
        action = urlsplit(form.action).path or urlsplit(path).path
        if form.method == "post":
            assert form.fields.get("csrf_token") == [token], f"{path}: {form.action}"
            assert form.buttons, f"{path}: {form.action} has no button"
            assert action in LOGIN_DOOR or _is_declared(action, "POST"), (
                f"{path}: nothing takes {form.action}"
            )
        else:
            assert "csrf_token" not in form.fields, f"{path}: the token would be in the address"
            assert _is_declared(action, "GET"), f"{path}: {form.action}"


def test_every_route_that_changes_something_is_the_target_of_a_form(web_server: Site, visit: Visit) -> None:
    actions = {
        urlsplit(form.action).path or urlsplit(path).path
        for role in (Role.ADMIN, Role.OWNER)
        for path, form in _forms(visit(role), screens_of(web_server, role))
        if form.method == "post"
    }

    unused = {
        route for route in declared_routes("POST") if not any(_matches(route, each) for each in actions)
    }
    assert unused == set(), (
        "no form leads there, or the page that has it is missing in tests/support/screens.py"
    )


def test_every_form_can_be_sent_as_it_is(own_site: Site) -> None:
    """Nothing a person may send by just pressing a button breaks the server, or is refused as forged."""
    browser = Browser(own_site.url)
    browser.sign_in(NAMES[Role.OWNER])
    sent = set()
    for path in screens_of(own_site, Role.OWNER):
        page = browser.open(path, status=None)
        for form in page.forms:
            key = (form.action, tuple(sorted(form.fields)), tuple(form.fields.get("action", ())))
            if form.method != "post" or key in sent or urlsplit(form.action).path in LOGIN_DOOR:
                continue
            sent.add(key)
            answer = browser.submit(page, form, status=None)
            assert answer.status < SERVER_ERROR, f"{path}: {form.action}"
            assert answer.headers["content-type"].startswith("text/html"), f"{path}: {form.action}"
            assert "session's token" not in answer.words, f"{path}: {form.action}"
    browser.close()

    assert len(sent) > 10
    assert '"request.failed"' not in own_site.server.log.read_text()


def test_a_browser_without_scripts_signs_in_filters_and_makes_a_repository(
    own_site: Site, chromium: Chromium, tmp_path: Path
) -> None:
    with chromium.visitor(own_site.url, java_script=False) as watched:
        page = watched.page
        page.goto("/repositories/new")
        page.get_by_label("User name").fill(NAMES[Role.USER])
        page.get_by_label("Password", exact=True).fill(own_site.password(Role.USER))
        page.locator("form[action^='/login'] button").click()
        page.get_by_label("Name", exact=True).fill("by-hand")
        page.get_by_role("button", name="Create the repository").click()
        assert page.url == f"{own_site.url}/repositories/{NAMES[Role.USER]}/by-hand"

        page.goto("/repositories")
        page.get_by_label("Part of the name").fill("by-ha")
        page.get_by_role("button", name="Filter").click()
        assert "q=by-ha" in page.url
        assert page.locator(FOUND).count() == 1
        assert watched.problems() == []


def test_a_filter_applies_while_it_is_typed_and_keeps_the_focus(
    web_server: Site, visit: Visit, chromium: Chromium
) -> None:
    with chromium.visitor(web_server.url, visit(Role.ADMIN)) as watched:
        page = watched.page
        page.goto("/repositories")
        assert page.locator(FOUND).count() > 1
        assert page.get_by_role("button", name="Filter").count() == 0
        field = page.get_by_label("Part of the name")
        field.press_sequentially("cli")
        page.wait_for_url("**/repositories?q=cli")
        expect(page.locator(FOUND)).to_have_count(1)
        assert field.evaluate("each => each === document.activeElement")
        assert "day, " in str(page.locator("time[data-moment]").first.get_attribute("title"))  # by the script

        page.get_by_role("link", name="cli").click()
        page.go_back()
        assert page.url.endswith("/repositories?q=cli")
        assert page.get_by_label("Part of the name").input_value() == "cli"
        assert page.locator(FOUND).count() == 1
        assert watched.problems() == []


def _is_declared(path: str, method: str) -> bool:
    return any(_matches(route, path) for route in declared_routes(method))


def _matches(route: str, path: str) -> bool:
    """Tell whether a path is one of a route: the same number of components, equal where they are fixed."""
    wanted, given = route.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        each.startswith("{") or each == other for each, other in zip(wanted, given, strict=True)
    )
