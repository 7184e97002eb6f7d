"""What all pages share: headers, forged forms, errors, languages, messages, addresses to go on to, assets."""

import re
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from tests.support.browser import Browser
from tests.support.site import NAMES, ORG, PRIVATE, Role, Site

Visit = Callable[[Role], Browser]

PAGE = {"accept": "text/html"}


@pytest.fixture
def http(web_server: Site) -> Iterator[httpx.Client]:
    """Give a client that follows nothing."""
    with httpx.Client(base_url=web_server.url, headers=PAGE, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", ["/sign-in", "/repositories", "/nothing-here", "/repositories?size=many"])
def test_every_page_forbids_foreign_and_inline_scripts(http: httpx.Client, path: str) -> None:
    answer = http.get(path)

    policy = dict(
        part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "cookie" in answer.headers["vary"]
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", answer.text)


def test_a_page_refers_to_assets_of_this_registry_only(http: httpx.Client) -> None:
    page = http.get("/repositories").text

    found = re.findall(r'<(?:link|script|img)[^>]*(?:href|src)="([^"]+)"', page)
    assert len(found) >= 5
    for address in found:
        assert address.startswith("/static/"), address
        asset = http.get(address)
        assert asset.status_code == 200
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert asset.headers["content-type"].split(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing-here", 404),
        ("/repositories/acme/app", 404),
        ("/repositories?size=many", 400),
        ("/repositories?q=%00", 400),
        ("/repositories/%07", 404),
        ("/repositories?q=" + "x" * 3000, 400),
        ("/%ff%fe", 404),
        ("//evil.example/x", 404),
    ],
)
def test_errors_are_pages_for_people_and_documents_for_programs(
    http: httpx.Client, path: str, status: int
) -> None:
    address = httpx.URL(str(http.base_url).rstrip("/") + path)
    page = http.get(address)
    document = http.get(address, headers={"accept": "application/json"})

    assert (page.status_code, document.status_code) == (status, status)
    assert page.headers["content-type"].startswith("text/html")
    assert '<main class="main main-narrow"' in page.text
    assert document.json()["errors"][0]["message"]


def test_the_link_to_sign_in_on_an_error_leads_back_to_this_registry(http: httpx.Client) -> None:
    page = http.get(httpx.URL(str(http.base_url).rstrip("/") + "//evil.example/x?a=1")).text

    assert 'href="//' not in page
    assert "next=%2Fevil.example" in page or "next=/evil.example" in page


def test_who_is_not_signed_in_is_asked_to_and_comes_back(web_server: Site) -> None:
    browser = Browser(web_server.url)
    page = browser.open("/profile/tokens?size=5")
    assert page.path == "/sign-in?next=%2Fprofile%2Ftokens%3Fsize%3D5"

    page = browser.submit(
        page, page.form("/login"), username="ursula", password=web_server.password(Role.USER)
    )

    assert page.path == "/profile/tokens?size=5"
    browser.close()


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x"],
)
def test_no_form_sends_people_to_another_site(web_server: Site, elsewhere: str) -> None:
    with httpx.Client(base_url=web_server.url, headers=PAGE) as client:
        chosen = client.post("/language", data={"language": "en", "next": elsewhere})
        fields = {"username": "ursula", "password": web_server.password(Role.USER)}
        signed_in = client.post("/login", params={"next": elsewhere}, data=fields)
        again = client.get("/sign-in", params={"next": elsewhere})

    for answer in (chosen, signed_in, again):
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("token", ["", "0" * 43, "forged"])
def test_a_form_without_the_sessions_token_changes_nothing(
    web_server: Site, visit: Visit, token: str
) -> None:
    browser = visit(Role.USER)
    fields = {"full_name": "Mallory", "fullName": "Mallory", "csrf_token": token}

    answer = browser.http.post("/profile", data=fields)

    assert answer.status_code == 403
    assert "Mallory" not in browser.open("/profile").text


def test_a_page_of_another_site_cannot_use_a_password_that_the_browser_keeps(web_server: Site) -> None:
    # Browsers add the name and password of the pop-up window to every request, whoever's page asks for it.
    forged = httpx.post(
        f"{web_server.url}/repositories/new",
        data={"namespace": "ursula", "name": "forged", "visibility": "public"},
        auth=(NAMES[Role.USER], web_server.password(Role.USER)),
        headers={**PAGE, "origin": "https://evil.example"},
    )

    assert forged.status_code == 403
    client = web_server.api(Role.USER)
    assert client.get("/api/v0/repositories/ursula/forged").status_code == 404
    client.close()


def test_a_page_of_another_site_cannot_choose_the_language(http: httpx.Client) -> None:
    answer = http.post("/language", data={"language": "zh_Hans"}, headers={"origin": "https://evil.example"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_form_that_is_too_long_is_refused_on_a_page(http: httpx.Client) -> None:
    answer = http.post("/language", content=b"language=" + b"x" * 300_000)

    assert answer.status_code == 413
    assert "<main" in answer.text


@pytest.mark.parametrize("body", [b"%ff=%ff", b"language=%00", b"&".join([b"a=b"] * 3000), b"\xff\xfe"])
def test_a_form_that_makes_no_sense_is_refused_on_a_page(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/language", content=body)

    assert answer.status_code == 400
    assert "<main" in answer.text


def test_head_answers_like_get_without_a_body(http: httpx.Client) -> None:
    head = http.head("/repositories")

    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/html")
    assert head.content == b""


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_other_methods_do_nothing_here(http: httpx.Client, method: str) -> None:
    assert http.request(method, "/repositories").status_code == 404


def test_the_language_is_the_browsers_until_one_is_chosen(web_server: Site) -> None:
    browser = Browser(web_server.url, language="de, zh-CN; q=0.8, en;q=0.5")
    assert '<html lang="zh-Hans">' in browser.open("/repositories").text

    page = browser.open("/repositories?q=app")
    page = browser.submit(page, page.form("/language"), button="language")

    assert page.path == "/repositories?q=app"
    assert '<html lang="en">' in page.text
    browser.close()


@pytest.mark.parametrize("cookie", ["../../etc", "xx", "en_US", '"><script>'])
def test_a_language_that_there_is_not_is_english(web_server: Site, cookie: str) -> None:
    page = httpx.get(f"{web_server.url}/sign-in", headers={**PAGE, "cookie": f"dtr_language={cookie}"})

    assert page.status_code == 200
    assert '<html lang="en">' in page.text


def test_a_message_is_shown_once(web_server: Site) -> None:
    browser = Browser(web_server.url)
    page = browser.sign_in("ursula", web_server.password(Role.USER))
    page = browser.submit(page, page.form("/logout"))

    assert "You are signed out." in page.words
    assert "You are signed out." not in browser.open("/sign-in").words
    browser.close()


@pytest.mark.parametrize(
    "cookie", ["x", "e30=", "W10=", "W" * 3000, "eyJtb29kIjoiZXZpbCIsInRleHQiOiJ4In0=", "%FF", "W1tb" * 900]
)
def test_a_message_cookie_that_makes_no_sense_is_dropped(web_server: Site, cookie: str) -> None:
    page = httpx.get(f"{web_server.url}/sign-in", headers={**PAGE, "cookie": f"dtr_flash={cookie}"})

    assert page.status_code == 200
    assert 'class="notice ' not in page.text
    assert "dtr_flash=" in page.headers["set-cookie"]


def test_wrong_passwords_are_told_on_the_page_to_sign_in(web_server: Site) -> None:
    browser = Browser(web_server.url)
    page = browser.open("/sign-in")

    page = browser.submit(page, page.form("/login"), username="nobody-has-this-name", password="wrong")

    assert page.path.startswith("/sign-in")
    assert 'class="notice notice-bad" role="alert"' in page.text
    browser.close()


def test_paths_with_escaped_slashes_keep_them_in_links(web_server: Site, visit: Visit) -> None:
    page = visit(Role.ANONYMOUS).open(f"/repositories/{ORG}/tools%2Fcli")

    assert f"next=/repositories/{ORG}/tools%252Fcli" in page.text


@pytest.mark.parametrize(
    "path",
    ["/repositories", "/sign-in", "/search", f"/repositories/{ORG}/tools%2Fcli/tags", "/nowhere", "/users"],
)
def test_no_link_repeats_what_is_none_of_the_pages_filters(http: httpx.Client, path: str) -> None:
    answer = http.get(f"{path}?q=a&size=7&refresh_token=s3cret&access_token=s3cret&q=b")
    assert "s3cret" not in answer.text + answer.headers.get("location", "")


def test_links_keep_the_filters_with_the_values_that_counted(web_server: Site, visit: Visit) -> None:
    page = visit(Role.ADMIN).see("/users?q=zzz&q=a&show=active&size=1&token=s3cret")
    found = re.search(r'rel="next" href="([^"]*)"', page)
    assert found is not None
    address, _, query = found[1].replace("&amp;", "&").partition("?")
    kept = parse_qs(query)
    assert address == "/users"
    assert kept.pop("start")
    assert kept == {"q": ["a"], "show": ["active"], "size": ["1"]}
    assert 'name="next" value="/users?q=a&amp;show=active&amp;size=1"' in page


def test_pages_and_api_agree_on_what_is_hidden(web_server: Site, visit: Visit) -> None:
    client = web_server.api(Role.MEMBER)
    assert client.get(f"/api/v0/repositories/{ORG}/{PRIVATE}").status_code == 404
    client.close()
    assert visit(Role.MEMBER).open(f"/repositories/{ORG}/{PRIVATE}", status=404).status == 404


def test_every_picture_that_a_page_names_is_there() -> None:
    sources = resources.files("dtr")
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', (sources / "doors/web/static/icons.svg").read_text()))
    named = set()
    for template in Path(str(sources)).rglob("templates/*.html"):
        text = template.read_text(encoding="utf-8")
        named |= set(re.findall(r'\bicon\("([a-z]+)"', text))
        named |= set(re.findall(r'\bbadge\([^\n]*?, "[a-z]*", "([a-z]+)"\)', text))
        named |= set(re.findall(r'nav_item\("[^"]*", "([a-z]+)"', text))

    assert named
    assert named <= drawn
