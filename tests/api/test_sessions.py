"""Sessions: logging in and out in a browser or a program, forged requests, and where somebody is logged in."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import ALICE_PASSWORD, BOB_PASSWORD
from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess

TOKEN_PATH = "/api/v0/api_tokens"


class Browser:
    """Keeps cookies and sends the CSRF token along with changes, as the pages of the registry do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=30, verify=False)  # noqa: S501 - loopback

    def log_in(self, name: str = "alice", password: str = ALICE_PASSWORD, **headers: str) -> httpx.Response:
        return self.http.post("/login", data={"username": name, "password": password}, headers=headers)

    @property
    def session(self) -> str:
        return self.http.cookies["dtr_session"]

    @property
    def csrf(self) -> dict[str, str]:
        return {"X-Csrf-Token": self.http.cookies["csrftoken"]}

    def who(self) -> str | None:
        user = self.http.get("/basic_info").json()["User"]
        return None if user is None else str(user["name"])

    def with_cookie(self, token: str) -> httpx.Response:
        return httpx.get(f"{self.url}/basic_info", headers={"cookie": f"dtr_session={token}"})


@pytest.fixture
def browser(server: ServerProcess) -> Iterator[Browser]:
    browser = Browser(server.url)
    yield browser
    browser.http.close()


@pytest.fixture
def dave(admin: ApiClient, number: int) -> tuple[str, str]:
    """Give name and password of a user of this test alone."""
    name, password = f"dave-s{number}", "dave has a password"
    assert admin.post("/enzi/v0/accounts", {"name": name, "password": password}).status_code == 201
    return name, password


def set_cookies(answer: httpx.Response) -> dict[str, str]:
    found = [each.partition("=") for each in answer.headers.get_list("set-cookie")]
    return {name: rest for name, _, rest in found}


# -- logging in


def test_a_form_login_sets_cookies_and_tells_who_one_is(browser: Browser) -> None:
    answer = browser.log_in()

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    info = answer.json()
    assert info["User"]["name"] == "alice"
    assert info["AuthnMethod"] == "Session"
    assert info["IsAdmin"] is False
    cookies = set_cookies(answer)
    assert "HttpOnly" in cookies["dtr_session"]
    assert "HttpOnly" not in cookies["csrftoken"]
    for cookie in cookies.values():
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Secure" not in cookie, "over plain HTTP a browser would drop it"
        assert "Domain" not in cookie
    assert browser.http.get("/basic_info").json() == info


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", None])
def test_a_document_logs_in_whatever_its_content_type(browser: Browser, content_type: str | None) -> None:
    document = b'{"username": "alice", "password": "alice\'s own password", "useTLS": false, "code": ""}'
    headers = {} if content_type is None else {"content-type": content_type}

    assert browser.http.post("/login", content=document, headers=headers).status_code == 200
    assert browser.who() == "alice"


@pytest.mark.parametrize(
    ("next_", "location"),
    [
        ("/repositories/alice?x=1", "/repositories/alice?x=1"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\/evil.example", "/"),
        ("https:evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/\r\nset-cookie: x=y", "/"),
        (" //evil.example", "/"),
        ("evil", "/"),
    ],
)
def test_a_browser_is_sent_on_to_local_paths_only(browser: Browser, next_: str, location: str) -> None:
    form = {"username": "alice", "password": ALICE_PASSWORD, "next": next_}

    answer = browser.http.post("/login", data=form, headers={"accept": "text/html,*/*"})

    assert answer.status_code == 303
    assert answer.headers["location"] == location
    assert browser.who() == "alice"


def test_wrong_credentials_begin_no_session_and_pop_up_no_window(browser: Browser) -> None:
    answer = browser.log_in(password="wrong")

    assert answer.status_code == 401
    assert codes(answer) == ["NOT_AUTHENTICATED"]
    assert "www-authenticate" not in answer.headers
    assert not answer.headers.get_list("set-cookie")
    assert browser.who() is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "INVALID_PARAMETERS"),
        (b"username=alice", "INVALID_PARAMETERS"),
        (b"username=&password=x", "INVALID_PARAMETERS"),
        (b"{", "INVALID_PARAMETERS"),
        (b'{"username": 1, "password": ["x"]}', "INVALID_PARAMETERS"),
        (b'{"username": {"$ne": 1}, "password": null}', "INVALID_PARAMETERS"),
    ],
)
def test_bodies_without_name_and_password_are_refused(browser: Browser, body: bytes, code: str) -> None:
    answer = browser.http.post("/login", content=body)

    assert (answer.status_code, codes(answer)) == (400, [code])


def test_an_oversized_login_is_refused(browser: Browser) -> None:
    assert browser.http.post("/login", content=b"username=" + b"x" * 70_000).status_code == 413


def test_a_login_gets_a_new_session_and_ends_the_one_it_came_with(browser: Browser) -> None:
    planted = "dtr_session_" + "A" * 43
    browser.log_in(cookie=f"dtr_session={planted}")
    first = browser.session
    assert first != planted, "a session that somebody else knows must not become ours"

    browser.log_in()

    assert browser.session != first
    assert browser.with_cookie(first).json()["User"] is None
    assert browser.who() == "alice"


def test_another_site_cannot_log_somebody_in(browser: Browser) -> None:
    answer = browser.log_in(origin="https://evil.example")

    assert (answer.status_code, codes(answer)) == (403, ["CSRF_TOKEN_INVALID"])
    assert not answer.headers.get_list("set-cookie")


def test_an_access_token_begins_no_session(browser: Browser, alice: ApiClient) -> None:
    secret = alice.post(TOKEN_PATH).json()["token"]

    answer = browser.log_in(password=secret)

    assert answer.status_code == 401
    assert browser.who() is None


def test_other_methods_are_not_served(browser: Browser) -> None:
    assert browser.http.get("/logout").status_code == 405
    assert browser.http.post("/basic_info").status_code == 405


# -- requests in a session


def test_a_session_reads_without_and_changes_with_the_csrf_token(browser: Browser, alice: ApiClient) -> None:
    browser.log_in()

    assert browser.http.get(TOKEN_PATH).status_code == 200
    made = browser.http.post(TOKEN_PATH, json={"tokenLabel": "by browser"}, headers=browser.csrf)

    assert made.status_code == 201
    assert alice.get(f"{TOKEN_PATH}/{made.json()['hashedToken']}").json()["tokenLabel"] == "by browser"


@pytest.mark.parametrize("given", [None, "", "0" * 64, "é"])
def test_a_change_without_the_right_csrf_token_is_refused(
    browser: Browser, alice: ApiClient, given: str | None, number: int
) -> None:
    browser.log_in()
    headers = [] if given is None else [(b"X-Csrf-Token", given.encode())]
    label = f"forged {number}"

    answer = browser.http.post(TOKEN_PATH, json={"tokenLabel": label}, headers=headers)

    assert (answer.status_code, codes(answer)) == (403, ["CSRF_TOKEN_INVALID"])
    labels = [each["tokenLabel"] for each in alice.get(TOKEN_PATH, params={"pageSize": 10000}).json()]
    assert label not in labels


def test_the_csrf_token_of_another_session_is_refused(browser: Browser, server: ServerProcess) -> None:
    other = Browser(server.url)
    other.log_in()
    browser.log_in()

    answer = browser.http.post(TOKEN_PATH, headers=other.csrf)

    other.http.close()
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1"])
def test_a_change_from_a_page_of_another_site_is_refused(browser: Browser, origin: str) -> None:
    browser.log_in()

    answer = browser.http.post(TOKEN_PATH, headers={**browser.csrf, "origin": origin})

    assert (answer.status_code, codes(answer)) == (403, ["CSRF_TOKEN_INVALID"])


def test_a_change_from_a_page_of_the_registry_is_taken(browser: Browser, server: ServerProcess) -> None:
    browser.log_in()

    answer = browser.http.post(TOKEN_PATH, headers={**browser.csrf, "origin": server.url})

    assert answer.status_code == 201


def test_an_authorization_header_wins_over_the_cookie(browser: Browser) -> None:
    browser.log_in()

    info = browser.http.get("/basic_info", auth=("bob", BOB_PASSWORD)).json()
    made = browser.http.post(TOKEN_PATH, auth=("bob", BOB_PASSWORD))

    assert (info["User"]["name"], info["AuthnMethod"]) == ("bob", "Basic")
    assert made.json()["username"] == "bob", "and needs no CSRF token"


@pytest.mark.parametrize("cookie", ["", "rubbish", "dtr_session_" + "B" * 43, "dtr_session_" + "x" * 9000])
def test_a_cookie_that_is_no_session_is_nobody(browser: Browser, cookie: str) -> None:
    answer = browser.with_cookie(cookie)

    assert answer.status_code == 200
    assert answer.json() == {**answer.json(), "User": None, "IsAdmin": False, "AuthnMethod": "Anonymous"}


def test_both_workers_know_a_session(browser: Browser) -> None:
    browser.log_in()
    cookies = {"cookie": f"dtr_session={browser.session}"}

    names = {
        httpx.get(f"{browser.url}/basic_info", headers=cookies).json()["User"]["name"]
        for _ in range(20)  # each on a connection of its own, and so on either worker
    }

    assert names == {"alice"}


def test_the_administrator_is_told_apart(browser: Browser, server: ServerProcess) -> None:
    info = browser.log_in("admin", server.admin_password).json()

    assert info["IsAdmin"] is True
    assert info["User"]["isAdmin"] is True
    assert set(info["User"]) == {"name", "id", "fullName", "isOrg", "isAdmin", "isActive", "isImported"}
    assert info["CurrentVersion"]


# -- the end of a session


def test_logging_out_ends_the_session_and_clears_the_cookies(browser: Browser) -> None:
    browser.log_in()
    token = browser.session

    answer = browser.http.post("/logout", headers=browser.csrf)

    assert answer.status_code == 200
    assert all("Max-Age=0" in each for each in set_cookies(answer).values())
    assert not browser.http.cookies
    assert browser.with_cookie(token).json()["User"] is None


def test_another_site_cannot_log_somebody_out(browser: Browser) -> None:
    browser.log_in()

    answer = browser.http.post("/logout")

    assert (answer.status_code, codes(answer)) == (403, ["CSRF_TOKEN_INVALID"])
    assert browser.who() == "alice"


def test_logging_out_twice_is_no_error(browser: Browser) -> None:
    assert browser.http.post("/logout").status_code == 200


def test_a_new_login_beyond_the_limit_ends_the_oldest_session(
    server: ServerProcess, dave: tuple[str, str]
) -> None:
    browsers = [Browser(server.url) for _ in range(11)]
    for each in browsers:
        each.log_in(*dave)

    assert [each.who() for each in browsers] == [None, *[dave[0]] * 10]
    for each in browsers:
        each.http.close()


def test_disabling_a_user_ends_their_sessions_at_once(
    browser: Browser, server: ServerProcess, dave: tuple[str, str]
) -> None:
    browser.log_in(*dave)
    bearer = browser.http.post("/auth/login", json={"username": dave[0], "password": dave[1]}).json()

    assert server.run("user", "disable", dave[0]).returncode == 0

    assert browser.who() is None
    answer = httpx.get(
        f"{server.url}/api/v0/sessions", headers={"authorization": f"Bearer {bearer['auth_token']}"}
    )
    assert answer.status_code == 401

    assert server.run("user", "enable", dave[0]).returncode == 0
    assert browser.who() is None, "a session that ended does not come back"


def test_a_new_password_ends_the_sessions_of_the_old_one(
    browser: Browser, admin: ApiClient, dave: tuple[str, str]
) -> None:
    browser.log_in(*dave)
    answer = admin.post(
        f"/enzi/v0/accounts/{dave[0]}/changePassword", {"newPassword": "quite another secret"}
    )
    assert answer.status_code < 300, answer.text

    assert browser.who() is None


def test_only_the_session_that_changes_the_password_goes_on(
    browser: Browser, server: ServerProcess, dave: tuple[str, str]
) -> None:
    other = Browser(server.url)
    for each in (browser, other):
        each.log_in(*dave)

    answer = browser.http.post(
        f"/enzi/v0/accounts/{dave[0]}/changePassword",
        json={"oldPassword": dave[1], "newPassword": "quite another secret"},
        headers=browser.csrf,
    )

    assert answer.status_code < 300, answer.text
    assert (browser.who(), other.who()) == (dave[0], None)
    other.http.close()


# -- programs


def test_a_session_token_is_good_for_both_apis_without_csrf(
    anonymous: ApiClient, server: ServerProcess
) -> None:
    answer = anonymous.post("/auth/login", {"username": "alice", "password": ALICE_PASSWORD})
    assert answer.status_code == 200
    assert not answer.headers.get_list("set-cookie")
    headers = {"authorization": f"Bearer {answer.json()['auth_token']}"}

    assert anonymous.post(TOKEN_PATH, headers=headers).status_code == 201
    assert anonymous.get("/enzi/v0/accounts/alice", headers=headers).status_code == 200
    info = anonymous.get("/basic_info", headers=headers).json()
    assert (info["User"]["name"], info["AuthnMethod"]) == ("alice", "Bearer")
    assert anonymous.post("/logout", headers=headers).status_code == 200
    assert anonymous.get("/basic_info", headers=headers).status_code == 401


def test_a_refused_login_of_a_program_holds_no_token(anonymous: ApiClient) -> None:
    answer = anonymous.post("/auth/login", {"username": "alice", "password": "wrong"})

    assert answer.status_code == 401
    assert "auth_token" not in answer.json()


@pytest.mark.parametrize("token", ["rubbish", "dtr_session_" + "C" * 43, "dtr_refresh_x", "x" * 5000])
def test_a_bearer_token_that_is_none_is_refused(anonymous: ApiClient, token: str) -> None:
    answer = anonymous.get("/api/v0/sessions", headers={"authorization": f"Bearer {token}"})

    assert (answer.status_code, codes(answer)) == (401, ["NOT_AUTHENTICATED"])


def test_the_token_of_the_registry_protocol_opens_no_api(server: ServerProcess, anonymous: ApiClient) -> None:
    token = httpx.get(f"{server.url}/auth/token", auth=("alice", ALICE_PASSWORD)).json()["token"]

    assert anonymous.get("/api/v0/sessions", headers={"authorization": f"Bearer {token}"}).status_code == 401


# -- where somebody is logged in


def test_users_see_and_end_their_sessions(
    browser: Browser, server: ServerProcess, dave: tuple[str, str]
) -> None:
    other = Browser(server.url)
    for each in (other, browser):
        each.http.headers["user-agent"] = "a browser"
        each.log_in(*dave)

    sessions = browser.http.get("/api/v0/sessions").json()

    assert [each["isCurrent"] for each in sessions] == [True, False]
    assert {each["userAgent"] for each in sessions} == {"a browser"}
    assert all(each["address"] == "127.0.0.1" for each in sessions)
    assert not any(browser.session in str(each) for each in sessions)
    assert not any(each["id"] in browser.session for each in sessions)
    ended = browser.http.delete(f"/api/v0/sessions/{sessions[1]['id']}", headers=browser.csrf)
    assert ended.status_code == 204
    assert (browser.who(), other.who()) == (dave[0], None)
    again = browser.http.delete(f"/api/v0/sessions/{sessions[1]['id']}", headers=browser.csrf)
    assert (again.status_code, codes(again)) == (404, ["NO_SUCH_SESSION"])
    other.http.close()


def test_the_sessions_of_others_are_for_administrators(
    browser: Browser, admin: ApiClient, bob: ApiClient, dave: tuple[str, str]
) -> None:
    browser.log_in(*dave)
    owner = {"username": dave[0]}

    refused = bob.get("/api/v0/sessions", params=owner)
    assert (refused.status_code, codes(refused)) == (403, ["NOT_AUTHORIZED"])
    [session] = admin.get("/api/v0/sessions", params=owner).json()
    assert bob.delete(f"/api/v0/sessions/{session['id']}", params=owner).status_code == 403
    assert bob.delete(f"/api/v0/sessions/{session['id']}").status_code == 404, "it is none of bob's own"
    assert browser.who() == dave[0]
    assert admin.delete(f"/api/v0/sessions/{session['id']}", params=owner).status_code == 204
    assert browser.who() is None
    unknown = admin.get("/api/v0/sessions", params={"username": "nobody-at-all"})
    assert (unknown.status_code, codes(unknown)) == (404, ["NO_SUCH_USER"])


def test_strangers_have_no_sessions_to_see(anonymous: ApiClient) -> None:
    answer = anonymous.get("/api/v0/sessions")

    assert (answer.status_code, codes(answer)) == (401, ["NOT_AUTHENTICATED"])
