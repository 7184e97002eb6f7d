"""The API's documentation in a real browser: it can be read, and every operation can be tried."""

import os
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.chromium import NARROW, USUAL, WIDE, Chromium, Watched
from tests.support.people import PASSWORD
from tests.support.server import ServerProcess

DOCS = "/api/v0/docs"


def unfold(watched: Watched, operation: str) -> None:
    watched.page.goto(f"{DOCS}#op-{operation}")
    watched.page.locator(f"#op-{operation}[open]").wait_for()


def send(watched: Watched, operation: str) -> str:
    """Press the button of an operation's form; return what came back, in words."""
    section = watched.page.locator(f"#op-{operation}")
    section.get_by_role("button", name="Send").click()
    section.locator(".answer:not([hidden])").wait_for()
    return section.locator("output").inner_text() + "\n" + section.locator(".answer").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_right_in_every_width_and_scheme(
    own_server: ServerProcess, chromium: Chromium, tmp_path: Path, scheme: str
) -> None:
    shots = Path(os.environ.get("DTR_SCREENSHOTS") or tmp_path)
    with chromium.visitor(own_server.url, color_scheme=scheme) as watched:
        unfold(watched, "createRepository")
        for width in (NARROW, USUAL, WIDE):
            watched.page.set_viewport_size({"width": width, "height": 900})
            assert watched.overflow() == ""
            watched.page.screenshot(path=str(shots / f"docs-{width}-{scheme}.png"))
        assert watched.accessibility() == []
        assert watched.problems() == []


def test_request_is_sent_with_name_and_password(own_server: ServerProcess, chromium: Chromium) -> None:
    with chromium.visitor(own_server.url) as watched:
        unfold(watched, "createRepository")
        watched.page.get_by_role("textbox", name="Name", exact=True).fill("admin")
        watched.page.get_by_role("textbox", name="Password").fill(own_server.admin_password)
        section = watched.page.locator("#op-createRepository")
        section.get_by_label("namespace").fill("admin")
        section.get_by_label("Body").fill('{"name": "from/docs"}')
        answer = send(watched, "createRepository")
        assert answer.startswith("201 ")
        assert '"name": "from/docs"' in answer

        unfold(watched, "getRepository")
        section = watched.page.locator("#op-getRepository")
        section.get_by_label("namespace").fill("admin")
        section.get_by_label("reponame").fill("from/docs")
        answer = send(watched, "getRepository")
        assert answer.startswith("200 ")
        assert "GET /api/v0/repositories/admin/from%2Fdocs" in answer
        assert watched.problems() == []


def test_request_is_sent_in_the_session_of_the_browser(own_server: ServerProcess, chromium: Chromium) -> None:
    own_server.add_user("ada", PASSWORD)
    browser = Browser(own_server.url)
    browser.sign_in("ada")
    with chromium.visitor(own_server.url, browser) as watched:
        unfold(watched, "createRepository")
        section = watched.page.locator("#op-createRepository")
        section.get_by_label("namespace").fill("ada")
        section.get_by_label("Body").fill('{"name": "by-session"}')
        assert send(watched, "createRepository").startswith("201 ")
        assert watched.problems() == []
    browser.close()


def test_refusal_is_shown_and_no_window_asks_for_a_password(
    own_server: ServerProcess, chromium: Chromium
) -> None:
    with chromium.visitor(own_server.url) as watched:
        unfold(watched, "getSettings")
        watched.page.get_by_label("Nobody").check()
        answer = send(watched, "getSettings")
        assert answer.startswith("401 ")
        assert "NOT_AUTHENTICATED" in answer


def test_operations_are_found_by_words(own_server: ServerProcess, chromium: Chromium) -> None:
    with chromium.visitor(own_server.url) as watched:
        watched.open(DOCS)
        watched.page.get_by_label("Find an operation").fill("post robots secret")
        assert watched.page.locator("#op-rotateRobotSecret").is_visible()
        assert watched.page.locator("main .operation:visible").count() < 5
        assert watched.page.locator("#op-createRepository").is_hidden()


def test_page_can_be_read_without_scripts(own_server: ServerProcess, chromium: Chromium) -> None:
    with chromium.visitor(own_server.url, java_script=False) as watched:
        assert watched.open(DOCS) == 200
        section = watched.page.locator("#op-createRepository")
        section.locator("summary").click()
        assert section.get_by_text("visibility").first.is_visible()
        assert section.locator("form").is_hidden()
        assert watched.page.locator("#caller").is_hidden()
