"""Levels of single users on repositories of others, by the API; and what a user has by everything together."""

import time
from collections.abc import Iterator

import pytest

from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess
from tests.support.world import Kind, Place, World


@pytest.fixture(scope="module")
def world(server: ServerProcess) -> Iterator[World]:
    made = World(server, "ua")
    yield made
    made.close()


@pytest.fixture(params=["organization", "user"])
def place(request: pytest.FixtureRequest, world: World) -> Place:
    """Give an organization and a user, each with a repository that nobody else may touch."""
    if request.param == "organization":
        return world.organization()
    return Place(world.own.namespace, private=world.repository(world.own))


@pytest.fixture
def owner(world: World, place: Place) -> ApiClient:
    return world.client(Kind.OWN if place.namespace == world.own.namespace else Kind.OWNER)


def repository(place: Place) -> str:
    return f"/api/v0/repositories/{place.namespace}/{place.private}"


def levels(client: ApiClient, place: Place) -> dict[str, str]:
    answer = client.get(f"{repository(place)}/userAccess", params={"pageSize": 100})
    assert answer.status_code == 200, answer.text
    return {each["user"]["name"]: each["accessLevel"] for each in answer.json()["userAccessList"]}


def test_a_user_who_is_granted_a_level_has_it_at_once(world: World, owner: ApiClient, place: Place) -> None:
    stranger, name = world.client(Kind.STRANGER), world.name_of(Kind.STRANGER)
    assert stranger.get(repository(place)).status_code == 404

    answer = owner.put(f"{repository(place)}/userAccess/{name}", {"accessLevel": "read-only"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["accessLevel"] == "read-only"
    assert answer.json()["user"]["name"] == name
    assert answer.json()["repository"]["name"] == place.private
    assert levels(owner, place)[name] == "read-only"
    assert stranger.get(repository(place)).status_code == 200
    assert stranger.patch(repository(place), {"shortDescription": "x"}).status_code == 403

    owner.put(f"{repository(place)}/userAccess/{name}", {"accessLevel": "admin"})
    assert stranger.patch(repository(place), {"shortDescription": "x"}).status_code == 200
    owner.put(f"{repository(place)}/userAccess/{name}", {"accessLevel": "read-only"})
    assert stranger.patch(repository(place), {"shortDescription": "x"}).status_code == 403
    assert owner.delete(f"{repository(place)}/userAccess/{name}").status_code == 204
    assert stranger.get(repository(place)).status_code == 404
    assert owner.delete(f"{repository(place)}/userAccess/{name}").status_code == 204
    assert name not in levels(owner, place)


def test_a_user_may_be_named_by_id(world: World, owner: ApiClient, place: Place) -> None:
    id_ = world.people[Kind.STRANGER].account_id
    assert owner.put(f"{repository(place)}/userAccess/{id_}", {"accessLevel": "read-only"}).status_code == 200
    assert levels(owner, place)[world.name_of(Kind.STRANGER)] == "read-only"
    assert owner.delete(f"{repository(place)}/userAccess/{id_}").status_code == 204


def test_a_level_that_was_granted_serves_docker_at_once_and_ends_soon(
    world: World, owner: ApiClient, place: Place
) -> None:
    stranger, name = world.client(Kind.STRANGER), world.name_of(Kind.STRANGER)
    path = f"{place.namespace}/{place.private}"
    owner.put(f"{repository(place)}/userAccess/{name}", {"accessLevel": "read-write"})
    token = stranger.get("/auth/token", params={"scope": f"repository:{path}:pull,push"}).json()["token"]
    bearer = ApiClient(stranger.url)
    bearer.http.headers["authorization"] = f"Bearer {token}"
    assert bearer.get(f"/v2/{path}/tags/list").status_code == 200
    assert bearer.post(f"/v2/{path}/blobs/uploads/").status_code == 202

    owner.put(f"{repository(place)}/userAccess/{name}", {"accessLevel": "read-only"})
    assert refused_soon(bearer, f"/v2/{path}/blobs/uploads/")
    owner.delete(f"{repository(place)}/userAccess/{name}")
    bearer.close()


def refused_soon(bearer: ApiClient, path: str) -> bool:
    """Tell whether a token is void within the second that a process of a cluster may take to learn of it."""
    deadline = time.monotonic() + 5
    while bearer.post(path).status_code != 401:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize(
    "grantee", ["nobody", "%00", "..%2F..", "x" * 300, "ua-str\u0430nger", "robot+ua-robot-pull"]
)
def test_only_users_that_there_are_get_levels(owner: ApiClient, place: Place, grantee: str) -> None:
    before = levels(owner, place)
    for answer in (
        owner.put(f"{repository(place)}/userAccess/{grantee}", {"accessLevel": "admin"}),
        owner.delete(f"{repository(place)}/userAccess/{grantee}"),
    ):
        assert answer.status_code in {400, 404}
    assert levels(owner, place) == before


def test_organizations_disabled_users_and_the_owner_get_no_levels(
    world: World, owner: ApiClient, place: Place
) -> None:
    before = levels(owner, place)
    refused = [world.home.namespace, world.name_of(Kind.DISABLED), place.namespace]
    for grantee in refused:
        answer = owner.put(f"{repository(place)}/userAccess/{grantee}", {"accessLevel": "admin"})
        assert answer.status_code == 400, grantee
        assert codes(answer) == ["INVALID_PARAMETERS"]
    assert levels(owner, place) == before


@pytest.mark.parametrize("body", [{}, {"accessLevel": "all"}, {"accessLevel": None}, {"accessLevel": 1}, 7])
def test_no_other_levels_are_taken(world: World, owner: ApiClient, place: Place, body: object) -> None:
    path = f"{repository(place)}/userAccess/{world.name_of(Kind.STRANGER)}"
    assert owner.put(path, body).status_code == 400
    assert world.name_of(Kind.STRANGER) not in levels(owner, place)


def test_who_administers_the_repository_by_a_grant_may_grant(world: World, place: Place) -> None:
    grantee = world.client(Kind.USER_AD)
    name = world.name_of(Kind.STRANGER)
    path = f"{repository(place)}/userAccess/{name}"
    assert grantee.put(path, {"accessLevel": "read-only"}).status_code == 200
    assert grantee.delete(path).status_code == 204
    for kind, status in ((Kind.USER_RW, 403), (Kind.STRANGER, 404), (Kind.ANONYMOUS, 401)):
        assert world.client(kind).put(path, {"accessLevel": "admin"}).status_code == status


def test_the_list_comes_in_pages(world: World, owner: ApiClient, place: Place) -> None:
    path = f"{repository(place)}/userAccess"
    first = owner.get(path, params={"pageSize": 2, "count": "true"})
    second = owner.get(path, params={"pageSize": 2, "pageStart": first.headers["X-Next-Page-Start"]})
    names = [each["user"]["name"] for page in (first, second) for each in page.json()["userAccessList"]]
    assert names == [world.name_of(kind) for kind in (Kind.USER_AD, Kind.USER_RO, Kind.USER_RW)]
    assert first.headers["X-Resource-Count"] == "3"
    assert "X-Next-Page-Start" not in second.headers


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        (Kind.TEAM_RO, "read-only"),
        (Kind.SPACE_RW, "read-write"),
        (Kind.OWNER, "admin"),
        (Kind.USER_RW, "read-write"),
        (Kind.MEMBER, None),
        (Kind.STRANGER, None),
        (Kind.AUDITOR, None),
        (Kind.DISABLED, None),
        (Kind.ADMIN, "admin"),
    ],
)
def test_the_level_of_a_user_is_told_to_administrators(world: World, kind: Kind, level: str | None) -> None:
    place = world.home
    for path in ("app", "open"):
        answer = world.client(Kind.ADMIN).get(
            f"/api/v0/accounts/{world.name_of(kind)}/repositoryAccess/{place.namespace}/{path}"
        )
        assert answer.status_code == 200
        expected = "read-only" if path == "open" and level is None else level
        if kind is Kind.DISABLED:
            expected = None
        assert answer.json()["accessLevel"] == expected
        assert answer.json()["user"]["name"] == world.name_of(kind)
        assert answer.json()["repository"]["name"] == path


def test_the_own_level_is_told_to_everybody_who_sees_the_repository(world: World) -> None:
    place = world.home
    for kind, status in ((Kind.TEAM_RW, 200), (Kind.STRANGER, 404)):
        path = f"/api/v0/accounts/{world.name_of(kind)}/repositoryAccess/{place.namespace}/app"
        assert world.client(kind).get(path).status_code == status
        assert world.client(Kind.MEMBER).get(path).status_code == 403
    admin = world.client(Kind.ADMIN)
    assert codes(admin.get(f"/api/v0/accounts/nobody/repositoryAccess/{place.namespace}/app")) == [
        "NO_SUCH_USER"
    ]
    assert admin.get(f"/api/v0/accounts/admin/repositoryAccess/{place.namespace}/none").status_code == 404
