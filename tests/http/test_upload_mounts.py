"""Mounting a blob from another repository, and how a mount that is not possible becomes an upload."""

import json

import httpx
import pytest

from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess
from tests.support.uploads import finish, stored_copies, unfinished_uploads

UNKNOWN = sha256(b"nobody has pushed this")


def mount(
    client: RegistryClient, name: str, digest: str, source: str | None = None, *scopes: str
) -> httpx.Response:
    parameters = {"mount": digest} if source is None else {"mount": digest, "from": source}
    return client.request("POST", name, "blobs/uploads/", params=parameters, extra_scopes=scopes)


def pull(name: str) -> str:
    return f"repository:{name}:pull"


def holds(client: RegistryClient, name: str, digest: str) -> bool:
    return client.request("HEAD", name, f"blobs/{digest}").status_code == 200


def assert_became_an_upload(
    client: RegistryClient, name: str, answer: httpx.Response, content: bytes = b"anything"
) -> None:
    """Expect a session that works, and an answer that does not say why there was no mount."""
    assert answer.status_code == 202
    assert answer.headers["range"] == "0-0"
    assert answer.content == b""
    assert "docker-content-digest" not in answer.headers
    assert finish(client, name, answer.headers["location"], sha256(content), content).status_code == 201


@pytest.fixture
def source(name: str) -> str:
    """Give the name of a second repository of alice."""
    return f"{name}-source"


@pytest.fixture
def content(name: str) -> bytes:
    """Give content that no other test pushes."""
    return f"a layer of {name}".encode()


@pytest.fixture
def digest(alice: RegistryClient, source: str, content: bytes) -> str:
    """Give the digest of a blob in the source repository."""
    return alice.push_blob(source, content)


@pytest.mark.item("57")
def test_a_blob_of_a_repository_that_the_caller_may_pull_is_mounted(
    alice: RegistryClient, name: str, source: str, digest: str, content: bytes
) -> None:
    answer = mount(alice, name, digest, source, pull(source))

    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v2/{name}/blobs/{digest}"
    assert answer.headers["docker-content-digest"] == digest
    assert alice.request("GET", name, f"blobs/{digest}").content == content


@pytest.mark.item("57")
def test_a_mount_copies_no_bytes(
    server: ServerProcess, alice: RegistryClient, name: str, source: str, digest: str
) -> None:
    before = unfinished_uploads(server)

    mount(alice, name, digest, source, pull(source))

    assert stored_copies(server, digest) == 1
    assert unfinished_uploads(server) <= before


@pytest.mark.item("57")
def test_a_mounted_blob_outlives_its_removal_from_the_source(
    alice: RegistryClient, name: str, source: str, digest: str, content: bytes
) -> None:
    mount(alice, name, digest, source, pull(source))
    alice.repository_token(
        source, fresh=True
    )  # the first one is older than the repository: nothing to delete then
    assert alice.request("DELETE", source, f"blobs/{digest}").status_code == 202

    assert alice.request("GET", name, f"blobs/{digest}").content == content


@pytest.mark.item("57")
def test_mounting_twice_is_created_again(alice: RegistryClient, name: str, source: str, digest: str) -> None:
    statuses = [mount(alice, name, digest, source, pull(source)).status_code for _ in range(2)]

    assert statuses == [201, 201]


@pytest.mark.item("57")
@pytest.mark.parametrize(
    "missing", ["alice/no-such-repository", "UPPER/case", "", "../etc", "a//b", "x" * 300]
)
def test_a_mount_from_a_repository_that_cannot_be_becomes_an_upload(
    alice: RegistryClient, name: str, digest: str, missing: str
) -> None:
    answer = mount(alice, name, digest, missing)

    assert_became_an_upload(alice, name, answer)
    assert not holds(alice, name, digest)


@pytest.mark.item("57")
def test_a_mount_of_an_unknown_blob_becomes_an_upload(
    alice: RegistryClient, name: str, source: str, digest: str
) -> None:
    answer = mount(alice, name, UNKNOWN, source, pull(source))

    assert_became_an_upload(alice, name, answer)
    assert not holds(alice, name, UNKNOWN)


@pytest.mark.item("57", "B5")
def test_a_mount_from_a_strangers_repository_becomes_an_upload(
    alice: RegistryClient, bob: RegistryClient, source: str, digest: str, content: bytes
) -> None:
    own = source.replace("alice/", "bob/")

    answer = mount(bob, own, digest, source, pull(source))

    assert_became_an_upload(bob, own, answer)
    assert not holds(bob, own, digest)


@pytest.mark.item("57", "B5")
def test_what_cannot_be_mounted_looks_the_same_whether_it_exists_or_not(
    bob: RegistryClient, source: str, digest: str
) -> None:
    own = source.replace("alice/", "bob/")

    existing = mount(bob, own, digest, source, pull(source))
    unknown = mount(bob, own, UNKNOWN, source, pull(source))

    varying = {"location", "docker-upload-uuid", "x-request-id", "date"}
    shown = [
        (answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in varying})
        for answer in (existing, unknown)
    ]
    assert shown[0] == shown[1]


@pytest.mark.item("57", "6")
def test_a_token_without_the_right_to_the_source_mounts_nothing(
    alice: RegistryClient, name: str, source: str, digest: str
) -> None:
    answer = mount(alice, name, digest, source)

    assert_became_an_upload(alice, name, answer)
    assert not holds(alice, name, digest)


@pytest.mark.item("57")
@pytest.mark.parametrize("malformed", ["sha256:abc", "md5:" + "0" * 32, "nonsense", ""])
def test_a_mount_with_a_malformed_digest_is_refused(
    alice: RegistryClient, name: str, source: str, malformed: str
) -> None:
    refused = mount(alice, name, malformed, source)

    assert refused.status_code == 400
    assert error_codes(refused) == ["DIGEST_INVALID"]


@pytest.mark.item("57")
def test_a_mounted_blob_serves_for_a_manifest(
    alice: RegistryClient, name: str, source: str, digest: str, content: bytes
) -> None:
    config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
    alice.push_blob(name, config)
    mount(alice, name, digest, source, pull(source))

    alice.push_image(name, "mounted", content)


@pytest.mark.item("58")
def test_a_mount_without_a_source_finds_what_the_token_may_pull(
    alice: RegistryClient, name: str, source: str, digest: str, content: bytes
) -> None:
    answer = mount(alice, name, digest, None, pull(source))

    assert answer.status_code == 201
    assert answer.headers["docker-content-digest"] == digest
    assert alice.request("GET", name, f"blobs/{digest}").content == content


@pytest.mark.item("58")
def test_a_mount_without_a_source_of_what_the_repository_has_is_created(
    alice: RegistryClient, source: str, digest: str
) -> None:
    assert mount(alice, source, digest).status_code == 201


@pytest.mark.item("58", "B5")
def test_a_mount_without_a_source_of_what_only_strangers_have_becomes_an_upload(
    bob: RegistryClient, source: str, digest: str
) -> None:
    own = source.replace("alice/", "bob/")

    answer = mount(bob, own, digest, None, pull(source))

    assert_became_an_upload(bob, own, answer)
    assert not holds(bob, own, digest)


@pytest.mark.item("58")
def test_a_public_repository_serves_as_a_source_for_everybody(
    server: ServerProcess, bob: RegistryClient, source: str, digest: str, content: bytes
) -> None:
    done = server.run("repository", "set", source, "--visibility", "public")
    assert done.returncode == 0, done.stderr
    own = source.replace("alice/", "bob/")

    assert mount(bob, own, digest, None, pull(source)).status_code == 201
    assert bob.request("GET", own, f"blobs/{digest}").content == content
