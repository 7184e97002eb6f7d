"""What the Terraform provider of the original product sends, and what it reads in the answers."""

from typing import Any

import pytest

from tests.support.go_client import ACCOUNT, REPOSITORY, TEAM, GoClient, fits
from tests.support.server import ServerProcess


def terraform(go: GoClient, method: str, path: str, body: object = None) -> Any:
    """Return what the provider decodes; every status below 400 is a success to it."""
    answer = go.send(method, path, body)
    assert answer.status_code < 400, answer.text
    return answer.json() if answer.content else None


def terraform_refusal(go: GoClient, method: str, path: str, body: object = None) -> str:
    """Return the message that the provider shows; it needs an error document with texts in it."""
    answer = go.send(method, path, body)
    assert answer.status_code >= 400
    errors = answer.json()["errors"]
    assert errors
    assert all(type(each["code"]) is str and type(each["message"]) is str for each in errors)
    return str(errors[0]["message"])


def test_terraform_asks_for_health_and_version(go: GoClient) -> None:
    health = terraform(go, "GET", "/health")
    lowered = {name.lower(): value for name, value in health.items()}  # Go compares without regard to case
    assert lowered == {"error": "", "healthy": True}
    assert type(terraform(go, "GET", "/api/v0/admin/version")["version"]) is str


def test_health_needs_no_right_password(server: ServerProcess) -> None:
    wrong = GoClient(server.url, "admin", "not the password")
    assert wrong.send("GET", "/health").status_code == 200
    wrong.http.close()


def test_terraform_keeps_an_organization(go: GoClient, number: int) -> None:
    name = f"tf-org-{number}"
    made = terraform(go, "POST", "/enzi/v0/accounts", {"name": name, "id": "", "password": "", "isOrg": True})
    assert fits(made, ACCOUNT)
    assert made["isOrg"] is True

    read = terraform(go, "GET", f"/enzi/v0/accounts/{name}")
    assert (read["id"], read["name"]) == (made["id"], name)
    terraform(go, "DELETE", f"/enzi/v0/accounts/{name}")
    assert terraform_refusal(go, "GET", f"/enzi/v0/accounts/{name}")


@pytest.mark.parametrize("extra", [{}, {"isActive": True}], ids=["present provider", "older provider"])
def test_terraform_keeps_a_user(
    go: GoClient, server: ServerProcess, number: int, extra: dict[str, bool]
) -> None:
    name = f"tf-user-{number}"
    body = {"name": name, "id": "", "password": "aB3!dE7$gH1#jK2@", "fullName": "Tee Eff", **extra}
    made = terraform(go, "POST", "/enzi/v0/accounts", body)
    assert fits(made, ACCOUNT)
    assert (made["isActive"], made["isAdmin"], made["isOrg"]) == (True, False, False)

    own = GoClient(server.url, name, "aB3!dE7$gH1#jK2@")
    assert own.send("GET", f"/enzi/v0/accounts/{name}").status_code == 200
    own.http.close()

    promoted = terraform(
        go, "PATCH", f"/enzi/v0/accounts/{made['id']}", {"fullName": "New Name", "isAdmin": True}
    )
    assert (promoted["fullName"], promoted["isAdmin"]) == ("New Name", True)
    unchanged = terraform(go, "PATCH", f"/enzi/v0/accounts/{made['id']}", {})
    assert (unchanged["fullName"], unchanged["isAdmin"]) == ("New Name", True)

    terraform(go, "DELETE", f"/enzi/v0/accounts/{made['id']}")
    assert terraform_refusal(go, "GET", f"/enzi/v0/accounts/{name}")


@pytest.mark.parametrize("wanted", ["users", "orgs", "admins", "non-admins", "active-users", "all"])
def test_terraform_lists_accounts_by_filter(go: GoClient, wanted: str) -> None:
    found = terraform(go, "GET", f"/enzi/v0/accounts?filter={wanted}")
    assert all(type(found[name]) is int for name in ("usersCount", "orgsCount", "resourceCount"))
    assert found["nextPageStart"] is None or type(found["nextPageStart"]) is str
    assert all(fits(each, ACCOUNT) for each in found["accounts"])


@pytest.mark.parametrize("by_name", [True, False], ids=["organization by name", "organization by id"])
def test_terraform_keeps_a_team(go: GoClient, number: int, by_name: bool) -> None:
    organization = terraform(
        go,
        "POST",
        "/enzi/v0/accounts",
        {"name": f"tf-teams-{number}", "id": "", "password": "", "isOrg": True},
    )
    users = [
        terraform(
            go,
            "POST",
            "/enzi/v0/accounts",
            {"name": f"tf-{number}-{each}", "id": "", "password": "aB3!dE7$gH1#jK2@"},
        )
        for each in ("one", "two")
    ]
    place = organization["name"] if by_name else organization["id"]
    teams = f"/enzi/v0/accounts/{place}/teams"
    body = {"description": "", "id": "", "membersCount": 0, "name": "devs", "orgID": place}
    made = terraform(go, "POST", teams, body)
    assert fits(made, TEAM)
    assert made["orgID"] == organization["id"]

    team = f"{teams}/{made['id']}"
    for user in users:
        terraform(go, "PUT", f"{team}/members/{user['id']}", {"isAdmin": False})
    assert terraform(go, "GET", f"{teams}/devs")["membersCount"] == 2

    body = {"description": "new", "id": made["id"], "membersCount": 0, "name": "devs", "orgID": ""}
    changed = terraform(go, "PATCH", team, body)
    assert (changed["id"], changed["orgID"], changed["name"]) == (made["id"], organization["id"], "devs")
    assert (changed["description"], changed["membersCount"]) == ("new", 2)

    members = terraform(go, "GET", f"{team}/members")["members"]
    assert all(type(each["isAdmin"]) is bool and fits(each["member"], ACCOUNT) for each in members)
    for each in members:
        terraform(go, "GET", f"/enzi/v0/accounts/{each['member']['id']}")
        terraform(go, "DELETE", f"{team}/members/{each['member']['id']}")
    assert terraform(go, "GET", f"{team}/members")["members"] == []
    terraform(go, "DELETE", team)
    assert terraform_refusal(go, "GET", f"{teams}/devs")


def test_older_terraform_provider_changes_a_team_without_naming_it(go: GoClient, number: int) -> None:
    organization = f"tf-old-{number}"
    terraform(
        go, "POST", "/enzi/v0/accounts", {"name": organization, "id": "", "password": "", "isOrg": True}
    )
    teams = f"/enzi/v0/accounts/{organization}/teams"
    terraform(
        go, "POST", teams, {"description": "", "id": "", "membersCount": 0, "name": "devs", "orgID": ""}
    )

    body = {"description": "old", "id": "devs", "membersCount": 0, "name": "", "orgID": ""}
    changed = terraform(go, "PATCH", f"{teams}/devs", body)
    assert (changed["name"], changed["description"]) == ("devs", "old")
    terraform(go, "DELETE", f"{teams}/devs")


@pytest.mark.parametrize(
    ("visibility", "kept"),
    [("public", "public"), ("private", "private"), ("", "private")],
    ids=["public", "private", "older provider"],
)
def test_terraform_keeps_a_repository(go: GoClient, number: int, visibility: str, kept: str) -> None:
    organization = f"tf-repo-{number}"
    terraform(
        go, "POST", "/enzi/v0/accounts", {"name": organization, "id": "", "password": "", "isOrg": True}
    )
    settings = {
        "immutableTags": False,
        "longDescription": "",
        "scanOnPush": True,
        "shortDescription": "",
        "tagLimit": 0,
        "visibility": visibility,
    }
    made = terraform(go, "POST", f"/api/v0/repositories/{organization}", {**settings, "name": "app"})
    assert fits(made, REPOSITORY)
    assert made["id"]
    assert (made["name"], made["visibility"]) == ("app", kept)

    path = f"/api/v0/repositories/{organization}/app"
    terraform(go, "PATCH", path, {"shortDescription": "by hand", "tagLimit": 5})
    reset = terraform(go, "PATCH", path, {**settings, "visibility": kept, "scanOnPush": False})
    assert (reset["shortDescription"], reset["tagLimit"], reset["scanOnPush"]) == ("", 0, False)
    read = terraform(go, "GET", path)
    assert (read["id"], read["name"], read["visibility"]) == (made["id"], "app", kept)
    terraform(go, "DELETE", path)
    assert terraform_refusal(go, "GET", path)
