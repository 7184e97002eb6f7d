"""Why somebody may do something, and who may do what: by the API."""

from collections.abc import Iterator
from typing import Any

import pytest

from dtr.features.access.model import Operation
from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess
from tests.support.world import Kind, World


@pytest.fixture(scope="module")
def world(server: ServerProcess) -> Iterator[World]:
    made = World(server, "ex")
    yield made
    made.close()


@pytest.fixture
def app(world: World) -> str:
    return f"/api/v0/repositories/{world.home.namespace}/app"


def explained(client: ApiClient, path: str, **query: str) -> list[dict[str, Any]]:
    answer = client.get(f"{path}/explain", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["explanations"]
    return found


def test_the_reason_names_source_level_and_team(world: World, app: str) -> None:
    name = world.name_of(Kind.TEAM_RW)
    [found] = explained(world.client(Kind.OWNER), app, account=name, operation="push")
    assert found == {
        "account": name,
        "operation": "push",
        "allowed": True,
        "reasons": [
            {
                "sentence": "is in the team team_rw, which has the level read-write on the repository",
                "speaksFor": True,
                "source": "repository-team",
                "level": "read-write",
                "through": "team_rw",
            }
        ],
    }


@pytest.mark.parametrize(
    ("kind", "allowed", "source"),
    [
        (Kind.TEAM_RO, False, "repository-team"),
        (Kind.SPACE_RW, True, "namespace-team"),
        (Kind.OWNER, True, "organization-owner"),
        (Kind.USER_RW, True, "repository-user"),
        (Kind.ROBOT_PUSH, True, "robot"),
        (Kind.ROBOT_PULL, False, "robot"),
        (Kind.ADMIN, True, "administrator"),
        (Kind.AUDITOR, False, "auditor"),
        (Kind.STRANGER, False, None),
        (Kind.MEMBER, False, None),
    ],
)
def test_everybody_can_be_asked_about(
    world: World, app: str, kind: Kind, allowed: bool, source: str | None
) -> None:
    for asking in (Kind.ADMIN, Kind.OWNER, Kind.AUDITOR, Kind.TEAM_AD, Kind.USER_AD):
        [found] = explained(world.client(asking), app, account=world.name_of(kind), operation="push")
        assert found["allowed"] is allowed
        assert [each["source"] for each in found["reasons"]] == [source]


def test_without_an_operation_all_are_explained(world: World, app: str) -> None:
    found = explained(world.client(Kind.TEAM_RW), app)
    assert [each["operation"] for each in found] == [each.value for each in Operation]
    assert {each["operation"] for each in found if each["allowed"]} == {
        "view",
        "pull",
        "view-activity",
        "push",
        "start-scan",
        "delete-tags",
    }
    assert all(each["reasons"] for each in found)


def test_an_explanation_agrees_with_what_happens(world: World, app: str) -> None:
    for kind in (Kind.TEAM_RO, Kind.TEAM_AD, Kind.SPACE_RW, Kind.USER_AD, Kind.ROBOT_PULL, Kind.ROBOT_ADMIN):
        [found] = explained(world.client(Kind.ADMIN), app, account=world.name_of(kind), operation="configure")
        done = world.client(kind).patch(app, {"immutableTags": False})
        assert found["allowed"] is (done.status_code == 200), kind


def test_the_anonymous_caller_can_be_asked_about(world: World, app: str) -> None:
    [found] = explained(world.client(Kind.OWNER), app, account="anonymous", operation="pull")
    assert (found["account"], found["allowed"]) == ("anonymous", False)
    opened = f"/api/v0/repositories/{world.home.namespace}/open"
    [found] = explained(world.client(Kind.ANONYMOUS), opened, operation="pull")
    assert (found["account"], found["allowed"]) == ("anonymous", True)
    assert [each["source"] for each in found["reasons"]] == ["public"]


def test_the_limits_of_an_access_token_are_told(world: World, app: str) -> None:
    [found] = explained(world.client(Kind.TOKEN), app, operation="push")
    assert found["allowed"] is False
    assert found["reasons"][-1] == {
        "sentence": "the permits of the access token do not cover it",
        "speaksFor": False,
        "source": None,
        "level": None,
        "through": "",
    }


def test_a_disabled_user_may_do_nothing(world: World, app: str) -> None:
    public = app.replace("/app", "/open")
    for path in (app, public):
        found = explained(world.client(Kind.ADMIN), path, account=world.name_of(Kind.DISABLED))
        assert not any(each["allowed"] for each in found)
    assert "disabled" in found[0]["reasons"][-1]["sentence"]


def test_others_are_told_only_about_themselves(world: World, app: str) -> None:
    name = world.name_of(Kind.OWNER)
    for kind, status in (
        (Kind.TEAM_RW, 403),
        (Kind.TOKEN, 200),  # the owner with a limited token asks about the owner
        (Kind.STRANGER, 404),
        (Kind.ANONYMOUS, 404),
    ):
        assert world.client(kind).get(f"{app}/explain", params={"account": name}).status_code == status
    own = world.client(Kind.TEAM_RW).get(f"{app}/explain", params={"account": world.name_of(Kind.TEAM_RW)})
    assert own.status_code == 200
    assert world.client(Kind.STRANGER).get(f"{app}/explain").status_code == 404


@pytest.mark.parametrize("account", ["nobody", "", "robot+nobody", "\u0430dmin", "ex-org1", "ADMIN"])
def test_nobody_else_can_be_asked_about(world: World, app: str, account: str) -> None:
    account = world.home.namespace if account == "ex-org1" else account
    answer = world.client(Kind.OWNER).get(f"{app}/explain", params={"account": account})
    assert answer.status_code == 404
    assert codes(answer) == ["NO_SUCH_ACCOUNT"]


def test_robots_of_other_namespaces_are_told_of_to_auditors_only(world: World) -> None:
    public = f"/api/v0/repositories/{world.home.namespace}/open/explain"
    other = {"account": world.organization().robot}
    for kind, status in ((Kind.OWNER, 404), (Kind.TEAM_AD, 404), (Kind.AUDITOR, 200), (Kind.ADMIN, 200)):
        assert world.client(kind).get(public, params=other).status_code == status, kind
    for allowed in (world.home.robot, world.name_of(Kind.OTHER_ROBOT)):  # their own, and one of the registry
        assert world.client(Kind.OWNER).get(public, params={"account": allowed}).status_code == 200


@pytest.mark.parametrize("operation", ["", "everything", "PUSH", "push,pull"])
def test_no_other_operations_are_explained(world: World, app: str, operation: str) -> None:
    answer = world.client(Kind.OWNER).get(f"{app}/explain", params={"operation": operation})
    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_PARAMETERS"]


def entries(client: ApiClient, path: str, size: int) -> list[tuple[str, str, str | None]]:
    """Read a whole review, page by page."""
    found, start = [], ""
    for _ in range(100):
        answer = client.get(f"{path}/access", params={"pageSize": size, "pageStart": start, "count": "true"})
        assert answer.status_code == 200, answer.text
        found += [(each["source"], each["name"], each["level"]) for each in answer.json()["access"]]
        start = answer.headers.get("X-Next-Page-Start", "")
        if not start:
            assert len(found) == int(answer.headers["X-Resource-Count"])
            return found
    raise AssertionError("the list never ends")


def test_a_review_lists_everybody_with_level_and_source(world: World, app: str) -> None:
    whole = entries(world.client(Kind.OWNER), app, 1000)
    expected = [
        ("organization-owner", world.name_of(Kind.OWNER), "admin"),
        ("namespace-team", "space_ad", "admin"),
        ("namespace-team", "space_ro", "read-only"),
        ("namespace-team", "space_rw", "read-write"),
        ("repository-team", "team_ad", "admin"),
        ("repository-team", "team_ro", "read-only"),
        ("repository-team", "team_rw", "read-write"),
        ("repository-user", world.name_of(Kind.USER_AD), "admin"),
        ("repository-user", world.name_of(Kind.USER_RO), "read-only"),
        ("repository-user", world.name_of(Kind.USER_RW), "read-write"),
        ("administrator", "admin", "admin"),
        ("auditor", world.name_of(Kind.AUDITOR), None),
        ("robot", world.name_of(Kind.ROBOT_ADMIN), None),
        ("robot", world.name_of(Kind.ROBOT_PULL), None),
        ("robot", world.name_of(Kind.ROBOT_PUSH), None),
    ]
    own = {name for _, name, _ in expected}
    assert [each for each in whole if each[1] in own] == expected
    assert world.name_of(Kind.OTHER_ROBOT) not in {name for _, name, _ in whole}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_review_comes_in_pages_that_neither_repeat_nor_skip(world: World, app: str, size: int) -> None:
    for path in (app, app.replace("/app", "/open"), f"/api/v0/repositories/{world.own.namespace}/app"):
        whole = entries(world.client(Kind.ADMIN), path, 1000)
        assert entries(world.client(Kind.ADMIN), path, size) == whole
        assert len(set(whole)) == len(whole)


def test_a_review_begins_with_everybody_and_the_owner(world: World) -> None:
    own = world.client(Kind.OWN)
    found = entries(own, f"/api/v0/repositories/{world.own.namespace}/open", 2)
    assert found[:2] == [("public", "", None), ("own-namespace", world.own.namespace, "admin")]


@pytest.mark.parametrize("start", ["x", "-1:", "12:a", "\u0663:a", ":", "4:\x00", "x" * 500])
def test_no_page_of_a_review_starts_elsewhere(world: World, app: str, start: str) -> None:
    answer = world.client(Kind.OWNER).get(f"{app}/access", params={"pageStart": start})
    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_PARAMETERS"]
