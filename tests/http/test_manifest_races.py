"""Many at once on one repository: tags never tear, conditions hold, nothing is lost."""

import json
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TypeVar

import httpx
import pytest

from tests.support.registry import OCI_CONFIG, OCI_MANIFEST, RegistryClient, descriptor, sha256
from tests.support.server import ServerProcess

T = TypeVar("T")
ALICE = ("alice", "alice-has-a-password")
PROCESSES = 10
TAGS_PER_PROCESS = 10


def image(mark: str) -> bytes:
    """Make an image that differs from others by its mark, also in length."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(b"{}", OCI_CONFIG),
        "layers": [],
        "annotations": {"mark": mark * (1 + len(mark) * 50)},
    }
    return json.dumps(document).encode()


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Run jobs on a thread each, all starting together; return their results."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        barrier.wait(30)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(60) for future in [pool.submit(run, job) for job in jobs]]


@pytest.fixture
def stocked(alice: RegistryClient, name: str) -> str:
    """Give a repository that holds what `image` refers to."""
    alice.push_blob(name, b"{}")
    return name


def conditional_put(
    server: ServerProcess, name: str, content: bytes, **headers: str
) -> Callable[[], httpx.Response]:
    """Return a job that pushes to the tag `t` on a connection of its own."""

    def push() -> httpx.Response:
        with closing(RegistryClient(server.url, *ALICE)) as client:
            return client.request(
                "PUT",
                name,
                "manifests/t",
                content=content,
                headers={"content-type": OCI_MANIFEST, **headers},
            )

    return push


def read_until(server: ServerProcess, name: str, stop: threading.Event) -> set[bytes]:
    """Read the tag `t` again and again; return the contents seen. Fails when one is torn or missing."""
    seen = set()
    with closing(RegistryClient(server.url, *ALICE)) as client:
        while not stop.is_set():
            answer = client.request("GET", name, "manifests/t")
            assert answer.status_code == 200, answer.text
            assert answer.headers["docker-content-digest"] == sha256(answer.content)
            seen.add(answer.content)
    return seen


@pytest.mark.item("79", "B3")
def test_readers_of_a_tag_under_writers_see_only_whole_manifests(
    server: ServerProcess, alice: RegistryClient, stocked: str
) -> None:
    contents = [image(str(number)) for number in range(20)]
    alice.push_manifest(stocked, "t", contents[0])
    stop = threading.Event()

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read_until, server, stocked, stop) for _ in range(4)]
        try:
            at_once([conditional_put(server, stocked, content) for content in contents])
        finally:
            stop.set()
        seen = set().union(*(reader.result(30) for reader in readers))

    assert seen <= set(contents)
    assert len(seen) > 1


@pytest.mark.item("79", "B7")
def test_a_reader_on_any_worker_sees_a_pushed_tag_at_once(
    server: ServerProcess, alice: RegistryClient, stocked: str
) -> None:
    clients = [RegistryClient(server.url, *ALICE) for _ in range(6)]  # spread over the workers
    for number in range(20):
        content = image(f"n{number}")
        assert alice.push_manifest(stocked, "t", content).status_code == 201
        for client in clients:
            assert client.request("GET", stocked, "manifests/t").content == content
    for client in clients:
        client.close()


@pytest.mark.item("78", "79")
def test_of_many_that_create_a_tag_exactly_one_succeeds(
    server: ServerProcess, alice: RegistryClient, stocked: str
) -> None:
    contents = [image(f"c{number}") for number in range(12)]

    answers = at_once(
        [conditional_put(server, stocked, content, **{"if-none-match": "*"}) for content in contents]
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 11
    winner = next(answer for answer in answers if answer.status_code == 201)
    held = alice.request("HEAD", stocked, "manifests/t").headers["docker-content-digest"]
    assert held == winner.headers["docker-content-digest"]


@pytest.mark.item("78", "79")
def test_of_many_that_move_a_tag_from_the_same_place_exactly_one_succeeds(
    server: ServerProcess, alice: RegistryClient, stocked: str
) -> None:
    base = image("base")
    alice.push_manifest(stocked, "t", base)
    condition = {"if-match": f'"{sha256(base)}"'}

    answers = at_once([conditional_put(server, stocked, image(f"m{n}"), **condition) for n in range(12)])

    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 11


@pytest.mark.item("78", "79")
def test_of_many_that_push_a_new_immutable_tag_exactly_one_succeeds(
    server: ServerProcess, stocked: str
) -> None:
    server.run("repository", "set", stocked, "--immutable-tags")

    answers = at_once([conditional_put(server, stocked, image(f"i{number}")) for number in range(12)])

    assert sorted(answer.status_code for answer in answers) == [201] + [403] * 11


def request_of(
    server: ServerProcess, method: str, name: str, reference: str, content: bytes | None = None
) -> Callable[[], int]:
    """Return a job that asks for one thing on a connection of its own and gives the status."""

    def ask() -> int:
        with closing(RegistryClient(server.url, *ALICE)) as client:
            headers = {"content-type": OCI_MANIFEST} if content is not None else {}
            target = f"manifests/{reference}"
            return client.request(method, name, target, content=content, headers=headers).status_code

    return ask


@pytest.mark.item("77", "78", "79")
def test_an_immutable_tag_stays_whatever_is_tried_at_once(
    server: ServerProcess, alice: RegistryClient, stocked: str
) -> None:
    kept = image("kept")
    alice.push_manifest(stocked, "t", kept)
    server.run("repository", "set", stocked, "--immutable-tags")
    deletes = [request_of(server, "DELETE", stocked, reference) for reference in ("t", sha256(kept))]
    pushes = [request_of(server, "PUT", stocked, "t", image(f"i{number}")) for number in range(4)]

    statuses = at_once([*deletes, *deletes, *pushes])

    assert statuses == [403] * 8
    assert alice.request("GET", stocked, "manifests/t").content == kept


@pytest.mark.item("77", "78", "79")
def test_a_tag_that_a_push_set_outlives_a_delete_of_its_digest_at_the_same_time(
    server: ServerProcess, alice: RegistryClient, stocked: str
) -> None:
    server.run("repository", "set", stocked, "--immutable-tags")
    for number in range(8):
        content = image(f"r{number}")
        alice.push_manifest(stocked, sha256(content), content)
        delete = request_of(server, "DELETE", stocked, sha256(content))
        push = request_of(server, "PUT", stocked, f"t{number}", content)

        statuses = at_once([delete, push, delete, delete])

        assert statuses[1] == 201
        assert {statuses[0], *statuses[2:]} <= {202, 403, 404}
        assert alice.request("GET", stocked, f"manifests/t{number}").content == content


@pytest.mark.item("78", "79", "B8")
def test_many_that_push_the_same_manifest_to_a_new_tag_all_succeed(
    server: ServerProcess, stocked: str
) -> None:
    answers = at_once([conditional_put(server, stocked, image("same")) for _ in range(12)])

    assert [answer.status_code for answer in answers] == [201] * 12


@pytest.mark.item("79", "B8")
def test_the_first_pushes_to_a_repository_all_succeed(server: ServerProcess, name: str) -> None:
    index = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'

    def push(number: int) -> int:
        with closing(RegistryClient(server.url, *ALICE)) as client:
            media_type = "application/vnd.oci.image.index.v1+json"
            return client.push_manifest(name, f"t{number}", index, media_type).status_code

    assert at_once([partial(push, number) for number in range(12)]) == [201] * 12


def push_tags(url: str, name: str, process: int) -> list[int]:
    """Push this process's share of the tags, each with a manifest of its own; return the statuses."""
    statuses = []
    with closing(RegistryClient(url, *ALICE)) as client:
        for number in range(TAGS_PER_PROCESS):
            tag = f"p{process}-{number}"
            statuses.append(client.push_manifest(name, tag, image(tag)).status_code)
    return statuses


@pytest.mark.item("79a")
def test_a_hundred_tags_from_ten_processes_are_all_listed(
    server: ServerProcess, alice: RegistryClient, stocked: str
) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        jobs = [pool.submit(push_tags, server.url, stocked, process) for process in range(PROCESSES)]
        statuses = [status for job in jobs for status in job.result(60)]

    assert statuses == [201] * (PROCESSES * TAGS_PER_PROCESS)
    listed = alice.request("GET", stocked, "tags/list").json()["tags"]
    assert listed == sorted(
        f"p{process}-{n}" for process in range(PROCESSES) for n in range(TAGS_PER_PROCESS)
    )
