"""Whole uploads in every way there is: one request or many, with either digest algorithm, of nothing at all."""

import pytest

from tests.support.registry import RegistryClient, error_codes, sha256, sha512
from tests.support.server import ServerProcess
from tests.support.uploads import (
    STYLES,
    Style,
    append,
    finish,
    pieces,
    received_bytes,
    status,
    unfinished_uploads,
    upload_id,
)

CONTENT = b"some content of a layer, " * 100
LARGE = b"more than is taken in one step. " * 40_000

every_style = pytest.mark.parametrize("push", STYLES.values(), ids=STYLES.keys())
both_sizes = pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])


@pytest.mark.item("36")
@both_sizes
def test_a_blob_in_one_post_is_created_and_readable_at_once(
    alice: RegistryClient, name: str, content: bytes
) -> None:
    digest = sha256(content)

    answer = alice.request("POST", name, "blobs/uploads/", params={"digest": digest}, content=content)

    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v2/{name}/blobs/{digest}"
    assert answer.headers["docker-content-digest"] == digest
    assert alice.session("GET", name, answer.headers["location"]).content == content


@pytest.mark.item("37")
@both_sizes
@pytest.mark.parametrize("has_length", [True, False])
def test_a_blob_in_one_post_with_a_wrong_digest_leaves_nothing(
    server: ServerProcess, alice: RegistryClient, name: str, content: bytes, has_length: bool
) -> None:
    wrong, before = sha256(b"something else"), unfinished_uploads(server)
    body = content if has_length else pieces(content, 65536)

    refused = alice.request("POST", name, "blobs/uploads/", params={"digest": wrong}, content=body)

    assert refused.status_code == 400
    assert error_codes(refused) == ["DIGEST_INVALID"]
    assert unfinished_uploads(server) <= before
    for digest in (wrong, sha256(content)):
        assert alice.request("HEAD", name, f"blobs/{digest}").status_code == 404


@pytest.mark.item("36", "53")
@every_style
@pytest.mark.parametrize("digest_of", [sha256, sha512])
def test_every_style_stores_the_content_under_its_digest(
    server: ServerProcess, alice: RegistryClient, name: str, push: Style, digest_of: object
) -> None:
    assert callable(digest_of)
    digest, before = digest_of(CONTENT), unfinished_uploads(server)

    answer = push(alice, name, CONTENT, digest)

    assert answer.status_code == 201, answer.text
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers["location"] == f"/v2/{name}/blobs/{digest}"
    found = alice.request("GET", name, f"blobs/{digest}")
    assert found.content == CONTENT
    assert found.headers["docker-content-digest"] == digest
    assert unfinished_uploads(server) <= before


@pytest.mark.item("52")
@every_style
@pytest.mark.parametrize("digest_of", [sha256, sha512])
def test_the_empty_blob_can_be_pushed_in_every_style(
    server: ServerProcess, alice: RegistryClient, name: str, push: Style, digest_of: object
) -> None:
    assert callable(digest_of)
    digest, before = digest_of(b""), unfinished_uploads(server)

    assert push(alice, name, b"", digest).status_code == 201

    found = alice.request("GET", name, f"blobs/{digest}")
    assert (found.status_code, found.content, found.headers["content-length"]) == (200, b"", "0")
    assert unfinished_uploads(server) <= before


@pytest.mark.item("53")
@every_style
def test_a_wrong_sha512_is_refused_in_every_style(alice: RegistryClient, name: str, push: Style) -> None:
    refused = push(alice, name, CONTENT, sha512(b"something else"))

    assert refused.status_code == 400
    assert error_codes(refused) == ["DIGEST_INVALID"]


@pytest.mark.item("53")
def test_the_algorithm_of_the_digest_counts_whatever_was_announced(alice: RegistryClient, name: str) -> None:
    announced = {"digest-algorithm": "sha512"}
    started = alice.request("POST", name, "blobs/uploads/", params=announced)
    location = append(alice, name, started.headers["location"], CONTENT)

    assert finish(alice, name, location, sha256(CONTENT)).status_code == 201
    assert alice.request("GET", name, f"blobs/{sha256(CONTENT)}").content == CONTENT


@pytest.mark.item("54")
@pytest.mark.parametrize(
    "digest",
    [
        "md5:" + "0" * 32,
        "sha384:" + "0" * 96,
        "sha256:" + "0" * 63,
        "sha256:" + "A" * 64,
        "sha256-" + "0" * 64,
        "sha256:",
        "nonsense",
        "",
    ],
)
def test_a_digest_that_is_not_supported_is_refused_and_the_session_stays(
    alice: RegistryClient, name: str, digest: str
) -> None:
    location = append(alice, name, alice.start_upload(name), CONTENT)

    at_once = alice.request("POST", name, "blobs/uploads/", params={"digest": digest}, content=CONTENT)
    at_the_end = finish(alice, name, location, digest)

    for refused in (at_once, at_the_end):
        assert refused.status_code == 400
        assert error_codes(refused) == ["DIGEST_INVALID"]
    assert received_bytes(status(alice, name, location)) == len(CONTENT)


@pytest.mark.item("54")
@pytest.mark.parametrize("algorithm", ["md5", "sha384", "SHA256", "blake3"])
def test_an_announced_algorithm_that_is_not_supported_is_refused(
    alice: RegistryClient, name: str, algorithm: str
) -> None:
    refused = alice.request("POST", name, "blobs/uploads/", params={"digest-algorithm": algorithm})

    assert refused.status_code == 400
    assert error_codes(refused) == ["DIGEST_INVALID"]


@pytest.mark.item("54")
def test_several_digests_are_refused_and_the_session_stays(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    location = append(alice, name, alice.start_upload(name), CONTENT)
    both = f"digest={sha256(CONTENT)}&digest={sha512(CONTENT)}"

    at_once = alice.http.post(
        f"/v2/{name}/blobs/uploads/?{both}",
        content=CONTENT,
        headers={"authorization": f"Bearer {alice.repository_token(name)}"},
    )
    at_the_end = alice.session("PUT", name, f"{location}?{both}")

    for refused in (at_once, at_the_end):
        assert refused.status_code == 400
        assert error_codes(refused) == ["DIGEST_INVALID"]
    assert upload_id(location) in unfinished_uploads(server)
