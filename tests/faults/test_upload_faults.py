"""Uploads meet broken connections, killed servers and a server that is told to stop."""

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from random import Random

import httpx
import pytest

from tests.support.raw_http import Answer, Closed, Wire, head
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess
from tests.support.uploads import (
    append,
    finish,
    received_bytes,
    status,
    stored_copies,
    unfinished_uploads,
    upload_id,
    wait_until_free,
    wait_until_received,
)

pytestmark = pytest.mark.fault

NAME = "alice/app"
CONTENT = Random(1).randbytes(3_000_000)
DIGEST = sha256(CONTENT)
FIRST = 1_000_000
CUT = 2_000_000


def begin_to_patch(
    server: ServerProcess, client: RegistryClient, location: str, start: int, stop: int
) -> Wire:
    """Announce everything from `start` to the end of the content, but send no more than up to `stop`."""
    wire = Wire(server.url)
    wire.send(
        head(
            "PATCH",
            location,
            f"Authorization: Bearer {client.repository_token(NAME)}",
            f"Content-Length: {len(CONTENT) - start}",
        )
    )
    wire.send(CONTENT[start:stop])
    return wire


def assert_goes_on_to_the_right_digest(client: RegistryClient, location: str, at_least: int) -> None:
    """Expect that the upload stands at `at_least` or later, and takes just the rest."""
    stands_at = received_bytes(status(client, NAME, location))
    assert at_least <= stands_at <= len(CONTENT)
    done = finish(client, NAME, location, DIGEST, CONTENT[stands_at:])
    assert done.status_code == 201, done.text
    assert client.request("GET", NAME, f"blobs/{DIGEST}").content == CONTENT


@pytest.mark.item("49", "42")
def test_an_upload_goes_on_where_its_connection_was_cut(server: ServerProcess, alice: RegistryClient) -> None:
    location = alice.start_upload(NAME)

    with begin_to_patch(server, alice, location, 0, CUT) as wire:
        wait_until_received(alice, NAME, location, CUT)
        wire.cut()

    wait_until_free(alice, NAME, location)
    assert_goes_on_to_the_right_digest(alice, location, at_least=CUT)


@pytest.mark.item("49")
def test_an_upload_may_be_cut_many_times_and_hop_between_workers(
    server: ServerProcess, alice: RegistryClient, both: list[RegistryClient]
) -> None:
    location, stands_at, random = alice.start_upload(NAME), 0, Random(2)

    while stands_at < len(CONTENT):
        stop = min(len(CONTENT), stands_at + random.randint(1, 400_000))
        with begin_to_patch(server, alice, location, stands_at, stop) as wire:
            wait_until_received(alice, NAME, location, stop)
            wire.cut()
        wait_until_free(alice, NAME, location)
        stands_at = received_bytes(status(random.choice(both), NAME, location))
        assert stands_at == stop

    assert_goes_on_to_the_right_digest(alice, location, at_least=len(CONTENT))


@pytest.mark.item("49")
def test_a_cut_last_put_leaves_the_session_to_be_finished(
    server: ServerProcess, alice: RegistryClient
) -> None:
    location = append(alice, NAME, alice.start_upload(NAME), CONTENT[:FIRST])
    with Wire(server.url) as wire:
        lines = [f"Authorization: Bearer {alice.repository_token(NAME)}", f"Content-Length: {len(CONTENT)}"]
        wire.send(head("PUT", f"{location}?digest={DIGEST}", *lines) + CONTENT[FIRST:CUT])
        wait_until_received(alice, NAME, location, CUT)
        wire.cut()

    wait_until_free(alice, NAME, location)
    assert_goes_on_to_the_right_digest(alice, location, at_least=CUT)


@pytest.mark.item("49", "37")
def test_a_cut_push_in_one_request_leaves_nothing(server: ServerProcess, alice: RegistryClient) -> None:
    lines = [f"Authorization: Bearer {alice.repository_token(NAME)}", f"Content-Length: {len(CONTENT)}"]
    with Wire(server.url) as wire:
        wire.send(head("POST", f"/v2/{NAME}/blobs/uploads/?digest={DIGEST}", *lines) + CONTENT[:CUT])
        wait_for_unfinished_uploads(server, 1)
        wire.cut()

    wait_for_unfinished_uploads(server, 0)
    assert stored_copies(server, DIGEST) == 0


def wait_for_unfinished_uploads(server: ServerProcess, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(unfinished_uploads(server)) != count:
        assert time.monotonic() < deadline, f"not {count} but {unfinished_uploads(server)}"
        time.sleep(0.01)


@pytest.mark.item("49", "E1")
def test_an_upload_goes_on_after_kill_9_in_the_middle_of_a_body(
    server: ServerProcess, alice: RegistryClient
) -> None:
    location = append(alice, NAME, alice.start_upload(NAME), CONTENT[:FIRST])
    with begin_to_patch(server, alice, location, FIRST, CUT) as wire:
        wait_until_received(alice, NAME, location, CUT)
        server.kill()
        assert wire.closes()
    server.start()

    assert_goes_on_to_the_right_digest(alice, location, at_least=CUT)


@pytest.mark.item("49", "50")
def test_an_upload_goes_on_after_its_worker_alone_was_killed(
    server: ServerProcess, alice: RegistryClient
) -> None:
    location = append(alice, NAME, alice.start_upload(NAME), CONTENT[:FIRST])
    with begin_to_patch(server, alice, location, FIRST, CUT) as wire:
        wait_until_received(alice, NAME, location, CUT)
        for pid in server.worker_pids():
            os.kill(pid, signal.SIGKILL)
        assert wire.closes()

    with closing(RegistryClient(server.url, "alice", "alice-has-a-password")) as fresh:
        fresh._tokens = alice._tokens
        wait_until_free(fresh, NAME, location)
        assert_goes_on_to_the_right_digest(fresh, location, at_least=CUT)


@pytest.mark.item("B2")
def test_what_was_created_survives_kill_9_right_after_the_201(
    server: ServerProcess, alice: RegistryClient
) -> None:
    contents = [Random(number).randbytes(size) for number, size in enumerate([0, 10, 70_000, 3_000_000])]
    for content in contents:
        alice.push_blob(NAME, content)
        location = append(alice, f"{NAME}-2", alice.start_upload(f"{NAME}-2"), content)
        assert finish(alice, f"{NAME}-2", location, sha256(content)).status_code == 201
        server.kill()
        server.start()

    for name in (NAME, f"{NAME}-2"):
        found = [alice.request("GET", name, f"blobs/{sha256(content)}").content for content in contents]
        assert found == contents
    assert unfinished_uploads(server) == set()


# -- a server that is told to stop


def stop_in_the_background(server: ServerProcess, pool: ThreadPoolExecutor) -> Future[int]:
    """Send SIGTERM and wait until new connections are not served any more; give the future of the exit code."""
    stopping = pool.submit(server.stop)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{server.url}/_ping", timeout=0.3)
        except httpx.TransportError:
            return stopping
        time.sleep(0.02)
    raise AssertionError("new connections are still served")


@pytest.mark.item("98")
def test_a_running_upload_is_finished_before_the_server_stops(
    server: ServerProcess, alice: RegistryClient
) -> None:
    location = alice.start_upload(NAME)

    with ThreadPoolExecutor(1) as pool, begin_to_patch(server, alice, location, 0, CUT) as wire:
        wait_until_received(alice, NAME, location, CUT)
        alice.http.close()
        stopping = stop_in_the_background(server, pool)
        wire.send(CONTENT[CUT:])
        answer = wire.answer()
        code = stopping.result()

    assert (answer.status, answer.header("range")) == (202, f"0-{len(CONTENT) - 1}")
    assert answer.header("connection") == "close"
    assert code == 0
    server.start()
    with closing(RegistryClient(server.url, "alice", "alice-has-a-password")) as fresh:
        assert_goes_on_to_the_right_digest(fresh, location, at_least=len(CONTENT))


@pytest.mark.item("98", "49")
@pytest.mark.slow
def test_an_upload_that_does_not_end_in_time_is_resumed_after_the_restart(
    server: ServerProcess, alice: RegistryClient
) -> None:
    location = alice.start_upload(NAME)
    with begin_to_patch(server, alice, location, 0, CUT) as wire:
        wait_until_received(alice, NAME, location, CUT)
        alice.http.close()
        began = time.monotonic()
        server.stop()
        took = time.monotonic() - began
        assert wire.closes()
    server.start()

    assert took < 11, "a service manager kills what takes longer"
    assert upload_id(location) in unfinished_uploads(server)
    with closing(RegistryClient(server.url, "alice", "alice-has-a-password")) as fresh:
        assert_goes_on_to_the_right_digest(fresh, location, at_least=CUT)


@pytest.mark.item("98")
def test_no_new_upload_begins_on_a_kept_connection_while_the_server_stops(
    server: ServerProcess, alice: RegistryClient
) -> None:
    location = alice.start_upload(NAME)
    start = head(
        "POST", f"/v2/{NAME}/blobs/uploads/", f"Authorization: Bearer {alice.repository_token(NAME)}"
    )

    with ThreadPoolExecutor(1) as pool, begin_to_patch(server, alice, location, 0, CUT) as wire:
        wait_until_received(alice, NAME, location, CUT)
        alice.http.close()
        stopping = stop_in_the_background(server, pool)
        wire.send(CONTENT[CUT:] + start)
        first = wire.answer()
        second = answer_or_end(wire)
        assert stopping.result() == 0

    assert first.status == 202
    assert second is None


def answer_or_end(wire: Wire) -> Answer | None:
    try:
        return wire.answer()
    except Closed:
        return None
