"""What must hold whatever is asked: true bytes, reads that change nothing, kept secrets, flat memory."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import forget_peaks, peak_bytes, processes_of, resident_bytes
from tests.support.registry import RegistryClient, descriptor, error_codes, sha256
from tests.support.server import ServerProcess
from tests.support.snapshot import stored_files, stored_rows

MEBIBYTE = 1024 * 1024
SMALL = b"a small blob"
LARGE = hashlib.shake_128(b"a large blob").digest(300_000)
BIG_BYTES = 384 * MEBIBYTE
ROOM_BYTES = 64 * MEBIBYTE


def file_of(server: ServerProcess, content: bytes) -> Path:
    [file] = server.data.rglob(sha256(content).partition(":")[2])
    return file


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def lengthen(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"!")


def empty(file: Path) -> None:
    os.truncate(file, 0)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    with file.open("r+b") as stream:
        stream.write(content)


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.item("B1", "E4")
@pytest.mark.parametrize(
    ("content", "damage"),
    [
        *((LARGE, damage) for damage in (cut, lengthen, empty, remove)),
        *((SMALL, damage) for damage in (cut, lengthen, empty, remove, flip_a_bit)),
    ],
    ids=lambda value: value.__name__ if callable(value) else f"{len(value)} bytes",
)
@pytest.mark.parametrize("span", [None, "bytes=0-3"])
def test_damaged_content_is_never_served_as_if_it_were_whole(
    server: ServerProcess,
    alice: RegistryClient,
    name: str,
    content: bytes,
    damage: Callable[[Path], None],
    span: str | None,
) -> None:
    unique = content + name.encode()
    digest = alice.push_blob(name, unique)
    file = file_of(server, unique)
    file.chmod(0o600)
    damage(file)

    answer = alice.request("GET", name, f"blobs/{digest}", headers={"range": span} if span else {})

    assert answer.status_code == 503
    assert error_codes(answer) == ["UNAVAILABLE"]
    assert int(answer.headers["retry-after"]) >= 1
    assert alice.request("GET", name, "tags/list").status_code == 200, "everything else goes on"


@pytest.mark.item("B4")
def test_reading_changes_nothing_that_is_stored(
    server: ServerProcess, alice: RegistryClient, bob: RegistryClient, name: str
) -> None:
    manifest = alice.push_image(name, "latest", SMALL, LARGE)
    location = alice.start_upload(name)
    subject = descriptor(manifest, "application/vnd.oci.image.manifest.v1+json")
    alice.push_image(name, "attached", subject=subject)
    rests = [
        "manifests/latest",
        f"manifests/{sha256(manifest)}",
        "manifests/absent",
        f"blobs/{sha256(LARGE)}",
        f"blobs/{sha256(SMALL)}",
        f"blobs/{sha256(b'absent')}",
        "tags/list?n=1",
        f"referrers/{sha256(manifest)}",
        location.partition(f"{name}/")[2],
    ]
    for client in (alice, bob):
        client.repository_token(name)
        client.repository_token(f"{name}-absent")
        client.token("registry:catalog:*")
    before = stored_files(server), stored_rows(server)

    for client in (alice, bob):
        for method in ("GET", "HEAD"):
            for rest in rests:
                client.request(method, name, rest)
                client.request(method, f"{name}-absent", rest)
            headers = {"authorization": f"Bearer {client.token('registry:catalog:*')}"}
            client.http.request(method, "/v2/_catalog", headers=headers)
            client.http.request(method, "/v2/")

    assert (stored_files(server), stored_rows(server)) == before


@pytest.mark.item("B5")
def test_a_mount_does_not_reveal_what_others_hold(
    alice: RegistryClient, bob: RegistryClient, name: str
) -> None:
    held = alice.push_blob(name, f"secret of {name}".encode())
    absent = sha256(f"nobody holds this {name}".encode())
    scopes = (f"repository:{name}:pull",)

    def mount(digest: str, **source: str) -> tuple[int, set[str], int]:
        parameters = {"mount": digest, **source}
        answer = bob.request("POST", "bob/mounts", "blobs/uploads/", params=parameters, extra_scopes=scopes)
        return answer.status_code, set(answer.headers), len(answer.content)

    assert mount(held, **{"from": name}) == mount(absent, **{"from": name})
    assert mount(held) == mount(absent)
    assert mount(held)[0] == 202


@pytest.mark.item("B5")
def test_a_manifest_cannot_refer_to_what_only_others_hold(
    alice: RegistryClient, bob: RegistryClient, name: str
) -> None:
    manifest = alice.push_image(name, "latest", f"secret of {name}".encode())

    answer = bob.push_manifest("bob/thief", "latest", manifest)

    assert answer.status_code == 400
    assert set(error_codes(answer)) == {"MANIFEST_BLOB_UNKNOWN"}


@pytest.mark.item("B5")
def test_what_was_mounted_stays_when_its_source_is_gone(alice: RegistryClient, name: str) -> None:
    digest = alice.push_blob(name, SMALL)
    target = f"{name}-target"
    alice.repository_token(name, fresh=True)
    parameters = {"mount": digest, "from": name}
    mounted = alice.request(
        "POST", target, "blobs/uploads/", params=parameters, extra_scopes=(f"repository:{name}:pull",)
    )
    assert mounted.status_code == 201, mounted.text

    assert alice.request("DELETE", name, f"blobs/{digest}").status_code == 202

    assert alice.request("GET", name, f"blobs/{digest}").status_code == 404
    assert alice.request("GET", target, f"blobs/{digest}").content == SMALL


class Sink:
    """Counts and hashes what is read, and keeps nothing."""

    def __init__(self) -> None:
        self.size = 0
        self.hasher = hashlib.sha256()

    def take(self, piece: bytes) -> None:
        self.size += len(piece)
        self.hasher.update(piece)


def pieces(number_of_bytes: int) -> Iterator[bytes]:
    piece = bytes(MEBIBYTE)
    for _ in range(number_of_bytes // MEBIBYTE):
        yield piece


@pytest.mark.item("B9")
@pytest.mark.slow
@pytest.mark.parametrize("tls", [False, True])
def test_memory_does_not_grow_with_the_blob(tmp_path: Path, tls: bool) -> None:
    server = ServerProcess(tmp_path / "data", tls=tls)
    server.start()
    client = RegistryClient(server.url, "admin", server.admin_password)
    client.push_image("admin/warm-up", "latest", LARGE)
    processes = processes_of(server.pid)
    before = {pid: resident_bytes(pid) for pid in processes}
    forget_peaks(processes)
    expected = Sink()
    for piece in pieces(BIG_BYTES):
        expected.take(piece)
    digest = f"sha256:{expected.hasher.hexdigest()}"

    location = client.start_upload("admin/big")
    appended = client.session("PATCH", "admin/big", location, content=pieces(BIG_BYTES))
    finished = client.session("PUT", "admin/big", appended.headers["location"], params={"digest": digest})
    assert finished.status_code == 201, finished.text
    headers = {"authorization": f"Bearer {client.repository_token('admin/big')}"}
    received = Sink()
    with client.http.stream("GET", f"/v2/admin/big/blobs/{digest}", headers=headers) as answer:
        for piece in answer.iter_raw():
            received.take(piece)

    assert received.hasher.digest() == expected.hasher.digest()
    assert max(peak_bytes(pid) - before[pid] for pid in processes) < ROOM_BYTES
    client.close()
    assert server.stop() == 0
