"""Attacks on the HTTP layer itself: each of these once worked, or would with a careless change."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from tests.support.processes import resident_bytes
from tests.support.raw_http import Closed, Wire, head
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

MIB = 1024 * 1024
CHUNKED = "Transfer-Encoding: chunked"
PING = head("GET", "/_ping")
ALLOWED_GROWTH_BYTES = 60 * MIB


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a running registry of one worker."""
    server = ServerProcess(tmp_path_factory.mktemp("attacked") / "data")
    server.start()
    yield server
    assert server.stop() == 0


def _flood(wire: Wire, piece: bytes, total_bytes: int) -> None:
    """Send a piece again and again until so many bytes are out or the server hangs up."""
    try:
        for _ in range(total_bytes // len(piece)):
            wire.send(piece)
    except OSError:
        return


def _challenge(wire: Wire, request: bytes) -> str:
    answer = wire.ask(request)
    assert answer.status == 401
    return answer.header("www-authenticate") or ""


@pytest.mark.item("B9")
@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"0\r\n" + b"x: " + b"y" * 100, id="one trailer without an end"),
        pytest.param(b"0\r\n", id="trailers"),
        pytest.param(b"5;", id="a chunk extension"),
    ],
)
def test_framing_without_end_is_cut_off_and_takes_no_memory(victim: ServerProcess, endless: bytes) -> None:
    before = resident_bytes(victim.pid)
    piece = b"name: value\r\n" * 5000 if endless == b"0\r\n" else b"z" * 65000
    with Wire(victim.url) as wire:
        wire.send(head("POST", "/v2/", CHUNKED) + endless)
        _flood(wire, piece, 100 * MIB)
        assert wire.closes(5)
    assert resident_bytes(victim.pid) - before < ALLOWED_GROWTH_BYTES


def test_trailers_never_pass_for_headers(victim: ServerProcess) -> None:
    trailer = b"0\r\nHost: evil.example\r\nAuthorization: Bearer x\r\n\r\n"
    with Wire(victim.url) as wire:
        challenge = _challenge(wire, head("GET", "/v2/", CHUNKED, host="good.example") + trailer)
    assert "good.example" in challenge
    assert "evil.example" not in challenge
    assert "invalid_token" not in challenge


@pytest.mark.parametrize("name", ["Host", "Authorization", "Range", "Content-Range"])
def test_a_header_that_may_come_once_is_refused_twice(victim: ServerProcess, name: str) -> None:
    with Wire(victim.url) as wire:
        answer = wire.ask(head("GET", "/v2/", f"{name}: a", f"{name}: b"))
    assert answer.status == 400
    assert name.lower().encode() in answer.body


def test_a_request_without_a_host_is_refused(victim: ServerProcess) -> None:
    with Wire(victim.url) as wire:
        assert wire.ask(head("GET", "/v2/", host=None)).status == 400


@pytest.mark.parametrize("length", ["0" * 5000 + "4", "99999999999999999999", "-1", "1e3"])
def test_a_senseless_content_length_is_refused(victim: ServerProcess, length: str) -> None:
    with Wire(victim.url) as wire:
        assert wire.ask(head("PUT", "/v2/", f"Content-Length: {length}")).status == 400


@pytest.mark.item("B9")
def test_answers_that_nobody_reads_do_not_pile_up(victim: ServerProcess) -> None:
    client = RegistryClient(victim.url, "admin", victim.admin_password)
    client.push_image("admin/large", "latest", b"layer", annotations={"text": "x" * MIB})
    bearer = f"Authorization: Bearer {client.repository_token('admin/large')}"
    client.close()
    before = resident_bytes(victim.pid)
    request = head("GET", "/v2/admin/large/manifests/latest?a", bearer)
    with Wire(victim.url, receive_buffer_bytes=4096) as wire:
        wire.send(request * 200)
        time.sleep(1.5)
        assert resident_bytes(victim.pid) - before < ALLOWED_GROWTH_BYTES
        for _ in range(200):
            assert wire.answer().status == 200


@pytest.mark.item("97")
def test_requests_with_long_heads_may_come_together(victim: ServerProcess) -> None:
    request = head("GET", "/_ping", f"X-Long: {'y' * 6900}")
    with Wire(victim.url) as wire:
        wire.send(request * 4 + request[:100])
        assert [wire.answer().status for _ in range(4)] == [200] * 4
        assert wire.ask(request[100:]).status == 200


@pytest.mark.item("97")
def test_a_head_in_two_pieces_after_a_long_rest_is_served(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("rested") / "data"
    server = ServerProcess(data, environment={"DTR_LIMITS_HEADER_SECONDS": "2"})
    server.start()
    with Wire(server.url) as wire:
        assert wire.ask(PING).status == 200
        time.sleep(3)
        wire.send(PING[:10])
        time.sleep(1.2)
        assert wire.ask(PING[10:]).status == 200
    assert server.stop() == 0


def test_an_escaped_spelling_of_a_path_is_another_path(victim: ServerProcess) -> None:
    for target in ("/%6detrics", "/auth%2Ftoken", "/%5fping", "/%76%32/"):
        with Wire(victim.url) as wire:
            assert wire.ask(head("GET", target)).status == 404


@pytest.mark.item("97")
def test_a_full_server_makes_room_by_closing_who_rests_longest(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("full") / "data"
    server = ServerProcess(data, environment={"DTR_LIMITS_MAX_CONNECTIONS": "3"})
    server.start()
    with ExitStack() as resting:
        for wire in [resting.enter_context(Wire(server.url)) for _ in range(3)]:
            with suppress(Closed):
                wire.ask(PING)
        assert httpx.get(f"{server.url}/_ping", timeout=5).status_code == 200
    assert server.stop() == 0
