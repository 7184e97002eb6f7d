"""The way into the API: what every route has in common, whatever it does."""

import asyncio
import logging
import re
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import Field

from dtr.core.errors import Unavailable
from dtr.core.principal import ANONYMOUS, Caller
from dtr.doors.api.application import build_application
from dtr.doors.api.door import ApiDoor, Loaded
from dtr.plumbing.api import Shape
from dtr.plumbing.asgi.limits import BodyPace
from dtr.plumbing.asgi.request import Request, RequestContext
from tests.support.api import ApiClient, codes
from tests.support.raw_http import head, talk
from tests.support.server import ServerProcess

REPOSITORIES = "/api/v0/repositories/alice"


def test_head_is_get_without_the_body(alice: ApiClient) -> None:
    got = alice.get("/api/v0/repositories")
    head = alice.http.head("/api/v0/repositories")

    assert head.status_code == got.status_code == 200
    assert head.content == b""
    varying = {"date", "x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in got.headers.items() if name not in varying
    }


def test_head_of_what_is_not_there_has_the_status_of_get(alice: ApiClient) -> None:
    assert alice.http.head("/api/v0/repositories/alice/nothing").status_code == 404
    assert alice.http.head("/api/v0/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/api/v0/nothing", "/api/v0", "/api/v0/", "/enzi/v0/nothing", "/api/v0x"])
def test_unknown_address_is_told_as_an_error_document(admin: ApiClient, path: str) -> None:
    answer = admin.get(path)

    assert answer.status_code == 404
    assert codes(answer) == ["NOT_FOUND"]


def test_slash_at_the_end_is_another_address_and_never_redirected(admin: ApiClient) -> None:
    assert admin.post("/api/v0/repositories/alice/", {"name": "x"}).status_code == 404


def test_wrong_method_is_told_all_that_are_right(alice: ApiClient) -> None:
    answer = alice.put(REPOSITORIES, {})

    assert answer.status_code == 405
    assert codes(answer) == ["NOT_ALLOWED"]
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
def test_method_that_no_route_has_is_refused(alice: ApiClient, method: str) -> None:
    assert alice.http.request(method, REPOSITORIES).status_code in {400, 405}


def test_stranger_is_asked_for_name_and_password(anonymous: ApiClient) -> None:
    answer = anonymous.post(REPOSITORIES, {"name": "x"})

    assert answer.status_code == 401
    assert codes(answer) == ["NOT_AUTHENTICATED"]
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


def test_wrong_password_is_refused_where_strangers_may_read(server: ServerProcess) -> None:
    client = ApiClient(server.url, "alice", "not her password")
    answer = client.get("/api/v0/repositories")
    client.close()

    assert answer.status_code == 401
    assert codes(answer) == ["NOT_AUTHENTICATED"]


def test_page_of_a_browser_is_not_asked_by_a_window(anonymous: ApiClient) -> None:
    answer = anonymous.post(REPOSITORIES, {"name": "x"}, headers={"Cookie": "theme=dark"})

    assert answer.status_code in {401, 403}
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("path", ["/api/v0/repositories", "/api/v0/nothing", "/api/v0/docs.json"])
def test_every_answer_stays_out_of_caches_and_has_a_request_id(anonymous: ApiClient, path: str) -> None:
    answer = anonymous.get(path)

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=1, */*;q=0", "garbage"])
def test_whatever_is_accepted_the_answer_is_json(alice: ApiClient, accept: str) -> None:
    answer = alice.get("/api/v0/repositories", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/merge-patch+json",
        None,
    ],
)
def test_json_is_taken_under_any_of_its_types_and_without_one(
    alice: ApiClient, number: int, media_type: str | None
) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    body = f'{{"name": "typed-{number}"}}'.encode()
    answer = alice.http.post(REPOSITORIES, content=body, headers=headers)

    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
def test_body_of_another_type_is_refused(alice: ApiClient, number: int, media_type: str) -> None:
    body = f'{{"name": "other-{number}"}}'.encode()
    answer = alice.http.post(REPOSITORIES, content=body, headers={"Content-Type": media_type})

    assert answer.status_code == 415
    assert codes(answer) == ["UNSUPPORTED_MEDIA_TYPE"]
    assert alice.get(f"{REPOSITORIES}/other-{number}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nothing",
        b'{"name": "a",}',
        b"{'name': 'a'}",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "a"} {"name": "b"}',
        b'{"name": "\xff\xfe"}',
        b'{"name": "\n"}',
        b"\xef\xbb\xbf{}",
        '{"name": "a"}'.encode("utf-16"),
        b'{"name": ' + b"1" * 5000 + b"}",
        b"   ",
    ],
    ids=lambda body: str(body[:30]),
)
def test_what_is_no_json_is_refused(alice: ApiClient, body: bytes) -> None:
    answer = alice.http.post(REPOSITORIES, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_JSON"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a\\u0000b"}',
        b'{"name": "fine", "longDescription": "\\u0000"}',
        b'{"name": "fine", "\\u0000": 1}',
        b'{"name": "fine", "longDescription": "\\ud800"}',
        b'{"name": "fine", "unknown": "\\udfff"}',
        b'{"name": "fine", "tagLimit": 1e999}',
        b'{"name": "fine", "tagLimit": 99999999999999999999}',
        b'{"name": "fine", "deep": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"name": ' * 5000 + b"1" + b"}" * 5000,
        b"[" * 200_000,
        b'{"name": 1}',
        b'{"name": null}',
        b'{"name": ["a"]}',
        b'["a"]',
        b'"a"',
        b"null",
        b"{}",
    ],
    ids=lambda body: str(body[:40]),
)
def test_json_that_cannot_be_meant_is_refused(alice: ApiClient, body: bytes) -> None:
    answer = alice.http.post(REPOSITORIES, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert set(codes(answer)) == {"INVALID_PARAMETERS"}


def test_body_beyond_the_limit_is_refused(alice: ApiClient) -> None:
    answer = alice.post(REPOSITORIES, {"name": "a", "longDescription": "x" * 2_000_000})

    assert answer.status_code == 413
    assert codes(answer) == ["PAYLOAD_TOO_LARGE"]


@pytest.mark.parametrize(
    "path", ["/api/v0/repositories%00", "/api/v0/repositories/al%00ice", "/api/v0/repositories%0A"]
)
def test_control_character_in_a_path_leads_nowhere(server: ServerProcess, path: str) -> None:
    answer = talk(server.url, head("GET", path))[0]

    assert answer.status == 404


def test_nul_in_a_query_is_refused(alice: ApiClient) -> None:
    answer = alice.get("/api/v0/repositories?pageStart=a%00b")

    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_PARAMETERS"]


@pytest.mark.parametrize(
    "path", ["/api/v0/%2e%2e/v2/", "/api/v0/repositories/alice/..%2F..%2Fadmin", "/api/v0/..%5C.."]
)
def test_path_that_climbs_leads_nowhere(server: ServerProcess, path: str) -> None:
    answer = talk(server.url, head("GET", path))[0]

    assert answer.status == 404


def test_unknown_parameters_and_fields_are_ignored(alice: ApiClient, number: int) -> None:
    body = {"name": f"extra-{number}", "id": "made-up", "pulls": 7, "somethingNew": {"a": [1]}}
    answer = alice.post(f"{REPOSITORIES}?limit=3&other=x", body)

    assert answer.status_code == 201
    assert answer.json()["id"] != "made-up"
    assert answer.json()["pulls"] == 0


# -- the documentation --------------------------------------------------------------------------------


def test_documentation_is_open_to_strangers_and_closed_to_foreign_code(anonymous: ApiClient) -> None:
    answer = anonymous.get("/api/v0/docs")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_documentation_holds_nothing_inline_and_nothing_from_elsewhere(anonymous: ApiClient) -> None:
    page = anonymous.get("/api/v0/docs").text

    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", page) == []
    addresses = re.findall(r'\b(?:src|href)="([^"]*)"', page)
    assert all(address.startswith(("/api/v0/docs/", "#", "docs.json", "data:,")) for address in addresses)


def test_documentation_shows_every_operation(anonymous: ApiClient) -> None:
    page = anonymous.get("/api/v0/docs").text
    document = anonymous.get("/api/v0/docs.json").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]

    assert operations
    assert all(f'id="op-{operation["operationId"]}"' in page for operation in operations)


@pytest.mark.parametrize(("asset", "kind"), [("docs.js", "text/javascript"), ("docs.css", "text/css")])
def test_assets_of_the_documentation_are_served(anonymous: ApiClient, asset: str, kind: str) -> None:
    answer = anonymous.get(f"/api/v0/docs/{asset}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"


@pytest.mark.parametrize("asset", ["docs.py", "..%2Froutes.py", "__init__.py", "%2Fetc%2Fpasswd"])
def test_nothing_but_assets_is_served(anonymous: ApiClient, asset: str) -> None:
    assert anonymous.get(f"/api/v0/docs/{asset}").status_code == 404


# -- what goes wrong within: a door of its own, with routes made to fail --------------------------------


class Answer(Shape):
    count: int = Field(ge=0)


def failing_router() -> APIRouter:
    router = APIRouter(prefix="/test")

    @router.get("/raises")
    async def raises() -> None:
        raise ZeroDivisionError("the reason")

    @router.get("/misrenders", response_model=Answer)
    async def misrenders() -> Any:
        return {"count": -1}

    @router.get("/unavailable")
    async def unavailable() -> None:
        raise Unavailable("try again", retry_after_seconds=7)

    @router.get("/breaks-off")
    async def breaks_off() -> StreamingResponse:
        async def pieces() -> Any:
            yield b"first"
            raise ZeroDivisionError("too late")

        return StreamingResponse(pieces())

    return router


class NobodyInParticular:
    async def caller(self, _request: Request) -> Caller:
        return Caller(ANONYMOUS, request_id="id-1")


def request_for(path: str) -> Request:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("localhost", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    return Request(scope, receive, RequestContext("id-1", "127.0.0.1", "http", "localhost", BodyPace(10, 0)))


async def answer_of(door: ApiDoor, path: str) -> tuple[int, bytes]:
    asked = request_for(path)
    response = await door.handle(asked)
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await response.send(asked, send)
    return response.status, b"".join(message.get("body", b"") for message in messages)


@pytest.fixture
def door() -> ApiDoor:
    return ApiDoor("/api/v0", NobodyInParticular(), Loaded(lambda: build_application([failing_router()], [])))


@pytest.mark.parametrize("route", ["raises", "misrenders"])
async def test_unforeseen_error_is_told_with_its_request_id_and_logged_once(
    door: ApiDoor, route: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        status, body = await answer_of(door, f"/api/v0/test/{route}")
    logged = capsys.readouterr().out + caplog.text

    assert status == 500
    assert b'"INTERNAL_ERROR"' in body
    assert b"id-1" in body
    assert b"the reason" not in body
    assert logged.count("request.failed") == 1
    assert f"/api/v0/test/{route}" in logged


async def test_error_that_passes_says_when_to_come_back(door: ApiDoor) -> None:
    response = await door.handle(request_for("/api/v0/test/unavailable"))

    assert response.status == 503
    assert (b"retry-after", b"7") in response.headers


async def test_answer_that_breaks_off_is_not_completed(door: ApiDoor) -> None:
    with pytest.raises(ZeroDivisionError):
        await answer_of(door, "/api/v0/test/breaks-off")


async def test_route_is_noted_with_its_prefix(door: ApiDoor) -> None:
    asked = request_for("/api/v0/docs/docs.js")
    await door.handle(asked)

    assert asked.route == "/api/v0/docs/{asset}"


async def test_application_that_could_not_be_made_is_told_logged_and_made_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    attempts = 0

    def make() -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OSError("no memory")
        return build_application([], [])

    door = ApiDoor("/api/v0", NobodyInParticular(), Loaded(make))
    first = await door.handle(request_for("/api/v0/docs.json"))
    second = await door.handle(request_for("/api/v0/docs.json"))

    assert (first.status, second.status) == (500, 200)
    assert "request.failed" in capsys.readouterr().out
    assert attempts == 2


async def test_application_is_made_once_for_all_who_wait() -> None:
    attempts = 0

    def make() -> Any:
        nonlocal attempts
        attempts += 1
        return build_application([], [])

    door = ApiDoor("/api/v0", NobodyInParticular(), Loaded(make))
    waiting = asyncio.ensure_future(door.handle(request_for("/api/v0/docs.json")))
    await asyncio.sleep(0)
    waiting.cancel()  # a client that leaves takes nothing from the others
    answers = await asyncio.gather(*(door.handle(request_for("/api/v0/docs.json")) for _ in range(3)))

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert attempts == 1
