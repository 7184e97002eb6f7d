"""The ping, and what a caller is told who comes without the right token."""

import re
from typing import Any

import httpx
import pytest

from tests.support.registry import RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess

DIGEST = sha256(b"nobody has pushed this")
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')


def challenge_of(answer: httpx.Response) -> dict[str, str]:
    """Return the parameters of a bearer challenge; fails unless the answer is a 401 with exactly one."""
    assert answer.status_code == 401, answer.text
    assert error_codes(answer) == ["UNAUTHORIZED"]
    [header] = answer.headers.get_list("www-authenticate")
    scheme, _, rest = header.partition(" ")
    assert scheme == "Bearer"
    assert _PARAMETER.sub("", rest).strip(",") == ""
    return dict(_PARAMETER.findall(rest))


def send_without_token(server: ServerProcess, method: str, path: str, **arguments: Any) -> httpx.Response:
    return httpx.request(method, f"{server.url}{path}", **arguments)


def send_with_token(client: RegistryClient, token: str, method: str, path: str) -> httpx.Response:
    return client.http.request(method, path, headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def callers(
    admin: RegistryClient, bob: RegistryClient, anonymous: RegistryClient
) -> dict[str, RegistryClient]:
    return {"admin": admin, "bob": bob, "anonymous": anonymous}


@pytest.mark.item("1")
@pytest.mark.parametrize("who", ["admin", "bob", "anonymous"])
def test_the_ping_with_any_valid_token_is_an_empty_object(
    callers: dict[str, RegistryClient], who: str
) -> None:
    client = callers[who]

    answer = send_with_token(client, client.token(), "GET", "/v2/")

    assert answer.status_code == 200
    assert answer.content == b"{}"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.item("1")
def test_the_ping_answers_head(alice: RegistryClient) -> None:
    answer = send_with_token(alice, alice.token(), "HEAD", "/v2/")

    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "2", b"")


@pytest.mark.item("2")
def test_the_ping_works_without_its_last_slash(alice: RegistryClient) -> None:
    answer = send_with_token(alice, alice.token(), "GET", "/v2")

    assert (answer.status_code, answer.content) == (200, b"{}")


@pytest.mark.item("2", "3")
@pytest.mark.parametrize("path", ["/v2/", "/v2"])
def test_the_ping_without_a_token_names_realm_and_service(server: ServerProcess, path: str) -> None:
    answer = send_without_token(server, "GET", path)

    assert challenge_of(answer) == {"realm": f"{server.url}/auth/token", "service": "dtr"}
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.item("3")
def test_the_challenge_of_the_ping_is_enough_to_get_in(
    server: ServerProcess, alice: RegistryClient, name: str
) -> None:
    manifest = alice.push_image(name)
    challenge = challenge_of(send_without_token(server, "GET", "/v2/"))
    parameters = {"service": challenge["service"], "scope": f"repository:{name}:pull"}

    login = httpx.get(challenge["realm"], params=parameters, auth=("alice", "alice-has-a-password"))
    answer = send_with_token(alice, login.json()["token"], "GET", f"/v2/{name}/manifests/latest")

    assert answer.content == manifest


@pytest.mark.item("3")
def test_name_and_password_are_no_token(server: ServerProcess) -> None:
    answer = send_without_token(server, "GET", "/v2/", auth=("admin", server.admin_password))

    assert "error" not in challenge_of(answer)


@pytest.mark.item("4")
@pytest.mark.parametrize(
    ("method", "rest", "actions"),
    [
        ("GET", "manifests/latest", "pull"),
        ("HEAD", f"blobs/{DIGEST}", "pull"),
        ("GET", "tags/list", "pull"),
        ("GET", f"referrers/{DIGEST}", "pull"),
        ("PUT", "manifests/latest", "pull,push"),
        ("POST", "blobs/uploads/", "pull,push"),
        ("PATCH", "blobs/uploads/some-session", "pull,push"),
        ("PUT", "blobs/uploads/some-session", "pull,push"),
        ("DELETE", "blobs/uploads/some-session", "pull,push"),
        ("DELETE", "manifests/latest", "delete"),
        ("DELETE", f"blobs/{DIGEST}", "delete"),
    ],
)
def test_the_challenge_names_the_scope_that_is_needed(
    server: ServerProcess, name: str, method: str, rest: str, actions: str
) -> None:
    answer = send_without_token(server, method, f"/v2/{name}/{rest}")

    assert answer.status_code == 401
    assert f'scope="repository:{name}:{actions}"' in answer.headers["www-authenticate"]
    assert "error=" not in answer.headers["www-authenticate"]


@pytest.mark.item("4")
def test_the_challenge_of_the_catalog_names_its_scope(server: ServerProcess) -> None:
    assert challenge_of(send_without_token(server, "GET", "/v2/_catalog"))["scope"] == "registry:catalog:*"


@pytest.mark.item("5")
def test_a_token_for_less_than_is_needed_is_told_to_get_more(alice: RegistryClient, name: str) -> None:
    token = alice.repository_token(name, "pull")

    challenge = challenge_of(send_with_token(alice, token, "POST", f"/v2/{name}/blobs/uploads/"))

    assert challenge["error"] == "insufficient_scope"
    assert challenge["scope"] == f"repository:{name}:pull,push"


@pytest.mark.item("5")
def test_a_token_for_another_repository_is_told_to_get_the_right_one(
    alice: RegistryClient, name: str
) -> None:
    alice.push_image(name)
    token = alice.repository_token(f"{name}-other")

    challenge = challenge_of(send_with_token(alice, token, "GET", f"/v2/{name}/manifests/latest"))

    assert challenge["error"] == "insufficient_scope"


@pytest.mark.item("5")
def test_a_known_caller_who_was_refused_the_right_is_denied(
    alice: RegistryClient, bob: RegistryClient, name: str
) -> None:
    alice.push_image(name)

    answer = bob.request("GET", name, "manifests/latest")

    assert answer.status_code == 403
    assert error_codes(answer) == ["DENIED"]
    assert "www-authenticate" not in answer.headers


@pytest.mark.item("5")
def test_a_nameless_caller_who_was_refused_the_right_may_log_in(
    alice: RegistryClient, anonymous: RegistryClient, name: str
) -> None:
    alice.push_image(name)

    challenge = challenge_of(anonymous.request("GET", name, "manifests/latest"))

    assert challenge["error"] == "insufficient_scope"


@pytest.mark.item("5", "B5")
@pytest.mark.parametrize("who", ["bob", "anonymous"])
def test_a_refusal_does_not_tell_whether_the_repository_exists(
    alice: RegistryClient, callers: dict[str, RegistryClient], name: str, who: str
) -> None:
    stranger = callers[who]
    absent = f"{name}-absent"
    alice.push_image(name)

    there = stranger.request("GET", name, "manifests/latest")
    not_there = stranger.request("GET", absent, "manifests/latest")

    assert there.status_code == not_there.status_code
    assert there.text == not_there.text.replace(absent, name)


@pytest.mark.item("6")
def test_a_mount_without_rights_on_the_source_becomes_an_upload(
    alice: RegistryClient, bob: RegistryClient, name: str
) -> None:
    digest = alice.push_blob(name, b"for alice only")
    parameters = {"mount": digest, "from": name}

    answer = bob.request(
        "POST", "bob/mounts", "blobs/uploads/", params=parameters, extra_scopes=(f"repository:{name}:pull",)
    )

    assert answer.status_code == 202, answer.text
    assert bob.session("GET", "bob/mounts", answer.headers["location"]).status_code == 204


@pytest.mark.item("6")
def test_a_mount_without_any_token_asks_for_both_scopes(server: ServerProcess, name: str) -> None:
    path = f"/v2/{name}/blobs/uploads/?mount={DIGEST}&from=bob/source"

    challenge = challenge_of(send_without_token(server, "POST", path))

    assert challenge["scope"].split(" ") == [f"repository:{name}:pull,push", "repository:bob/source:pull"]


@pytest.mark.item("6")
@pytest.mark.parametrize("source", ["UPPER", "%0d%0aset-cookie:%20x", "%22,x=%22", "a%20b"])
def test_a_mount_from_no_possible_name_does_not_reach_the_challenge(
    server: ServerProcess, name: str, source: str
) -> None:
    path = f"/v2/{name}/blobs/uploads/?mount={DIGEST}&from={source}"

    challenge = challenge_of(send_without_token(server, "POST", path))

    assert challenge["scope"] == f"repository:{name}:pull,push"
