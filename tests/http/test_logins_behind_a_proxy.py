"""Logging in where a proxy ends TLS, and what the operator sets about sessions and access tokens."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from pathlib import Path

PROXIED = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "registry.example",
    "x-forwarded-for": "192.0.2.9",
}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a server that trusts proxies on this machine, and is strict about sessions and tokens."""
    data: Path = tmp_path_factory.mktemp("proxied") / "data"
    environment = {
        "DTR_NETWORK_TRUSTED_PROXIES": "127.0.0.1",
        "DTR_EXTERNAL_URL": "https://elsewhere.example",
        "DTR_SESSIONS_PER_USER_LIMIT": "1",
        "DTR_TOKENS_MAX_ACCESS_TOKEN_DAYS": "7",
        "DTR_METRICS_REQUIRE_ADMIN": "true",
    }
    server = ServerProcess(data, environment=environment)
    server.start()
    server.add_user("alice", "alice's own password")
    yield server
    assert server.stop() == 0


@pytest.fixture
def http(proxied: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxied.url, headers=PROXIED) as client:
        yield client


def log_in(http: httpx.Client, proxied: ServerProcess) -> dict[str, str]:
    """Log in; return the headers that a browser would send along from then on."""
    answer = http.post("/login", data={"username": "admin", "password": proxied.admin_password})
    assert answer.status_code == 200, answer.text
    cookies = [each.partition(";")[0] for each in answer.headers.get_list("set-cookie")]
    csrf = dict(each.partition("=")[::2] for each in cookies)["csrftoken"]
    return {"cookie": "; ".join(cookies), "x-csrf-token": csrf}


def test_cookies_are_secure_where_the_proxy_speaks_https(http: httpx.Client, proxied: ServerProcess) -> None:
    credentials = {"username": "admin", "password": proxied.admin_password}

    behind = http.post("/login", data=credentials)
    plain = httpx.post(f"{proxied.url}/login", data=credentials)

    assert all("; Secure" in each for each in behind.headers.get_list("set-cookie"))
    assert not any("; Secure" in each for each in plain.headers.get_list("set-cookie"))


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://registry.example", 201),
        ("https://elsewhere.example", 201),
        ("https://registry.example:8443", 403),
        ("https://registry.example.evil.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
def test_pages_of_the_registrys_own_addresses_may_change_things(
    http: httpx.Client, proxied: ServerProcess, origin: str, status: int
) -> None:
    browser = log_in(http, proxied)

    answer = http.post("/api/v0/api_tokens", headers={**browser, "origin": origin})

    assert answer.status_code == status


def test_a_session_shows_the_address_behind_the_proxy(http: httpx.Client, proxied: ServerProcess) -> None:
    browser = log_in(http, proxied)

    [session] = http.get("/api/v0/sessions", headers=browser).json()

    assert session["address"] == "192.0.2.9"


def test_the_operator_limits_how_many_sessions_a_user_has(http: httpx.Client, proxied: ServerProcess) -> None:
    first = log_in(http, proxied)
    second = log_in(http, proxied)

    assert http.get("/basic_info", headers=first).json()["User"] is None
    assert http.get("/basic_info", headers=second).json()["User"]["name"] == "admin"


def test_the_operator_limits_how_long_access_tokens_live(http: httpx.Client, proxied: ServerProcess) -> None:
    admin = ("admin", proxied.admin_password)

    made = http.post("/api/v0/api_tokens", json={}, auth=admin).json()
    refused = http.post("/api/v0/api_tokens", json={"expiresInDays": 8}, auth=admin)

    life = datetime.fromisoformat(made["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < life <= timedelta(days=7)
    assert refused.status_code == 400


def test_metrics_are_read_with_any_credentials_of_an_administrator(
    http: httpx.Client, proxied: ServerProcess
) -> None:
    admin = ("admin", proxied.admin_password)
    full = http.post("/api/v0/api_tokens", json={}, auth=admin).json()["token"]
    permits = [{"pattern": "**", "actions": ["admin"]}]
    limited = http.post("/api/v0/api_tokens", json={"permits": permits}, auth=admin).json()["token"]

    assert http.get("/metrics", auth=admin).status_code == 200
    assert http.get("/metrics", auth=("admin", full)).status_code == 200
    assert http.get("/metrics", headers=log_in(http, proxied)).status_code == 200
    assert http.get("/metrics", auth=("admin", limited)).status_code == 403
    assert http.get("/metrics", auth=("alice", "alice's own password")).status_code == 403
    assert httpx.get(f"{proxied.url}/metrics").status_code == 401
