"""What the log holds: one line for every request, and never a secret, whichever door it came in by."""

import base64
import json
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.raw_http import Wire, head, talk
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

CANARY = "hunter2-canary-7f3a91c0"


@pytest.fixture(params=["json", "console"])
def log_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def logged(tmp_path: Path, log_format: str) -> Iterator[ServerProcess]:
    """Give a server that logs all it can; it is stopped with the test, which leaves its log complete."""
    server = ServerProcess(
        tmp_path / "data",
        environment={"DTR_LOGS_FORMAT": log_format, "DTR_LOGS_LEVEL": "debug"},
    )
    server.start()
    yield server
    if server.is_running():
        server.stop()


def log_after_stop(server: ServerProcess) -> str:
    assert server.stop() == 0
    return server.log.read_text()


def basic(name: str, password: str) -> str:
    return base64.b64encode(f"{name}:{password}".encode()).decode()


def assert_keeps(log: str, *secrets: str) -> None:
    assert log.strip(), "there is no log to look at"
    for secret in secrets:
        assert secret not in log


# -- secrets


def test_passwords_never_reach_the_log(logged: ServerProcess) -> None:
    logged.add_user("carol", CANARY)
    with httpx.Client(base_url=logged.url) as http:
        for name in ("carol", "nobody"):
            http.get("/auth/token", auth=(name, CANARY))
            http.get("/v2/", auth=(name, CANARY))
            http.get("/metrics", auth=(name, CANARY))
            http.post("/auth/token", data={"grant_type": "password", "username": name, "password": CANARY})
            http.get("/auth/token", params={"account": name, "password": CANARY, "service": "dtr"})
        http.get("/auth/token", headers={"authorization": f"Basic {CANARY}"})
        http.post("/auth/token", json={"password": CANARY})

    assert_keeps(log_after_stop(logged), CANARY, basic("carol", CANARY), basic("nobody", CANARY))


def test_tokens_never_reach_the_log(logged: ServerProcess) -> None:
    admin = RegistryClient(logged.url, "admin", logged.admin_password)
    manifest = admin.push_image("admin/app")
    token = admin.repository_token("admin/app")
    admin.request("GET", "admin/app", f"manifests/{sha256(manifest)}")
    for target in ("/v2/", "/auth/token", "/nowhere", "/metrics"):
        admin.http.get(target, headers={"authorization": f"Bearer {token}"})
        admin.http.get(target, headers={"authorization": f"Bearer {token}x"})
        admin.http.get(target, headers={"authorization": token})
        admin.http.get(target, params={"token": token, "access_token": token})
    admin.close()

    assert_keeps(log_after_stop(logged), token, token.rpartition(".")[0], token.rpartition(".")[2])


def test_refresh_tokens_never_reach_the_log(logged: ServerProcess) -> None:
    with httpx.Client(base_url=logged.url) as http:
        credentials = ("admin", logged.admin_password)
        given = http.get(
            "/auth/token", params={"offline_token": "true", "client_id": "test"}, auth=credentials
        )
        refresh = given.json()["refresh_token"]
        for secret in (refresh, f"{refresh}-{CANARY}"):
            http.post("/auth/token", data={"grant_type": "refresh_token", "refresh_token": secret})
            http.get("/auth/token", params={"refresh_token": secret})
            http.get("/v2/", headers={"authorization": f"Bearer {secret}"})

    assert_keeps(log_after_stop(logged), refresh, CANARY, given.json()["token"])


def test_logins_sessions_and_access_tokens_never_reach_the_log(logged: ServerProcess) -> None:
    admin = {"username": "admin", "password": logged.admin_password}
    with httpx.Client(base_url=logged.url) as http:
        for fields in (admin, {"username": "admin", "password": CANARY}):
            http.post("/login", json=fields, headers={"content-type": "application/x-www-form-urlencoded"})
            http.post("/auth/login", json=fields)
            http.post("/login", params=fields)
        http.post("/login", data=admin)
        session, csrf = http.cookies["dtr_session"], http.cookies["csrftoken"]
        bearer = http.post("/auth/login", json=admin).json()["auth_token"]
        made = http.post("/api/v0/api_tokens", json={}, headers={"x-csrf-token": csrf})
        secret = made.json()["token"]
        http.post("/api/v0/api_tokens", json={}, headers={"x-csrf-token": f"{csrf}{CANARY}"})
        for token in (session, bearer, secret, f"{secret}{CANARY}"):
            http.get("/api/v0/sessions", headers={"authorization": f"Bearer {token}"})
            http.get("/api/v0/sessions", headers={"authorization": f"Basic {basic('admin', token)}"})
            http.get("/api/v0/sessions", params={"refresh_token": token})
            http.get("/auth/token", auth=("admin", token))
            http.get(f"/api/v0/api_tokens/{token}", auth=("admin", logged.admin_password))

    assert made.status_code == 201
    assert_keeps(
        log_after_stop(logged), logged.admin_password, CANARY, session, csrf, bearer, secret, secret[8:51]
    )


@pytest.mark.parametrize(
    "target",
    [
        f"/v2/?password={CANARY}",
        f"/v2/?{CANARY}",
        f"/v2/?a=b&{CANARY}&c",
        f"/nowhere?api_key={CANARY}",
        f"/auth/token?X={CANARY}&service=dtr",
        f"/v2/admin/app/tags/list?n=1&sig={CANARY}",
        f"/v2/admin/app/blobs/uploads/?_state={CANARY}",
        f"/_ping?x=1;password={CANARY}",
        f"http://user:{CANARY}@registry.test/v2/",
        f"/_ping?a=%0d%0a{CANARY}",
    ],
)
def test_secrets_in_addresses_never_reach_the_log(logged: ServerProcess, target: str) -> None:
    for method in ("GET", "POST"):
        talk(logged.url, head(method, target, "Content-Length: 0"), methods=[method])

    assert_keeps(log_after_stop(logged), CANARY)


def test_secret_headers_and_bodies_never_reach_the_log(logged: ServerProcess) -> None:
    admin = RegistryClient(logged.url, "admin", logged.admin_password)
    lines = [
        f"Cookie: session={CANARY}",
        f"X-Registry-Auth: {CANARY}",
        f"Proxy-Authorization: Basic {CANARY}",
        f"Referer: https://a.test/?password={CANARY}",
        f"Authorization: Digest {CANARY}",
    ]
    for target in ("/v2/", "/auth/token", "/v2/admin/app/manifests/t", "/nowhere"):
        talk(logged.url, head("GET", target, *lines))
    admin.push_manifest("admin/app", "t", f'{{"schemaVersion":2,"password":"{CANARY}"'.encode())
    admin.request("POST", "admin/app", "blobs/uploads/", content=CANARY.encode())
    admin.close()

    assert_keeps(log_after_stop(logged), CANARY)


def test_malformed_requests_with_secrets_never_reach_the_log(logged: ServerProcess) -> None:
    for request in (
        f"{CANARY}\r\n\r\n",
        f"GET /{CANARY} HTTP/9.9\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization {CANARY}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {CANARY * 1000}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n\r\n",
    ):
        with Wire(logged.url) as wire:
            wire.send(request.encode())
            assert wire.closes()

    assert_keeps(log_after_stop(logged), CANARY)


def test_the_administrators_password_and_the_keys_never_reach_the_log(logged: ServerProcess) -> None:
    talk(logged.url, head("GET", "/.well-known/jwks.json"))

    log = log_after_stop(logged)

    assert_keeps(log, logged.admin_password, "PRIVATE KEY")


# -- one line for each request


@pytest.fixture
def json_logged(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "data", workers=2, environment={"DTR_LOGS_FORMAT": "json"})
    server.start()
    yield server
    if server.is_running():
        server.stop()


def access_lines(server: ServerProcess) -> list[dict[str, Any]]:
    """Return the access lines of a server, which is stopped."""
    documents = [json.loads(line) for line in log_after_stop(server).splitlines() if line.startswith("{")]
    return [document for document in documents if document["event"] == "request"]


@pytest.mark.item("10")
def test_every_request_has_exactly_one_line_with_the_id_in_its_answer(json_logged: ServerProcess) -> None:
    admin = RegistryClient(json_logged.url, "admin", json_logged.admin_password)
    manifest = admin.push_image("admin/app")
    answers = [
        admin.request(method, "admin/app", rest)
        for method in ("GET", "HEAD", "GET", "DELETE", "OPTIONS")
        for rest in (
            "manifests/latest",
            f"blobs/{sha256(manifest)}",
            "tags/list?n=5",
            "manifests/nothing",
            "blobs/uploads/nothing",
        )
    ]
    answers += [
        admin.http.get(target) for target in ("/_ping", "/v2/", "/nowhere", "/metrics", "/auth/token")
    ]
    admin.close()

    lines = access_lines(json_logged)

    counted = Counter(line["request_id"] for line in lines)
    assert [counted[answer.headers["x-request-id"]] for answer in answers] == [1] * len(answers)
    assert max(counted.values()) == 1
    by_id = {line["request_id"]: line for line in lines}
    for answer in answers:
        line = by_id[answer.headers["x-request-id"]]
        assert (line["method"], line["status"]) == (answer.request.method, answer.status_code)
        assert line["path"] == answer.request.url.raw_path.decode()
        assert line["bytes_out"] == len(answer.content)


@pytest.mark.item("97")
def test_pipelined_requests_have_a_line_each_and_a_client_that_left_has_one(
    json_logged: ServerProcess,
) -> None:
    answers = talk(json_logged.url, *[head("GET", "/_ping")] * 20)
    with closing(RegistryClient(json_logged.url, "admin", json_logged.admin_password)) as admin:
        bearer = f"Authorization: Bearer {admin.repository_token('admin/app')}"
    with Wire(json_logged.url) as wire:
        wire.send(
            head("POST", "/v2/admin/app/blobs/uploads/?digest=" + sha256(b"x"), bearer, "Content-Length: 9")
        )
        time.sleep(0.3)

    lines = access_lines(json_logged)

    counted = Counter(line["request_id"] for line in lines)
    assert [counted[str(answer.header("x-request-id"))] for answer in answers] == [1] * 20
    assert [line["status"] for line in lines if line["method"] == "POST"] == [499]


@pytest.mark.item("97")
@pytest.mark.parametrize("agent", ["x\x85", "x\xa0\xad", '"}{"forged":true}', "x\x1b[2J"], ids=ascii)
def test_line_breaks_and_escapes_in_requests_cannot_forge_a_line(logged: ServerProcess, agent: str) -> None:
    forged = urllib.parse.quote('"}\n{"event":"request","forged":true}')
    for target in (f"/{forged}", f"/v2/?last={forged}"):
        talk(logged.url, head("GET", target, f"User-Agent: {agent}"))

    log = log_after_stop(logged)

    assert not {"\x1b", "\x85", "\xad"} & set(log)
    documents = [json.loads(line) for line in log.split("\n") if line.startswith("{")]
    assert not any("forged" in document for document in documents)


@pytest.mark.item("10", "97")
@pytest.mark.parametrize(
    "request_bytes",
    [b"MALFORMED\r\n\r\n", head("GET", "/v2/", "X: " + "x" * 17_000), head("GET", "/v2/" + "a" * 9000)],
    ids=["400", "431", "414"],
)
def test_a_refusal_of_the_server_itself_has_a_line_too(
    json_logged: ServerProcess, request_bytes: bytes
) -> None:
    (answer,) = talk(json_logged.url, request_bytes)

    request_id = answer.header("x-request-id")
    assert request_id is not None
    assert [line["status"] for line in access_lines(json_logged) if line["request_id"] == request_id] == [
        answer.status
    ]
