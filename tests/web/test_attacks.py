"""What other sites, other people and forged requests must not reach through the browser of who is signed in."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf, browsers
from tests.support.people import ACCOUNTS, PASSWORD, client, make_user
from tests.support.screens import declared_routes
from tests.support.server import ServerProcess

ELSEWHERE = {"origin": "https://evil.example"}
PAGE = {"accept": "text/html"}
REPOSITORIES = "/api/v0/repositories"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a registry with the users alice and bob, and a private repository of bob's."""
    server = ServerProcess(tmp_path_factory.mktemp("attacks") / "data")
    server.start()
    with client(server, "admin", server.admin_password) as admin:
        make_user(admin, "alice")
        make_user(admin, "bob")
        assert admin.post(f"{REPOSITORIES}/bob", {"name": "secret"}).status_code == 201
    yield server
    assert server.stop() == 0


@pytest.fixture
def browser_of(registry: ServerProcess) -> Iterator[BrowserOf]:
    """Give what opens browsers."""
    with browsers(registry.url) as opened:
        yield opened


@pytest.fixture
def alice(browser_of: BrowserOf) -> Browser:
    """Give a browser that alice is signed in with."""
    return browser_of("alice")


@pytest.fixture
def admin(registry: ServerProcess) -> Iterator[ApiClient]:
    """Give the administrator's client of the API."""
    with client(registry, "admin", registry.admin_password) as found:
        yield found


# -- other sites ----------------------------------------------------------------------------------


def test_another_site_cannot_sign_anybody_out(registry: ServerProcess) -> None:
    """Browsers send no `SameSite=Lax` cookie with the form of another site, but keep the cookies of the answer."""
    answer = httpx.post(f"{registry.url}/logout", headers={**PAGE, **ELSEWHERE})

    dropped = [each for each in answer.headers.get_list("set-cookie") if "dtr_flash" not in each]
    assert dropped == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
@pytest.mark.parametrize("headers", [{}, {"accept": "text/html"}])
def test_another_site_cannot_use_a_password_that_the_browser_adds_by_itself(
    registry: ServerProcess, admin: ApiClient, headers: dict[str, str], origin: str
) -> None:
    """A browser that was once asked for a password adds it to what pages of other sites send.

    A body without a type needs no leave of this site's (no preflight), and a form may have no body at all.
    """
    forged = {**headers, "origin": origin}
    password = ("alice", PASSWORD)

    made = httpx.post(
        f"{registry.url}{REPOSITORIES}/alice", content=b'{"name":"forged"}', auth=password, headers=forged
    )
    token = httpx.post(f"{registry.url}/api/v0/api_tokens", auth=password, headers=forged)
    page = httpx.post(f"{registry.url}/profile", data={"full_name": "Forged"}, auth=password, headers=forged)

    assert [made.status_code, token.status_code, page.status_code] == [403] * 3
    assert admin.get(f"{REPOSITORIES}/alice/forged").status_code == 404
    assert admin.get(f"{ACCOUNTS}/alice").json()["fullName"] != "Forged"


def test_programs_and_pages_of_this_site_send_passwords_as_before(registry: ServerProcess) -> None:
    address = f"{registry.url}{REPOSITORIES}/alice"

    by_program = httpx.post(address, json={"name": "by-program"}, auth=("alice", PASSWORD))
    by_page = httpx.post(
        address, json={"name": "by-page"}, auth=("alice", PASSWORD), headers={"origin": registry.url}
    )

    assert [by_program.status_code, by_page.status_code] == [201, 201]


def test_no_form_does_anything_without_the_token_of_its_session(
    alice: Browser, browser_of: BrowserOf
) -> None:
    foreign = re.search(r'name="csrf_token" value="([^"]+)"', browser_of("bob").see("/profile"))
    assert foreign is not None
    wrong = []
    for route in declared_routes("POST"):
        path = re.sub(r"\{[^}]+\}", "x", route)
        for fields in ({}, {"csrf_token": ""}, {"csrf_token": foreign[1]}):
            answer = alice.http.post(path, data=fields)
            if answer.status_code != 403 or "must come from a page of the registry itself" not in answer.text:
                wrong.append((path, fields, answer.status_code))

    assert not wrong
    assert "Your account" in alice.see("/profile")


def test_no_page_is_shown_within_another_or_read_by_another_site(alice: Browser) -> None:
    for path in ("/profile", "/api/v0/docs", "/sign-in", "/nothing-here"):
        answer = alice.http.get(path, headers=ELSEWHERE, follow_redirects=True)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert not [name for name in answer.headers if name.startswith("access-control-")], path


# -- other people ---------------------------------------------------------------------------------


_FORMS: list[tuple[str, dict[str, str]]] = [
    ("/settings", {"section": "description", "short_description": "Mine"}),
    ("/settings", {"section": "rename", "new_name": "alice/stolen"}),
    ("/settings", {"section": "delete", "typed_name": "bob/{name}"}),
    ("/permissions", {"action": "set-user", "who": "alice", "level": "admin"}),
    ("/permissions", {"action": "remove-team", "who": "x"}),
    ("/tags/delete", {"tag": "latest"}),
    ("/tags/delete", {"tag": "latest", "confirmed": "yes"}),
    ("/tags/latest/restore", {}),
    (f"/manifests/sha256:{'0' * 64}/delete", {"confirmed": "yes"}),
]


@pytest.mark.parametrize("who", ["", "alice"])
def test_a_private_repository_looks_like_none_on_every_page(browser_of: BrowserOf, who: str) -> None:
    browser = browser_of(who)
    for rest in ("", "/tags", "/tags/latest", "/activity", "/permissions", "/settings"):
        seen = [browser.http.get(f"/repositories/bob/{name}{rest}") for name in ("secret", "absent")]
        assert seen[0].status_code == seen[1].status_code == 404, rest
        assert seen[0].text.replace("secret", "absent") == seen[1].text, rest


def test_forms_about_a_private_repository_are_refused_as_if_there_were_none(alice: Browser) -> None:
    for rest, fields in _FORMS:
        sent = [
            alice.send(
                f"/repositories/bob/{name}{rest}",
                **{key: value.format(name=name) for key, value in fields.items()},
            )
            for name in ("secret", "absent")
        ]
        assert [each.status_code for each in sent] == [404, 404], (rest, fields)
        assert sent[0].text.replace("secret", "absent") == sent[1].text, (rest, fields)


def test_fields_that_a_form_does_not_have_change_nothing(alice: Browser, admin: ApiClient) -> None:
    more = {
        "is_admin": "on",
        "isAdmin": "true",
        "is_active": "",
        "name": "root",
        "id": "1",
        "section": "rights",
    }

    alice.send("/profile", full_name="Alice", **more)
    rights = alice.send("/users/alice", section="rights", is_admin="on", is_active="on")

    assert rights.status_code == 403
    account = admin.get(f"{ACCOUNTS}/alice").json()
    assert (account["fullName"], account["isAdmin"], account["name"]) == ("Alice", False, "alice")


@pytest.mark.parametrize("who", ["alice", "admin"])
def test_nobody_changes_their_own_password_without_the_present_one(
    registry: ServerProcess, browser_of: BrowserOf, who: str
) -> None:
    """Not even an administrator by the form for others: a browser left alone must not become an account taken over."""
    password = registry.admin_password if who == "admin" else PASSWORD
    browser = browser_of(who, password)
    typed = {"password": "another password", "again": "another password"}

    generated = browser.send(f"/users/{who}", section="password", choice="generate")
    chosen = browser.send(f"/users/{who}", section="password", choice="type", **typed)
    own = browser.send("/profile/password", new="another password", again="another password")

    assert [generated.status_code, chosen.status_code, own.status_code] == [400, 400, 403]
    assert browser_of(who, password).see("/profile")


# -- sessions -------------------------------------------------------------------------------------


def test_signing_in_begins_a_new_session_whatever_the_browser_came_with(browser_of: BrowserOf) -> None:
    attacker, victim = browser_of("bob"), browser_of()
    planted = attacker.http.cookies["dtr_session"]
    victim.http.headers["cookie"] = f"dtr_session={planted}"

    answer = victim.log_in("alice", PASSWORD)

    assert planted not in "".join(answer.headers.get_list("set-cookie"))
    assert attacker.http.get("/profile").status_code == 303, "the planted session has ended"


def test_pages_end_with_the_account(browser_of: BrowserOf, admin: ApiClient) -> None:
    make_user(admin, "carol")
    carol = browser_of("carol")
    assert carol.see("/profile")

    assert admin.patch(f"{ACCOUNTS}/carol", {"isActive": False}).is_success
    disabled = carol.http.get("/profile")
    assert admin.patch(f"{ACCOUNTS}/carol", {"isActive": True}).is_success

    assert disabled.status_code == 303
    assert carol.http.get("/profile").status_code == 303, "the session is over for good"


def test_pages_take_no_token_from_their_address(alice: Browser, admin: ApiClient) -> None:
    """It would stay in the browser's history and in every link of the page, and show one person as another."""
    token = admin.post("/api/v0/api_tokens", {"tokenLabel": "in an address"}).json()["token"]

    page = alice.see(f"/repositories/new?refresh_token={token}")
    with httpx.Client(base_url=alice.url, headers=PAGE) as stranger:
        refused = stranger.get(f"/users?refresh_token={token}")

    assert ">alice</strong>" in page
    assert refused.status_code == 303
    assert alice.http.get("/users?refresh_token=dtr_refresh_guessed").status_code == 200
