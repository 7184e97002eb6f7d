"""What is uploaded, planted or made up: no browser runs it as a part of this site, and no page breaks over it."""

import base64
import json
import re
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.browser import Browser, browsers
from tests.support.people import PASSWORD, client, make_user
from tests.support.registry import RegistryClient, image_manifest
from tests.support.server import ServerProcess

PAGE = {"accept": "text/html"}
HTML = b"<!doctype html><script>pwned=1</script>"
INERT = "default-src 'none'; frame-ancestors 'none'; sandbox"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a registry with the user alice."""
    server = ServerProcess(tmp_path_factory.mktemp("content") / "data")
    server.start()
    with client(server, "admin", server.admin_password) as admin:
        make_user(admin, "alice")
    yield server
    assert server.stop() == 0


@pytest.fixture
def alice(registry: ServerProcess) -> Iterator[Browser]:
    """Give a browser that alice is signed in with."""
    with browsers(registry.url) as opened:
        yield opened("alice")


@pytest.fixture
def docker(registry: ServerProcess) -> Iterator[RegistryClient]:
    """Give alice's client that pushes and pulls."""
    opened = RegistryClient(registry.url, "alice", PASSWORD)
    yield opened
    opened.close()


# -- uploads --------------------------------------------------------------------------------------


def test_no_browser_opens_an_uploaded_page(alice: Browser, docker: RegistryClient) -> None:
    digest = docker.push_blob("alice/app", HTML)

    by_cookie = alice.http.get(f"/v2/alice/app/blobs/{digest}")
    by_password = httpx.get(f"{alice.url}/v2/alice/app/blobs/{digest}", auth=("alice", PASSWORD))
    by_token = docker.request("GET", "alice/app", f"blobs/{digest}")

    assert [by_cookie.status_code, by_password.status_code] == [401, 401]
    assert by_token.content == HTML
    assert by_token.headers["content-type"] == "application/octet-stream"
    assert by_token.headers["x-content-type-options"] == "nosniff"
    assert by_token.headers["content-security-policy"] == INERT


@pytest.mark.parametrize(
    "media_type", ["text/html", "text/javascript", "image/svg+xml", "text/html; charset=utf-8"]
)
def test_no_manifest_is_served_as_a_page_or_a_script(docker: RegistryClient, media_type: str) -> None:
    docker.push_blob("alice/app", HTML)
    manifest = image_manifest(HTML, HTML).replace(
        b"application/vnd.oci.image.manifest.v1+json", media_type.encode()
    )

    assert docker.push_manifest("alice/app", "page", manifest, media_type).status_code == 400
    assert docker.push_manifest("alice/app", "page", manifest, "").status_code == 400


def test_every_answer_tells_browsers_what_it_may_do(alice: Browser, docker: RegistryClient) -> None:
    docker.push_image("alice/app", "1.0")
    manifest = docker.request("GET", "alice/app", "manifests/1.0")
    answers = {path: alice.http.get(path) for path in (
        "/v2/", "/v2/nowhere", "/auth/token", "/api/v0/repositories", "/api/v0/nothing", "/enzi/v0/accounts",
        "/basic_info", "/login", "/health", "/metrics", "/ca", "/favicon.ico", "/v1/search?q=a",
    )}  # fmt: skip

    policies = {path: answer.headers.get_list("content-security-policy") for path, answer in answers.items()}

    assert policies == {path: [INERT] for path in answers}
    assert manifest.headers.get_list("content-security-policy") == [INERT]
    for path in ("/profile", "/api/v0/docs", "/nothing-here"):  # these bring policies of their own
        (policy,) = alice.http.get(path).headers.get_list("content-security-policy")
        assert "script-src 'self'" in policy, path


def test_search_engines_are_kept_out(registry: ServerProcess) -> None:
    answer = httpx.get(f"{registry.url}/robots.txt")

    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "User-agent: *\nDisallow: /\n"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../sign-in",
        "/static/%2e%2e/app.js",
        "/static/..%2f..%2fdoor.py",
        "/static/",
        "/static/x/app.js",
    ],
)
def test_static_files_are_those_that_pages_name(docker: RegistryClient, path: str) -> None:
    assert docker.raw("GET", path).status == 404


# -- what browsers send ---------------------------------------------------------------------------


def _flash(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "!!!!",
        _flash(5),
        _flash([]),
        _flash({"mood": [], "text": "x"}),
        _flash({"mood": "good", "text": None}),
        _flash({"mood": "good", "text": "\ud800"}),
        _flash({"mood": "good", "text": ["%(a)s", {"a": "\udfff"}]}),
        _flash({"mood": "good", "text": ["%(a)s", ["a"]]}),
        _flash({"mood": "good", "text": ["%(a)s", {}]}),
        _flash({"mood": "good", "text": ["%(a)99999999s", {"a": "x"}]}),
    ],
)
def test_a_message_that_nobody_left_breaks_no_page(registry: ServerProcess, value: str) -> None:
    """A neighbour of this site may plant a cookie, which would come with every request."""
    answer = httpx.get(f"{registry.url}/repositories", headers={**PAGE, "cookie": f"dtr_flash={value}"})

    assert answer.status_code == 200
    assert 'dtr_flash=""' in answer.headers["set-cookie"], "it does not come again"


def test_a_message_of_messages_stays_small(registry: ServerProcess) -> None:
    text: object = "boom"
    for _ in range(40):
        text = ["%(a)s%(a)s", {"a": text}]

    answer = httpx.get(
        f"{registry.url}/repositories",
        headers={**PAGE, "cookie": f"dtr_flash={_flash({'mood': 'good', 'text': text})}"},
        timeout=10,
    )

    assert answer.status_code == 200
    assert "boom" not in answer.text


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("ZH-hans", "zh-Hans"),
        ("ZH-HANS-cn", "zh-Hans"),
        ("EN", "en"),
        ("en;q=nan, zh;q=0.1", "zh-Hans"),
        ("zh;q=inf", "zh-Hans"),
        ("_,-,;q=1,,", "en"),
        ("x" * 4000, "en"),
        ("zh-Hans@currency=x", "en"),
        ("*", "en"),
    ],
)
def test_any_wish_for_a_language_gets_a_page(registry: ServerProcess, wanted: str, language: str) -> None:
    answer = httpx.get(f"{registry.url}/repositories", headers={**PAGE, "accept-language": wanted})

    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text


def test_a_host_that_a_client_made_up_is_text_and_leads_nowhere(registry: ServerProcess) -> None:
    headers = {**PAGE, "host": 'evil.example"><script>'}
    page = httpx.get(f"{registry.url}/sign-in", headers=headers)
    sent_on = httpx.get(f"{registry.url}/profile", headers=headers)

    assert "evil.example" in page.text
    assert "<script>" not in page.text
    assert sent_on.headers["location"] == "/sign-in?next=%2Fprofile"


def test_secrets_of_pages_are_in_no_log_and_no_address(registry: ServerProcess, alice: Browser) -> None:
    made = alice.send("/profile/tokens", label="laptop", days="7")
    robot = alice.send(
        "/robots",
        name="deploy",
        namespace="alice",
        days="7",
        **{"pattern-0": "alice/**", "actions-0": "pull"},
    )
    secrets = {PASSWORD, *re.findall(r"dtr_[a-z]+_[\w-]{20,}", made.text + robot.text)}

    assert len(secrets) == 3
    assert [made.status_code, robot.status_code] == [201, 201]
    for answer in (made, robot):
        assert answer.headers["cache-control"] == "no-store"
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
    assert alice.http.get("/profile?written=last").status_code == 200
    deadline = time.monotonic() + 10
    while "/profile?written=" not in (log := registry.log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "/profile?written=" in log
    assert not [secret for secret in secrets if secret in log]
