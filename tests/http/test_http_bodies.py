"""Request bodies on the wire: announced, chunked, refused before they are read, broken off, malformed."""

import json
from collections.abc import Iterator

import pytest

from tests.support.raw_http import Wire, head, talk
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

PING = head("GET", "/_ping")
MIB = 1024 * 1024
UPLOADS = "/v2/admin/app/blobs/uploads/"


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a running registry of one worker."""
    server = ServerProcess(tmp_path_factory.mktemp("bodies") / "data")
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def client(layer: ServerProcess) -> Iterator[RegistryClient]:
    client = RegistryClient(layer.url, "admin", layer.admin_password)
    yield client
    client.close()


@pytest.fixture
def bearer(client: RegistryClient) -> str:
    """Give an Authorization line for `admin/app`."""
    return f"Authorization: Bearer {client.repository_token('admin/app')}"


# -- expectation


@pytest.mark.item("55", "97")
def test_a_welcome_body_is_asked_for_with_100_continue(layer: ServerProcess, bearer: str) -> None:
    content = b"waits to be asked"
    target = f"{UPLOADS}?digest={sha256(content)}"
    with Wire(layer.url) as wire:
        wire.send(head("POST", target, bearer, "Expect: 100-continue", f"Content-Length: {len(content)}"))
        assert wire.interim() == 100

        assert wire.ask(content).status == 201


@pytest.mark.item("55", "97")
def test_an_unwelcome_body_is_not_asked_for_and_the_connection_ends(layer: ServerProcess) -> None:
    with Wire(layer.url) as wire:
        wire.send(head("POST", UPLOADS, "Expect: 100-continue", f"Content-Length: {MIB}"))

        assert wire.interim() == 401
        assert wire.closes()


# -- refused before it is read


@pytest.mark.item("97")
@pytest.mark.parametrize("size", [10, 100_000, 4 * MIB])
def test_a_body_that_nobody_reads_does_not_disturb_the_next_request(layer: ServerProcess, size: int) -> None:
    with Wire(layer.url) as wire:
        wire.send(head("POST", UPLOADS, f"Content-Length: {size}"))
        assert wire.answer().status == 401
        wire.send(b"G" * size)

        assert wire.ask(PING).status == 200


@pytest.mark.item("97")
def test_an_unread_chunked_body_does_not_disturb_the_next_request(layer: ServerProcess) -> None:
    with Wire(layer.url) as wire:
        wire.send(head("POST", UPLOADS, "Transfer-Encoding: chunked") + b"5\r\nGET /\r\n")
        assert wire.answer().status == 401
        wire.send(b"4\r\n v2/\r\n0\r\n\r\n")

        assert wire.ask(PING).status == 200


@pytest.mark.item("97")
def test_an_unread_body_is_no_request(layer: ServerProcess, bearer: str) -> None:
    hidden = head("GET", "/nowhere")
    refused = head("POST", UPLOADS, f"Content-Length: {len(hidden)}") + hidden

    answers = talk(layer.url, refused, PING, refused, PING)

    assert [answer.status for answer in answers] == [401, 200, 401, 200]


@pytest.mark.item("97")
def test_the_connection_ends_rather_than_read_past_an_endless_body(layer: ServerProcess) -> None:
    with Wire(layer.url) as wire:
        wire.send(head("POST", UPLOADS, f"Content-Length: {2**40}"))
        assert wire.answer().status == 401

        with pytest.raises(OSError, match=r"reset|pipe"):
            send_without_end(wire)


def send_without_end(wire: Wire) -> None:
    for _ in range(200):
        wire.send(b"x" * MIB)


@pytest.mark.item("97")
def test_a_manifest_that_is_announced_too_large_is_refused_unread(layer: ServerProcess, bearer: str) -> None:
    with Wire(layer.url) as wire:
        wire.send(head("PUT", "/v2/admin/app/manifests/t", bearer, f"Content-Length: {5 * MIB}"))
        assert wire.answer().status == 413
        wire.send(b"x" * (5 * MIB))

        assert wire.ask(PING).status == 200


# -- broken


@pytest.mark.item("97")
def test_a_body_that_breaks_off_leaves_no_blob(
    layer: ServerProcess, client: RegistryClient, bearer: str
) -> None:
    content = b"b" * 100_000
    target = f"{UPLOADS}?digest={sha256(content[:50_000])}"
    with Wire(layer.url) as wire:
        wire.send(head("POST", target, bearer, f"Content-Length: {len(content)}") + content[:50_000])

    answer = client.request("HEAD", "admin/app", f"blobs/{sha256(content[:50_000])}")

    assert answer.status_code == 404
    assert talk(layer.url, PING)[0].status == 200


BROKEN_IN_THE_BODY = [
    ("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", b"3\r\nabcdef\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", b"-3\r\nabc\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", b"fffffffffffffffff\r\nabc"),
    ("Transfer-Encoding: chunked", b"0\r\nContent-Length: 100\r\n\r\n"),
    ("Transfer-Encoding: xchunked", b"0\r\n\r\n"),
]


@pytest.mark.item("97")
@pytest.mark.parametrize(("line", "body"), BROKEN_IN_THE_BODY, ids=repr)
def test_a_malformed_body_ends_the_connection_and_stores_nothing(
    layer: ServerProcess, client: RegistryClient, bearer: str, line: str, body: bytes
) -> None:
    smuggled = head("POST", f"{UPLOADS}?digest={sha256(b'')}", bearer, "Content-Length: 0")
    with Wire(layer.url) as wire:
        wire.send(head("POST", f"{UPLOADS}?digest={sha256(b'abc')}", bearer, line) + body + smuggled)

        assert wire.closes()
    for content in (b"abc", b""):
        assert client.request("HEAD", "admin/app", f"blobs/{sha256(content)}").status_code == 404


@pytest.mark.item("10", "97")
@pytest.mark.parametrize(("line", "body"), BROKEN_IN_THE_BODY, ids=repr)
def test_a_malformed_body_is_answered_with_400(
    layer: ServerProcess, bearer: str, line: str, body: bytes
) -> None:
    with Wire(layer.url) as wire:
        answer = wire.ask(head("POST", f"{UPLOADS}?digest={sha256(b'abc')}", bearer, line) + body)

        assert answer.status == 400
        assert json.loads(answer.body)["errors"]
        assert wire.closes()


@pytest.mark.item("97")
def test_the_body_of_a_request_that_offers_http_2_is_taken(layer: ServerProcess, bearer: str) -> None:
    content = b"Java's client offers an upgrade with every first request"
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    target = f"{UPLOADS}?digest={sha256(content)}"

    (answer,) = talk(
        layer.url, head("POST", target, bearer, *offer, f"Content-Length: {len(content)}") + content
    )

    assert answer.status == 201


@pytest.mark.item("97")
def test_a_request_that_offers_an_upgrade_is_answered_as_it_is(layer: ServerProcess) -> None:
    (answer,) = talk(layer.url, head("GET", "/_ping", "Connection: Upgrade", "Upgrade: h2c"))

    assert answer.status == 200
    assert "upgrade" not in answer.names


# -- the Host header, and what every answer carries


@pytest.mark.item("97")
@pytest.mark.parametrize(
    "request_bytes", [head("GET", "/v2/", host=None), head("GET", "/v2/", "Host: other")]
)
def test_http_1_1_needs_one_host(layer: ServerProcess, request_bytes: bytes) -> None:
    assert talk(layer.url, request_bytes)[0].status == 400


@pytest.mark.item("97")
@pytest.mark.parametrize(
    "request_bytes",
    [b"MALFORMED\r\n\r\n", head("GET", "/v2/", "X: " + "x" * 17_000), head("GET", "/v2/" + "a" * 9000)],
    ids=["400", "431", "414"],
)
def test_refusals_of_the_server_itself_forbid_sniffing_too(
    layer: ServerProcess, request_bytes: bytes
) -> None:
    assert talk(layer.url, request_bytes)[0].header("x-content-type-options") == "nosniff"
