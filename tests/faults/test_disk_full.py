"""A server whose disk is full, or can no longer be written: pushes are refused, pulls go on, all heals by itself."""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.disks import SmallDisk, read_only, small_disk
from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess

pytestmark = [pytest.mark.fault, pytest.mark.item("E3")]

NAME = "alice/app"
PASSWORD = "alice-has-a-password"
MIB = 1024 * 1024
LAYER = random.Random(1).randbytes(MIB)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=24) as mounted:
        yield mounted


@pytest.fixture
def server(disk: SmallDisk) -> Iterator[ServerProcess]:
    process = ServerProcess(disk.path / "data", workers=2)
    process.log = disk.path.with_name("server.log")
    process.start()
    process.add_user("alice", PASSWORD)
    yield process
    process.kill()


@pytest.fixture
def alice(server: ServerProcess) -> Iterator[RegistryClient]:
    with closing(RegistryClient(server.url, "alice", PASSWORD)) as client:
        yield client


def push_whole(client: RegistryClient, content: bytes) -> httpx.Response:
    return client.request("POST", NAME, "blobs/uploads/", params={"digest": sha256(content)}, content=content)


def push_in_chunks(client: RegistryClient, content: bytes) -> httpx.Response:
    started = client.request("POST", NAME, "blobs/uploads/")
    if started.status_code != 202:
        return started
    patched = client.session("PATCH", NAME, started.headers["location"], content=content)
    if patched.status_code != 202:
        return patched
    location = patched.headers["location"]
    return client.session("PUT", NAME, location, params={"digest": sha256(content)})


WAYS = {"whole": push_whole, "in chunks": push_in_chunks}


def is_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 507 and error_codes(answer) == ["UNAVAILABLE"]


def push_until_full(client: RegistryClient) -> list[bytes]:
    """Push layers until one is refused; return those that were stored."""
    stored: list[bytes] = []
    for number in range(30):
        content = random.Random(number).randbytes(MIB)
        answer = push_whole(client, content)
        if answer.status_code != 201:
            assert is_refused(answer), answer.text
            return stored
        stored.append(content)
    raise AssertionError("the disk never was full")


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@pytest.mark.item("59")
def test_a_disk_that_fills_up_refuses_pushes_with_507_and_keeps_what_it_has(
    server: ServerProcess, alice: RegistryClient
) -> None:
    manifest = alice.push_image(NAME, "v1", LAYER)

    stored = push_until_full(alice)

    assert len(stored) >= 5
    assert alice.request("GET", NAME, "manifests/v1").content == manifest
    for content in (LAYER, *stored):
        assert alice.request("GET", NAME, f"blobs/{sha256(content)}").content == content


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_takes_pushes_again_when_it_is_freed(
    disk: SmallDisk, server: ServerProcess, alice: RegistryClient, way: str
) -> None:
    alice.push_image(NAME, "v1")
    disk.fill()
    for _ in range(3):
        assert is_refused(WAYS[way](alice, LAYER))

    disk.free()

    assert WAYS[way](alice, LAYER).status_code == 201
    assert alice.request("GET", NAME, f"blobs/{sha256(LAYER)}").content == LAYER
    alice.push_image(NAME, "v2", LAYER)


def test_pulls_of_every_kind_go_on_while_the_disk_is_full(
    disk: SmallDisk, server: ServerProcess, alice: RegistryClient
) -> None:
    manifest = alice.push_image(NAME, "v1", LAYER)
    token = alice.repository_token(NAME)
    disk.fill()

    for _ in range(5):
        with closing(httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {token}"})) as http:
            assert http.get(f"/v2/{NAME}/manifests/v1").content == manifest
            assert http.get(f"/v2/{NAME}/blobs/{sha256(LAYER)}").content == LAYER
            assert http.get(f"/v2/{NAME}/tags/list").json()["tags"] == ["v1"]
            assert http.get(f"/v2/{NAME}/referrers/{sha256(manifest)}").status_code == 200


@pytest.mark.item("B3")
@pytest.mark.parametrize("way", WAYS)
def test_a_refused_push_leaves_nothing_half_written(
    disk: SmallDisk, server: ServerProcess, alice: RegistryClient, way: str
) -> None:
    alice.push_image(NAME, "v1")
    # Room for some of the layer, not for all of it.
    disk.fill()
    with (disk.path / "filler").open("r+b") as filler:
        filler.truncate((disk.path / "filler").stat().st_size - MIB // 2)

    assert is_refused(WAYS[way](alice, LAYER))

    assert alice.request("HEAD", NAME, f"blobs/{sha256(LAYER)}").status_code == 404
    blobs = files_below(server.data / "storage" / "blobs")
    assert all(sha256(path.read_bytes()) == f"sha256:{path.name}" for path in blobs)
    disk.free()
    assert server.run("check").returncode == 0


def test_an_upload_that_met_a_full_disk_goes_on_after_it(
    disk: SmallDisk, server: ServerProcess, alice: RegistryClient
) -> None:
    location = alice.start_upload(NAME)
    first = alice.session("PATCH", NAME, location, content=LAYER[:1000])
    assert first.status_code == 202
    disk.fill()
    assert is_refused(alice.session("PATCH", NAME, location, content=LAYER[1000:]))
    disk.free()

    status = alice.session("GET", NAME, location)
    stands_at = int(status.headers["range"].partition("-")[2]) + 1
    done = alice.session("PUT", NAME, location, params={"digest": sha256(LAYER)}, content=LAYER[stands_at:])

    assert (status.status_code, done.status_code) == (204, 201)
    assert alice.request("GET", NAME, f"blobs/{sha256(LAYER)}").content == LAYER


@pytest.mark.item("B8")
def test_a_disk_that_became_read_only_gives_503_and_recovers(
    server: ServerProcess, alice: RegistryClient
) -> None:
    manifest = alice.push_image(NAME, "v1", LAYER)
    new = LAYER[::-1]

    with read_only(server.data / "storage"):
        refused = [way(alice, new) for way in WAYS.values()]
        pulled = [alice.request("GET", NAME, rest) for rest in ("manifests/v1", f"blobs/{sha256(LAYER)}")]

    assert [answer.status_code for answer in refused] == [503] * len(WAYS)
    assert [error_codes(answer) for answer in refused] == [["UNAVAILABLE"]] * len(WAYS)
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert [answer.content for answer in pulled] == [manifest, LAYER]
    assert push_in_chunks(alice, new).status_code == 201
    alice.push_image(NAME, "v2", new)


def test_a_directory_that_may_not_be_written_gives_503_and_recovers(
    server: ServerProcess, alice: RegistryClient
) -> None:
    alice.push_image(NAME, "v1")
    uploads = server.data / "storage" / "uploads"
    aside = uploads.rename(uploads.with_name("aside"))

    for way in WAYS.values():
        answer = way(alice, LAYER)
        assert answer.status_code == 503, answer.text
        assert error_codes(answer) == ["UNAVAILABLE"]

    aside.rename(uploads)
    assert push_whole(alice, LAYER).status_code == 201


def test_health_tells_of_a_store_that_takes_no_writes_and_of_its_end(server: ServerProcess) -> None:
    with read_only(server.data / "storage"):
        during = health(server, 503)
    after = health(server, 200)

    assert (during, after) == (503, 200)


def health(server: ServerProcess, wanted: int) -> int:
    """Ask until the answer is as wanted: it is remembered for some seconds."""
    deadline = time.monotonic() + 15
    while (status := httpx.get(f"{server.url}/health", timeout=10).status_code) != wanted:
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return status
