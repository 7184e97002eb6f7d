"""Robots by the API: made, changed, rotated, used."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.api import ApiClient, codes
from tests.support.registry import RegistryClient
from tests.support.server import ServerProcess

PULL = [{"pattern": "alice/**", "actions": ["pull"]}]
FIELDS = {
    "id",
    "name",
    "namespace",
    "description",
    "permits",
    "isActive",
    "createdAt",
    "createdBy",
    "expiresAt",
    "secretSetAt",
    "previousSecretExpiresAt",
    "lastUsed",
    "lastUsedAddress",
}

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def make(alice: ApiClient, number: int) -> Make:
    """Give a function that makes a robot of alice."""

    def make(**fields: Any) -> dict[str, Any]:
        body = {"name": f"ci{number}", "namespace": "alice", "permits": PULL, **fields}
        answer = alice.post("/api/v0/robots", body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def robot(make: Make) -> dict[str, Any]:
    return make()


@pytest.fixture
def path(robot: dict[str, Any]) -> str:
    return f"/api/v0/robots/{robot['name']}"


@pytest.fixture
def repository(server: ServerProcess) -> str:
    client = RegistryClient(server.url, "alice", "alice's own password")
    client.push_image("alice/for-robots")
    client.close()
    return "alice/for-robots"


def log_in(server: ServerProcess, name: str, secret: str, actions: str = "pull") -> httpx.Response:
    parameters = {"service": "dtr", "scope": f"repository:alice/for-robots:{actions}"}
    return httpx.get(f"{server.url}/auth/token", params=parameters, auth=(name, secret), timeout=30)


def is_let_in(server: ServerProcess, robot: dict[str, Any]) -> bool:
    answer = log_in(server, robot["name"], robot["secret"])
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def test_a_new_robot_shows_its_secret_once_and_logs_in_with_it(
    server: ServerProcess, alice: ApiClient, number: int
) -> None:
    made = alice.post("/api/v0/robots", {"name": f"x{number}", "namespace": "alice", "permits": PULL})

    assert made.status_code == 201
    body = made.json()
    assert set(body) == FIELDS | {"secret"}
    assert body["name"] == f"robot+alice+x{number}"
    assert body["permits"] == PULL
    assert (body["isActive"], body["createdBy"], body["description"]) == (True, "alice", "")
    assert body["expiresAt"] > body["createdAt"]
    assert body["secret"].startswith("dtr_robot_")
    assert is_let_in(server, body)
    seen = alice.get(f"/api/v0/robots/{body['name']}").json()
    assert set(seen) == FIELDS
    assert seen["lastUsedAddress"] == "127.0.0.1"
    assert alice.get(f"/api/v0/robots/{body['id']}").json() == seen


def test_a_caller_may_supply_the_secret(server: ServerProcess, make: Make) -> None:
    made = make(secret="supplied by some program")

    assert made["secret"] == "supplied by some program"
    assert is_let_in(server, made)


@pytest.mark.parametrize(("days", "is_for_ever"), [(None, True), (1, False), (3650, False)])
def test_a_robot_lives_for_days_or_for_ever(make: Make, days: int | None, is_for_ever: bool) -> None:
    assert (make(expiresInDays=days)["expiresAt"] is None) is is_for_ever


BAD = {
    "no name": {"name": None},
    "a short name": {"name": "x"},
    "a long name": {"name": "x" * 65},
    "capitals": {"name": "Robot"},
    "a plus sign": {"name": "a+b"},
    "a look-alike": {"name": "r\u043ebot"},
    "a line end": {"name": "robot\n"},
    "a number as name": {"name": 12},
    "no permits": {"permits": []},
    "too many permits": {"permits": PULL * 101},
    "permits elsewhere": {"permits": [{"pattern": "bob/**", "actions": ["pull"]}]},
    "permits everywhere": {"permits": [{"pattern": "**", "actions": ["pull"]}]},
    "permits for a name that only begins alike": {"permits": [{"pattern": "alice*/**", "actions": ["pull"]}]},
    "an unknown action": {"permits": [{"pattern": "alice/**", "actions": ["everything"]}]},
    "a star as action": {"permits": [{"pattern": "alice/**", "actions": ["*"]}]},
    "no action": {"permits": [{"pattern": "alice/**", "actions": []}]},
    "an odd pattern": {"permits": [{"pattern": "alice/../bob", "actions": ["pull"]}]},
    "a costly pattern": {"permits": [{"pattern": "alice/*a*a*a*", "actions": ["pull"]}]},
    "no days": {"expiresInDays": 0},
    "days of the past": {"expiresInDays": -1},
    "too many days": {"expiresInDays": 3651},
    "days as text": {"expiresInDays": "30"},
    "a short secret": {"secret": "short"},
    "a long secret": {"secret": "abc" * 43},
    "an empty secret": {"secret": ""},
    "a common secret": {"secret": "password12345678"},
    "a long description": {"description": "x" * 1001},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD.keys())
def test_what_no_robot_can_be_is_refused(alice: ApiClient, number: int, fields: dict[str, Any]) -> None:
    before = alice.get("/api/v0/robots", params={"namespace": "alice", "count": "true"})
    wanted = {"name": f"bad{number}", "namespace": "alice", "permits": PULL, **fields}

    answer = alice.post("/api/v0/robots", wanted)

    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_PARAMETERS"]
    after = alice.get("/api/v0/robots", params={"namespace": "alice", "count": "true"})
    assert after.headers["X-Resource-Count"] == before.headers["X-Resource-Count"]


def test_what_a_client_may_not_decide_is_ignored(make: Make) -> None:
    made = make(id="mine", createdBy="admin", isActive=False, lastUsed="2020-01-01T00:00:00Z")

    assert made["id"] != "mine"
    assert (made["createdBy"], made["isActive"], made["lastUsed"]) == ("alice", True, None)


def test_a_taken_name_is_a_conflict_and_the_robot_stays(
    server: ServerProcess, alice: ApiClient, robot: dict[str, Any]
) -> None:
    again = {"name": robot["name"].rpartition("+")[2], "namespace": "alice", "permits": PULL}

    assert codes(alice.post("/api/v0/robots", again)) == ["ROBOT_EXISTS"]
    assert is_let_in(server, robot)


def test_changes_change_what_they_name(alice: ApiClient, path: str, robot: dict[str, Any]) -> None:
    permits = [{"pattern": "alice/app", "actions": ["pull", "push"]}]
    changed = alice.patch(path, {"description": "builds", "permits": permits, "expiresInDays": None})

    assert changed.status_code == 200
    assert changed.json() == {
        **{key: value for key, value in robot.items() if key != "secret"},
        "description": "builds",
        "permits": permits,
        "expiresAt": None,
    }
    assert alice.patch(path, {}).json() == changed.json() == alice.get(path).json()


@pytest.mark.parametrize(
    "fields",
    [
        {"permits": [{"pattern": "bob/app", "actions": ["pull"]}]},
        {"permits": []},
        {"isActive": "false"},
        {"isActive": 0},
        {"expiresInDays": 0},
        {"description": "x" * 1001},
    ],
)
def test_a_bad_change_changes_nothing(alice: ApiClient, path: str, fields: dict[str, Any]) -> None:
    before = alice.get(path).json()

    assert codes(alice.patch(path, {"description": "new", **fields})) == ["INVALID_PARAMETERS"]
    assert alice.get(path).json() == before


def test_a_disabled_robot_is_refused_until_it_is_enabled(
    server: ServerProcess, alice: ApiClient, path: str, robot: dict[str, Any]
) -> None:
    assert alice.patch(path, {"isActive": False}).json()["isActive"] is False
    assert not is_let_in(server, robot)
    assert alice.patch(path, {"isActive": True}).json()["isActive"] is True
    assert is_let_in(server, robot)


def test_the_operator_lists_and_stops_robots_in_an_emergency(
    server: ServerProcess, make: Make, number: int
) -> None:
    made = make()

    listed = server.run("robots", "list", "--namespace", "alice", "--output", "json")
    assert listed.returncode == 0, listed.stderr
    [found] = [each for each in json.loads(listed.stdout) if each["name"] == made["name"]]
    assert (found["isActive"], found["namespace"], found["permits"]) == (True, "alice", made["permits"])
    assert "secret" not in listed.stdout.replace(made["name"], "")
    assert made["name"] in server.run("robots", "list").stdout

    assert server.run("robots", "disable", made["name"]).returncode == 0
    assert not is_let_in(server, made)
    assert server.run("robots", "enable", made["name"]).returncode == 0
    assert is_let_in(server, made)
    unknown = server.run("robots", "disable", f"robot+alice+nobody{number}")
    assert (unknown.returncode != 0, "there is no robot" in unknown.stderr) == (True, True)


def test_a_rotated_secret_overlaps_the_old_one_as_long_as_the_caller_says(
    server: ServerProcess, alice: ApiClient, path: str, robot: dict[str, Any]
) -> None:
    first = alice.post(f"{path}/secret", {})
    assert first.status_code == 200
    assert first.json()["previousSecretExpiresAt"] > first.json()["secretSetAt"]
    assert is_let_in(server, robot)
    assert is_let_in(server, first.json())

    second = alice.post(f"{path}/secret", {"secret": "supplied by a program", "overlapHours": 0}).json()

    assert second["previousSecretExpiresAt"] is None
    assert [is_let_in(server, each) for each in (robot, first.json(), second)] == [False, False, True]


@pytest.mark.parametrize(
    "body", [{"overlapHours": -1}, {"overlapHours": 2161}, {"overlapHours": "1"}, {"secret": "short"}]
)
def test_a_bad_rotation_keeps_the_secret(
    server: ServerProcess, alice: ApiClient, path: str, robot: dict[str, Any], body: dict[str, Any]
) -> None:
    assert codes(alice.post(f"{path}/secret", body)) == ["INVALID_PARAMETERS"]
    assert is_let_in(server, robot)
    assert alice.get(path).json()["secretSetAt"] == robot["secretSetAt"]


def test_a_deleted_robot_is_gone(
    server: ServerProcess, alice: ApiClient, path: str, robot: dict[str, Any]
) -> None:
    assert alice.delete(path).status_code == 204

    assert codes(alice.get(path)) == ["NO_SUCH_ROBOT"]
    assert codes(alice.delete(path)) == ["NO_SUCH_ROBOT"]
    assert not is_let_in(server, robot)


def test_lists_come_in_pages_and_stale_markers_go_on_where_they_would_be(
    alice: ApiClient, make: Make, number: int
) -> None:
    names = [make(name=f"page{number}-{letter}")["name"] for letter in "abc"]
    here = {"namespace": "alice", "pageStart": f"robot+alice+page{number}-", "pageSize": 2, "count": "true"}

    first = alice.get("/api/v0/robots", params=here)
    following = first.headers["X-Next-Page-Start"]
    alice.delete(f"/api/v0/robots/{following}")
    second = alice.get("/api/v0/robots", params={**here, "pageStart": following})

    assert [each["name"] for each in first.json()] == names[:2]
    assert following == names[2]
    assert names[2] not in [each["name"] for each in second.json()]
    assert int(first.headers["X-Resource-Count"]) >= 3
    assert all(set(each) == FIELDS for each in first.json()), "no secret, not even a hash"


def test_who_may_not_manage_a_namespace_sees_none_of_its_robots(
    bob: ApiClient, anonymous: ApiClient, path: str, robot: dict[str, Any], server: ServerProcess
) -> None:
    in_alices = {"name": "intruder", "namespace": "alice", "permits": PULL}

    assert codes(bob.get(path)) == ["NO_SUCH_ROBOT"]
    assert codes(bob.patch(path, {"isActive": False})) == ["NO_SUCH_ROBOT"]
    assert codes(bob.delete(path)) == ["NO_SUCH_ROBOT"]
    assert codes(bob.post(f"{path}/secret", {})) == ["NO_SUCH_ROBOT"]
    assert codes(bob.get("/api/v0/robots", params={"namespace": "alice"})) == ["NOT_AUTHORIZED"]
    assert codes(bob.post("/api/v0/robots", in_alices)) == ["NOT_AUTHORIZED"]
    assert codes(anonymous.get(path)) == ["NOT_AUTHENTICATED"]
    assert codes(anonymous.post("/api/v0/robots", in_alices)) == ["NOT_AUTHENTICATED"]
    assert is_let_in(server, robot)


def test_robots_of_the_registry_are_for_administrators(
    server: ServerProcess, admin: ApiClient, alice: ApiClient, number: int
) -> None:
    everywhere = {"name": f"all{number}", "permits": [{"pattern": "**", "actions": ["pull"]}]}

    assert codes(alice.post("/api/v0/robots", everywhere)) == ["NOT_AUTHORIZED"]
    assert codes(alice.get("/api/v0/robots")) == ["NOT_AUTHORIZED"]
    made = admin.post("/api/v0/robots", everywhere)

    assert made.json()["name"] == f"robot+all{number}"
    assert is_let_in(server, made.json())
    assert codes(alice.get(f"/api/v0/robots/robot+all{number}")) == ["NO_SUCH_ROBOT"]
    own = admin.get("/api/v0/robots", params={"namespace": "", "pageSize": 100}).json()
    assert {each["namespace"] for each in own} == {""}
    every = admin.get("/api/v0/robots", params={"pageSize": 100}).json()
    assert made.json()["id"] in {each["id"] for each in every}


def test_a_robot_manages_nothing_not_even_itself(server: ServerProcess, make: Make, alice: ApiClient) -> None:
    made = make(permits=[{"pattern": "alice/**", "actions": ["admin"]}])
    itself = ApiClient(server.url, made["name"], made["secret"])
    path = f"/api/v0/robots/{made['name']}"
    more = [{"pattern": "alice/**", "actions": ["pull"]}]

    answers = [
        itself.get("/api/v0/robots", params={"namespace": "alice"}),
        itself.get(path),
        itself.patch(path, {"permits": more}),
        itself.post(f"{path}/secret", {}),
        itself.delete(path),
        itself.post("/api/v0/robots", {"name": "child", "namespace": "alice", "permits": more}),
    ]
    itself.close()

    assert {each.status_code for each in answers} <= {403, 404}
    assert alice.get(path).json()["permits"] == made["permits"]


def test_a_namespace_that_nobody_has_is_unknown(admin: ApiClient) -> None:
    wanted = {"name": "ci", "namespace": "nobody", "permits": [{"pattern": "nobody/**", "actions": ["pull"]}]}

    assert admin.post("/api/v0/robots", wanted).status_code == 404
    assert admin.get("/api/v0/robots", params={"namespace": "nobody"}).json() == []


def test_the_robots_of_a_deleted_account_are_gone(
    server: ServerProcess, admin: ApiClient, number: int
) -> None:
    name = f"leaving{number}"
    server.add_user(name, "a password of somebody leaving")
    permits = [{"pattern": f"{name}/**", "actions": ["pull"]}]
    made = admin.post("/api/v0/robots", {"name": "ci", "namespace": name, "permits": permits}).json()
    assert is_let_in(server, made)

    assert admin.delete(f"/enzi/v0/accounts/{name}").status_code == 204

    assert not is_let_in(server, made)
    assert codes(admin.get(f"/api/v0/robots/{made['name']}")) == ["NO_SUCH_ROBOT"]


def test_a_push_robot_pushes_and_deletes_nothing(server: ServerProcess, make: Make, repository: str) -> None:
    made = make(permits=[{"pattern": "alice/**", "actions": ["pull", "push"]}])
    client = RegistryClient(server.url, made["name"], made["secret"])

    client.push_image(repository, "by-robot")
    refused = client.request("DELETE", repository, "manifests/by-robot")
    still = client.request("GET", repository, "manifests/by-robot")
    client.close()

    assert (refused.status_code, still.status_code) == (403, 200)


def test_a_robot_makes_repositories_by_pushing_only_where_its_permits_reach(
    server: ServerProcess, make: Make, number: int
) -> None:
    made = make(permits=[{"pattern": f"alice/robots{number}/*", "actions": ["pull", "push"]}])
    client = RegistryClient(server.url, made["name"], made["secret"])

    client.push_image(f"alice/robots{number}/new")
    refused = client.request("POST", f"alice/elsewhere{number}", "blobs/uploads/")
    catalog = client.http.get(
        "/v2/_catalog", headers={"authorization": f"Bearer {client.token('registry:catalog:*')}"}
    )
    client.close()

    assert refused.status_code == 403
    # Public repositories of other tests are there as well.
    assert f"alice/robots{number}/new" in catalog.json()["repositories"]
    assert f"alice/elsewhere{number}" not in catalog.json()["repositories"]


def test_a_robot_of_one_namespace_reads_nothing_private_of_another(
    server: ServerProcess, make: Make, number: int
) -> None:
    owner = RegistryClient(server.url, "bob", "bob's own password")
    owner.push_image(f"bob/private{number}")
    owner.close()
    made = make(permits=[{"pattern": "alice/**", "actions": ["admin"]}])
    client = RegistryClient(server.url, made["name"], made["secret"])

    refused = client.request("GET", f"bob/private{number}", "manifests/latest")
    client.close()

    assert refused.status_code == 403
