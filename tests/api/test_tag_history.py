"""The history of tags in the API, roll-back and undelete."""

from typing import Any

import pytest

from tests.support.api import ApiClient, codes
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

ALICE_PASSWORD = "alice's own password"
ABSENT = f"sha256:{0:064x}"


@pytest.fixture
def pusher(server: ServerProcess) -> Any:
    client = RegistryClient(server.url, "alice", ALICE_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def name(number: int) -> str:
    return f"alice/history-{number}"


def path(name: str, rest: str = "") -> str:
    return f"/api/v0/repositories/{name}{rest}"


def test_the_history_says_who_moved_a_tag_from_where_to_where_and_why(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    first = sha256(pusher.push_image(name, "v1", b"first"))
    second = sha256(pusher.push_image(name, "v1", b"second"))
    alice.delete(path(name, "/tags/v1"))

    answer = alice.get(path(name, "/tags/v1/history"), params={"count": "true"})

    found = answer.json()
    assert answer.headers["x-resource-count"] == "3"
    assert [(each["digest"], each["previousDigest"], each["cause"]) for each in found] == [
        (None, second, "delete"),
        (second, first, "push"),
        (first, None, "push"),
    ]
    assert {(each["tag"], each["actor"]) for each in found} == {("v1", "alice")}
    assert len({each["actorID"] for each in found}) == 1
    assert all(each["actorID"] and each["at"].endswith("Z") for each in found)
    assert [each["id"] for each in found] == sorted((each["id"] for each in found), reverse=True)


def test_the_history_comes_in_pages(alice: ApiClient, pusher: RegistryClient, name: str) -> None:
    for number in range(3):
        pusher.push_image(name, "v1", str(number).encode())

    first = alice.get(path(name, "/tags/v1/history"), params={"pageSize": 2})
    start = first.headers["x-next-page-start"]
    second = alice.get(path(name, "/tags/v1/history"), params={"pageSize": 2, "pageStart": start})

    assert (len(first.json()), len(second.json())) == (2, 1)
    assert "x-next-page-start" not in second.headers
    odd = alice.get(path(name, "/tags/v1/history"), params={"pageStart": "later"})
    assert (odd.status_code, codes(odd)) == (400, ["INVALID_PARAMETERS"])


def test_a_tag_that_never_was_has_no_history(alice: ApiClient, pusher: RegistryClient, name: str) -> None:
    pusher.push_image(name, "v1")

    for tag in ("v2", "-", "x" * 200):
        answer = alice.get(path(name, f"/tags/{tag}/history"))
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_TAG"])


@pytest.mark.parametrize(
    "body", [{"content": b""}, {"json": {}}, {"json": {"digest": None}}, {"json": {"x": 1}}]
)
def test_a_deleted_tag_is_listed_and_comes_back(
    alice: ApiClient, pusher: RegistryClient, name: str, body: dict[str, Any]
) -> None:
    digest = sha256(pusher.push_image(name, "v1"))
    alice.delete(path(name, "/tags/v1"))

    [deleted] = alice.get(path(name, "/deletedTags")).json()
    answer = alice.http.post(path(name, "/tags/v1/restore"), **body)

    assert (deleted["name"], deleted["digest"], deleted["deletedBy"]) == ("v1", digest, "alice")
    assert deleted["deletedAt"] < deleted["restorableUntil"]
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["digest"]) == ("v1", digest)
    assert pusher.request("GET", name, "manifests/v1").headers["docker-content-digest"] == digest
    assert alice.get(path(name, "/deletedTags")).json() == []


def test_deleted_tags_come_in_pages(alice: ApiClient, pusher: RegistryClient, name: str) -> None:
    manifest = pusher.push_image(name, "a")
    for tag in ("b", "c"):
        pusher.push_manifest(name, tag, manifest)
    alice.post(path(name, "/tags/delete"), {"tags": ["a", "b", "c"]})

    first = alice.get(path(name, "/deletedTags"), params={"pageSize": 2, "count": "true"})
    start = first.headers["x-next-page-start"]
    second = alice.get(path(name, "/deletedTags"), params={"pageSize": 2, "pageStart": start})

    assert [each["name"] for each in (*first.json(), *second.json())] == ["a", "b", "c"]
    assert first.headers["x-resource-count"] == "3"


def test_a_tag_is_rolled_back_to_a_digest_of_its_history(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    first = sha256(pusher.push_image(name, "v1", b"first"))
    pusher.push_image(name, "v1", b"second")

    answer = alice.post(path(name, "/tags/v1/restore"), {"digest": first})

    assert (answer.status_code, answer.json()["digest"]) == (200, first)
    [newest, *_] = alice.get(path(name, "/tags/v1/history")).json()
    assert (newest["digest"], newest["cause"]) == (first, "restore")


def test_what_cannot_be_restored_says_why_and_changes_nothing(
    server: ServerProcess, alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    first = sha256(pusher.push_image(name, "v1", b"first"))
    second = sha256(pusher.push_image(name, "v1", b"second"))
    gone = sha256(pusher.push_image(name, "v1", b"third"))
    alice.post(path(name, "/tags/v1/restore"), {"digest": second})
    alice.delete(path(name, f"/manifests/{gone}"))

    def restore(body: object, tag: str = "v1") -> tuple[int, list[str]]:
        answer = alice.post(path(name, f"/tags/{tag}/restore"), body)
        return answer.status_code, codes(answer)

    assert restore({"digest": gone}) == (409, ["MANIFEST_GONE"])
    assert restore({}) == (409, ["TAG_EXISTS"])
    assert restore({}, "v2") == (404, ["NO_SUCH_TAG"])
    assert restore({}, "-v2") == (404, ["NO_SUCH_TAG"])
    assert restore({"digest": first}, "v2") == (404, ["NO_SUCH_TAG"])
    assert restore({"digest": ABSENT}) == (404, ["NO_SUCH_REF"])
    assert restore({"digest": "sha256:1"}) == (400, ["INVALID_DIGEST"])
    assert restore({"digest": 1}) == (400, ["INVALID_PARAMETERS"])
    assert restore([]) == (400, ["INVALID_PARAMETERS"])
    server.run("repository", "set", name, "--immutable-tags")
    assert restore({"digest": first}) == (409, ["TAG_IMMUTABLE"])
    assert pusher.request("GET", name, "manifests/v1").headers["docker-content-digest"] == second


def test_a_body_that_is_no_json_is_said_to_be_none(
    alice: ApiClient, pusher: RegistryClient, name: str
) -> None:
    pusher.push_image(name, "v1")

    answer = alice.http.post(
        path(name, "/tags/v1/restore"), content=b"{", headers={"content-type": "application/json"}
    )

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_JSON"])
