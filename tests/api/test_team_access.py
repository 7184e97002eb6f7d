"""Levels of teams on repositories and namespaces, by the API."""

from collections.abc import Iterator

import pytest

from tests.support.api import ApiClient, codes
from tests.support.server import ServerProcess
from tests.support.world import Kind, Place, World


@pytest.fixture(scope="module")
def world(server: ServerProcess) -> Iterator[World]:
    made = World(server, "ta")
    yield made
    made.close()


@pytest.fixture
def place(world: World) -> Place:
    return world.organization()


@pytest.fixture
def owner(world: World) -> ApiClient:
    return world.client(Kind.OWNER)


def repository(place: Place) -> str:
    return f"/api/v0/repositories/{place.namespace}/{place.private}"


def namespace(place: Place) -> str:
    return f"/api/v0/repositoryNamespaces/{place.namespace}/teamAccess"


def levels(client: ApiClient, path: str) -> dict[str, str]:
    answer = client.get(path, params={"pageSize": 100})
    assert answer.status_code == 200, answer.text
    return {each["team"]["name"]: each["accessLevel"] for each in answer.json()["teamAccessList"]}


def test_a_list_names_the_repository_the_teams_and_their_levels(owner: ApiClient, place: Place) -> None:
    answer = owner.get(f"{repository(place)}/teamAccess")

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"repository", "teamAccessList"}
    assert (body["repository"]["namespace"], body["repository"]["name"]) == (place.namespace, "app")
    [first, *_] = body["teamAccessList"]
    assert first["accessLevel"] == "admin"
    assert first["team"]["name"] == "team_ad"
    assert first["team"]["id"] == place.teams[Kind.TEAM_AD]
    assert first["team"]["membersCount"] == 1
    assert levels(owner, f"{repository(place)}/teamAccess") == {
        "team_ro": "read-only",
        "team_rw": "read-write",
        "team_ad": "admin",
    }


def test_a_list_comes_in_pages(owner: ApiClient, place: Place) -> None:
    path = f"{repository(place)}/teamAccess"
    first = owner.get(path, params={"pageSize": 2, "count": "true"})
    second = owner.get(path, params={"pageSize": 2, "pageStart": first.headers["X-Next-Page-Start"]})

    assert first.headers["X-Resource-Count"] == "3"
    assert [each["team"]["name"] for each in first.json()["teamAccessList"]] == ["team_ad", "team_ro"]
    assert [each["team"]["name"] for each in second.json()["teamAccessList"]] == ["team_rw"]
    assert "X-Next-Page-Start" not in second.headers
    assert owner.get(path, params={"pageStart": "zzz"}).json()["teamAccessList"] == []


@pytest.mark.parametrize("by", ["name", "id", "NAME"])
def test_a_team_gets_a_level_by_its_name_or_id(world: World, owner: ApiClient, place: Place, by: str) -> None:
    ref = {"name": "space_ro", "NAME": "SPACE_RO", "id": place.teams[Kind.SPACE_RO]}[by]
    answer = owner.put(f"{repository(place)}/teamAccess/{ref}", {"accessLevel": "read-write"})

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["accessLevel"], body["team"]["name"]) == ("read-write", "space_ro")
    assert body["repository"]["name"] == "app"
    assert levels(owner, f"{repository(place)}/teamAccess")["space_ro"] == "read-write"


def test_what_a_team_gets_counts_at_once_and_ends_at_once(
    world: World, owner: ApiClient, place: Place
) -> None:
    member = world.client(Kind.SPACE_RO)
    fresh = world.organization()
    owner.delete(f"{namespace(fresh)}/space_ro")
    assert member.get(repository(fresh)).status_code == 404

    owner.put(f"{repository(fresh)}/teamAccess/space_ro", {"accessLevel": "read-only"})
    assert member.get(repository(fresh)).status_code == 200
    assert member.patch(repository(fresh), {"shortDescription": "x"}).status_code == 403
    owner.put(f"{repository(fresh)}/teamAccess/space_ro", {"accessLevel": "admin"})
    assert member.patch(repository(fresh), {"shortDescription": "x"}).status_code == 200
    assert owner.delete(f"{repository(fresh)}/teamAccess/space_ro").status_code == 204
    assert member.get(repository(fresh)).status_code == 404


def test_taking_away_what_is_not_there_succeeds(owner: ApiClient, place: Place) -> None:
    for path in (f"{repository(place)}/teamAccess/space_ro", f"{namespace(place)}/team_ro"):
        assert owner.delete(path).status_code == 204
        assert owner.delete(path).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"accessLevel": None},
        {"accessLevel": ""},
        {"accessLevel": "owner"},
        {"accessLevel": "ADMIN"},
        {"accessLevel": "\u0430dmin"},
        {"accessLevel": 3},
        {"accessLevel": ["admin"]},
        [],
        "admin",
    ],
)
def test_no_other_levels_are_taken(owner: ApiClient, place: Place, body: object) -> None:
    for path in (f"{repository(place)}/teamAccess/space_ro", f"{namespace(place)}/team_ro"):
        answer = owner.put(path, body)
        assert answer.status_code == 400
        assert codes(answer) == ["INVALID_PARAMETERS"]
    assert "space_ro" not in levels(owner, f"{repository(place)}/teamAccess")
    assert "team_ro" not in levels(owner, namespace(place))


def test_malformed_json_is_named_so(owner: ApiClient, place: Place) -> None:
    answer = owner.http.put(
        f"{repository(place)}/teamAccess/team_ro", content=b"{", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert codes(answer) == ["INVALID_JSON"]


@pytest.mark.parametrize("team", ["nobody", "team-ro", "%00", "x" * 300, "te%CD%A1am", "team_ro%2Fx"])
def test_an_unknown_team_gets_nothing(owner: ApiClient, place: Place, team: str) -> None:
    for path in (f"{repository(place)}/teamAccess/{team}", f"{namespace(place)}/{team}"):
        assert owner.put(path, {"accessLevel": "admin"}).status_code in {400, 404}, path
        assert owner.delete(path).status_code in {400, 404}
    assert len(levels(owner, f"{repository(place)}/teamAccess")) == 3


def test_a_team_of_another_organization_gets_nothing(world: World, owner: ApiClient, place: Place) -> None:
    other = world.organization()
    foreign = other.teams[Kind.TEAM_RO]
    for path in (f"{repository(place)}/teamAccess/{foreign}", f"{namespace(place)}/{foreign}"):
        answer = owner.put(path, {"accessLevel": "admin"})
        assert answer.status_code == 400
        assert foreign not in owner.get(path.rsplit("/", 1)[0]).text
        assert owner.delete(path).status_code == 400
    assert (
        owner.get(f"/api/v0/accounts/{place.namespace}/teams/{foreign}/repositoryAccess").status_code == 400
    )


def test_the_repositories_of_users_have_no_teams(world: World) -> None:
    own = world.client(Kind.OWN)
    place = world.own
    assert own.put(f"{repository(place)}/teamAccess/team_ro", {"accessLevel": "admin"}).status_code == 400
    assert own.get(f"{repository(place)}/teamAccess").json()["teamAccessList"] == []
    for answer in (
        own.get(namespace(place)),
        own.get(f"{namespace(place)}/team_ro"),
        own.put(f"{namespace(place)}/team_ro", {"accessLevel": "admin"}),
        own.delete(f"{namespace(place)}/team_ro"),
    ):
        assert answer.status_code == 400
        assert codes(answer) == ["INVALID_PARAMETERS"]


def test_a_level_on_the_namespace_is_a_level_on_all_repositories_in_it(
    world: World, owner: ApiClient
) -> None:
    place = world.organization()
    member = world.client(Kind.TEAM_RO)
    path = f"/api/v0/repositories/{place.namespace}/{world.repository(place)}"
    assert member.patch(path, {"shortDescription": "x"}).status_code == 403

    answer = owner.put(f"{namespace(place)}/team_ro", {"accessLevel": "admin"})
    assert answer.status_code == 200
    assert answer.json()["namespace"]["name"] == place.namespace
    assert owner.get(f"{namespace(place)}/team_ro").json() == answer.json()
    assert member.patch(path, {"shortDescription": "x"}).status_code == 200
    assert member.post(f"/api/v0/repositories/{place.namespace}", {"name": "made"}).status_code == 201

    assert owner.put(f"{namespace(place)}/team_ro", {"accessLevel": "read-write"}).status_code == 200
    assert member.post(f"/api/v0/repositories/{place.namespace}", {"name": "more"}).status_code == 403
    assert owner.delete(f"{namespace(place)}/team_ro").status_code == 204
    assert member.patch(path, {"shortDescription": "x"}).status_code == 403


def test_the_levels_on_a_namespace_are_listed_for_its_members(world: World, place: Place) -> None:
    expected = {"space_ro": "read-only", "space_rw": "read-write", "space_ad": "admin"}
    for kind in (Kind.MEMBER, Kind.OWNER, Kind.ADMIN, Kind.AUDITOR):
        assert levels(world.client(kind), namespace(place)) == expected
    first = world.client(Kind.OWNER).get(namespace(place), params={"pageSize": 1, "count": "true"})
    assert first.headers["X-Next-Page-Start"] == "space_ro"
    assert first.headers["X-Resource-Count"] == "3"


def test_a_team_without_a_level_on_the_namespace_is_said_to_have_none(owner: ApiClient, place: Place) -> None:
    answer = owner.get(f"{namespace(place)}/team_ro")
    assert answer.status_code == 404
    assert codes(answer) == ["NO_SUCH_NAMESPACE_TEAM_ACCESS"]
    assert codes(owner.get(f"{namespace(place)}/nobody")) == ["NO_SUCH_TEAM"]
    assert codes(owner.get("/api/v0/repositoryNamespaces/nobody-here/teamAccess")) == ["NO_SUCH_ACCOUNT"]


def test_the_repositories_of_a_team_are_listed(world: World, owner: ApiClient) -> None:
    place = world.organization()
    other = world.repository(place)
    path = f"/api/v0/accounts/{place.namespace}/teams/team_rw/repositoryAccess"
    for client in (owner, world.client(Kind.TEAM_RW), world.client(Kind.SPACE_AD), world.client(Kind.ADMIN)):
        body = client.get(path, params={"count": "true"}).json()
        assert body["team"]["name"] == "team_rw"
        assert [
            (each["accessLevel"], each["repository"]["name"]) for each in body["repositoryAccessList"]
        ] == [("read-write", "app"), ("read-write", other), ("read-write", "open")]
    for kind in (Kind.TEAM_RO, Kind.MEMBER, Kind.STRANGER, Kind.ROBOT_ADMIN, Kind.TOKEN):
        assert world.client(kind).get(path).status_code == 403
    assert world.client(Kind.ANONYMOUS).get(path).status_code == 401
    page = owner.get(path, params={"pageSize": 1})
    assert page.headers["X-Next-Page-Start"] == f"{place.namespace}/{other}"
    rest = owner.get(path, params={"pageStart": page.headers["X-Next-Page-Start"]}).json()
    assert len(rest["repositoryAccessList"]) == 2


def test_strangers_do_not_learn_which_teams_there_are(world: World, place: Place) -> None:
    for kind in (Kind.STRANGER, Kind.USER_AD, Kind.TOKEN, Kind.ROBOT_ADMIN):
        answers = [
            world.client(kind).get(f"/api/v0/accounts/{place.namespace}/teams/{team}/repositoryAccess")
            for team in ("team_rw", place.teams[Kind.TEAM_RW], "nobodys")
        ]
        assert {(each.status_code, each.json()["errors"][0]["message"]) for each in answers} == {
            (403, answers[0].json()["errors"][0]["message"])
        }, kind
        assert "team_rw" not in answers[0].text


def test_a_limited_token_gives_no_levels_on_namespaces(world: World, place: Place) -> None:
    for kind in (Kind.TOKEN, Kind.ROBOT_ADMIN):
        answer = world.client(kind).put(f"{namespace(place)}/team_ro", {"accessLevel": "admin"})
        assert answer.status_code == 403


def test_unknown_fields_change_nothing(owner: ApiClient, place: Place) -> None:
    body = {"accessLevel": "read-only", "team": {"id": place.teams[Kind.TEAM_AD]}, "repository": {"id": "x"}}
    assert owner.put(f"{repository(place)}/teamAccess/team_ro", body).status_code == 200
    assert levels(owner, f"{repository(place)}/teamAccess") == {
        "team_ro": "read-only",
        "team_rw": "read-write",
        "team_ad": "admin",
    }


@pytest.mark.parametrize("start", ["\x00", "a\x00b", "\u2028", "x" * 600, "\ud7ff"])
def test_a_start_that_no_page_names_breaks_nothing(owner: ApiClient, place: Place, start: str) -> None:
    for path in (f"{repository(place)}/teamAccess", namespace(place)):
        answer = owner.get(path, params={"pageStart": start})
        assert answer.status_code in {200, 400}
