"""The pages of one's own account: name, password, access tokens, sessions and public keys."""

import re
import zlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.api import ApiClient
from tests.support.browser import Browser, BrowserOf
from tests.support.chromium import Chromium
from tests.support.hostile import HOSTILE
from tests.support.html_pages import notices_in
from tests.support.people import PASSWORD, client, make_organization, make_user
from tests.support.server import ServerProcess, running

TOKEN = re.compile(r"dtr_pat_[A-Za-z0-9_-]{43}_[A-Za-z0-9]{6}")
TOKENS = "/api/v0/api_tokens"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a running registry."""
    with running(tmp_path_factory.mktemp("profile") / "data") as server:
        yield server


@pytest.fixture
def name(admin: ApiClient, request: pytest.FixtureRequest) -> str:
    """Give the name of a user who was made for this test."""
    chosen = f"u{zlib.crc32(request.node.name.encode())}"
    make_user(admin, chosen)
    return chosen


@pytest.fixture
def me(browser_of: BrowserOf, name: str) -> Browser:
    """Give the user's browser, signed in."""
    return browser_of(name)


@pytest.fixture
def api(registry: ServerProcess, name: str) -> Iterator[ApiClient]:
    """Give the user's client of the API."""
    with client(registry, name) as opened:
        yield opened


@pytest.mark.parametrize(
    "path", ["/profile", "/profile/tokens", "/profile/tokens/new", "/profile/tokens/clean-up",
             "/profile/sessions", "/profile/keys"]
)  # fmt: skip
def test_strangers_are_sent_to_sign_in(browser_of: BrowserOf, path: str) -> None:
    answer = browser_of().http.get(path)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/sign-in?next={path.replace('/', '%2F')}",
    )


def test_the_account_shows_ranks_and_organizations(admin: ApiClient, me: Browser, name: str) -> None:
    make_organization(admin, f"{name}-org", **{name: True})
    page = me.see("/profile")
    assert f'href="/organizations/{name}-org"' in page
    assert "Owner" in page
    assert "Administrator" not in page
    assert admin.patch(f"/enzi/v0/accounts/{name}", {"isAuditor": True}).status_code == 200
    assert "Auditor" in me.see("/profile")


def test_the_account_shows_how_clients_log_in(registry: ServerProcess, me: Browser, name: str) -> None:
    page = me.see("/profile")
    assert f'data-copy="docker login 127.0.0.1:{registry.port} -u {name}"' in page
    assert "/ca" not in page  # nothing is encrypted here


def test_the_full_name_is_saved_and_shown_inert(me: Browser) -> None:
    assert me.send("/profile", full_name=HOSTILE).headers["location"] == "/profile"
    page = me.see("/profile")
    assert notices_in(page) == ["Your name is saved."]
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_language_follows_its_reader_to_another_browser(
    browser_of: BrowserOf, me: Browser, name: str
) -> None:
    assert '<html lang="en">' in me.see("/profile")
    me.send("/language", language="zh_Hans", next="/profile")

    elsewhere = browser_of(name)

    assert '<html lang="zh-Hans">' in elsewhere.see("/profile")
    assert '<html lang="en">' in browser_of().see("/sign-in")


def test_a_full_name_that_is_too_long_is_refused_and_kept_in_the_form(me: Browser) -> None:
    answer = me.send("/profile", full_name="x" * 129)
    assert answer.status_code == 400
    assert "x" * 129 in answer.text
    assert "x" * 129 not in me.see("/profile")


def test_nobody_makes_themselves_an_administrator_with_more_fields(me: Browser) -> None:
    me.send("/profile", full_name="Me", is_admin="on", isAdmin="true", is_auditor="on")
    assert me.http.get("/basic_info").json()["IsAdmin"] is False


def test_a_new_password_ends_all_sessions_but_this_one(browser_of: BrowserOf, me: Browser, name: str) -> None:
    other = browser_of(name)
    new = "another long sentence of mine"
    answer = me.send("/profile/password", old=PASSWORD, new=new, again=new)
    assert answer.headers["location"] == "/profile"
    assert notices_in(me.see("/profile"))[0].startswith("Your password is changed.")
    assert other.http.get("/profile").status_code == 303
    assert other.log_in(name, PASSWORD).headers["location"].startswith("/sign-in")
    assert other.log_in(name, new).headers["location"] == "/"


@pytest.mark.parametrize(
    ("old", "new", "again", "status", "message"),
    [
        ("wrong", "another long sentence", "another long sentence", 403, "the old password is wrong"),
        (PASSWORD, "another long sentence", "another one", 400, "the new password is not the same both times"),
        (PASSWORD, "short", "short", 400, "a password has 12 or more characters"),
        (PASSWORD, "", "", 400, "a password has 12 or more characters"),
    ],
)  # fmt: skip
def test_a_bad_password_is_refused_with_the_reason_and_never_shown(
    me: Browser, old: str, new: str, again: str, status: int, message: str
) -> None:
    answer = me.send("/profile/password", old=old, new=new, again=again)
    assert answer.status_code == status
    assert notices_in(answer.text) == [message]
    assert "another long sentence" not in answer.text
    assert 'aria-current="page">Account' in answer.text


def test_a_token_is_shown_once_and_works_within_its_limits(
    registry: ServerProcess, me: Browser, name: str, api: ApiClient
) -> None:
    fields: dict[str, str | list[str]] = {
        "label": HOSTILE,
        "days": "30",
        "limited": "yes",
        "pattern-0": f"{name}/**",
        "actions-0": ["pull", "push"],
        "pattern-1": "",
    }
    answer = me.send("/profile/tokens", **fields)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    found = TOKEN.search(answer.text)
    assert found is not None
    assert f"docker login {registry.url.removeprefix('http://')} -u {name} --password-stdin" in answer.text
    page = me.see("/profile/tokens")
    assert found[0] not in page
    assert "<script>alert" not in page
    (stored,) = api.get(TOKENS).json()
    assert stored["permits"] == [{"pattern": f"{name}/**", "actions": ["pull", "push"]}]
    assert stored["expiresAt"]
    with client(registry, name, found[0]) as limited:
        assert limited.get("/api/v0/repositories").status_code == 200
        assert limited.get(TOKENS).status_code == 403


def test_a_token_without_limits_or_end_is_possible(me: Browser, api: ApiClient) -> None:
    answer = me.send("/profile/tokens", label="", days="", limited="no")
    assert answer.status_code == 201
    (stored,) = api.get(TOKENS).json()
    assert (stored["permits"], stored["expiresAt"]) == (None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"days": "0"},
        {"days": "-1"},
        {"days": "99999"},
        {"days": "many"},
        {"label": "x" * 101},
        {"limited": "yes"},
        {"limited": "yes", "pattern-0": "Not A Name", "actions-0": "pull"},
        {"limited": "yes", "pattern-0": "team/*"},
        {"limited": "yes", "pattern-0": "team/*", "actions-0": "everything"},
        {"limited": "yes", "actions-0": "pull", "pattern-0": ""},
    ],
)
def test_a_token_that_makes_no_sense_is_refused_and_the_form_is_kept(
    me: Browser, api: ApiClient, fields: dict[str, str]
) -> None:
    answer = me.send("/profile/tokens", **{"label": "kept label", **fields})
    assert answer.status_code == 400
    assert notices_in(answer.text)
    assert fields.get("label", "kept label") in answer.text
    assert fields.get("pattern-0", "") in answer.text
    assert TOKEN.search(answer.text) is None
    assert api.get(TOKENS).json() == []


def test_more_rows_come_without_scripts_and_make_nothing(me: Browser, api: ApiClient) -> None:
    before = me.see("/profile/tokens/new").count('permit-row"')
    answer = me.send(
        "/profile/tokens", more="1", label="draft", **{"pattern-1": "team/*", "actions-1": "delete"}
    )
    assert answer.status_code == 200
    assert answer.text.count('permit-row"') > before
    assert "team/*" in answer.text
    assert "draft" in answer.text
    assert api.get(TOKENS).json() == []


def test_a_token_is_disabled_enabled_and_after_a_question_deleted(
    registry: ServerProcess, me: Browser, name: str, api: ApiClient
) -> None:
    made = api.post(TOKENS, {"tokenLabel": "laptop"}).json()
    path = f"/profile/tokens/{made['hashedToken']}"

    def works() -> bool:
        with client(registry, name, made["token"]) as user:
            return user.get(TOKENS).status_code == 200

    assert me.send(path, active="no").headers["location"] == "/profile/tokens"
    assert "disabled" in me.see("/profile/tokens")
    assert not works()
    me.send(path, active="yes")
    assert works()
    assert "laptop" in me.see(f"{path}/delete")
    assert works(), "asking deletes nothing"
    assert me.send(f"{path}/delete").headers["location"] == "/profile/tokens"
    assert not works()
    me.see(f"{path}/delete", status=404)


def test_automatic_tokens_are_cleaned_up_and_others_stay(me: Browser, name: str, api: ApiClient) -> None:
    query = {"service": "dtr", "account": name, "offline_token": "true", "client_id": "docker"}
    assert api.get("/auth/token", params=query).status_code == 200
    api.post(TOKENS, {"tokenLabel": "kept"})
    assert "/profile/tokens/clean-up" in me.see("/profile/tokens")
    for days in ("", "0", "12", "x"):
        assert me.send("/profile/tokens/clean-up", days=days).status_code == 400
    me.send("/profile/tokens/clean-up", days="30")
    assert len(api.get(TOKENS).json()) == 2, "it was used just now"
    me.send("/profile/tokens/clean-up", days="all")
    assert [each["tokenLabel"] for each in api.get(TOKENS).json()] == ["kept"]
    assert notices_in(me.see("/profile/tokens")) == ["Automatic tokens that were deleted: 1."]


def test_even_an_administrator_sees_only_their_own_tokens_here(
    registry: ServerProcess, admin: ApiClient, api: ApiClient, browser_of: BrowserOf
) -> None:
    made = api.post(TOKENS, {"tokenLabel": "of somebody else"}).json()
    root = browser_of("admin", registry.admin_password)
    assert "of somebody else" not in root.see("/profile/tokens")
    stranger = make_user(admin, f"other-{made['username']}")
    other = browser_of(stranger["name"])
    other.see(f"/profile/tokens/{made['hashedToken']}/delete", status=404)
    assert other.send(f"/profile/tokens/{made['hashedToken']}/delete").status_code == 404
    assert api.get(f"{TOKENS}/{made['hashedToken']}").status_code == 200


def test_long_lists_of_tokens_come_in_pages(me: Browser, api: ApiClient) -> None:
    for number in range(4):
        api.post(TOKENS, {"tokenLabel": f"token-{number}"})
    first = me.see("/profile/tokens?size=3")
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found is not None
    second = me.see(found[1].replace("&amp;", "&"))
    seen = re.findall(r"token-\d", first) + re.findall(r"token-\d", second)
    assert sorted(seen) == [f"token-{number}" for number in range(4)]


def test_sessions_are_listed_and_this_one_is_marked(browser_of: BrowserOf, me: Browser, name: str) -> None:
    browser_of(name, user_agent=FIREFOX)
    page = me.see("/profile/sessions")
    assert "Firefox on Windows" in page
    assert "tests 1" in page
    assert page.count("this one") == 1


def test_long_lists_of_sessions_come_in_pages(browser_of: BrowserOf, me: Browser, name: str) -> None:
    for _ in range(3):
        browser_of(name)
    seen = []
    address: str | None = "/profile/sessions?size=3"
    while address is not None:
        page = me.see(address)
        seen += re.findall(r'action="(/profile/sessions/\w+/end)"', page) + ["here"] * page.count("this one")
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = None if found is None else found[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 4
    assert "4 entries" in me.see("/profile/sessions?size=3")
    for start in ("nonsense", "-", "1" * 30, "\N{SUPERSCRIPT TWO}-a"):
        assert me.http.get("/profile/sessions", params={"start": start}).status_code == 400


def test_one_session_is_ended_or_all_others(browser_of: BrowserOf, me: Browser, name: str) -> None:
    others = [browser_of(name) for _ in range(3)]
    ends = re.findall(r"/profile/sessions/[0-9a-f]+/end", me.see("/profile/sessions"))
    assert len(ends) == 3
    assert me.send(ends[0]).headers["location"] == "/profile/sessions"
    assert sum(each.http.get("/profile").status_code == 303 for each in others) == 1
    assert me.send(ends[0]).status_code == 303, "ending it twice is no trouble"
    me.send("/profile/sessions/end-others")
    assert [each.http.get("/profile").status_code for each in others] == [303] * 3
    assert "this one" in me.see("/profile/sessions")


def test_nobody_ends_the_sessions_of_others(browser_of: BrowserOf, admin: ApiClient, me: Browser) -> None:
    (mine,) = me.http.get("/api/v0/sessions").json()
    stranger = make_user(admin, f"s-{mine['username']}")
    browser_of(stranger["name"]).send(f"/profile/sessions/{mine['id']}/end")
    assert me.http.get("/profile").status_code == 200


def test_what_a_client_says_to_be_is_shown_inert(browser_of: BrowserOf, me: Browser, name: str) -> None:
    browser_of(name, user_agent='evil/1 "><script>alert(1)</script>')
    page = me.see("/profile/sessions")
    assert "<script>alert" not in page
    assert "evil 1" in page


def test_a_public_key_is_added_shown_and_after_a_question_removed(me: Browser) -> None:
    pem = _pem()
    assert me.send("/profile/keys", pem=pem, label=HOSTILE).headers["location"] == "/profile/keys"
    page = me.see("/profile/keys")
    assert pem.splitlines()[1] in page
    assert "<script>alert" not in page
    path = re.findall(r"/profile/keys/[0-9a-f]{64}/remove", page)[0]
    assert "SHA256:" in me.see(path)
    assert me.send("/profile/keys", pem=pem, label="again").status_code == 409
    assert me.send(path).headers["location"] == "/profile/keys"
    assert "No public keys yet" in me.see("/profile/keys")
    me.see(path, status=404)


def test_what_is_no_public_key_is_refused_and_not_shown_again(me: Browser) -> None:
    answer = me.send("/profile/keys", pem="-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", label="laptop")
    assert answer.status_code == 400
    assert "c2VjcmV0" not in answer.text
    assert "laptop" in answer.text


@pytest.mark.parametrize(
    "path", ["/profile", "/profile/password", "/profile/tokens", "/profile/tokens/clean-up",
             "/profile/sessions/end-others", "/profile/keys"]
)  # fmt: skip
def test_a_form_without_the_token_of_the_page_changes_nothing(me: Browser, api: ApiClient, path: str) -> None:
    answer = me.http.post(path, data={"full_name": "Changed", "label": "x", "days": "all", "pem": _pem()})
    assert answer.status_code == 403
    assert "Changed" not in me.see("/profile")
    assert api.get(TOKENS).json() == []
    assert "No public keys yet" in me.see("/profile/keys")


def test_with_scripts_rows_are_added_in_the_page_and_the_token_is_copied(
    registry: ServerProcess, chromium: Chromium, name: str, api: ApiClient
) -> None:
    with chromium.visitor(registry.url) as watched:
        page = watched.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        watched.open("/profile/tokens/new")
        page.fill("[name=username]", name)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/profile/tokens/new")
        assert not page.is_visible("[name=pattern-0]"), "limits are shown to those who want some"
        page.check("[name=limited][value=yes]")
        page.click("[data-add-permit]")
        assert page.evaluate("document.activeElement.name") == "pattern-2"
        page.keyboard.type("team/*")
        page.check("[name=actions-2][value=push]")
        page.press("[name=pattern-2]", "Enter")  # sends the form, and does not ask for more rows
        page.wait_for_selector(".secret")
        page.click("[data-copy] >> nth=0")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert TOKEN.fullmatch(copied)
        assert watched.problems() == []
    assert api.get(TOKENS).json()[0]["permits"] == [{"pattern": "team/*", "actions": ["push"]}]


def _pem() -> str:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
