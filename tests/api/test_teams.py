"""Teams and their members: owners, admins of a team, members, strangers."""

from collections.abc import Iterator

import pytest

from tests.support.api import ApiClient, codes
from tests.support.people import ACCOUNTS, client, make_organization, make_user
from tests.support.server import ServerProcess


@pytest.fixture
def org(admin: ApiClient, number: int) -> str:
    """Give the path of an organization that alice owns; `lead<number>` and `plain<number>` are members."""
    make_user(admin, f"lead{number}")
    make_user(admin, f"plain{number}")
    ranks = {"alice": True, f"lead{number}": False, f"plain{number}": False}
    make_organization(admin, f"teams{number}", **ranks)
    return f"{ACCOUNTS}/teams{number}"


@pytest.fixture
def team(alice: ApiClient, org: str, number: int) -> str:
    """Give the path of a team that `lead<number>` may manage."""
    assert alice.post(f"{org}/teams", {"name": "dev", "description": "Devs"}).status_code == 201
    assert alice.put(f"{org}/teams/dev/members/lead{number}", {"isAdmin": True}).status_code == 200
    return f"{org}/teams/dev"


@pytest.fixture
def lead(server: ServerProcess, team: str, number: int) -> Iterator[ApiClient]:
    """Give the client of the team's admin."""
    with client(server, f"lead{number}") as made:
        yield made


@pytest.fixture
def plain(server: ServerProcess, org: str, number: int) -> Iterator[ApiClient]:
    """Give the client of a member of the organization who is in no team."""
    with client(server, f"plain{number}") as made:
        yield made


def names(caller: ApiClient, team: str, **params: object) -> list[tuple[str, bool]]:
    answer = caller.get(f"{team}/members", params=params)
    assert answer.status_code == 200, answer.text
    return [(each["member"]["name"], each["isAdmin"]) for each in answer.json()["members"]]


def test_a_team_is_made_found_and_deleted_by_name_and_id(
    alice: ApiClient, plain: ApiClient, org: str, number: int
) -> None:
    body = {
        "name": "QA.one",
        "description": "",
        "id": "",
        "membersCount": 0,
        "orgID": f"teams{number}",
        "type": "x",
    }
    made = alice.post(f"{org}/teams", body)

    assert made.status_code == 201, made.text
    found = made.json()
    org_id = alice.get(org).json()["id"]
    assert found == {
        "id": found["id"],
        "orgID": org_id,
        "name": "qa.one",
        "description": "",
        "membersCount": 0,
    }
    for ref in ("qa.one", "QA.ONE", found["id"]):
        for path in (org, f"{ACCOUNTS}/{org_id}"):
            assert plain.get(f"{path}/teams/{ref}").json() == found
    assert alice.delete(f"{org}/teams/{found['id']}").status_code == 204
    for answer in (
        alice.get(f"{org}/teams/qa.one"),
        alice.patch(f"{org}/teams/qa.one", {}),
        alice.delete(f"{org}/teams/qa.one"),
        alice.get(f"{org}/teams/qa.one/members"),
        alice.put(f"{org}/teams/qa.one/members/bob", {}),
        alice.delete(f"{org}/teams/qa.one/members/bob"),
    ):
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_TEAM"])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "a b",
        "a/b",
        "ünicode",
        "\u212aelvin",
        "x" * 101,
        "12345678-1234-4234-8234-123456789012",
        7,
        None,
    ],
)
def test_a_bad_name_is_refused(alice: ApiClient, org: str, name: object) -> None:
    assert codes(alice.post(f"{org}/teams", {"name": name})) == ["INVALID_PARAMETERS"]
    assert alice.get(f"{org}/teams").json() == {"teams": [], "resourceCount": 0, "nextPageStart": ""}


def test_names_are_unique_in_an_organization_whatever_their_case(
    alice: ApiClient, admin: ApiClient, team: str, org: str, number: int
) -> None:
    assert codes(alice.post(f"{org}/teams", {"name": "DEV"})) == ["TEAM_EXISTS"]
    assert alice.post(f"{org}/teams", {"name": "ops"}).status_code == 201
    assert codes(alice.patch(f"{org}/teams/ops", {"name": "Dev"})) == ["TEAM_EXISTS"]
    assert alice.patch(f"{org}/teams/ops", {"name": "OPS"}).json()["name"] == "ops"
    make_organization(admin, f"elsewhere{number}")
    other = admin.post(f"{ACCOUNTS}/elsewhere{number}/teams", {"name": "dev"}).json()
    assert codes(alice.get(f"{org}/teams/{other['id']}")) == ["NO_SUCH_TEAM"]


def test_teams_are_listed_in_pages(alice: ApiClient, org: str) -> None:
    for name in ("c", "a", "b"):
        alice.post(f"{org}/teams", {"name": name})

    first = alice.get(f"{org}/teams", params={"limit": 2})
    assert [each["name"] for each in first.json()["teams"]] == ["a", "b"]
    assert (first.json()["resourceCount"], first.headers["X-Resource-Count"]) == (3, "3")
    start = first.headers["X-Next-Page-Start"]
    assert start == first.json()["nextPageStart"]
    assert alice.delete(f"{org}/teams/{start}").status_code == 204
    assert alice.get(f"{org}/teams", params={"start": start}).json()["teams"] == []


def test_terraform_changes_a_team_by_its_own_ways(alice: ApiClient, team: str, org: str) -> None:
    before = alice.get(team).json()
    body = {"description": "New", "id": before["id"], "membersCount": 0, "name": "", "orgID": ""}

    changed = alice.patch(f"{org}/teams/{before['id']}", body)

    assert changed.json() == {**before, "description": "New"}
    assert alice.patch(f"{org}/teams/dev", {**body, "name": "devs"}).json()["name"] == "devs"
    assert alice.get(f"{org}/teams/devs").json()["membersCount"] == 1


def test_the_teams_admin_manages_its_members_and_nothing_else(
    lead: ApiClient, admin: ApiClient, team: str, org: str, number: int
) -> None:
    assert lead.put(f"{team}/members/plain{number}").status_code == 200
    assert lead.put(f"{team}/members/plain{number}", {"isAdmin": True}).json()["isAdmin"] is True
    assert lead.put(f"{team}/members/bob", {}).json()["member"]["name"] == "bob"
    assert admin.get(f"{org}/members/bob").json()["isAdmin"] is False
    assert lead.patch(team, {"description": "Ours"}).json()["description"] == "Ours"
    assert names(lead, team) == [("bob", False), (f"lead{number}", True), (f"plain{number}", True)]
    assert names(lead, team, filter="admins") == [(f"lead{number}", True), (f"plain{number}", True)]
    assert names(lead, team, filter="non-admins") == [("bob", False)]
    assert lead.delete(f"{team}/members/bob").status_code == 204
    assert lead.delete(f"{team}/members/bob").status_code == 204

    for answer in (
        lead.delete(team),
        lead.post(f"{org}/teams", {"name": "more"}),
        lead.put(f"{org}/members/bob", {}),
        lead.delete(f"{org}/members/bob"),
        lead.patch(org, {"fullName": "Ours"}),
    ):
        assert (answer.status_code, codes(answer)) == (403, ["NOT_AUTHORIZED"])


def test_a_member_sees_teams_and_changes_nothing(
    plain: ApiClient, alice: ApiClient, team: str, org: str, number: int
) -> None:
    assert [each["name"] for each in plain.get(f"{org}/teams").json()["teams"]] == ["dev"]
    assert plain.get(f"{team}/members/lead{number}").json()["isAdmin"] is True
    assert codes(plain.get(f"{team}/members/plain{number}")) == ["NO_SUCH_MEMBER"]
    for answer in (
        plain.put(f"{team}/members/plain{number}", {"isAdmin": True}),
        plain.put(f"{team}/members/bob", {}),
        plain.delete(f"{team}/members/lead{number}"),
        plain.delete(f"{team}/members/plain{number}"),
        plain.patch(team, {"description": "Mine"}),
        plain.delete(team),
        plain.post(f"{org}/teams", {"name": "mine"}),
    ):
        assert (answer.status_code, codes(answer)) == (403, ["NOT_AUTHORIZED"])
    assert names(alice, team) == [(f"lead{number}", True)]


def test_strangers_learn_nothing_of_teams(
    bob: ApiClient, anonymous: ApiClient, alice: ApiClient, team: str, org: str, number: int
) -> None:
    for caller, status in ((bob, 403), (anonymous, 401)):
        for path in (team, f"{org}/teams/no-such-team"):
            for answer in (
                caller.get(path),
                caller.get(f"{path}/members"),
                caller.put(f"{path}/members/bob", {}),
                caller.delete(f"{path}/members/bob"),
                caller.patch(path, {"description": "X"}),
                caller.delete(path),
            ):
                assert answer.status_code == status
    assert names(alice, team) == [(f"lead{number}", True)]


def test_members_may_leave_a_team_and_lose_its_rank(
    server: ServerProcess, lead: ApiClient, alice: ApiClient, team: str, org: str, number: int
) -> None:
    assert lead.delete(f"{team}/members/lead{number}").status_code == 204

    assert codes(lead.put(f"{team}/members/lead{number}", {"isAdmin": True})) == ["NOT_AUTHORIZED"]
    assert lead.get(f"{org}/members/lead{number}/teams").json()["memberTeams"] == []
    assert names(alice, team) == []


def test_a_members_teams_are_listed(alice: ApiClient, team: str, org: str, number: int) -> None:
    alice.post(f"{org}/teams", {"name": "adm"})
    alice.put(f"{org}/teams/adm/members/lead{number}", {})

    found = alice.get(f"{org}/members/lead{number}/teams", params={"limit": 1}).json()
    assert [(each["team"]["name"], each["isAdmin"]) for each in found["memberTeams"]] == [("adm", False)]
    assert (found["resourceCount"], found["nextPageStart"]) == (2, "dev")
    assert codes(alice.get(f"{org}/members/bob/teams")) == ["NO_SUCH_MEMBER"]


def test_organizations_and_unknown_users_join_no_team(alice: ApiClient, team: str, number: int) -> None:
    for ref in ("nobody-here", f"teams{number}", "docker-datacenter"):
        assert codes(alice.put(f"{team}/members/{ref}", {})) == ["NO_SUCH_USER"]
        assert codes(alice.delete(f"{team}/members/{ref}")) == ["NO_SUCH_USER"]
    assert codes(alice.put(f"{team}/members/bob", {"isAdmin": 1})) == ["INVALID_PARAMETERS"]
    assert names(alice, team) == [(f"lead{number}", True)]


def test_a_description_is_one_line_of_bounded_length(alice: ApiClient, team: str) -> None:
    for description in ("x" * 1001, "two\nlines", 7):
        assert codes(alice.patch(team, {"description": description})) == ["INVALID_PARAMETERS"]
    assert alice.get(team).json()["description"] == "Devs"
    assert alice.patch(team, {"description": ""}).json()["description"] == ""
