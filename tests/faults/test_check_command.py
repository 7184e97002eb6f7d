"""Stored blobs that were damaged behind a running registry's back, and `dtr check`, which finds and mends."""

import hashlib
import json
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess

pytestmark = pytest.mark.fault

NAME = "alice/app"
MIB = 1024 * 1024
LARGE = random.Random(1).randbytes(MIB + 7)
SMALL = random.Random(2).randbytes(900)


def stored_file(server: ServerProcess, content: bytes) -> Path:
    hexadecimal = sha256(content).partition(":")[2]
    return server.data / "storage" / "blobs" / "sha256" / hexadecimal[:2] / hexadecimal


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "wrong content": flip_a_bit,
    "wrong size": truncate,
    "wrong size, longer": lengthen,
    "missing": Path.unlink,
}
CHANGED_LENGTH = [damage for damage in DAMAGES if damage != "wrong content"]


def get(client: RegistryClient, content: bytes, method: str = "GET") -> httpx.Response:
    return client.request(method, NAME, f"blobs/{sha256(content)}")


def check(server: ServerProcess, *options: str, expected: int) -> str:
    done = server.run("check", *options)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


@pytest.mark.item("E4", "B1")
@pytest.mark.parametrize("damage", CHANGED_LENGTH)
def test_a_blob_of_wrong_length_is_never_served(
    server: ServerProcess, both: list[RegistryClient], damage: str
) -> None:
    both[0].push_blob(NAME, LARGE)
    DAMAGES[damage](stored_file(server, LARGE))

    for client in both:
        answer = get(client, LARGE)
        assert answer.status_code == 503
        assert error_codes(answer) == ["UNAVAILABLE"]
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.item("E4", "B1")
def test_a_small_blob_that_grew_is_not_served(server: ServerProcess, alice: RegistryClient) -> None:
    alice.push_blob(NAME, SMALL)
    stored_file(server, SMALL).write_bytes(SMALL + bytes(MIB))

    answer = get(alice, SMALL)

    assert answer.status_code == 503
    assert error_codes(answer) == ["UNAVAILABLE"]


@pytest.mark.item("E4", "B1")
def test_a_small_blob_is_compared_with_its_digest_before_it_is_served(
    server: ServerProcess, alice: RegistryClient
) -> None:
    alice.push_blob(NAME, SMALL)
    flip_a_bit(stored_file(server, SMALL))

    assert get(alice, SMALL).status_code == 503


@pytest.mark.item("E4")
def test_a_blob_that_is_cut_while_it_is_sent_ends_with_a_broken_connection(
    server: ServerProcess, alice: RegistryClient
) -> None:
    content = random.Random(3).randbytes(48 * MIB)
    alice.push_blob(NAME, content)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        head = f"GET /v2/{NAME}/blobs/{sha256(content)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
        connection.sendall(f"{head}{alice.repository_token(NAME)}\r\n\r\n".encode())
        received = len(connection.recv(1024))
        with stored_file(server, content).open("r+b") as file:
            file.truncate(47 * MIB)
        while piece := connection.recv(MIB):
            received += len(piece)

    assert received < len(content)


@pytest.mark.item("E4")
@pytest.mark.parametrize("damage", DAMAGES)
def test_check_finds_damage_repair_hides_it_and_a_push_heals_it(
    server: ServerProcess, both: list[RegistryClient], damage: str
) -> None:
    for content in (LARGE, SMALL):
        both[0].push_blob(NAME, content)
    DAMAGES[damage](stored_file(server, LARGE))

    found = check(server, expected=1)
    assert f"{sha256(LARGE)}  {damage.partition(',')[0]}; still shown" in found
    assert sha256(SMALL) not in found

    check(server, "--repair", expected=0)
    assert [get(client, LARGE, "HEAD").status_code for client in both] == [404, 404]
    assert [get(client, SMALL, "HEAD").status_code for client in both] == [200, 200]

    both[1].push_blob(NAME, LARGE)
    assert [get(client, LARGE).content for client in both] == [LARGE, LARGE]
    assert "0 damaged" in check(server, expected=0)


@pytest.mark.item("E4")
def test_a_hidden_blob_is_unknown_to_a_manifest_that_needs_it(
    server: ServerProcess, alice: RegistryClient
) -> None:
    manifest = alice.push_image(NAME, "v1", LARGE)
    flip_a_bit(stored_file(server, LARGE))
    check(server, "--repair", expected=0)

    answer = alice.push_manifest(NAME, "v2", manifest)

    assert answer.status_code == 400
    assert error_codes(answer) == ["MANIFEST_BLOB_UNKNOWN"]
    alice.push_image(NAME, "v2", LARGE)


@pytest.mark.item("E4")
def test_a_small_blob_that_memory_holds_is_hidden_too(
    server: ServerProcess, both: list[RegistryClient]
) -> None:
    both[0].push_blob(NAME, SMALL)
    both[0].push_blob(NAME, LARGE)
    assert [get(client, SMALL).status_code for client in both] == [200, 200]
    flip_a_bit(stored_file(server, SMALL))

    check(server, "--repair", expected=0)

    assert [get(client, SMALL).status_code for client in both] == [404, 404]


def test_a_lost_file_that_comes_back_is_shown_again(server: ServerProcess, alice: RegistryClient) -> None:
    for content in (LARGE, SMALL):
        alice.push_blob(NAME, content)
    file = stored_file(server, LARGE)
    aside = file.rename(server.data / "aside")
    check(server, "--repair", expected=0)
    assert get(alice, LARGE, "HEAD").status_code == 404

    aside.rename(file)

    assert "shown again" in check(server, "--repair", expected=0)
    assert get(alice, LARGE).content == LARGE


def test_an_empty_store_is_taken_for_a_missing_disk_and_nothing_is_hidden(
    server: ServerProcess, alice: RegistryClient
) -> None:
    for content in (LARGE, SMALL):
        alice.push_blob(NAME, content)
        stored_file(server, content).unlink()

    done = server.run("check", "--repair")

    assert done.returncode == 1
    assert "mounted" in done.stderr
    assert get(alice, LARGE, "HEAD").status_code == 200


def test_an_empty_registry_is_in_order(server: ServerProcess) -> None:
    assert "0 blobs" in check(server, "--repair", expected=0)


def test_the_report_is_given_as_json(server: ServerProcess, alice: RegistryClient) -> None:
    for content in (LARGE, SMALL):
        alice.push_blob(NAME, content)
    truncate(stored_file(server, SMALL))
    stranger = stored_file(server, b"of nobody")
    stranger.write_bytes(b"of nobody")

    report = json.loads(check(server, "--output", "json", "--repair", expected=0))

    assert report == {
        "checked_blobs": 2,
        "checked_bytes": len(LARGE) + len(SMALL),
        "damaged": {sha256(SMALL): "wrong size"},
        "quarantined": [sha256(SMALL)],
        "restored": [],
        "unrecorded": 1,
    }


def test_reading_keeps_to_the_rate_limit(server: ServerProcess, alice: RegistryClient) -> None:
    alice.push_blob(NAME, bytes(3 * MIB))
    started = time.monotonic()

    check(server, "--rate-limit", "2", expected=0)

    assert time.monotonic() - started >= 1.5


def test_a_directory_without_a_registry_is_not_checked(server: ServerProcess, tmp_path: Path) -> None:
    done = server.run("--data", str(tmp_path / "typo"), "check")

    assert done.returncode == 1
    assert "no registry" in done.stderr
    assert not (tmp_path / "typo").exists()


@pytest.mark.item("B1")
def test_what_is_pulled_hashes_to_what_was_asked_for(alice: RegistryClient) -> None:
    contents = [random.Random(size).randbytes(size) for size in (0, 1, 65_535, 65_536, 65_537, 2 * MIB)]
    for content in contents:
        alice.push_blob(NAME, content)

    pulled = [get(alice, content).content for content in contents]

    assert [hashlib.sha256(each).hexdigest() for each in pulled] == [
        sha256(content).partition(":")[2] for content in contents
    ]
