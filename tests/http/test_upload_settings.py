"""Uploads to registries that are set up in another way: read-only, full, impatient, behind an external address."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.disks import small_disk
from tests.support.raw_http import Closed, Wire, head
from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess
from tests.support.uploads import (
    append,
    finish,
    pieces,
    received_bytes,
    status,
    unfinished_uploads,
    upload_id,
)

NAME = "admin/app"
CONTENT = b"the content of a layer"
DIGEST = sha256(CONTENT)
MEGABYTE = 1024 * 1024


@contextmanager
def registry(data: Path, **environment: str) -> Iterator[tuple[ServerProcess, RegistryClient]]:
    """Run a registry with settings of its own; give it and a client of its administrator."""
    server = ServerProcess(data, environment=environment)
    server.start()
    try:
        with closing(RegistryClient(server.url, "admin", server.admin_password)) as admin:
            yield server, admin
        assert server.stop() == 0
    finally:
        if server.is_running():
            server.kill()


@pytest.mark.item("35")
def test_with_an_external_address_every_location_begins_with_it(tmp_path: Path) -> None:
    base = "https://registry.example:8443"
    with registry(tmp_path / "data", DTR_EXTERNAL_URL=base) as (_, admin):
        started = admin.request("POST", NAME, "blobs/uploads/").headers["location"]
        path = started.removeprefix(base)
        appended = append(admin, NAME, path, CONTENT)
        asked = status(admin, NAME, path).headers["location"]
        created = finish(admin, NAME, path, DIGEST).headers["location"]

    assert started.startswith(f"{base}/v2/{NAME}/blobs/uploads/")
    assert (appended, asked) == (started, started)
    assert created == f"{base}/v2/{NAME}/blobs/{DIGEST}"


@pytest.mark.item("35", "40")
def test_with_an_external_address_a_misplaced_chunk_is_told_the_right_place(tmp_path: Path) -> None:
    with registry(tmp_path / "data", DTR_EXTERNAL_URL="https://registry.example") as (_, admin):
        path = admin.start_upload(NAME).removeprefix("https://registry.example")
        refused = admin.session(
            "PATCH", NAME, path, content=CONTENT, headers={"content-range": f"9-{8 + len(CONTENT)}"}
        )

    assert refused.status_code == 416
    assert refused.headers["location"] in {path, f"https://registry.example{path}"}


@pytest.mark.item("59")
def test_a_read_only_registry_takes_no_uploads(tmp_path: Path) -> None:
    with registry(tmp_path / "data") as (_, admin):
        admin.push_blob(NAME, CONTENT)
        location = append(admin, NAME, admin.start_upload(NAME), CONTENT)

    with registry(tmp_path / "data", DTR_READ_ONLY="true") as (server, admin):
        refused = [
            admin.request("POST", NAME, "blobs/uploads/"),
            admin.request("POST", NAME, "blobs/uploads/", params={"digest": DIGEST}, content=CONTENT),
            admin.request("POST", NAME, "blobs/uploads/", params={"mount": DIGEST, "from": NAME}),
            admin.session("PATCH", NAME, location, content=CONTENT),
            finish(admin, NAME, location, DIGEST),
        ]
        found = admin.request("GET", NAME, f"blobs/{DIGEST}")
        still_there = upload_id(location) in unfinished_uploads(server)

    assert [answer.status_code for answer in refused] == [405] * 5
    assert [error_codes(answer) for answer in refused] == [["UNSUPPORTED"]] * 5
    assert found.content == CONTENT
    assert still_there


@pytest.mark.item("59", "E3")
def test_on_a_full_disk_an_upload_is_507_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    content = bytes(3 * MEGABYTE)
    with small_disk(tmp_path / "data" / "storage", 8) as disk, registry(tmp_path / "data") as (server, admin):
        location = append(admin, NAME, admin.start_upload(NAME), content[:MEGABYTE])
        disk.fill()
        refused = admin.session("PATCH", NAME, location, content=content[MEGABYTE:])
        at_once = admin.request("POST", NAME, "blobs/uploads/", params={"digest": DIGEST}, content=CONTENT)
        left = unfinished_uploads(server)
        disk.free()
        stands_at = received_bytes(status(admin, NAME, location))
        done = finish(admin, NAME, location, sha256(content), content[stands_at:])
        found = admin.request("GET", NAME, f"blobs/{sha256(content)}")

    assert (refused.status_code, at_once.status_code) == (507, 507)
    assert error_codes(refused) == ["UNAVAILABLE"]
    assert left == {upload_id(location)}
    assert MEGABYTE <= stands_at < len(content)
    assert (done.status_code, found.content == content) == (201, True)


@pytest.mark.parametrize("has_length", [True, False])
def test_a_chunk_above_the_limit_is_413_and_the_session_stays(tmp_path: Path, has_length: bool) -> None:
    content, size = b"x" * 1000 + b"y" * 1500, 1000
    with registry(tmp_path / "data", DTR_UPLOADS_CHUNK_LIMIT_BYTES=str(size)) as (_, admin):
        location = append(admin, NAME, admin.start_upload(NAME), content[:size])
        body = content[size:] if has_length else pieces(content[size:], 100)
        refused = admin.session("PATCH", NAME, location, content=body)
        stands_at = received_bytes(status(admin, NAME, location))
        append(admin, NAME, location, content[stands_at : stands_at + size])
        done = finish(admin, NAME, location, sha256(content), content[stands_at + size :])

    assert refused.status_code == 413
    assert size <= stands_at <= 2 * size
    assert done.status_code == 201


@pytest.mark.item("97")
@pytest.mark.slow
def test_a_body_below_the_least_rate_is_cut_and_one_above_it_is_taken(tmp_path: Path) -> None:
    """A rate counts only after half a minute, as a burst at the start or a pause says nothing."""
    settings = {"DTR_LIMITS_MIN_BODY_RATE_BYTES": "1000", "DTR_UPLOADS_IDLE_SECONDS": "3600"}
    with registry(tmp_path / "data", **settings) as (server, admin):
        outcomes: dict[int, int | None] = {}
        senders = [
            threading.Thread(target=send_at, args=(server, admin.repository_token(NAME), rate, outcomes))
            for rate in (500, 2000)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(60)

    assert outcomes == {500: None, 2000: 201}


def send_at(
    server: ServerProcess, token: str, bytes_per_second: int, outcomes: dict[int, int | None]
) -> None:
    """Push a blob for 34 seconds at a rate; note the status, or `None` when the server ends the connection."""
    content = bytes(34 * bytes_per_second)
    lines = [f"Authorization: Bearer {token}", f"Content-Length: {len(content)}"]
    with Wire(server.url) as wire:
        wire.send(head("POST", f"/v2/{NAME}/blobs/uploads/?digest={sha256(content)}", *lines))
        try:
            for start in range(0, len(content), bytes_per_second):
                wire.send(content[start : start + bytes_per_second])
                time.sleep(1)
            outcomes[bytes_per_second] = wire.answer().status
        except (Closed, OSError):
            outcomes[bytes_per_second] = None
