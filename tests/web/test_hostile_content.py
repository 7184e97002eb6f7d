"""Whatever people write anywhere is shown as text: no script of theirs runs, no page breaks."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.api import ApiClient
from tests.support.browser import Browser
from tests.support.chromium import NARROW, Chromium
from tests.support.people import ACCOUNTS
from tests.support.registry import sha256
from tests.support.screens import screens_of
from tests.support.server import ServerProcess
from tests.support.site import NAMES, ORG, PRIVATE, REPOSITORIES, Role, Site, furnish, push_image

SHORT = "'\"></textarea></title><script>pwned=1</script><img src=x onerror=pwned=1>{{7*7}}%(x)s%s"
"""Ends an attribute, a text field and the title, then runs; speaks to templates and to formats as well."""

LONG = f"""{SHORT}

[click](javascript:pwned=1) ![x](javascript:pwned=1) <a href="javascript:pwned=1" style="position:fixed">x</a>

<iframe src="javascript:pwned=1"></iframe><svg onload=pwned=1><style>* {{ display: none }}</style>

```"><script>pwned=1</script>
{SHORT}
```

| {SHORT} | right-to-left \u202e and back |
| :-- | --: |
| {"unbroken" * 60} | {SHORT} |
"""

RAW = ("<script>pwned", "<img src=x", "onerror=pwned=1>{{")
EXECUTED = (
    "() => Boolean(window.pwned) || document.querySelectorAll('img[src=x], iframe, svg[onload]').length > 0"
)


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a registry in which everybody writes hostile texts wherever they can."""
    server = ServerProcess(tmp_path_factory.mktemp("hostile") / "data")
    server.start()
    try:
        site = furnish(server)
        admin = site.api(Role.ADMIN)
        _accounts(admin)
        _repositories(admin)
        _robots_and_tokens(site, admin)
        _images(site)
        admin.close()
        yield site
    finally:
        assert server.stop() == 0


def _accounts(admin: ApiClient) -> None:
    for name in (*NAMES.values(), ORG):
        _ok(admin.patch(f"{ACCOUNTS}/{name}", {"fullName": SHORT}))
    _ok(admin.patch(f"{ACCOUNTS}/{ORG}/teams/readers", {"description": SHORT}))


def _repositories(admin: ApiClient) -> None:
    _ok(
        admin.patch(
            f"{REPOSITORIES}/{ORG}/{PRIVATE}", {"shortDescription": SHORT[:140], "longDescription": LONG}
        )
    )


def _robots_and_tokens(site: Site, admin: ApiClient) -> None:
    _ok(admin.patch(f"/api/v0/robots/{site.robot.replace('+', '%2B')}", {"description": SHORT}))
    for role, name in NAMES.items():
        client = site.api(role)
        client.http.headers["user-agent"] = SHORT
        made = _ok(client.post("/api/v0/api_tokens", {"tokenLabel": SHORT}))
        site.token_ids[role] = made["hashedToken"]
        _ok(client.patch(f"{ACCOUNTS}/{name}/publicKeys/{site.key_ids[role]}", {"label": SHORT}))
        fields = {"username": name, "password": site.password(role)}
        httpx.post(f"{site.url}/login", data=fields, headers={"user-agent": SHORT})
        client.close()


def _images(site: Site) -> None:
    client = site.registry(Role.OWNER)
    client.http.headers["user-agent"] = SHORT
    config = {
        "architecture": SHORT,
        "os": SHORT,
        "os.version": SHORT,
        "variant": SHORT,
        "author": SHORT,
        "created": "2026-01-01T00:00:00Z",
        "config": {
            "Env": [f"A={SHORT}", SHORT],
            "Cmd": [SHORT],
            "Entrypoint": [SHORT],
            "Labels": {SHORT: SHORT, "org.opencontainers.image.source": "javascript:pwned=1"},
            "User": SHORT,
            "WorkingDir": SHORT,
            "ExposedPorts": {SHORT: {}},
            "Volumes": {SHORT: {}},
        },
        "rootfs": {"type": "layers", "diff_ids": [sha256(b"a")]},
        "history": [
            {"created": "2026-01-01T00:00:00Z", "created_by": SHORT, "comment": SHORT, "author": SHORT},
            {"created": "0001-01-01T00:00:00Z", "created_by": "x" * 5000},
        ],
    }
    annotations = {SHORT: SHORT, "org.opencontainers.image.url": "javascript:pwned=1"}
    push_image(
        client,
        f"{ORG}/{PRIVATE}",
        "hostile",
        json.dumps(config).encode(),
        b"a layer",
        annotations=annotations,
    )
    manifest = push_image(client, f"{ORG}/{PRIVATE}", "1.0", json.dumps(config).encode(), b"another")
    site.digests["1.0"] = sha256(manifest)
    client.close()


def _ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def _addresses(site: Site, role: Role) -> list[str]:
    text = quote(SHORT, safe="")
    asked = [
        f"/search?q={text}",
        f"/repositories?q={text}",
        f"/repositories?namespace={text}&visibility={text}",
    ]
    pages = [path.replace("/tags/2.0", "/tags/hostile") for path in screens_of(site, role)]
    return [*dict.fromkeys([*screens_of(site, role), *pages, *asked, f"/{text}"])]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.READER])
def test_hostile_texts_are_escaped_on_every_page(hostile_site: Site, role: Role) -> None:
    browser = Browser(hostile_site.url)
    browser.sign_in(NAMES[role], hostile_site.password(role))
    seen = 0
    for path in _addresses(hostile_site, role):
        page = browser.open(path, status=None)
        assert page.status < 500, path
        seen += "<script>pwned" in page.words
        for raw in RAW:
            assert raw not in page.text, path
        assert "49" not in page.words.split("onerror=pwned=1>", 1)[-1][:4], path
    browser.close()

    assert seen > 3, "the texts are on no page"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", [Role.ADMIN])
def test_no_script_of_theirs_runs(hostile_site: Site, chromium: Chromium, role: Role) -> None:
    browser = Browser(hostile_site.url)
    browser.sign_in(NAMES[role], hostile_site.password(role))
    wrong = []
    with chromium.visitor(hostile_site.url, browser, width=NARROW) as watched:
        for path in _addresses(hostile_site, role):
            watched.open(path)
            if watched.page.evaluate(EXECUTED):
                wrong.append(f"{path}: a script ran, or an element came from a text")
            too_wide = watched.overflow()
            if too_wide:
                wrong.append(f"{path}: wider than {NARROW}: {too_wide}")
            wrong += [f"{path}: {each}" for each in watched.problems()]
    browser.close()

    assert not wrong, "\n".join(wrong)


def test_links_of_a_readme_run_nothing(hostile_site: Site) -> None:
    browser = Browser(hostile_site.url)
    browser.sign_in(NAMES[Role.READER])

    page = browser.open(f"/repositories/{ORG}/{PRIVATE}")

    assert not [link for link in page.links if not link.startswith(("/", "#", "?", "http://", "https://"))]
    browser.close()
