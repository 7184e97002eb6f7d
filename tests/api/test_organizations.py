"""Members of organizations: who sees them, who changes them, and that an owner stays."""

from collections.abc import Iterator

import pytest

from tests.support.api import ApiClient, codes
from tests.support.people import ACCOUNTS, client, make_organization, make_user
from tests.support.server import ServerProcess


@pytest.fixture
def org(admin: ApiClient, number: int) -> str:
    """Give the path of an organization that alice owns and the user `plain<number>` is a member of."""
    make_user(admin, f"plain{number}")
    make_organization(admin, f"org{number}", **{"alice": True, f"plain{number}": False})
    return f"{ACCOUNTS}/org{number}"


@pytest.fixture
def plain(server: ServerProcess, org: str, number: int) -> Iterator[ApiClient]:
    """Give the client of the member."""
    with client(server, f"plain{number}") as made:
        yield made


def members(caller: ApiClient, org: str, **params: object) -> list[tuple[str, bool]]:
    answer = caller.get(f"{org}/members", params=params)
    assert answer.status_code == 200, answer.text
    return [(each["member"]["name"], each["isAdmin"]) for each in answer.json()["members"]]


def test_members_are_listed_by_name_and_rank(
    alice: ApiClient, plain: ApiClient, org: str, number: int
) -> None:
    everybody = [("alice", True), (f"plain{number}", False)]

    for caller in (alice, plain):
        assert members(caller, org) == members(caller, org, filter="all") == everybody
        assert members(caller, org, filter="admins") == everybody[:1]
        assert members(caller, org, filter="non-admins") == everybody[1:]
    first = plain.get(f"{org}/members", params={"limit": 1})
    assert first.json()["resourceCount"] == 2
    start = first.json()["nextPageStart"]
    assert start == first.headers["X-Next-Page-Start"]
    assert members(plain, org, start=start) == everybody[1:]
    assert plain.get(f"{org}/members/alice").json() == first.json()["members"][0]


def test_strangers_see_the_organization_and_not_its_members(
    bob: ApiClient, anonymous: ApiClient, admin: ApiClient, org: str, number: int
) -> None:
    assert bob.get(org).status_code == 200
    for path in ("members", "members/alice", "members/alice/teams", "teams", "teams/x", "teams/x/members"):
        answer = bob.get(f"{org}/{path}")
        assert (answer.status_code, codes(answer)) == (403, ["NOT_AUTHORIZED"])
        assert codes(anonymous.get(f"{org}/{path}")) == ["NOT_AUTHENTICATED"]
    for caller in (bob, anonymous):
        for answer in (
            caller.put(f"{org}/members/bob", {"isAdmin": True}),
            caller.delete(f"{org}/members/plain{number}"),
            caller.delete(f"{org}/members/bob"),
            caller.patch(org, {"fullName": "Taken"}),
            caller.delete(org),
        ):
            assert answer.status_code == (403 if caller is bob else 401)
    assert members(admin, org) == [("alice", True), (f"plain{number}", False)]


def test_an_auditor_sees_members_and_changes_nothing(
    server: ServerProcess, admin: ApiClient, org: str, number: int
) -> None:
    make_user(admin, f"auditor{number}", isAuditor=True)
    with client(server, f"auditor{number}") as auditor:
        assert len(members(auditor, org)) == 2
        assert auditor.put(f"{org}/members/bob", {}).status_code == 403


def test_a_member_changes_nothing(plain: ApiClient, org: str, number: int) -> None:
    for answer in (
        plain.put(f"{org}/members/bob", {}),
        plain.put(f"{org}/members/plain{number}", {"isAdmin": True}),
        plain.delete(f"{org}/members/alice"),
        plain.patch(org, {"fullName": "Mine"}),
        plain.post(f"{org}/teams", {"name": "mine"}),
    ):
        assert (answer.status_code, codes(answer)) == (403, ["NOT_AUTHORIZED"])
    assert members(plain, org) == [("alice", True), (f"plain{number}", False)]


@pytest.mark.parametrize("body", [None, {}, {"isAdmin": False, "isPublic": True, "name": "bob"}])
def test_an_owner_adds_members_as_often_as_wanted(alice: ApiClient, org: str, body: object) -> None:
    for _ in range(2):
        if body is None:
            answer = alice.http.put(f"{org}/members/bob", headers={"content-type": "application/json"})
        else:
            answer = alice.put(f"{org}/members/bob", body)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["member"]["name"], answer.json()["isAdmin"]) == ("bob", False)
    assert ("bob", False) in members(alice, org)


def test_a_repeated_put_without_a_rank_keeps_it(alice: ApiClient, bob: ApiClient, org: str) -> None:
    assert alice.put(f"{org}/members/bob", {"isAdmin": True}).json()["isAdmin"] is True

    assert alice.put(f"{org}/members/bob", {}).json()["isAdmin"] is True

    assert bob.put(f"{org}/members/alice", {"isAdmin": False}).status_code == 200
    assert codes(alice.put(f"{org}/members/bob", {"isAdmin": False})) == ["NOT_AUTHORIZED"]


def test_an_owner_changes_the_full_name_and_no_rank(alice: ApiClient, org: str) -> None:
    assert alice.patch(org, {"fullName": "The Org"}).json()["fullName"] == "The Org"
    assert codes(alice.patch(org, {"fullName": "X", "isActive": False})) == ["NOT_AUTHORIZED"]
    assert alice.get(org).json()["fullName"] == "The Org"
    assert codes(alice.delete(org)) == ["NOT_AUTHORIZED"]


def test_removal_drops_team_memberships(alice: ApiClient, plain: ApiClient, org: str, number: int) -> None:
    assert alice.post(f"{org}/teams", {"name": "dev"}).status_code == 201
    assert alice.put(f"{org}/teams/dev/members/plain{number}", {}).status_code == 200
    own_teams = f"{org}/members/plain{number}/teams"
    assert [each["team"]["name"] for each in plain.get(own_teams).json()["memberTeams"]] == ["dev"]

    assert alice.delete(f"{org}/members/plain{number}").status_code == 204

    assert plain.get(f"{org}/members").status_code == 403
    assert alice.get(f"{org}/teams/dev/members").json()["members"] == []
    assert codes(alice.get(f"{org}/members/plain{number}")) == ["NO_SUCH_MEMBER"]
    assert alice.delete(f"{org}/members/plain{number}").status_code == 204, "nothing is left to remove"


def test_members_may_leave_and_the_last_owner_may_not(
    admin: ApiClient, alice: ApiClient, plain: ApiClient, org: str, number: int
) -> None:
    assert plain.delete(f"{org}/members/plain{number}").status_code == 204
    for answer in (
        alice.delete(f"{org}/members/alice"),
        alice.put(f"{org}/members/alice", {"isAdmin": False}),
    ):
        assert (answer.status_code, codes(answer)) == (409, ["LAST_OWNER"])
    assert members(admin, org) == [("alice", True)]

    assert admin.delete(f"{org}/members/alice").status_code == 204
    assert members(admin, org) == []


def test_a_disabled_owner_does_not_count(admin: ApiClient, alice: ApiClient, org: str, number: int) -> None:
    assert alice.put(f"{org}/members/plain{number}", {"isAdmin": True}).status_code == 200
    assert admin.patch(f"{ACCOUNTS}/plain{number}", {"isActive": False}).status_code == 200

    assert codes(alice.delete(f"{org}/members/alice")) == ["LAST_OWNER"]


def test_a_user_sees_their_own_organizations(alice: ApiClient, bob: ApiClient, org: str, number: int) -> None:
    found = alice.get(f"{ACCOUNTS}/alice/organizations", params={"limit": 10_000})

    mine = {each["org"]["name"]: each["isAdmin"] for each in found.json()["memberOrgs"]}
    assert mine[f"org{number}"] is True
    assert found.json()["resourceCount"] == len(mine)
    assert codes(bob.get(f"{ACCOUNTS}/alice/organizations")) == ["NOT_AUTHORIZED"]


def test_unknown_names_and_wrong_kinds_are_told(alice: ApiClient, org: str, number: int) -> None:
    for path in (f"{ACCOUNTS}/nowhere/members", f"{ACCOUNTS}/bob/members", f"{ACCOUNTS}/bob/teams"):
        assert codes(alice.get(path)) == ["NO_SUCH_ACCOUNT"]
    assert codes(alice.put(f"{org}/members/nobody-here", {})) == ["NO_SUCH_USER"]
    assert codes(alice.put(f"{org}/members/org{number}", {})) == ["NO_SUCH_USER"]
    assert codes(alice.put(f"{org}/members/docker-datacenter", {})) == ["NO_SUCH_USER"]
    assert codes(alice.put(f"{org}/members/bob", {"isAdmin": "true"})) == ["INVALID_PARAMETERS"]
    assert codes(alice.get(f"{org}/members", params={"filter": "owners"})) == ["INVALID_PARAMETERS"]
    assert codes(alice.get(f"{org}/members", params={"start": "\0"})) == ["INVALID_PARAMETERS"]
    assert codes(alice.get(f"{ACCOUNTS}/org{number}/organizations")) == ["NO_SUCH_USER"]
