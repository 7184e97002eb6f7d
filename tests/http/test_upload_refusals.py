"""Requests that will be refused are refused before their bodies are sent (`Expect: 100-continue`)."""

import pytest

from tests.support.raw_http import Answer, Wire, head
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess
from tests.support.uploads import append, finish, received_bytes, status

CONTENT = b"the content of a layer"
DIGEST = sha256(CONTENT)
NO_SUCH_SESSION = "11111111-2222-4333-8444-555555555555"


def first_answer(server: ServerProcess, method: str, target: str, token: str | None, *more: str) -> Answer:
    """Announce a large body with `Expect: 100-continue`, send none of it, and return what comes first."""
    lines = ["Expect: 100-continue", "Content-Length: 10000000", *more]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    with Wire(server.url) as wire:
        wire.send(head(method, target, *lines))
        answer = wire.answer(skip_interim=False)
        assert answer.status == 100 or wire.closes(), "the body would be read as a request"
    return answer


def repository_paths(name: str) -> list[tuple[str, str]]:
    return [
        ("POST", f"/v2/{name}/blobs/uploads/?digest={DIGEST}"),
        ("PATCH", f"/v2/{name}/blobs/uploads/{NO_SUCH_SESSION}"),
        ("PUT", f"/v2/{name}/blobs/uploads/{NO_SUCH_SESSION}?digest={DIGEST}"),
    ]


@pytest.mark.item("55")
@pytest.mark.parametrize("token", [None, "forged"])
def test_bad_credentials_are_refused_before_the_body(
    server: ServerProcess, name: str, token: str | None
) -> None:
    statuses = [
        first_answer(server, method, target, token).status for method, target in repository_paths(name)
    ]

    assert statuses == [401, 401, 401]


@pytest.mark.item("55")
def test_a_stranger_is_refused_before_the_body(server: ServerProcess, bob: RegistryClient, name: str) -> None:
    token = bob.repository_token(name)

    statuses = [
        first_answer(server, method, target, token).status for method, target in repository_paths(name)
    ]

    assert statuses == [403, 403, 403]


@pytest.mark.item("55", "13")
def test_a_bad_name_is_refused_before_the_body(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    token = alice.repository_token(name)

    answers = [
        first_answer(server, method, target, token) for method, target in repository_paths("alice/UPPER")
    ]

    assert [answer.status for answer in answers] == [400, 400, 400]
    assert all(b"NAME_INVALID" in answer.body for answer in answers)


@pytest.mark.item("55", "47")
@pytest.mark.parametrize(("method", "query"), [("PATCH", ""), ("PUT", f"?digest={DIGEST}"), ("PUT", "")])
def test_an_unknown_session_is_refused_before_the_body(
    server: ServerProcess, alice: RegistryClient, name: str, method: str, query: str
) -> None:
    target = f"/v2/{name}/blobs/uploads/{NO_SUCH_SESSION}{query}"

    answer = first_answer(server, method, target, alice.repository_token(name))

    assert answer.status == 404
    assert b"BLOB_UPLOAD_UNKNOWN" in answer.body


@pytest.mark.item("55")
@pytest.mark.parametrize("query", ["", "?digest=nonsense", f"?digest={DIGEST}&digest={DIGEST}"])
def test_a_digest_that_will_not_do_is_refused_before_the_body(
    server: ServerProcess, alice: RegistryClient, name: str, query: str
) -> None:
    location = alice.start_upload(name)

    answer = first_answer(server, "PUT", location + query, alice.repository_token(name))

    assert answer.status == 400
    assert b"DIGEST_INVALID" in answer.body


@pytest.mark.item("55", "40")
def test_a_misplaced_range_is_refused_before_the_body(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    location = alice.start_upload(name)

    answer = first_answer(
        server, "PATCH", location, alice.repository_token(name), "Content-Range: 5-10000004"
    )

    assert answer.status == 416
    assert answer.header("location") == location


@pytest.mark.item("55", "42")
def test_a_range_that_disagrees_with_the_length_is_refused_before_the_body(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    location = alice.start_upload(name)

    answer = first_answer(server, "PATCH", location, alice.repository_token(name), "Content-Range: 0-5")

    assert answer.status == 400
    assert b"SIZE_INVALID" in answer.body


@pytest.mark.item("55")
def test_a_body_that_is_welcome_is_asked_for(server: ServerProcess, alice: RegistryClient, name: str) -> None:
    location = alice.start_upload(name)
    lines = [f"Authorization: Bearer {alice.repository_token(name)}", f"Content-Length: {len(CONTENT)}"]
    with Wire(server.url) as wire:
        wire.send(head("PATCH", location, *lines, "Expect: 100-continue"))
        interim = wire.answer(skip_interim=False)
        final = wire.ask(CONTENT)

    assert (interim.status, final.status) == (100, 202)
    assert finish(alice, name, location, DIGEST).status_code == 201


@pytest.mark.item("55")
def test_a_client_that_does_not_wait_for_the_100_is_served(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    location = append(alice, name, alice.start_upload(name), CONTENT, {"expect": "100-continue"})

    assert received_bytes(status(alice, name, location)) == len(CONTENT)
