"""A foreign ASGI application behind a door: every way that its answer can go."""

import asyncio
from typing import Any

import pytest

from dtr.core.errors import Conflict
from dtr.plumbing.asgi.limits import BodyPace
from dtr.plumbing.asgi.mount import MountedResponse, routing_path, run_mounted
from dtr.plumbing.asgi.request import Request, RequestContext

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]}
LAST = {"type": "http.response.body", "body": b"end"}


def request(method: str = "GET", raw_path: bytes = b"/api/v0/a") -> Request:
    scope = {
        "type": "http",
        "method": method,
        "path": raw_path.decode(),
        "raw_path": raw_path,
        "query_string": b"",
        "headers": [],
    }
    context = RequestContext("id-1", "127.0.0.1", "http", "localhost", BodyPace(10, 0))
    return Request(scope, None, context)


class Client:
    """Takes what is sent; leaves after `patience` messages."""

    def __init__(self, patience: int = 1000) -> None:
        self.messages: list[dict[str, Any]] = []
        self._patience = patience

    async def take(self, message: dict[str, Any]) -> None:
        if len(self.messages) == self._patience:
            raise ConnectionError("the client is gone")
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


async def answered(application: Any, asked: Request | None = None, body: bytes = b"") -> MountedResponse:
    return await run_mounted(application, asked or request(), body, {"dtr.caller": "somebody"})


async def test_answer_in_one_piece_arrives_whole() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        await send(START)
        await send({"type": "http.response.body", "body": message["body"] + scope["dtr.caller"].encode()})

    client = Client()
    response = await answered(application, body=b"from ")
    await response.send(request(), client.take)

    assert response.status == 200
    assert client.messages[0]["headers"] == [(b"x-a", b"1")]
    assert client.body == b"from somebody"


async def test_answer_in_pieces_is_not_gathered() -> None:
    made = 0

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        nonlocal made
        await send(START)
        for _ in range(100):
            made += 1
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send(LAST)

    response = await answered(application)
    for _ in range(5):
        await asyncio.sleep(0)
    assert made < 10  # it waits until somebody takes the pieces
    client = Client()
    await response.send(request(), client.take)

    assert client.body == b"x" * 100 + b"end"


async def test_error_before_the_answer_is_raised_to_the_door() -> None:
    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        raise Conflict("no")

    with pytest.raises(Conflict):
        await answered(application)


async def test_application_that_ends_without_an_answer_is_an_error() -> None:
    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    with pytest.raises(RuntimeError, match="ended before its answer"):
        await answered(application)


async def test_error_within_the_answer_is_raised_while_it_is_sent() -> None:
    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send(START)
        raise ValueError("broken")

    response = await answered(application)
    with pytest.raises(ValueError, match="broken"):
        await response.send(request(), Client().take)


async def test_error_behind_the_answer_is_raised_after_it_was_sent() -> None:
    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send(START)
        await send(LAST)
        raise ValueError("afterwards")

    client = Client()
    response = await answered(application)
    with pytest.raises(ValueError, match="afterwards"):
        await response.send(request(), client.take)

    assert client.body == b"end"


async def test_client_that_leaves_ends_the_application() -> None:
    ended = asyncio.Event()

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        try:
            await send(START)
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            ended.set()

    response = await answered(application)
    with pytest.raises(ConnectionError):
        await response.send(request(), Client(patience=3).take)

    assert ended.is_set()


async def test_cancelled_request_waits_until_the_application_has_let_go() -> None:
    released = asyncio.Event()

    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)  # such as a transaction that is rolled back
            released.set()

    waiting = asyncio.ensure_future(answered(application))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert released.is_set()


async def test_application_sees_head_as_get() -> None:
    async def application(scope: Any, _receive: Any, send: Any) -> None:
        await send({**START, "headers": [(b"x-method", scope["method"].encode())]})
        await send(LAST)

    asked = request("HEAD")
    response = await answered(application, asked)
    await response.send(asked, Client().take)

    assert response.headers == [(b"x-method", b"GET")]
    assert asked.scope["method"] == "HEAD"  # the server has to leave the body out


async def test_application_that_asks_for_more_than_the_body_waits() -> None:
    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        await send(LAST)
        await receive()

    response = await answered(application)
    client = Client()
    sending = asyncio.ensure_future(response.send(request(), client.take))
    await asyncio.sleep(0.01)
    assert client.body == b"end"
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        (b"/a/b", "/a/b"),
        (b"/a%2Fb", "/a%2Fb"),
        (b"/a%2fb", "/a%2Fb"),
        (b"/a%252Fb", "/a%252Fb"),
        (b"/a%25%32Fb", "/a%252Fb"),
        (b"/robot%2Bteam", "/robot+team"),
        (b"/%C3%A4", "/\u00e4"),
        (b"/%FF", "/\ufffd"),
        (b"/a%2F..%2Fb", "/a%2F..%2Fb"),
        (b"/%2e%2e/b", "/../b"),
    ],
)
def test_only_real_slashes_divide_a_path(raw_path: bytes, path: str) -> None:
    assert routing_path(raw_path) == path
