"""Clients that keep the server waiting: heads that never end, idle connections, bodies that stall, unread answers."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.raw_http import Closed, Wire, head, talk
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

PING = head("GET", "/_ping")
MIB = 1024 * 1024
BIG = b"0123456789abcdef" * MIB
SWEEP_SECONDS = 1.0
"""How often the server looks for such clients: a limit may be exceeded by this."""
MARGIN_SECONDS = 8.0
"""For a machine that is busy with other things."""


@contextmanager
def running(data: Path, *, tls: bool = False, **environment: str) -> Iterator[ServerProcess]:
    """Run a server; at the end it must still be well and stop cleanly."""
    server = ServerProcess(data, tls=tls, environment=environment)
    server.start()
    try:
        yield server
        assert talk(server.url, PING)[0].status == 200
    finally:
        code = server.stop()
    assert code == 0


@pytest.fixture(scope="module", params=["http", "https"])
def impatient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Give a server that waits one second for anything but the next request, and two for that."""
    with running(
        tmp_path_factory.mktemp("impatient") / "data",
        tls=request.param == "https",
        DTR_LIMITS_HEADER_SECONDS="1",
        DTR_LIMITS_BODY_IDLE_SECONDS="1",
        DTR_LIMITS_KEEP_ALIVE_SECONDS="2",
    ) as server:
        yield server


@pytest.fixture
def admin(impatient: ServerProcess) -> Iterator[RegistryClient]:
    client = RegistryClient(impatient.url, "admin", impatient.admin_password)
    yield client
    client.close()


@pytest.fixture
def bearer(admin: RegistryClient) -> str:
    return f"Authorization: Bearer {admin.repository_token('admin/app')}"


def seconds_until_closed(wire: Wire) -> float:
    started = time.monotonic()
    assert wire.closes(within=2 + SWEEP_SECONDS + MARGIN_SECONDS)
    return time.monotonic() - started


def send_again_and_again(wire: Wire, data: bytes, *, pause: float = 0) -> None:
    """Send until the server has had enough, or far too long."""
    deadline = time.monotonic() + 2 + SWEEP_SECONDS + MARGIN_SECONDS
    while time.monotonic() < deadline:
        wire.send(data)
        time.sleep(pause)


# -- heads


@pytest.mark.item("97")
@pytest.mark.parametrize("beginning", [b"G", b"GET /_pi", b"GET /_ping HTTP/1.1\r\nHost: a\r\nX: y"])
def test_a_head_that_does_not_end_in_time_ends_the_connection(
    impatient: ServerProcess, beginning: bytes
) -> None:
    with Wire(impatient.url) as wire:
        wire.send(beginning)

        assert seconds_until_closed(wire) > 0.8


@pytest.mark.item("97")
def test_a_head_that_trickles_in_is_not_given_more_time(impatient: ServerProcess) -> None:
    with Wire(impatient.url) as wire:
        wire.send(b"GET /_ping HTTP/1.1\r\nHost: a\r\n")
        started = time.monotonic()

        with pytest.raises(OSError, match=r"reset|pipe|EOF|closed"):
            send_again_and_again(wire, b"X-Drop: drop\r\n", pause=0.1)

        assert time.monotonic() - started > 0.8


@pytest.mark.item("97")
def test_the_time_for_a_head_begins_with_its_first_byte(tmp_path: Path) -> None:
    with running(tmp_path / "data", DTR_LIMITS_HEADER_SECONDS="2") as server, Wire(server.url) as wire:
        assert wire.ask(PING).status == 200
        time.sleep(2.2)  # an idle connection, as allowed
        wire.send(PING[:10])
        time.sleep(1.2)  # within the limit, and the server has looked meanwhile

        assert wire.ask(PING[10:]).status == 200


# -- idle connections


@pytest.mark.item("97")
@pytest.mark.parametrize("requests", [0, 1])
def test_an_idle_connection_is_closed(impatient: ServerProcess, requests: int) -> None:
    with Wire(impatient.url) as wire:
        for _ in range(requests):
            assert wire.ask(PING).status == 200

        assert seconds_until_closed(wire) > 1.5


@pytest.mark.item("97")
def test_a_connection_in_use_is_not_idle(impatient: ServerProcess) -> None:
    with Wire(impatient.url) as wire:
        for _ in range(8):
            assert wire.ask(PING).status == 200
            time.sleep(0.5)


# -- bodies


@pytest.mark.item("97")
def test_a_body_that_stalls_is_given_up(impatient: ServerProcess, bearer: str) -> None:
    target = f"/v2/admin/app/blobs/uploads/?digest={sha256(b'x' * 1000)}"
    with Wire(impatient.url) as wire:
        wire.send(head("POST", target, bearer, "Content-Length: 1000") + b"x" * 500)

        assert seconds_until_closed(wire) > 0.8


@pytest.mark.item("97")
def test_a_slow_body_that_keeps_coming_is_waited_for(impatient: ServerProcess, bearer: str) -> None:
    content = b"slow but steady, longer than any limit of one piece"
    target = f"/v2/admin/app/blobs/uploads/?digest={sha256(content)}"
    with Wire(impatient.url) as wire:
        wire.send(head("POST", target, bearer, f"Content-Length: {len(content)}"))
        for start in range(0, len(content), 10):
            time.sleep(0.5)
            wire.send(content[start : start + 10])

        assert wire.answer().status == 201


# -- answers


@pytest.mark.item("97")
def test_clients_that_never_read_are_dropped_and_the_others_are_served(
    impatient: ServerProcess, admin: RegistryClient, bearer: str
) -> None:
    digest = admin.push_blob("admin/app", BIG)
    request = head("GET", f"/v2/admin/app/blobs/{digest}", bearer)
    stuck = [Wire(impatient.url, receive_buffer_bytes=4096) for _ in range(40)]
    for wire in stuck:
        wire.send(request)

    assert admin.request("GET", "admin/app", f"blobs/{digest}").content == BIG
    time.sleep(1 + 2 * SWEEP_SECONDS)
    for wire in stuck:
        with wire, pytest.raises((AssertionError, Closed)):
            wire.answer()  # breaks off: the server has dropped the rest


@pytest.mark.item("97")
def test_a_client_that_pipelines_without_reading_is_dropped(
    impatient: ServerProcess, admin: RegistryClient, bearer: str
) -> None:
    admin.push_image("admin/app")
    request = head("GET", "/v2/admin/app/manifests/latest", bearer) * 100
    with (
        Wire(impatient.url, receive_buffer_bytes=4096) as wire,
        pytest.raises(OSError, match=r"reset|pipe|EOF|closed"),
    ):
        send_again_and_again(wire, request)


@pytest.mark.item("97")
def test_a_client_that_reads_slowly_gets_everything(
    impatient: ServerProcess, admin: RegistryClient, bearer: str
) -> None:
    digest = admin.push_blob("admin/app", BIG)
    with Wire(impatient.url, receive_buffer_bytes=64 * 1024) as wire:
        wire.send(head("GET", f"/v2/admin/app/blobs/{digest}", bearer))
        assert wire.interim() == 200
        received = b""
        for _ in range(8):
            received += wire.receive(len(BIG) // 8)
            time.sleep(0.4)  # together longer than the limit, each pause within it

    assert received == BIG


# -- many connections


@pytest.fixture
def five(tmp_path: Path) -> Iterator[ServerProcess]:
    """Give a server that has room for five connections."""
    with running(tmp_path / "data", DTR_LIMITS_MAX_CONNECTIONS="5") as server:
        yield server


@pytest.mark.item("97")
def test_a_connection_too_many_is_closed_while_all_others_are_busy(five: ServerProcess) -> None:
    with ExitStack() as stack:
        busy = [stack.enter_context(Wire(five.url)) for _ in range(5)]
        for wire in busy:
            assert wire.ask(PING + PING[:10]).status == 200
        one_too_many = stack.enter_context(Wire(five.url))

        assert one_too_many.closes(within=5)
        assert {wire.ask(PING[10:]).status for wire in busy} == {200}

    assert eventually_answers(five)


@pytest.mark.item("97")
def test_the_connection_that_waits_longest_makes_room_for_a_new_one(five: ServerProcess) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(Wire(five.url)) for _ in range(5)]
        for wire in idle:
            assert wire.ask(PING).status == 200
            time.sleep(0.01)  # the server's clock counts milliseconds
        newcomer = stack.enter_context(Wire(five.url))

        assert newcomer.ask(PING).status == 200
        assert idle[0].closes(within=5)
        assert {wire.ask(PING).status for wire in idle[1:]} == {200}


def eventually_answers(server: ServerProcess) -> bool:
    """Ask until the closed connections have been noticed."""
    pause = threading.Event()
    for _ in range(50):
        try:
            return talk(server.url, PING)[0].status == 200
        except (Closed, OSError):
            pause.wait(0.1)
    return False
