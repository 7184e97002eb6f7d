"""What scripts for the original product send."""

import httpx

from tests.support.go_client import GoClient
from tests.support.server import ServerProcess


def test_scripts_send_fields_that_nobody_knows(go: GoClient, number: int) -> None:
    organization = f"scripted-{number}"
    made = go.send(
        "POST", "/enzi/v0/accounts", {"isOrg": True, "name": organization, "membersCount": 0, "teamsCount": 0}
    )
    assert made.status_code == 201
    user = {
        "name": f"scripted-{number}-user",
        "username": "x",
        "type": "user",
        "password": "aB3!dE7$gH1#jK2@",
    }
    assert go.send("POST", "/enzi/v0/accounts", user).status_code == 201
    place = f"/enzi/v0/accounts/{organization}"
    assert go.send("POST", f"{place}/teams", {"type": "managed", "name": "devs"}).status_code == 201
    member = f"{place}/members/scripted-{number}-user"
    for body in ({"isAdmin": True, "isPublic": True}, {"name": "x", "isOrg": False, "isAdmin": False}):
        assert go.send("PUT", member, body).status_code == 200
    team_member = f"{place}/teams/devs/members/scripted-{number}-user"
    typed = {"Content-Type": "application/json"}
    assert go.send("PUT", team_member, headers=typed).status_code == 200  # no body at all
    assert go.send("PUT", team_member, {"name": "x", "isAdmin": False, "isPublic": True}).status_code == 200

    listed = go.get(f"{place}/members?pageSize=9999&count=true")
    assert [each["member"]["name"] for each in listed["members"]] == [f"scripted-{number}-user"]
    assert go.get(f"{place}/teams")["teams"][0]["name"] == "devs"
    assert len(go.get(f"{place}/teams/devs/members")["members"]) == 1
    assert go.get("/enzi/v0/accounts?filter=orgs&limit=10000&pageSize=10000")["accounts"]


def test_access_token_in_the_query_stands_for_its_user(
    go: GoClient, server: ServerProcess, number: int
) -> None:
    label = {"tokenLabel": f"diver {number}"}
    made = go.send("POST", "/api/v0/api_tokens?username=admin", label)
    assert made.status_code < 400
    token = made.json()["token"]
    typed = {"Content-Type": "application/json"}
    with httpx.Client(base_url=server.url, timeout=30) as http:
        listed = http.get(
            f"/api/v0/repositories?pageSize=1000&count=true&refresh_token={token}", headers=typed
        )
        assert listed.status_code == 200
        body = {
            "id": "",
            "namespace": "admin",
            "namespaceType": "",
            "name": f"diver-{number}",
            "shortDescription": "",
            "visibility": "public",
            "scanOnPush": False,
            "immutableTags": False,
            "enableManifestLists": False,
            "pulls": 0,
            "pushes": 0,
        }
        made = http.post(f"/api/v0/repositories/admin?refresh_token={token}", json=body)
        assert made.status_code == 201, made.text
        deleted = http.request(
            "DELETE",
            f"/api/v0/repositories/admin/diver-{number}?refresh_token={token}",
            content=b'{"name": "x"}',
        )
        assert deleted.status_code < 300

    beside = go.send("GET", "/enzi/v0/accounts?limit=1&refresh_token=null")
    assert beside.status_code == 200  # Basic counts
    as_password = GoClient(server.url, "admin", token)
    assert as_password.send("GET", "/enzi/v0/accounts?limit=1").status_code == 200
    as_password.http.close()
