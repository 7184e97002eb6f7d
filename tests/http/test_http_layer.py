"""HTTP/1.1 itself, byte by byte: connections, pipelining, malformed and oversized requests, unread bodies."""

import json
from collections.abc import Iterator

import pytest

from tests.support.raw_http import Answer, Wire, head, talk
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

PING = head("GET", "/_ping")
KIB = 1024
HEADER_LIMIT = 16 * KIB


@pytest.fixture(scope="module", params=["http", "https"])
def layer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Give a running registry of one worker, plain and with TLS."""
    tls = request.param == "https"
    server = ServerProcess(tmp_path_factory.mktemp("layer") / "data", tls=tls)
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def client(layer: ServerProcess) -> RegistryClient:
    return RegistryClient(layer.url, "admin", layer.admin_password)


@pytest.fixture
def bearer(client: RegistryClient) -> str:
    """Give an Authorization line for `admin/app`, in which there is an image."""
    client.push_image("admin/app")
    line = f"Authorization: Bearer {client.repository_token('admin/app')}"
    client.close()
    return line


def assert_refused(answer: Answer, status: int) -> None:
    """A refusal below the application: the error document, and the end of the connection."""
    assert answer.status == status
    assert answer.header("content-type") == "application/json"
    assert answer.header("connection") == "close"
    (error,) = json.loads(answer.body)["errors"]
    assert set(error) >= {"code", "message"}


# -- connections


@pytest.mark.item("97")
def test_a_connection_serves_many_requests(layer: ServerProcess) -> None:
    with Wire(layer.url) as wire:
        answers = [wire.ask(PING) for _ in range(50)]

        assert {answer.status for answer in answers} == {200}
        assert len({answer.header("x-request-id") for answer in answers}) == 50
        assert "connection" not in answers[-1].names


@pytest.mark.item("97")
@pytest.mark.parametrize("value", ["close", "Close", "foo, close"])
def test_connection_close_is_honoured(layer: ServerProcess, value: str) -> None:
    with Wire(layer.url) as wire:
        answer = wire.ask(head("GET", "/_ping", f"Connection: {value}"))

        assert (answer.status, answer.header("connection")) == (200, "close")
        assert wire.closes()


@pytest.mark.item("97")
@pytest.mark.parametrize("lines", ["", "Connection: keep-alive\r\n"])
def test_http_1_0_is_answered_without_chunks_and_closed(layer: ServerProcess, lines: str) -> None:
    with Wire(layer.url) as wire:
        answer = wire.ask(f"GET /_ping HTTP/1.0\r\n{lines}\r\n".encode())

        assert (answer.status, answer.header("connection")) == (200, "close")
        assert "transfer-encoding" not in answer.names
        assert wire.closes()


@pytest.mark.item("97")
@pytest.mark.parametrize("host", ["[::1]", "[2001:db8::1]:5000", "registry.test:443"])
def test_the_challenge_repeats_the_host_that_the_client_used(layer: ServerProcess, host: str) -> None:
    (answer,) = talk(layer.url, head("GET", "/v2/", host=host))

    scheme = layer.url.partition(":")[0]
    assert answer.status == 401
    assert f'realm="{scheme}://{host}/auth/token"' in str(answer.header("www-authenticate"))


@pytest.mark.item("97")
def test_the_absolute_form_of_a_target_means_the_same(layer: ServerProcess, bearer: str) -> None:
    target = "/v2/admin/app/manifests/latest"

    plain, absolute = talk(
        layer.url, head("GET", target, bearer), head("GET", f"http://registry.test{target}", bearer)
    )

    assert (plain.status, absolute.status) == (200, 200)
    assert plain.body == absolute.body


@pytest.mark.item("97")
@pytest.mark.parametrize("end", ["", "Connection: close"])
def test_a_head_may_arrive_byte_by_byte(layer: ServerProcess, end: str) -> None:
    with Wire(layer.url) as wire:
        for byte in head("GET", "/_ping", *([end] if end else [])):
            wire.send(bytes([byte]))

        assert wire.answer().status == 200


# -- pipelining


@pytest.mark.item("97")
def test_pipelined_requests_are_answered_in_order(layer: ServerProcess, bearer: str) -> None:
    requests = [
        PING,
        head("GET", "/v2/admin/app/manifests/latest", bearer),
        head("GET", "/nowhere"),
        head("HEAD", "/v2/admin/app/manifests/latest", bearer),
        head("GET", "/v2/"),
        head("GET", "/v2/admin/app/manifests/latest", bearer),
    ]
    methods = ["GET", "GET", "GET", "HEAD", "GET", "GET"]

    for _ in range(3):
        answers = talk(layer.url, *requests, methods=methods)
        assert [answer.status for answer in answers] == [200, 200, 404, 200, 401, 200]


@pytest.mark.item("97")
@pytest.mark.parametrize("size", [0, 1, 100, 30_000, 70_000, 1_500_000])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_requests_pipelined_behind_a_body_are_answered(
    layer: ServerProcess, bearer: str, size: int, framing: str
) -> None:
    content = f"{framing}{size}".encode().ljust(size, b".")[:size]
    target = f"/v2/admin/app/blobs/uploads/?digest={sha256(content)}"

    answers = talk(layer.url, request_with_body("POST", target, bearer, content, framing), PING, PING)

    assert [answer.status for answer in answers] == [201, 200, 200]
    (stored,) = talk(layer.url, head("GET", f"/v2/admin/app/blobs/{sha256(content)}", bearer))
    assert stored.body == content


def request_with_body(method: str, target: str, bearer: str, content: bytes, framing: str) -> bytes:
    if framing == "length":
        return head(method, target, bearer, f"Content-Length: {len(content)}") + content
    pieces = [content[start : start + 50_000] for start in range(0, len(content), 50_000)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return head(method, target, bearer, "Transfer-Encoding: chunked") + body


@pytest.mark.item("97")
def test_a_body_and_the_beginning_of_the_next_head_may_arrive_together(
    layer: ServerProcess, bearer: str
) -> None:
    content = b"b" * 40_000
    target = f"/v2/admin/app/blobs/uploads/?digest={sha256(content)}"
    next_request = head("GET", "/_ping", "X-Padding: " + "p" * 200)
    with Wire(layer.url) as wire:
        first = request_with_body("POST", target, bearer, content, "length")
        wire.send(first + next_request[:100])
        assert wire.answer().status == 201

        assert wire.ask(next_request[100:]).status == 200


@pytest.mark.item("97")
def test_many_pipelined_requests_and_half_a_head_may_arrive_together(
    layer: ServerProcess, bearer: str
) -> None:
    target = "/v2/admin/app/manifests/latest"
    talk(layer.url, head("GET", target, bearer))  # memory knows it now
    request = head("GET", target, bearer)
    count = 30_000 // len(request)
    with Wire(layer.url) as wire:
        wire.send(request * count + request[:100])
        assert {wire.answer().status for _ in range(count)} == {200}

        assert wire.ask(request[100:]).status == 200


@pytest.mark.item("97")
def test_a_malformed_request_does_not_take_away_the_answer_before_it(layer: ServerProcess) -> None:
    with Wire(layer.url) as wire:
        wire.send(PING + b"MALFORMED\r\n\r\n")

        assert wire.answer().status == 200
        assert_refused(wire.answer(), 400)
        assert wire.closes()


# -- what is no HTTP


@pytest.mark.item("97", "10")
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"MALFORMED\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"FOO /_ping HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /_ping HTTP/1.2\r\nHost: a\r\n\r\n",
        b"GET /_ping HTTP/x\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v2/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v2/ a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        b"GET /_ping HTTP/1.1\nHost: a\n\n",
        b"GET /_ping HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_no_http_gets_400_and_the_end(layer: ServerProcess, request_bytes: bytes) -> None:
    with Wire(layer.url) as wire:
        assert_refused(wire.ask(request_bytes), 400)
        assert wire.closes()


@pytest.mark.item("97")
@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length: 3", "Content-Length: 3"),
        ("Content-Length: 3, 3",),
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 3"),
        ("Transfer-Encoding: chunked, identity",),
        ("Content-Length: -1",),
        ("Content-Length: +3",),
        ("Content-Length: 0x3",),
        ("Content-Length: 99999999999999999999999",),
    ],
    ids=repr,
)
def test_a_length_that_can_be_read_in_two_ways_gets_400_and_the_end(
    layer: ServerProcess, bearer: str, lines: tuple[str, ...]
) -> None:
    smuggled = head("DELETE", "/v2/admin/app/manifests/latest", bearer)
    with Wire(layer.url) as wire:
        request = head("POST", "/v2/admin/app/blobs/uploads/", bearer, *lines) + b"0\r\n\r\n" + smuggled

        assert_refused(wire.ask(request), 400)
        assert wire.closes()
    (answer,) = talk(layer.url, head("GET", "/v2/admin/app/manifests/latest", bearer))
    assert answer.status == 200


# -- too large


def padding(size: int) -> str:
    """Make a header that counts for `size` bytes: name, colon, space, value, line end."""
    return "X-Padding: " + "p" * (size - len("X-Padding: \r\n"))


@pytest.mark.item("97")
def test_headers_of_16_kib_are_taken(layer: ServerProcess) -> None:
    host = len("Host: registry.test\r\n")

    (answer,) = talk(layer.url, head("GET", "/_ping", padding(HEADER_LIMIT - host)))

    assert answer.status == 200


@pytest.mark.item("97", "10")
@pytest.mark.parametrize("size", [HEADER_LIMIT, 20 * KIB])
def test_larger_headers_get_431_and_the_end(layer: ServerProcess, size: int) -> None:
    with Wire(layer.url) as wire:
        assert_refused(wire.ask(head("GET", "/_ping", padding(size))), 431)
        assert wire.closes()


@pytest.mark.item("97")
def test_many_small_headers_are_limited_like_a_large_one(layer: ServerProcess) -> None:
    lines = [f"X-{number}: v" for number in range(3000)]
    with Wire(layer.url) as wire:
        assert_refused(wire.ask(head("GET", "/_ping", *lines)), 431)


@pytest.mark.item("97", "10")
def test_a_long_address_gets_414_and_the_end(layer: ServerProcess) -> None:
    with Wire(layer.url) as wire:
        assert_refused(wire.ask(head("GET", "/v2/" + "a" * 9000)), 414)
        assert wire.closes()


@pytest.mark.item("97")
@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
def test_a_head_without_end_is_cut_off(layer: ServerProcess, start: bytes) -> None:
    filler = b"a: b\r\n" if start.endswith(b"\r\n") else b"abcdefgh"
    with Wire(layer.url) as wire:
        wire.send(start + filler * (25 * KIB // len(filler)))

        answer = wire.answer()

        assert answer.status in {414, 431}
        assert_refused(answer, answer.status)
        assert wire.closes()
