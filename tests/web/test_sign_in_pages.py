"""The way in and out: signing in, where it leads to, what is refused, and the language of the pages."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf, sent_to
from tests.support.html_pages import notices_in
from tests.support.people import PASSWORD, make_user
from tests.support.server import ServerProcess, running


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a registry with the users alice and victor."""
    data = tmp_path_factory.mktemp("sign-in") / "data"
    with running(data) as server, closing(ApiClient(server.url, "admin", server.admin_password)) as admin:
        make_user(admin, "alice")
        make_user(admin, "victor")
        yield server


@pytest.fixture
def alice(browser_of: BrowserOf) -> Browser:
    """Give a browser that alice is signed in with."""
    return browser_of("alice")


def test_who_asks_for_a_page_of_their_own_signs_in_and_gets_it(stranger: Browser) -> None:
    asked = sent_to(stranger.http.get("/profile/tokens?size=10"))
    page = stranger.see(asked)
    assert 'action="/login?next=/profile/tokens%3Fsize%3D10"' in page
    assert "Sign in to see that page." in page
    answer = stranger.http.post(
        "/login?next=/profile/tokens%3Fsize%3D10", data={"username": "alice", "password": PASSWORD}
    )
    assert sent_to(answer) == "/profile/tokens?size=10"
    assert "Access tokens" in stranger.see("/profile/tokens?size=10")


def test_a_wrong_password_says_so_and_keeps_where_to_go(stranger: Browser) -> None:
    refused = stranger.log_in("alice", "wrong", "/profile/keys")
    back = sent_to(refused)
    assert back == "/sign-in?next=/profile/keys"
    page = stranger.see(back)
    assert notices_in(page) == ["the user name or the password is wrong"]
    assert 'action="/login?next=/profile/keys"' in page
    assert "wrong</p>" not in stranger.see(back), "the message is shown once"


@pytest.mark.parametrize("fields", [{}, {"username": "alice"}, {"password": PASSWORD}])
def test_an_incomplete_form_is_refused(stranger: Browser, fields: dict[str, str]) -> None:
    page = stranger.see(sent_to(stranger.http.post("/login", data=fields)))
    assert notices_in(page) == ["the fields username and password are needed"]


def test_after_many_wrong_passwords_one_has_to_wait_and_is_told_how_long(stranger: Browser) -> None:
    for _ in range(10):
        stranger.log_in("victor", "wrong")
    page = stranger.see(sent_to(stranger.log_in("victor", PASSWORD)))
    (notice,) = notices_in(page)
    assert notice.startswith("too many failed logins")
    assert notice.endswith(" s)")
    assert sent_to(stranger.http.get("/profile")).startswith("/sign-in")


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/x",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/profile\r\nset-cookie: a=b",
        "/\t/evil.example",
        "profile",
        "",
    ],
)
def test_nobody_is_led_to_another_site(stranger: Browser, target: str) -> None:
    page = stranger.http.get("/sign-in", params={"next": target})
    assert 'action="/login?next=/"' in page.text
    answer = stranger.log_in("alice", PASSWORD, target)
    assert sent_to(answer) == "/"
    assert "a" not in answer.cookies
    assert sent_to(stranger.http.get("/sign-in", params={"next": target})) == "/"


def test_who_is_signed_in_does_not_see_the_form_again(alice: Browser) -> None:
    assert sent_to(alice.http.get("/sign-in?next=/profile")) == "/profile"
    assert sent_to(alice.http.get("/sign-in")) == "/"


def test_the_old_address_of_the_page_keeps_where_to_go(stranger: Browser) -> None:
    assert sent_to(stranger.http.get("/login?next=/profile")) == "/sign-in?next=/profile"
    assert sent_to(stranger.http.get("/login?next=//evil.example")) == "/sign-in?next=/"


def test_signing_out_ends_the_session_and_says_so(alice: Browser) -> None:
    token = alice.http.cookies["dtr_session"]
    left = sent_to(alice.send("/logout"))
    assert left == "/sign-in"
    assert notices_in(alice.see(left)) == ["You are signed out."]
    alice.http.cookies.set("dtr_session", token)
    assert sent_to(alice.http.get("/profile")) == "/sign-in?next=%2Fprofile"


def test_another_site_cannot_sign_anybody_out_or_in(alice: Browser, stranger: Browser) -> None:
    alice.http.post("/logout", data={"csrf_token": "guessed"})
    assert "Your account" in alice.see("/profile")
    stranger.http.headers["origin"] = "https://evil.example"
    refused = stranger.log_in("alice", PASSWORD)
    assert notices_in(stranger.see(sent_to(refused))) == ["the request comes from a page of another site"]
    assert "dtr_session" not in stranger.http.cookies


def test_a_form_of_a_session_that_has_ended_changes_nothing_and_leads_back(alice: Browser) -> None:
    alice.http.cookies.delete("dtr_session")
    answer = alice.http.post(
        "/profile", data={"full_name": "Changed"}, headers={"referer": f"{alice.http.base_url}profile"}
    )
    assert answer.status_code == 401
    assert "Your session has ended, and nothing was changed." in answer.text
    assert 'href="/sign-in?next=/profile"' in answer.text
    alice.log_in("alice", PASSWORD)
    assert "Changed" not in alice.see("/profile")


def test_the_language_is_chosen_at_the_bottom_and_kept(stranger: Browser) -> None:
    page = stranger.see("/sign-in?next=/profile")
    assert '<html lang="en">' in page
    assert 'name="next" value="/sign-in?next=%2Fprofile"' in page
    answer = stranger.http.post("/language", data={"language": "zh_Hans", "next": "/sign-in?next=%2Fprofile"})
    assert sent_to(answer) == "/sign-in?next=%2Fprofile"
    assert '<html lang="zh-Hans">' in stranger.see("/sign-in?next=/profile")
    assert stranger.http.post("/language", data={"language": "xx"}).status_code == 400
    assert sent_to(stranger.http.post("/language", data={"language": "en", "next": "//evil.example"})) == "/"


def test_the_page_shows_the_address_of_the_registry_and_the_way_to_public_repositories(
    registry: ServerProcess, stranger: Browser
) -> None:
    page = stranger.see("/sign-in")
    assert registry.url.removeprefix("http://") in page
    assert 'href="/repositories"' in page
    assert stranger.http.get("/sign-in").headers["cache-control"] == "no-store"
