"""Large blobs to many clients at once, many of which leave in the middle: nothing leaks, nothing is mixed up."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.raw_http import Wire, head, talk
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

MIB = 1024 * 1024
SIZE = 20 * MIB
CLIENTS = 8
ROUNDS = 3
SETTLE_SECONDS = 15.0


@pytest.fixture(scope="module", params=["http", "https"])
def source(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Give a running registry of one worker, plain (the kernel copies files) and with TLS (it does not)."""
    server = ServerProcess(tmp_path_factory.mktemp("source") / "data", tls=request.param == "https")
    server.start()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def blobs(source: ServerProcess) -> dict[str, bytes]:
    """Give two large blobs that differ everywhere, by digest."""
    client = RegistryClient(source.url, "admin", source.admin_password)
    contents = [random.Random(seed).randbytes(SIZE) for seed in (1, 2)]
    found = {client.push_blob("admin/app", content): content for content in contents}
    client.close()
    return found


@pytest.fixture(scope="module")
def bearer(source: ServerProcess, blobs: dict[str, bytes]) -> str:
    client = RegistryClient(source.url, "admin", source.admin_password)
    line = f"Authorization: Bearer {client.repository_token('admin/app')}"
    client.close()
    return line


def open_files(server: ServerProcess) -> int:
    """Count the open descriptors of all processes of a server."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in (server.pid, *children))


def settles_at(server: ServerProcess, count: int) -> bool:
    """Wait until no more descriptors are open than before."""
    deadline = time.monotonic() + SETTLE_SECONDS
    pause = threading.Event()
    while open_files(server) > count and time.monotonic() < deadline:
        pause.wait(0.1)
    return open_files(server) <= count


def download(server: ServerProcess, digest: str, bearer: str, *lines: str) -> bytes:
    with Wire(server.url) as wire:
        return wire.ask(head("GET", f"/v2/admin/app/blobs/{digest}", bearer, *lines)).body


def leave_in_the_middle(server: ServerProcess, digest: str, bearer: str, after: int) -> None:
    with Wire(server.url) as wire:
        wire.send(head("GET", f"/v2/admin/app/blobs/{digest}", bearer))
        assert wire.interim() == 200
        wire.receive(after)


@pytest.mark.item("25", "97", "B1")
def test_parallel_downloads_with_clients_that_leave_are_whole_and_leak_no_descriptor(
    source: ServerProcess, blobs: dict[str, bytes], bearer: str
) -> None:
    for digest, content in blobs.items():
        assert download(source, digest, bearer) == content
    before = settled_count(source)
    cuts = random.Random(3)

    with ThreadPoolExecutor(2 * CLIENTS) as pool:
        for _ in range(ROUNDS):
            digests = list(blobs) * (CLIENTS // 2)
            leaving = [
                pool.submit(leave_in_the_middle, source, digest, bearer, cuts.randrange(SIZE))
                for digest in digests
            ]
            whole = [(digest, pool.submit(download, source, digest, bearer)) for digest in digests]
            assert all(future.result(60) == blobs[digest] for digest, future in whole)
            for future in leaving:
                future.result(60)

    assert settles_at(source, before), f"{open_files(source)} descriptors are open, {before} before"


def settled_count(server: ServerProcess) -> int:
    """Count open descriptors once closed connections have been noticed."""
    counts = [open_files(server)]
    pause = threading.Event()
    for _ in range(10):
        pause.wait(0.1)
        counts.append(open_files(server))
    return min(counts)


@pytest.mark.item("25", "97")
def test_clients_that_leave_at_once_leak_no_descriptor(
    source: ServerProcess, blobs: dict[str, bytes], bearer: str
) -> None:
    digest = next(iter(blobs))
    before = settled_count(source)
    for _ in range(50):
        with Wire(source.url) as wire:
            wire.send(head("GET", f"/v2/admin/app/blobs/{digest}", bearer))

    assert settles_at(source, before), f"{open_files(source)} descriptors are open, {before} before"


@pytest.mark.item("25", "97")
def test_downloads_follow_each_other_on_one_connection(
    source: ServerProcess, blobs: dict[str, bytes], bearer: str
) -> None:
    requests = [head("GET", f"/v2/admin/app/blobs/{digest}", bearer) for digest in blobs]
    small = head("GET", "/_ping")

    answers = talk(source.url, requests[0], small, requests[1], small)

    assert [answer.status for answer in answers] == [200] * 4
    assert [answers[0].body, answers[2].body] == list(blobs.values())


@pytest.mark.item("25")
def test_parallel_ranges_of_one_blob_join_to_the_whole(
    source: ServerProcess, blobs: dict[str, bytes], bearer: str
) -> None:
    digest = next(iter(blobs))
    step = SIZE // 16 + 1
    spans = [f"Range: bytes={start}-{start + step - 1}" for start in range(0, SIZE, step)]

    with ThreadPoolExecutor(len(spans)) as pool:
        parts = [pool.submit(download, source, digest, bearer, span) for span in spans]
        joined = b"".join(part.result(60) for part in parts)

    assert sha256(joined) == digest


@pytest.mark.item("31", "97")
def test_a_download_is_not_compressed_and_announces_its_length(
    source: ServerProcess, blobs: dict[str, bytes], bearer: str
) -> None:
    digest = next(iter(blobs))

    (answer,) = talk(
        source.url, head("GET", f"/v2/admin/app/blobs/{digest}", bearer, "Accept-Encoding: gzip, br, zstd")
    )

    assert answer.header("content-length") == str(SIZE)
    assert not {"content-encoding", "transfer-encoding"} & set(answer.names)


@pytest.mark.item("97")
def test_encrypted_answers_ask_for_encryption_from_now_on(source: ServerProcess) -> None:
    expected = "max-age=31536000" if source.url.startswith("https") else None

    for target in ("/_ping", "/v2/", "/nowhere"):
        assert talk(source.url, head("GET", target))[0].header("strict-transport-security") == expected
