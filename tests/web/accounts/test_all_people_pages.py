"""What holds for all pages about people: strangers learn nothing, forged forms change nothing, scripts help."""

import pytest
from playwright.sync_api import Page

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.chromium import Chromium, Watched
from tests.support.people import ACCOUNTS, PASSWORD
from tests.support.server import ServerProcess
from tests.web.accounts.scene import TEAM, ranks


def test_strangers_are_sent_to_sign_in_and_learn_nothing(browser_of: BrowserOf) -> None:
    for path in (
        "/organizations",
        "/organizations/new",
        "/organizations/acme",
        "/organizations/nobody",
        "/organizations/acme/teams",
        TEAM,
        "/organizations/acme/teams/none",
        "/organizations/acme/settings",
        "/users",
        "/users/new",
        "/users/wendy",
        "/users/nobody",
    ):
        answer = browser_of().http.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next="), path


def test_a_form_without_its_token_changes_nothing(root: Browser, admin: ApiClient) -> None:
    for path, fields in (
        ("/organizations/new", {"name": "globex"}),
        ("/organizations/acme", {"action": "add", "who": "simon"}),
        (TEAM, {"action": "delete", "typed_name": "writers"}),
        ("/users/simon", {"section": "delete", "typed_name": "simon"}),
    ):
        answer = root.http.post(path, data=fields)
        assert answer.status_code == 403, path
    assert admin.get(f"{ACCOUNTS}/globex").status_code == 404
    assert "simon" not in ranks(admin)
    assert admin.get(f"{ACCOUNTS}/acme/teams/writers").status_code == 200
    assert admin.get(f"{ACCOUNTS}/simon").status_code == 200


def come_in(watched: Watched, name: str, password: str, path: str) -> Page:
    """Sign in on the way to a page; return it."""
    page = watched.page
    page.goto(f"/sign-in?next={path}")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")
    return page


def test_removing_from_a_team_asks_first(
    registry: ServerProcess, chromium: Chromium, admin: ApiClient
) -> None:
    with chromium.visitor(registry.url) as watched:
        page = come_in(watched, "olivia", PASSWORD, TEAM)
        row = page.get_by_role("row").filter(has_text="wendy")
        row.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert "wendy" in ranks(admin, "acme/teams/writers")
        row.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_text("Removed wendy from the team").wait_for()
        assert "wendy" not in ranks(admin, "acme/teams/writers")
        assert watched.problems() == []


@pytest.mark.usefixtures("admin")
def test_the_fields_of_a_password_show_when_one_is_to_be_typed(
    registry: ServerProcess, chromium: Chromium
) -> None:
    with chromium.visitor(registry.url) as watched:
        page = come_in(watched, "admin", registry.admin_password, "/users/new")
        field = page.get_by_label("New password", exact=True)
        assert not field.is_visible()
        page.get_by_label("Type one").check()
        assert field.is_visible()
        assert watched.problems() == []


@pytest.mark.usefixtures("admin")
def test_users_are_found_while_a_name_is_typed(registry: ServerProcess, chromium: Chromium) -> None:
    with chromium.visitor(registry.url) as watched:
        page = come_in(watched, "admin", registry.admin_password, "/users")
        page.get_by_label("Part of a name").fill("wen")
        page.get_by_role("row").filter(has_text="olivia").wait_for(state="detached")
        assert page.get_by_role("link", name="wendy").is_visible()
        assert page.url.endswith("/users?q=wen")
        assert watched.problems() == []
