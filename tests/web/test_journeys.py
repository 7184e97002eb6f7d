"""From the first sign-in to a deleted repository, through the pages alone; pushes and pulls as clients do them."""

import re

import httpx

from tests.support.browser import Browser
from tests.support.chromium import Chromium
from tests.support.people import PASSWORD
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

TOKEN = re.compile(r"dtr_pat_[\w-]+")

REPOSITORY = "/repositories/acme/shop"


def test_from_an_empty_registry_to_a_rolled_back_tag(own_server: ServerProcess) -> None:
    admin = Browser(own_server.url)
    page = admin.sign_in("admin", own_server.admin_password)
    assert f"docker push {own_server.url.partition('://')[2]}/admin/my-app:latest" in page.words

    _make_user(admin, "olivia")
    _make_user(admin, "wendy")
    _make_organization(admin)

    olivia = Browser(own_server.url)
    olivia.sign_in("olivia")
    _make_team(olivia)
    _make_repository(olivia)
    _grant(olivia)

    old, new = _push_as_writer(own_server)
    page = olivia.open(f"{REPOSITORY}/tags")
    assert "latest" in page.words
    assert "wendy" in page.words
    _roll_back(olivia, old, new)
    assert _pulled(own_server) == old

    _delete_tag_and_restore(olivia)
    assert _pulled(own_server) == old
    _delete_repository(olivia)
    for browser in (admin, olivia):
        browser.close()


def test_a_token_is_made_used_and_taken_back(own_server: ServerProcess) -> None:
    own_server.add_user("ursula", PASSWORD)
    browser = Browser(own_server.url)
    browser.sign_in("ursula")
    page = browser.open("/profile/tokens/new")
    page = browser.submit(page, page.form("/profile/tokens", having="label"), status=201, label="laptop")
    found = TOKEN.search(page.text)
    assert found is not None
    registry = RegistryClient(own_server.url, "ursula", found[0])
    registry.push_image("ursula/app")
    registry.close()

    page = browser.open("/profile/tokens")
    assert "laptop" in page.words
    assert found[0] not in page.text
    (delete,) = {link for link in page.links if link.endswith("/delete")} or {""}
    page = browser.open(delete)
    page = browser.submit(page, page.form(delete))

    assert "The token is deleted. It is refused from now on." in page.words
    refused = httpx.get(f"{own_server.url}/auth/token", params={"service": "dtr"}, auth=("ursula", found[0]))
    assert refused.status_code == 401
    browser.close()


def test_a_reader_without_a_mouse_reaches_everything(own_server: ServerProcess, chromium: Chromium) -> None:
    browser = Browser(own_server.url)
    with chromium.visitor(own_server.url) as watched:
        page = watched.page
        page.goto("/")
        page.goto("/sign-in")
        assert page.evaluate("document.activeElement.name") == "username"
        page.keyboard.type("admin")
        page.keyboard.press("Tab")
        page.keyboard.type(own_server.admin_password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/repositories")

        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id || location.hash") in {"main", "#main"}

        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert page.get_by_role("link", name="Profile").is_visible()
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        assert not page.get_by_role("link", name="Profile").is_visible()
        assert watched.problems() == []
    browser.close()


def test_a_question_is_asked_before_somebody_loses_a_right(
    own_server: ServerProcess, chromium: Chromium
) -> None:
    own_server.add_user("olivia", PASSWORD)
    own_server.add_user("wendy", PASSWORD)
    browser = Browser(own_server.url)
    browser.sign_in("admin", own_server.admin_password)
    _make_organization(browser)
    page = browser.open("/organizations/acme")
    for name in ("olivia", "wendy"):
        page = browser.submit(page, page.form("/organizations/acme", action="add"), who=name, owner="on")
    with chromium.visitor(own_server.url, browser) as watched:
        shown = watched.page
        shown.goto("/organizations/acme")
        row = shown.locator("tr", has_text="wendy")
        button = row.get_by_role("button", name="Make a member")
        button.click()
        dialog = shown.get_by_role("dialog")
        assert "wendy" in dialog.inner_text()
        assert shown.evaluate("document.activeElement.textContent") == "Cancel"
        shown.keyboard.press("Escape")
        assert dialog.count() == 0
        assert button.evaluate("each => each === document.activeElement")

        button.click()
        dialog.get_by_role("button", name="Make a member").click()
        row.get_by_role("button", name="Make an owner").wait_for()
        assert watched.problems() == []
    browser.close()


def _make_user(admin: Browser, name: str) -> None:
    page = admin.open("/users/new")
    form = page.form("/users/new")
    page = admin.submit(page, form, name=name, choice="typed", password=PASSWORD, again=PASSWORD)
    assert name in page.words


def _make_organization(admin: Browser) -> None:
    page = admin.open("/organizations/new")
    page = admin.submit(page, page.form("/organizations/new"), name="acme", full_name="Acme Corporation")
    assert page.path == "/organizations/acme"
    if "olivia" not in page.words:
        users = admin.open("/users").words
        if "olivia" in users:
            form = page.form("/organizations/acme", action="add")
            page = admin.submit(page, form, who="olivia", owner="on")
            assert "olivia" in page.words


def _make_team(olivia: Browser) -> None:
    page = olivia.open("/organizations/acme/teams")
    page = olivia.submit(page, page.form("/organizations/acme/teams", having="description"), name="writers")
    assert page.path == "/organizations/acme/teams/writers"
    page = olivia.submit(page, page.form("/organizations/acme/teams/writers", action="add"), who="wendy")
    assert "wendy is a member of the team" in page.words


def _make_repository(olivia: Browser) -> None:
    page = olivia.open("/repositories/new?namespace=acme")
    page = olivia.submit(page, page.form("/repositories/new"), namespace="acme", name="shop")
    assert page.path == REPOSITORY
    assert "docker push" in page.words


def _grant(olivia: Browser) -> None:
    page = olivia.open(f"{REPOSITORY}/permissions")
    form = page.form(f"{REPOSITORY}/permissions", action="set-team")
    page = olivia.submit(page, form, who="writers", level="read-write")
    assert "Saved the access of the team writers" in page.words


def _push_as_writer(server: ServerProcess) -> tuple[str, str]:
    """Push one tag twice; return the digests."""
    wendy = RegistryClient(server.url, "wendy", PASSWORD)
    old = sha256(wendy.push_image("acme/shop", "latest", b"first"))
    new = sha256(wendy.push_image("acme/shop", "latest", b"second"))
    wendy.close()
    return old, new


def _pulled(server: ServerProcess) -> str:
    wendy = RegistryClient(server.url, "wendy", PASSWORD)
    answer = wendy.request("HEAD", "acme/shop", "manifests/latest")
    wendy.close()
    assert answer.status_code == 200
    return str(answer.headers["docker-content-digest"])


def _roll_back(olivia: Browser, old: str, new: str) -> None:
    page = olivia.open(f"{REPOSITORY}/tags/latest")
    assert new in page.text
    form = page.form(f"{REPOSITORY}/tags/latest/restore", digest=old)
    assert "latest" in form.confirm
    page = olivia.submit(page, form)
    assert page.path == f"{REPOSITORY}/tags/latest"
    assert "The tag latest names" in page.words


def _delete_tag_and_restore(olivia: Browser) -> None:
    page = olivia.open(f"{REPOSITORY}/tags/latest")
    page = olivia.submit(page, page.form(f"{REPOSITORY}/tags/delete", tag="latest"))
    assert "Delete 1 tag?" in page.words
    page = olivia.submit(page, page.form(f"{REPOSITORY}/tags/delete", confirmed="yes"))
    assert "Deleted the tag latest" in page.words
    page = olivia.submit(page, page.form(f"{REPOSITORY}/tags/latest/restore"))
    assert "The tag latest is back" in page.words


def _delete_repository(olivia: Browser) -> None:
    page = olivia.open(f"{REPOSITORY}/settings")
    form = page.form(f"{REPOSITORY}/settings", section="delete")
    page = olivia.submit(page, form, status=None, typed_name="acme/other")
    assert page.status == 400, "the wrong name was taken"
    page = olivia.submit(page, page.form(f"{REPOSITORY}/settings", section="delete"), typed_name="acme/shop")
    assert page.path.startswith("/repositories?")
    assert olivia.open(REPOSITORY, status=404).status == 404
