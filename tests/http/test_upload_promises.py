"""What holds during and after every upload: nothing half-written shows, nothing that was reported goes away."""

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.support.registry import RegistryClient, image_manifest, sha256
from tests.support.server import ServerProcess
from tests.support.uploads import STYLES, Style, append, finish, pieces, post_and_put, status, streamed_patch
from tests.support.workers import client_of_each_worker

ALICE_PASSWORD = "alice-has-a-password"
LARGE_BYTES = 8 * 1024 * 1024


@contextmanager
def another_connection(client: RegistryClient) -> Iterator[RegistryClient]:
    """Give a client with the same rights and connections of its own: perhaps to another worker."""
    other = RegistryClient(client.url)
    other._credentials, other._tokens = client._credentials, client._tokens
    yield other
    other.close()


@pytest.mark.item("B3")
def test_a_blob_is_not_shown_before_its_upload_is_finished(alice: RegistryClient, name: str) -> None:
    content = os.urandom(100_000)
    location = append(alice, name, alice.start_upload(name), content)

    before = alice.request("HEAD", name, f"blobs/{sha256(content)}").status_code
    finish(alice, name, location, sha256(content))

    assert before == 404
    assert alice.request("HEAD", name, f"blobs/{sha256(content)}").status_code == 200


@contextmanager
def reading_all_the_time(client: RegistryClient, name: str, digest: str) -> Iterator[list[httpx.Response]]:
    """Read a blob again and again on another thread, and once more at the end; the list fills with the answers."""
    answers: list[httpx.Response] = []
    client.repository_token(name)
    done = threading.Event()

    def read() -> None:
        with another_connection(client) as reader:
            while not done.is_set():
                answers.append(reader.request("GET", name, f"blobs/{digest}"))
            answers.append(reader.request("GET", name, f"blobs/{digest}"))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield answers
    finally:
        done.set()
        reader.join(30)


@pytest.mark.item("B3", "B1")
@pytest.mark.parametrize("push", STYLES.values(), ids=STYLES.keys())
def test_readers_see_a_blob_whole_or_not_at_all_while_it_is_pushed(
    alice: RegistryClient, name: str, push: Style
) -> None:
    content = os.urandom(LARGE_BYTES)
    digest = sha256(content)

    with reading_all_the_time(alice, name, digest) as answers:
        assert push(alice, name, content, digest).status_code == 201

    assert answers[-1].status_code == 200
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert all(answer.content == content for answer in answers if answer.status_code == 200)


@pytest.mark.item("B3")
def test_a_second_push_of_the_same_blob_does_not_disturb_its_readers(
    alice: RegistryClient, name: str
) -> None:
    content = os.urandom(LARGE_BYTES)
    digest = alice.push_blob(name, content)

    with reading_all_the_time(alice, name, digest) as answers:
        for push in (streamed_patch, post_and_put):
            assert push(alice, name, content, digest).status_code == 201

    assert len(answers) > 1
    assert {(answer.status_code, sha256(answer.content)) for answer in answers} == {(200, digest)}


@pytest.fixture
def both(server: ServerProcess) -> Iterator[list[RegistryClient]]:
    """Give two clients of alice, each connected to another worker."""
    with client_of_each_worker(server, "alice", ALICE_PASSWORD) as clients:
        yield clients


@pytest.mark.item("B2", "B8")
def test_a_created_blob_is_there_for_the_next_request_on_every_worker(
    both: list[RegistryClient], name: str
) -> None:
    for number in range(20):
        content = f"{name} {number}".encode()
        target = f"blobs/{sha256(content)}"
        assert [client.request("GET", name, target).status_code for client in both] == [404, 404]
        both[number % 2].push_blob(name, content)
        assert [client.request("GET", name, target).content for client in both] == [content, content]


@pytest.mark.item("B8")
def test_an_upload_may_hop_between_the_workers_at_every_step(both: list[RegistryClient], name: str) -> None:
    location, chunks = both[0].start_upload(name), [os.urandom(1000) for _ in range(6)]

    for number, chunk in enumerate(chunks):
        answer = both[number % 2].session("PATCH", name, location, content=chunk)
        assert (answer.status_code, answer.headers["range"]) == (202, f"0-{(number + 1) * 1000 - 1}")

    assert finish(both[1], name, location, sha256(b"".join(chunks))).status_code == 201


@pytest.mark.item("B8")
def test_clients_that_push_overlapping_images_never_meet_404_or_429(alice: RegistryClient, name: str) -> None:
    layers = [hashlib.sha256(f"{name} {number}".encode()).digest() * 100 for number in range(4)]
    targets = [name, f"{name}-mine"]
    for target in targets:
        alice.repository_token(target)

    def push(number: int) -> list[int]:
        with another_connection(alice) as client:
            return push_like_a_real_client(client, targets[number % 2], f"tag-{number}", layers)

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(push, range(20)))

    assert outcomes == [[204, 201, 204, 200] * 5 + [201]] * 20


def push_like_a_real_client(client: RegistryClient, name: str, tag: str, layers: list[bytes]) -> list[int]:
    """Ask for each blob, push it, cancel a session that turned out to be needless; then the manifest."""
    config = f'{{"for": "{tag}"}}'.encode()
    statuses = []
    for content in [*layers, config]:
        client.request("HEAD", name, f"blobs/{sha256(content)}")
        needless = client.start_upload(name)
        statuses += [
            status(client, name, needless).status_code,
            streamed_patch(client, name, content, sha256(content)).status_code,
            client.session("DELETE", name, needless).status_code,
            client.request("HEAD", name, f"blobs/{sha256(content)}").status_code,
        ]
    return [*statuses, client.push_manifest(name, tag, image_manifest(config, *layers)).status_code]


@pytest.mark.item("B6")
def test_a_blob_that_was_reported_present_is_still_there_for_its_manifest(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    config, layer = b"{}", f"a layer of {name}".encode()
    for content in (config, layer):
        alice.push_blob(name, content)
        assert alice.request("HEAD", name, f"blobs/{sha256(content)}").status_code == 200

    checked = server.run("check", "--repair")
    assert checked.returncode == 0, checked.stderr

    for content in (config, layer):
        assert alice.request("GET", name, f"blobs/{sha256(content)}").content == content
    assert alice.push_manifest(name, "latest", image_manifest(config, layer)).status_code == 201


@pytest.mark.item("B6")
def test_a_failed_second_upload_does_not_take_the_blob_away(alice: RegistryClient, name: str) -> None:
    content = f"a layer of {name}".encode()
    digest = alice.push_blob(name, content)
    location = append(alice, name, alice.start_upload(name), pieces(b"other content"))

    assert finish(alice, name, location, digest).status_code == 400
    location = append(alice, name, alice.start_upload(name), content)
    assert alice.session("DELETE", name, location).status_code == 204

    assert alice.request("GET", name, f"blobs/{digest}").content == content
