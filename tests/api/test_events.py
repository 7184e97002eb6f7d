"""The activity log of the API: what pushes, pulls and changes leave, and who sees it."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.conftest import ALICE_PASSWORD
from tests.support.api import ApiClient, codes
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

EVENTS = "/api/v0/events"
FIELDS = {
    "id", "publishedAt", "type", "actor", "actorType", "actorName", "repository", "namespace", "object", "target",
    "name", "count", "address", "userAgent", "requestID", "details",
}  # fmt: skip


@pytest.fixture
def registry(server: ServerProcess) -> Iterator[RegistryClient]:
    """Give a client of alice's that pushes and pulls."""
    client = RegistryClient(server.url, "alice", ALICE_PASSWORD)
    yield client
    client.close()


@pytest.fixture
def path(registry: RegistryClient, number: int) -> str:
    """Give a repository of alice's with one image."""
    path = f"alice/events-{number}"
    registry.push_image(path, "v1")
    return path


def events(client: ApiClient, path: str = "", **params: object) -> list[dict[str, Any]]:
    where = EVENTS if not path else f"/api/v0/repositories/{path}/events"
    answer = client.get(where, params={"pageSize": 1000, **params})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"events"}
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["name"] for event in found]


def test_a_push_is_in_the_activity_of_its_repository(alice: ApiClient, path: str) -> None:
    found = events(alice, path)

    assert all(set(event) == FIELDS for event in found)
    assert {"RepositoryCreated", "ManifestPushed", "TagPushed"} <= set(names(found))
    pushed = next(event for event in found if event["name"] == "TagPushed")
    assert pushed["type"] == "CREATE"
    assert pushed["actorName"] == "alice"
    assert pushed["actorType"] == "user"
    assert pushed["repository"] == path
    assert pushed["object"]["type"] == "tag"
    assert pushed["object"]["name"] == "v1"
    assert pushed["object"]["content"].startswith("sha256:")
    assert pushed["address"] == "127.0.0.1"
    assert pushed["requestID"]
    assert pushed["publishedAt"].endswith("Z")


def test_the_next_request_sees_the_event_on_every_worker(
    alice: ApiClient, path: str, registry: RegistryClient
) -> None:
    for index in range(5):
        registry.push_image(path, f"again-{index}")
        fresh = ApiClient(alice.url, "alice", ALICE_PASSWORD)
        assert events(fresh, path)[0]["object"]["name"] == f"again-{index}"
        fresh.close()


def test_pulls_are_for_administrators_and_can_be_left_out(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, path: str, registry: RegistryClient
) -> None:
    alice.patch(f"/api/v0/repositories/{path}", {"visibility": "public"})
    assert registry.request("GET", path, "manifests/v1").status_code == 200
    deadline = time.monotonic() + 30
    while "ManifestPulled" not in names(events(alice, path)):
        assert time.monotonic() < deadline, "pulls are written within seconds"
        time.sleep(0.2)

    assert "ManifestPulled" in names(events(admin, path, eventType="GET"))
    assert "ManifestPulled" not in names(events(alice, path, excludePull="true"))
    assert "ManifestPulled" not in names(events(bob, path))
    assert events(bob, path, eventType="GET") == []
    assert events(alice, path, eventType="GET", excludePull="true") == []
    seen = events(bob, path)
    assert {"TagPushed", "ManifestPushed"} <= set(names(seen))
    assert {(event["address"], event["userAgent"]) for event in seen} == {("", "")}


def test_a_private_repository_has_no_activity_for_others(
    bob: ApiClient, anonymous: ApiClient, path: str
) -> None:
    answer = bob.get(f"/api/v0/repositories/{path}/events")

    assert answer.status_code == 404
    assert codes(answer) == ["NO_SUCH_REPOSITORY"]
    assert anonymous.get(f"/api/v0/repositories/{path}/events").status_code == 401


@pytest.mark.parametrize("name", ["alice/absent", "nobody/app", "alice/UPPER", "alice/..", "al%00ice/app"])
def test_repositories_that_do_not_exist_are_unknown(alice: ApiClient, name: str) -> None:
    answer = alice.get(f"/api/v0/repositories/{name}/events")

    assert answer.status_code in (400, 404)
    assert codes(answer)


def test_the_list_of_everything_shows_what_concerns_the_caller(
    admin: ApiClient, alice: ApiClient, bob: ApiClient, anonymous: ApiClient, path: str
) -> None:
    assert path in {event["repository"] for event in events(admin)}
    assert path in {event["repository"] for event in events(alice)}
    assert path not in {event["repository"] for event in events(bob)}
    assert codes(anonymous.get(EVENTS)) == ["NOT_AUTHENTICATED"]


def test_filters_combine(alice: ApiClient, admin: ApiClient, path: str, registry: RegistryClient) -> None:
    before = events(alice, path)
    middle = before[0]["publishedAt"]
    actor = before[0]["actor"]
    time.sleep(0.01)
    registry.push_image(path, "later")

    later = events(alice, path, publishedAfter=middle)
    earlier = events(alice, path, publishedBefore=middle)

    assert {event["object"]["name"] for event in later if event["name"] == "TagPushed"} >= {"later"}
    assert all(event["publishedAt"] >= middle for event in later)
    assert all(event["publishedAt"] < middle for event in earlier)
    assert len(later) + len(earlier) == len(events(alice, path))
    assert events(alice, path, actorId=actor) == events(alice, path)
    assert events(alice, path, actorId="nobody") == []
    both = events(admin, path, actorId=actor, eventType="create", publishedAfter=middle)
    assert both
    assert all(event["type"] == "CREATE" for event in both)
    assert events(admin, path, publishedAfter=middle, publishedBefore=middle) == []


@pytest.mark.parametrize("where", [EVENTS, "/api/v0/repositories/alice/whatever/events"])
@pytest.mark.parametrize(
    "params",
    [
        {"publishedAfter": "yesterday"},
        {"publishedBefore": "2030-01-01T00:00:00"},
        {"publishedAfter": "1893499200"},
        {"eventType": "PULL"},
        {"eventType": "x" * 1000},
        {"actorId": "x" * 1000},
        {"excludePull": "perhaps"},
        {"pageSize": "0"},
        {"pageSize": "-1"},
        {"pageSize": "10001"},
        {"pageSize": "1e3"},
        {"pageStart": "x" * 1000},
        {"count": "maybe"},
    ],
)
def test_bad_parameters_are_refused(alice: ApiClient, where: str, params: dict[str, str]) -> None:
    answer = alice.get(where, params=params)

    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_PARAMETERS"]


@pytest.mark.parametrize("marker", ["x", "1", "1-", "1-2-3", "٣-٣", "1-1' OR 1=1", "9" * 100 + "-1"])
def test_a_bad_page_marker_is_refused(alice: ApiClient, marker: str) -> None:
    assert codes(alice.get(EVENTS, params={"pageStart": marker})) == ["INVALID_PARAMETERS"]


def test_pages_join_to_the_whole_list(alice: ApiClient, path: str, registry: RegistryClient) -> None:
    for index in range(4):
        registry.push_image(path, f"t{index}")
    whole = events(alice, path, excludePull="true")
    found: list[dict[str, Any]] = []
    params: dict[str, object] = {"pageSize": 3, "count": "true", "excludePull": "true"}
    while True:
        answer = alice.get(f"/api/v0/repositories/{path}/events", params=params)
        found += answer.json()["events"]
        assert answer.headers["x-resource-count"] == str(len(whole))
        marker = answer.headers.get("x-next-page-start")
        if not marker:
            break
        params["pageStart"] = marker

    assert found == whole
    assert len({event["id"] for event in found}) == len(found)


def test_a_page_has_ten_events_unless_another_size_is_asked_for(
    alice: ApiClient, path: str, registry: RegistryClient
) -> None:
    for index in range(6):
        registry.push_image(path, f"t{index}", b"layer %d" % index)
    answer = alice.get(f"/api/v0/repositories/{path}/events")

    assert len(answer.json()["events"]) == 10
    assert "x-resource-count" not in answer.headers


def test_a_deleted_repository_stays_in_the_list_of_everything(
    admin: ApiClient, alice: ApiClient, path: str
) -> None:
    assert alice.delete(f"/api/v0/repositories/{path}").status_code in (204, 202)

    assert alice.get(f"/api/v0/repositories/{path}/events").status_code == 404
    assert path in {event["repository"] for event in events(alice)}
    assert path in {event["repository"] for event in events(admin)}
