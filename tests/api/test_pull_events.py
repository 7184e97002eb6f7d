"""Pulls in the activity log: told in batches, to those who administer the repository."""

import time
from typing import Any

import pytest

from tests.support.api import ApiClient
from tests.support.registry import RegistryClient, sha256
from tests.support.server import ServerProcess

ALICE_PASSWORD = "alice's own password"
FLUSH_SECONDS = 20
"""Longer than a worker waits until it writes pulls."""


@pytest.fixture
def pusher(server: ServerProcess) -> Any:
    client = RegistryClient(server.url, "alice", ALICE_PASSWORD)
    yield client
    client.close()


def pulls_of(client: ApiClient, name: str, number: int) -> list[dict[str, Any]]:
    """Wait for a number of pulls; return the events that tell of them."""
    path = f"/api/v0/repositories/{name}/events"
    deadline = time.monotonic() + FLUSH_SECONDS
    while True:
        answer = client.get(path, params={"eventType": "GET", "pageSize": 100})
        assert answer.status_code == 200, answer.text
        events: list[dict[str, Any]] = answer.json()["events"]
        if sum(event["count"] for event in events) >= number or time.monotonic() > deadline:
            return events
        time.sleep(0.2)


def test_pulls_are_told_with_who_pulled_what_how_often(
    server: ServerProcess, alice: ApiClient, bob: ApiClient, pusher: RegistryClient, number: int
) -> None:
    name = f"alice/pulled-{number}"
    digest = sha256(pusher.push_image(name, "v1"))
    server.run("repository", "set", name, "--visibility", "public")
    stranger = RegistryClient(server.url)
    try:
        for _ in range(4):  # the first is answered the ordinary way, the others from memory
            assert pusher.request("GET", name, "manifests/v1").status_code == 200
        pusher.request("HEAD", name, "manifests/v1")
        pusher.request("GET", name, f"manifests/{digest}")
        stranger.request("GET", name, "manifests/v1")
    finally:
        stranger.close()

    events = pulls_of(alice, name, 6)

    counted: dict[tuple[str, str, str], int] = {}
    for event in events:
        key = (event["actorName"], event["object"]["type"], event["object"]["name"])
        counted[key] = counted.get(key, 0) + event["count"]
        assert event["name"] == "ManifestPulled"
        assert event["object"]["content"] == digest
        assert event["address"]
    assert counted == {("alice", "tag", "v1"): 4, ("alice", "manifest", ""): 1, ("", "tag", "v1"): 1}
    [tag] = alice.get(f"/api/v0/repositories/{name}/tags").json()
    assert tag["pulls"] == 6
    assert tag["lastPulledAt"] is not None
    assert pulls_of(bob, name, 0) == []


def test_pushes_and_deletions_are_told_to_who_sees_the_repository(
    alice: ApiClient, pusher: RegistryClient, number: int
) -> None:
    name = f"alice/told-{number}"
    pusher.push_image(name, "v1")
    alice.delete(f"/api/v0/repositories/{name}/tags/v1")
    alice.post(f"/api/v0/repositories/{name}/tags/v1/restore", {})

    events = alice.get(f"/api/v0/repositories/{name}/events", params={"pageSize": 100}).json()["events"]

    told = [(event["name"], event["type"]) for event in reversed(events)]
    assert [each for each in told if each[0] != "RepositoryCreated"] == [
        ("ManifestPushed", "CREATE"),
        ("TagPushed", "CREATE"),
        ("TagDeleted", "DELETE"),
        ("TagRestored", "CREATE"),
    ]
    assert {event["actorName"] for event in events} == {"alice"}
