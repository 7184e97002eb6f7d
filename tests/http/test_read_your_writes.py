"""The next request sees every change, on every worker process, however warm their memories are."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.connections import connections_to_every_worker, get, statuses
from tests.support.raw_http import Wire
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

LAYER = b"a layer that every worker has in memory"


@pytest.fixture
def manifest(alice: RegistryClient, name: str) -> bytes:
    """Push an image, and get a token that was asked for when the repository existed."""
    pushed = alice.push_image(name, "latest", LAYER)
    alice.repository_token(name, fresh=True)
    return pushed


@contextmanager
def warm(server: ServerProcess, request: bytes, method: str = "GET") -> Iterator[list[Wire]]:
    """Connect to every worker, and let each answer the request until its memory can."""
    with connections_to_every_worker(server.url) as wires:
        for _ in range(2):
            assert statuses(wires, request, method) == {200}
        yield wires


def login_request(user: str, password: str) -> bytes:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return get("/auth/token?service=dtr", None, f"Authorization: Basic {credentials}")


def accepted(change: httpx.Response) -> None:
    assert change.status_code in (201, 202), change.text


@pytest.mark.item("B7", "77")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("read_by", ["latest", "digest"])
def test_a_deleted_manifest_is_gone_from_every_worker(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes, read_by: str, method: str
) -> None:
    reference = sha256(manifest) if read_by == "digest" else read_by
    request = get(f"/v2/{name}/manifests/{reference}", alice.repository_token(name), method=method)

    with warm(server, request, method) as wires:
        accepted(alice.request("DELETE", name, f"manifests/{sha256(manifest)}"))

        assert statuses(wires, request, method) == {404}


@pytest.mark.item("B7", "77")
def test_a_deleted_tag_is_gone_from_every_worker_and_its_digest_is_not(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    token = alice.repository_token(name)
    by_tag, by_digest = (get(f"/v2/{name}/manifests/{each}", token) for each in ("latest", sha256(manifest)))

    with warm(server, by_tag) as wires:
        accepted(alice.request("DELETE", name, "manifests/latest"))

        assert statuses(wires, by_tag) == {404}
        assert statuses(wires, by_digest) == {200}


@pytest.mark.item("B7")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_deleted_blob_is_gone_from_every_worker(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes, method: str
) -> None:
    request = get(f"/v2/{name}/blobs/{sha256(LAYER)}", alice.repository_token(name), method=method)

    with warm(server, request, method) as wires:
        accepted(alice.request("DELETE", name, f"blobs/{sha256(LAYER)}"))

        assert statuses(wires, request, method) == {404}


@pytest.mark.item("B7")
def test_a_manifest_at_the_address_of_a_blob_is_gone_from_every_worker(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    request = get(f"/v2/{name}/blobs/{sha256(manifest)}", alice.repository_token(name))

    with warm(server, request) as wires:
        accepted(alice.request("DELETE", name, f"manifests/{sha256(manifest)}"))

        assert statuses(wires, request) == {404}


@pytest.mark.item("76")
def test_a_moved_tag_shows_its_new_manifest_on_every_worker(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    request = get(f"/v2/{name}/manifests/latest", alice.repository_token(name))

    with warm(server, request) as wires:
        for number in range(5):
            moved = alice.push_image(name, "latest", f"layer {number}".encode())
            assert {wire.ask(request).body for wire in wires} == {moved}


def test_a_pushed_manifest_is_there_on_every_worker_that_just_denied_it(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    request = get(f"/v2/{name}/manifests/new", alice.repository_token(name))

    with connections_to_every_worker(server.url) as wires:
        assert statuses(wires, request) == {404}
        accepted(alice.push_manifest(name, "new", manifest))

        assert statuses(wires, request) == {200}


def test_a_pushed_blob_is_there_on_every_worker_that_just_denied_it(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    content = f"new in {name}".encode()
    request = get(f"/v2/{name}/blobs/{sha256(content)}", alice.repository_token(name), method="HEAD")

    with connections_to_every_worker(server.url) as wires:
        assert statuses(wires, request, "HEAD") == {404}
        alice.push_blob(name, content)

        assert statuses(wires, request, "HEAD") == {200}


@pytest.mark.item("B7")
def test_a_blob_that_was_deleted_and_pushed_again_comes_back_on_every_worker(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    request = get(f"/v2/{name}/blobs/{sha256(LAYER)}", alice.repository_token(name))

    with warm(server, request) as wires:
        accepted(alice.request("DELETE", name, f"blobs/{sha256(LAYER)}"))
        assert statuses(wires, request) == {404}
        alice.push_blob(name, LAYER)

        assert {wire.ask(request).body for wire in wires} == {LAYER}


def test_a_new_tag_is_listed_by_every_worker(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    request = get(f"/v2/{name}/tags/list", alice.repository_token(name))

    with warm(server, request) as wires:
        accepted(alice.push_manifest(name, "another", manifest))

        assert {b'"another"' in wire.ask(request).body for wire in wires} == {True}


@pytest.mark.item("B7", "90")
def test_a_deleted_referrer_is_listed_by_no_worker(
    server: ServerProcess, alice: RegistryClient, name: str, manifest: bytes
) -> None:
    subject = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": sha256(manifest),
        "size": 1,
    }
    attached = alice.push_image(name, "attached", subject=subject)
    request = get(f"/v2/{name}/referrers/{sha256(manifest)}", alice.repository_token(name))

    with warm(server, request) as wires:
        assert {sha256(attached).encode() in wire.ask(request).body for wire in wires} == {True}
        accepted(alice.request("DELETE", name, f"manifests/{sha256(attached)}"))

        assert {sha256(attached).encode() in wire.ask(request).body for wire in wires} == {False}


def test_a_repository_made_public_is_open_to_everybody_on_every_worker(
    server: ServerProcess, alice: RegistryClient, anonymous: RegistryClient, name: str, manifest: bytes
) -> None:
    ask_for_token = get(f"/auth/token?service=dtr&scope=repository:{name}:pull")

    with connections_to_every_worker(server.url) as wires:
        assert statuses(wires, ask_for_token) == {200}
        assert server.run("repository", "set", name, "--visibility", "public").returncode == 0

        for wire in wires:
            token = httpx.Response(200, content=wire.ask(ask_for_token).body).json()["token"]
            assert wire.ask(get(f"/v2/{name}/manifests/latest", token)).body == manifest


def test_a_new_user_can_log_in_on_every_worker(server: ServerProcess, name: str) -> None:
    user = f"user-{name.partition('/')[2]}"
    login = login_request(user, "a-long-password")

    with connections_to_every_worker(server.url) as wires:
        server.add_user(user, "a-long-password")

        assert statuses(wires, login) == {200}


def test_a_disabled_user_cannot_log_in_on_any_worker(server: ServerProcess, name: str) -> None:
    user = f"user-{name.partition('/')[2]}"
    server.add_user(user, "a-long-password")
    login = login_request(user, "a-long-password")

    with connections_to_every_worker(server.url) as wires:
        assert statuses(wires, login) == {200}
        assert server.run("user", "disable", user).returncode == 0

        assert statuses(wires[:8], login) == {401}
        assert server.run("user", "enable", user).returncode == 0
        assert statuses(wires, login) == {200}
