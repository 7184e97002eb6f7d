"""Upload sessions: beginning, asking, finishing, cancelling, and every way in which one may be unknown."""

import urllib.parse

import httpx
import pytest

from tests.support.raw_http import head, talk
from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess
from tests.support.uploads import append, finish, received_bytes, status, unfinished_uploads, upload_id

CONTENT = b"the content of a layer"
DIGEST = sha256(CONTENT)
NO_SUCH_SESSION = "11111111-2222-4333-8444-555555555555"


def blob(client: RegistryClient, name: str, digest: str = DIGEST) -> httpx.Response:
    return client.request("GET", name, f"blobs/{digest}")


def assert_unknown(answer: httpx.Response) -> None:
    assert answer.status_code == 404
    assert error_codes(answer) == ["BLOB_UPLOAD_UNKNOWN"]


@pytest.mark.item("33")
@pytest.mark.parametrize("lines", [(), ("Content-Length: 0",)], ids=["no length", "length 0"])
def test_post_begins_a_session_with_and_without_a_length(
    server: ServerProcess, alice: RegistryClient, name: str, lines: tuple[str, ...]
) -> None:
    bearer = f"Authorization: Bearer {alice.repository_token(name)}"

    [answer] = talk(server.url, head("POST", f"/v2/{name}/blobs/uploads/", bearer, *lines))

    location = answer.header("location")
    assert answer.status == 202
    assert location is not None
    assert answer.header("range") == "0-0"
    assert answer.header("content-length") == "0"
    assert answer.header("docker-upload-uuid") == upload_id(location)
    assert status(alice, name, location).status_code == 204


@pytest.mark.item("33")
def test_sessions_have_different_addresses(alice: RegistryClient, name: str) -> None:
    assert len({alice.start_upload(name) for _ in range(20)}) == 20


@pytest.mark.item("34")
def test_the_digest_may_be_added_to_any_query(alice: RegistryClient, name: str) -> None:
    location = append(alice, name, alice.start_upload(name) + "?_state=abc&x", CONTENT)

    answer = alice.session("PUT", name, f"{location}?_state=abc&digest={DIGEST}&unknown=1&=&also")

    assert answer.status_code == 201
    assert blob(alice, name).content == CONTENT


@pytest.mark.item("34")
def test_the_digest_in_the_query_may_be_percent_encoded(alice: RegistryClient, name: str) -> None:
    location = append(alice, name, alice.start_upload(name), CONTENT)

    answer = alice.session("PUT", name, f"{location}?digest={urllib.parse.quote(DIGEST, safe='')}")

    assert answer.status_code == 201


@pytest.mark.item("35")
def test_locations_are_relative_by_default_whatever_a_stranger_forwards(
    alice: RegistryClient, name: str
) -> None:
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}

    started = alice.request("POST", name, "blobs/uploads/", headers=forwarded)
    appended = alice.session("PATCH", name, started.headers["location"], content=CONTENT, headers=forwarded)
    finished = finish(alice, name, appended.headers["location"], DIGEST)

    assert started.headers["location"].startswith(f"/v2/{name}/blobs/uploads/")
    assert appended.headers["location"].startswith(f"/v2/{name}/blobs/uploads/")
    assert finished.headers["location"] == f"/v2/{name}/blobs/{DIGEST}"


@pytest.mark.item("45")
def test_finishing_without_a_digest_keeps_the_session(alice: RegistryClient, name: str) -> None:
    location = append(alice, name, alice.start_upload(name), CONTENT)

    refused = alice.session("PUT", name, location)

    assert refused.status_code == 400
    assert error_codes(refused) == ["DIGEST_INVALID"]
    assert received_bytes(status(alice, name, location)) == len(CONTENT)
    assert finish(alice, name, location, DIGEST).status_code == 201


@pytest.mark.item("46")
@pytest.mark.parametrize("last", [b"", b"with a last chunk"], ids=["empty PUT", "PUT with content"])
def test_finishing_with_a_wrong_digest_ends_the_session_and_leaves_nothing(
    server: ServerProcess, alice: RegistryClient, name: str, last: bytes
) -> None:
    location = append(alice, name, alice.start_upload(name), CONTENT)
    assert upload_id(location) in unfinished_uploads(server)
    wrong = sha256(b"something else")

    refused = finish(alice, name, location, wrong, last)

    assert refused.status_code == 400
    assert error_codes(refused) == ["DIGEST_INVALID"]
    assert_unknown(status(alice, name, location))
    assert upload_id(location) not in unfinished_uploads(server)
    assert blob(alice, name, wrong).status_code == 404
    assert blob(alice, name, sha256(CONTENT + last)).status_code == 404


def unknown_session(client: RegistryClient, name: str) -> str:
    return f"/v2/{name}/blobs/uploads/{NO_SUCH_SESSION}"


def session_with_a_malformed_name(client: RegistryClient, name: str) -> str:
    return f"/v2/{name}/blobs/uploads/..%2e"


def finished_session(client: RegistryClient, name: str) -> str:
    location = append(client, name, client.start_upload(name), CONTENT)
    assert finish(client, name, location, DIGEST).status_code == 201
    return location


def cancelled_session(client: RegistryClient, name: str) -> str:
    location = client.start_upload(name)
    assert client.session("DELETE", name, location).status_code == 204
    return location


def session_of_another_repository(client: RegistryClient, name: str) -> str:
    return client.start_upload(f"{name}-other").replace(f"{name}-other", name)


@pytest.mark.item("47")
@pytest.mark.parametrize(
    "session",
    [
        unknown_session,
        session_with_a_malformed_name,
        finished_session,
        cancelled_session,
        session_of_another_repository,
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_every_call_to_a_session_that_is_not_there_is_404(
    alice: RegistryClient, name: str, session: object, method: str
) -> None:
    assert callable(session)
    location = session(alice, name)
    query = f"?digest={DIGEST}" if method == "PUT" else ""
    content = CONTENT if method in {"PATCH", "PUT"} else None

    assert_unknown(alice.session(method, name, location + query, content=content))


@pytest.mark.item("47")
def test_another_repositorys_session_is_untouched_by_a_call_to_the_wrong_one(
    alice: RegistryClient, name: str
) -> None:
    other = f"{name}-other"
    location = append(alice, other, alice.start_upload(other), CONTENT)

    assert_unknown(alice.session("DELETE", name, location.replace(other, name)))

    assert finish(alice, other, location, DIGEST).status_code == 201


@pytest.mark.item("47", "17")
def test_an_encoded_session_is_the_same_session(alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)

    assert status(alice, name, location.replace("-", "%2D")).status_code == 204


@pytest.mark.item("48")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_status_of_an_untouched_session_is_204(alice: RegistryClient, name: str, method: str) -> None:
    location = alice.start_upload(name)

    answer = alice.session(method, name, location)

    assert answer.status_code == 204
    assert answer.headers["range"] == "0-0"
    assert answer.headers["location"] == location
    assert answer.headers["docker-upload-uuid"] == upload_id(location)
    assert "content-length" not in answer.headers, "RFC 9110, 8.6: never with 204"


@pytest.mark.item("48")
def test_the_status_of_a_session_with_one_byte_looks_like_that_of_an_untouched_one(
    alice: RegistryClient, name: str
) -> None:
    location = append(alice, name, alice.start_upload(name), b"x")

    assert status(alice, name, location).headers["range"] == "0-0"
    assert finish(alice, name, location, sha256(b"xy"), b"y").status_code == 201


@pytest.mark.item("51")
def test_cancelling_ends_the_session_and_returns_its_space(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    location = append(alice, name, alice.start_upload(name), CONTENT)
    assert upload_id(location) in unfinished_uploads(server)

    answer = alice.session("DELETE", name, location)

    assert answer.status_code == 204
    assert upload_id(location) not in unfinished_uploads(server)
    assert_unknown(status(alice, name, location))


@pytest.mark.item("51")
def test_cancelling_twice_is_404(alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)
    alice.session("DELETE", name, location)

    assert_unknown(alice.session("DELETE", name, location))


@pytest.mark.item("51")
def test_cancelling_needs_the_right_to_push(alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)
    pull_only = {"authorization": f"Bearer {alice.repository_token(name, 'pull')}"}

    refused = alice.http.delete(location, headers=pull_only)

    assert refused.status_code == 401
    assert error_codes(refused) == ["UNAUTHORIZED"]
    assert status(alice, name, location).status_code == 204


@pytest.mark.item("51", "5")
def test_nobody_else_can_cancel(alice: RegistryClient, bob: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)

    assert bob.session("DELETE", name, location).status_code == 403
    assert status(alice, name, location).status_code == 204


@pytest.mark.item("56")
def test_finishing_a_blob_that_the_repository_already_has_is_created_again(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    alice.push_blob(name, CONTENT)
    location = append(alice, name, alice.start_upload(name), CONTENT)

    answer = finish(alice, name, location, DIGEST)

    assert answer.status_code == 201
    assert answer.headers["docker-content-digest"] == DIGEST
    assert upload_id(location) not in unfinished_uploads(server)
    assert blob(alice, name).content == CONTENT
