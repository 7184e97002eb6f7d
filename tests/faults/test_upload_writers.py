"""Many clients at once: on one session, and with one blob."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import httpx
import pytest

from tests.support.raw_http import Answer, Wire, head
from tests.support.registry import RegistryClient, sha256
from tests.support.server import RunRegistry, ServerProcess
from tests.support.uploads import (
    STYLES,
    Style,
    append,
    finish,
    received_bytes,
    status,
    stored_copies,
    unfinished_uploads,
    wait_until_received,
)

pytestmark = pytest.mark.fault

NAME = "alice/app"
ALICE_PASSWORD = "alice-has-a-password"
SIZE = 300_000
CLIENTS = 50


def patch_on(client: RegistryClient, location: str, content: bytes, *lines: str) -> bytes:
    bearer = f"Authorization: Bearer {client.repository_token(NAME)}"
    return head("PATCH", location, bearer, f"Content-Length: {len(content)}", *lines)


def worker_of(answer: Answer) -> str:
    return str(answer.header("x-request-id")).partition("-")[0]


@pytest.fixture
def wires(server: ServerProcess) -> Iterator[list[Wire]]:
    """Give a connection to each of the two workers."""
    with ExitStack() as stack:
        found: dict[str, Wire] = {}
        for _ in range(200):
            wire = stack.enter_context(Wire(server.url))
            found.setdefault(worker_of(wire.ask(head("GET", "/v2/"))), wire)
            if len(found) == 2:
                break
        assert len(found) == 2
        yield list(found.values())


@pytest.mark.item("50")
@pytest.mark.parametrize("ends", ["same worker", "two workers"])
def test_a_second_writer_is_refused_while_the_first_one_writes(
    server: ServerProcess, alice: RegistryClient, wires: list[Wire], ends: str
) -> None:
    location, content = alice.start_upload(NAME), b"a" * SIZE
    writer = wires[0]
    writer.send(patch_on(alice, location, content) + content[:1000])
    wait_until_received(alice, NAME, location, 1000)

    with Wire(server.url) as other:
        rival = other if ends == "same worker" else wires[1]
        refused = rival.ask(patch_on(alice, location, b"bbbb") + b"bbbb")
    accepted = writer.ask(content[1000:])

    assert (refused.status, accepted.status) == (416, 202)
    assert refused.header("location") == location
    assert refused.header("range") == "0-999"
    assert accepted.header("range") == f"0-{SIZE - 1}"
    assert finish(alice, NAME, location, sha256(content)).status_code == 201


@pytest.mark.item("50")
def test_of_writers_that_start_at_once_on_all_workers_one_wins_and_bytes_never_mix(
    server: ServerProcess, alice: RegistryClient, wires: list[Wire]
) -> None:
    for _ in range(15):
        location = alice.start_upload(NAME)
        contents = [bytes([letter]) * SIZE for letter in b"ab"]
        for wire, content in zip(wires, contents, strict=True):
            wire.send(patch_on(alice, location, content, f"Content-Range: 0-{SIZE - 1}"))
        for start in range(0, SIZE, 50_000):
            for wire, content in zip(wires, contents, strict=True):
                wire.send(content[start : start + 50_000])
        answers = [wire.answer() for wire in wires]

        assert sorted(answer.status for answer in answers) == [202, 416]
        winner = contents[[answer.status for answer in answers].index(202)]
        assert received_bytes(status(alice, NAME, location)) == SIZE
        assert finish(alice, NAME, location, sha256(winner)).status_code == 201


@pytest.mark.item("50")
@pytest.mark.parametrize("number", range(2))
def test_finishing_and_cancelling_are_refused_while_a_chunk_arrives(
    alice: RegistryClient, both: list[RegistryClient], wires: list[Wire], number: int
) -> None:
    location, content = alice.start_upload(NAME), b"a" * SIZE
    wires[0].send(patch_on(alice, location, content) + content[:1000])
    wait_until_received(alice, NAME, location, 1000)

    finished = finish(both[number], NAME, location, sha256(content[:1000]))
    cancelled = both[number].session("DELETE", NAME, location)

    assert (finished.status_code, cancelled.status_code) == (416, 416)
    assert wires[0].ask(content[1000:]).status == 202
    assert finish(alice, NAME, location, sha256(content)).status_code == 201


@pytest.mark.item("50", "56")
def test_of_two_that_finish_one_session_at_once_one_succeeds(
    alice: RegistryClient, both: list[RegistryClient]
) -> None:
    for number in range(15):
        content = f"content {number}".encode() * 1000
        location = append(alice, NAME, alice.start_upload(NAME), content)

        def end(client: RegistryClient, where: str = location, digest: str = sha256(content)) -> int:
            return finish(client, NAME, where, digest).status_code

        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(pool.map(end, both))

        assert statuses in ([201, 404], [201, 416])
        assert alice.request("GET", NAME, f"blobs/{sha256(content)}").content == content


# -- one blob, many clients


@pytest.fixture
def busy_server(run_registry: RunRegistry) -> Iterator[ServerProcess]:
    """Give a running registry with two workers and the user alice, once for each database engine."""
    with run_registry(workers=2) as process:
        process.add_user("alice", ALICE_PASSWORD)
        yield process


def push_from_many(
    server: ServerProcess, names: list[str], push: Style, content: bytes
) -> list[httpx.Response]:
    """Let a client for each name push one blob, all at the same time."""
    with closing(RegistryClient(server.url, "alice", ALICE_PASSWORD)) as alice:
        for name in names:
            alice.repository_token(name)
        tokens = dict(alice._tokens)

    def run(name: str) -> httpx.Response:
        with closing(RegistryClient(server.url)) as client:
            client._tokens = tokens
            return push(client, name, content, sha256(content))

    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(run, names))


@pytest.mark.item("60a", "B8")
@pytest.mark.parametrize(
    ("style", "size"), [("one POST", 10_000), ("POST and PUT", 1_500_000), ("streamed PATCH", 300_000)]
)
@pytest.mark.parametrize("spread", ["to one repository", "to fifty"])
def test_fifty_clients_push_one_digest(
    busy_server: ServerProcess, style: str, size: int, spread: str
) -> None:
    content = b"0123456789" * (size // 10)
    names = [NAME if spread == "to one repository" else f"{NAME}-{number}" for number in range(CLIENTS)]

    answers = push_from_many(busy_server, names, STYLES[style], content)

    assert [answer.status_code for answer in answers] == [201] * CLIENTS
    assert stored_copies(busy_server, sha256(content)) == 1
    assert unfinished_uploads(busy_server) == set()
    with closing(RegistryClient(busy_server.url, "alice", ALICE_PASSWORD)) as alice:
        for name in set(names):
            assert alice.request("HEAD", name, f"blobs/{sha256(content)}").status_code == 200
        assert alice.request("GET", names[0], f"blobs/{sha256(content)}").content == content
