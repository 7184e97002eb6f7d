"""What errors look like: the error document everywhere, no body for HEAD, 404 and 405 told apart."""

from typing import NamedTuple

import pytest

from tests.support.connections import get
from tests.support.raw_http import Wire, head
from tests.support.registry import RawAnswer, RegistryClient, error_codes, sha256
from tests.support.server import ServerProcess

ABSENT = sha256(b"nobody has pushed this")


class Case(NamedTuple):
    """A request below the repository that fails, and how."""

    method: str
    rest: str
    status: int
    code: str


FAILING = [
    Case("GET", "manifests/absent", 404, "MANIFEST_UNKNOWN"),
    Case("GET", f"manifests/{ABSENT}", 404, "MANIFEST_UNKNOWN"),
    Case("GET", "manifests/sha256:short", 400, "DIGEST_INVALID"),
    Case("GET", f"blobs/{ABSENT}", 404, "BLOB_UNKNOWN"),
    Case("GET", "blobs/sha256:short", 400, "DIGEST_INVALID"),
    Case("GET", "blobs/no-digest-at-all", 400, "DIGEST_INVALID"),
    Case("GET", "blobs/uploads/no-such-session", 404, "BLOB_UPLOAD_UNKNOWN"),
    Case("GET", "tags/list?n=many", 400, "PAGINATION_NUMBER_INVALID"),
    Case("GET", "referrers/sha256:short", 400, "DIGEST_INVALID"),
    Case("PUT", "manifests/.bad", 400, "TAG_INVALID"),
    Case("PUT", "manifests/latest", 400, "MANIFEST_INVALID"),
    Case("POST", "blobs/uploads/?digest=sha256:short", 400, "DIGEST_INVALID"),
    Case("POST", "blobs/uploads/?mount=sha256:short", 400, "DIGEST_INVALID"),
    Case("PATCH", "blobs/uploads/no-such-session", 404, "BLOB_UPLOAD_UNKNOWN"),
    Case("PUT", f"blobs/uploads/no-such-session?digest={ABSENT}", 404, "BLOB_UPLOAD_UNKNOWN"),
    Case("DELETE", "blobs/uploads/no-such-session", 404, "BLOB_UPLOAD_UNKNOWN"),
    Case("DELETE", f"blobs/{ABSENT}", 404, "BLOB_UNKNOWN"),
    Case("DELETE", "manifests/absent", 404, "MANIFEST_UNKNOWN"),
    Case("DELETE", f"manifests/{ABSENT}", 404, "MANIFEST_UNKNOWN"),
]

UNKNOWN_ADDRESSES = [
    "/v2/x",
    "/v2/_catalog/",
    "/v2/a/b/c",
    "/v2/alice/r/tags/other",
    "/v2Xalice/r/tags/list",
    "/nowhere",
]

METHODS_BY_ADDRESS = {
    "/v2/": {"GET", "HEAD"},
    "/v2/_catalog": {"GET", "HEAD"},
    "/v2/alice/r/manifests/latest": {"GET", "HEAD", "PUT", "DELETE"},
    f"/v2/alice/r/blobs/{ABSENT}": {"GET", "HEAD", "DELETE"},
    "/v2/alice/r/blobs/uploads/": {"POST"},
    "/v2/alice/r/blobs/uploads/session": {"GET", "HEAD", "PATCH", "PUT", "DELETE"},
    "/v2/alice/r/tags/list": {"GET", "HEAD"},
    f"/v2/alice/r/referrers/{ABSENT}": {"GET", "HEAD"},
    "/auth/token": {"GET", "HEAD", "POST"},
    "/_ping": {"GET", "HEAD"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture
def filled(alice: RegistryClient, name: str) -> str:
    """Give the name of a repository that exists, with a token for everything in it."""
    alice.push_image(name)
    alice.repository_token(name, fresh=True)
    return name


@pytest.mark.item("10")
@pytest.mark.parametrize("case", FAILING, ids=lambda case: f"{case.method} {case.rest[:40]}")
def test_an_error_is_the_error_document(alice: RegistryClient, filled: str, case: Case) -> None:
    answer = alice.request(case.method, filled, case.rest)

    assert answer.status_code == case.status, answer.text
    assert error_codes(answer) == [case.code]
    assert answer.json()["errors"][0]["message"]
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.item("9")
@pytest.mark.parametrize(
    "case", [case for case in FAILING if case.method == "GET"], ids=lambda case: case.rest[:40]
)
def test_an_error_to_head_has_the_status_of_get_and_no_body(
    server: ServerProcess, alice: RegistryClient, filled: str, case: Case
) -> None:
    request = get(f"/v2/{filled}/{case.rest}", alice.repository_token(filled), method="HEAD")

    with Wire(server.url) as wire:
        answer = wire.ask(request, method="HEAD")
        following = wire.ask(get("/_ping"))

    assert answer.status == case.status
    assert following.status == 200, "a body after HEAD would be taken for the next answer"


@pytest.mark.item("9")
def test_an_error_of_authentication_to_head_has_its_challenge_and_no_body(server: ServerProcess) -> None:
    with Wire(server.url) as wire:
        answer = wire.ask(get("/v2/alice/r/manifests/latest", method="HEAD"), method="HEAD")
        following = wire.ask(get("/_ping"))

    assert answer.status == 401
    assert answer.header("www-authenticate")
    assert following.status == 200


@pytest.mark.item("10", "12")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", UNKNOWN_ADDRESSES)
def test_an_unknown_address_is_404_with_the_error_document(
    admin: RegistryClient, path: str, method: str
) -> None:
    # Only the registry takes its tokens: pages answer everywhere else, and would refuse one.
    headers = {"authorization": f"Bearer {admin.token()}"} if path.startswith("/v2") else {}

    answer = admin.http.request(method, path, headers=headers)

    assert answer.status_code == 404
    assert len(error_codes(answer)) == 1


@pytest.mark.item("12")
@pytest.mark.parametrize("path", METHODS_BY_ADDRESS)
def test_a_method_that_an_address_does_not_have_is_405_and_names_those_it_has(
    anonymous: RegistryClient, path: str
) -> None:
    allowed = METHODS_BY_ADDRESS[path]

    for method in sorted(set(METHODS) - allowed):
        answer = anonymous.http.request(method, path)
        assert answer.status_code == 405, method
        assert set(answer.headers["allow"].split(", ")) == allowed
        assert method == "HEAD" or error_codes(answer) == ["UNSUPPORTED"]


@pytest.mark.item("12")
@pytest.mark.parametrize("path", METHODS_BY_ADDRESS)
def test_a_method_that_an_address_has_is_never_405(anonymous: RegistryClient, path: str) -> None:
    statuses = {
        method: anonymous.http.request(method, path).status_code for method in METHODS_BY_ADDRESS[path]
    }

    assert 405 not in statuses.values(), statuses


@pytest.mark.item("10")
@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"rubbish\r\n\r\n", 400),
        (head("GET", "/v2/" + "x" * 70_000), 414),
        (head("GET", "/v2/", "X-Large: " + "x" * 20_000), 431),
        (head("GET", "/v2/", "Bad Name: x"), 400),
    ],
    ids=["no HTTP", "long address", "large head", "broken header"],
)
def test_a_refusal_below_the_router_is_the_error_document_too(
    server: ServerProcess, request_bytes: bytes, status: int
) -> None:
    with Wire(server.url) as wire:
        answer = wire.ask(request_bytes)

    assert answer.status == status
    assert answer.header("content-type") == "application/json"
    assert b'"errors"' in answer.body


@pytest.mark.item("10")
@pytest.mark.parametrize("canary", ["<img src=x onerror=alert(1)>", "\u202egpj.exe", "{{7*7}}"])
def test_an_error_repeats_what_was_asked_as_plain_ascii_json(
    alice: RegistryClient, filled: str, canary: str
) -> None:
    answer = alice.request("GET", filled, f"blobs/sha256:{canary}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.isascii()


@pytest.mark.item("10")
def test_a_wrong_type_of_authorization_is_the_error_document(anonymous: RegistryClient) -> None:
    answer: RawAnswer = anonymous.raw("GET", "/v2/", headers={"authorization": "Negotiate abcdef=="})

    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
