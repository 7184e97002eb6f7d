"""`/enzi/v0/accounts`: lists, making, changing and deleting accounts, by every kind of caller."""

import json

import pytest

from tests.support.api import ApiClient, codes
from tests.support.people import ACCOUNTS, PASSWORD, client, demote_others, make_organization, make_user
from tests.support.server import ServerProcess


def test_a_new_user_shows_all_fields_and_can_log_in(
    server: ServerProcess, admin: ApiClient, number: int
) -> None:
    made = make_user(admin, f"new{number}", fullName="New N.", id="", searchLDAP=False, somethingElse=1)

    assert made | {"id": "", "createdAt": ""} == {
        "id": "",
        "name": f"new{number}",
        "fullName": "New N.",
        "isOrg": False,
        "isAdmin": False,
        "isAuditor": False,
        "isActive": True,
        "isImported": False,
        "membersCount": 0,
        "teamsCount": 0,
        "createdAt": "",
    }
    with client(server, f"new{number}") as own:
        for ref in (made["name"], made["id"]):
            assert own.get(f"{ACCOUNTS}/{ref}").json() == made


def test_organizations_are_made_as_replication_clients_and_terraform_ask(
    admin: ApiClient, number: int
) -> None:
    harbor = admin.post(ACCOUNTS, {"fullName": "x", "isOrg": True, "name": f"harbor{number}"})
    terraform = admin.post(ACCOUNTS, {"name": f"tf{number}", "id": "", "password": "", "isOrg": True})

    assert harbor.status_code == terraform.status_code == 201
    assert terraform.json()["id"]
    assert admin.patch(f"{ACCOUNTS}/{terraform.json()['id']}", {}).json() == terraform.json()
    assert admin.delete(f"{ACCOUNTS}/tf{number}").status_code == 204
    assert admin.delete(f"{ACCOUNTS}/{harbor.json()['id']}").status_code == 204
    assert codes(admin.get(f"{ACCOUNTS}/tf{number}")) == ["NO_SUCH_ACCOUNT"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "INVALID_PARAMETERS"),
        ({"name": ""}, "INVALID_PARAMETERS"),
        ({"name": "Upper"}, "INVALID_PARAMETERS"),
        ({"name": "\u0430lice"}, "INVALID_PARAMETERS"),
        ({"name": "\uff41lice"}, "INVALID_PARAMETERS"),
        ({"name": "a/b"}, "INVALID_PARAMETERS"),
        ({"name": "robot+a"}, "INVALID_PARAMETERS"),
        ({"name": "nul\0"}, "INVALID_PARAMETERS"),
        ({"name": "\ud800"}, "INVALID_PARAMETERS"),
        ({"name": "x" * 101}, "INVALID_PARAMETERS"),
        ({"name": "12345678-1234-4234-8234-123456789012"}, "INVALID_PARAMETERS"),
        ({"name": "library"}, "INVALID_PARAMETERS"),
        ({"name": "login"}, "INVALID_PARAMETERS"),
        ({"name": "robot"}, "INVALID_PARAMETERS"),
        ({"name": "charts", "isOrg": True, "password": ""}, "INVALID_PARAMETERS"),
        ({"name": "admin", "isOrg": True, "password": ""}, "INVALID_PARAMETERS"),
        ({"name": "alice"}, "ACCOUNT_EXISTS"),
        ({"name": "docker-datacenter"}, "ACCOUNT_EXISTS"),
        ({"name": 7}, "INVALID_PARAMETERS"),
        ({"name": "fine", "isAdmin": "yes"}, "INVALID_PARAMETERS"),
        ({"name": "fine", "isOrg": 1}, "INVALID_PARAMETERS"),
        ({"name": "fine", "password": None}, "INVALID_PARAMETERS"),
        ({"name": "fine", "password": "short"}, "INVALID_PARAMETERS"),
        ({"name": "fine", "password": "password2024!"}, "INVALID_PARAMETERS"),
        ({"name": "fine", "password": "Fine-1234567"}, "INVALID_PARAMETERS"),
        ({"name": "fine", "password": "\ud800 is no character"}, "INVALID_PARAMETERS"),
        ({"name": "fine", "password": "é" * 513}, "INVALID_PARAMETERS"),
        ({"name": "fine", "fullName": "x" * 129}, "INVALID_PARAMETERS"),
        ({"name": "fine", "fullName": "two\nlines"}, "INVALID_PARAMETERS"),
        ({"name": "fine", "fullName": "\ud800"}, "INVALID_PARAMETERS"),
        ({"name": "fine", "isOrg": True}, "INVALID_PARAMETERS"),
        ({"name": "fine", "isOrg": True, "password": "", "isAdmin": True}, "INVALID_PARAMETERS"),
        ({"name": "fine", "isOrg": True, "password": "", "isActive": False}, "INVALID_PARAMETERS"),
    ],
)
def test_a_bad_account_is_refused_and_nothing_is_made(
    admin: ApiClient, fields: dict[str, object], code: str
) -> None:
    before = admin.get(ACCOUNTS).json()["resourceCount"]

    made = admin.http.post(
        ACCOUNTS,
        content=_json({"password": PASSWORD, **fields}),
        headers={"content-type": "application/json"},
    )

    assert made.status_code == (409 if code == "ACCOUNT_EXISTS" else 400)
    assert codes(made)[0] == code
    assert str(fields.get("password") or PASSWORD) not in made.text
    assert admin.get(ACCOUNTS).json()["resourceCount"] == before


def test_a_body_that_is_no_json_is_told(admin: ApiClient) -> None:
    made = admin.http.post(ACCOUNTS, content=b"{", headers={"content-type": "application/json"})

    assert (made.status_code, codes(made)) == (400, ["INVALID_JSON"])


def test_only_administrators_make_change_ranks_of_and_delete_accounts(
    admin: ApiClient, alice: ApiClient, anonymous: ApiClient, number: int
) -> None:
    target = make_user(admin, f"target{number}")
    path = f"{ACCOUNTS}/target{number}"
    for caller, status, code in (
        (alice, 403, "NOT_AUTHORIZED"),
        (anonymous, 401, "NOT_AUTHENTICATED"),
    ):
        for answer in (
            caller.post(ACCOUNTS, {"name": f"other{number}", "password": PASSWORD}),
            caller.patch(path, {"fullName": "X"}),
            caller.patch(path, {"isActive": False}),
            caller.delete(path),
            caller.patch(ACCOUNTS, {"operations": [{"op": "delete", "ref": f"target{number}"}]}),
            caller.post(f"{path}/changePassword", {"newPassword": "some other password"}),
            caller.get(f"{path}/organizations"),
        ):
            assert (answer.status_code, codes(answer)) == (status, [code])
    assert admin.get(path).json() == target
    assert admin.get(f"{ACCOUNTS}/other{number}").status_code == 404


def test_a_user_changes_their_own_full_name_and_nothing_else(
    server: ServerProcess, admin: ApiClient, number: int
) -> None:
    make_user(admin, f"self{number}")
    path = f"{ACCOUNTS}/self{number}"
    with client(server, f"self{number}") as own:
        assert own.patch(path, {"fullName": "Self"}).json()["fullName"] == "Self"
        for rank in ("isAdmin", "isAuditor", "isActive"):
            for value in (True, False):
                refused = own.patch(path, {"fullName": "Changed", rank: value})
                assert (refused.status_code, codes(refused)) == (403, ["NOT_AUTHORIZED"])
        assert own.patch(path, {"name": "other", "id": "x", "isOrg": True}).status_code == 200
        assert own.delete(path).status_code == 403

    account = admin.get(path).json()
    assert (account["fullName"], account["isAdmin"], account["isAuditor"], account["isActive"]) == (
        "Self",
        False,
        False,
        True,
    )
    assert (account["name"], account["isOrg"]) == (f"self{number}", False)


def test_administrators_change_ranks_and_lock_users_out(
    server: ServerProcess, admin: ApiClient, number: int
) -> None:
    path = f"{ACCOUNTS}/{make_user(admin, f'rank{number}')['id']}"

    raised = admin.patch(path, {"isAdmin": True, "isAuditor": True, "fullName": ""}).json()
    assert (raised["isAdmin"], raised["isAuditor"]) == (True, True)
    with client(server, f"rank{number}") as own:
        assert own.patch(path, {"isAuditor": False}).json()["isAuditor"] is False
        assert admin.patch(path, {"isAdmin": False}).json()["isAdmin"] is False
        assert own.patch(path, {"isAuditor": True}).status_code == 403

        assert admin.patch(path, {"isActive": False}).json()["isActive"] is False
        assert codes(own.get(path)) == ["NOT_AUTHENTICATED"]

        assert admin.patch(path, {"isActive": True}).json()["isActive"] is True
        assert own.get(path).status_code == 200


def test_an_organization_gets_no_rank(admin: ApiClient, number: int) -> None:
    org = make_organization(admin, f"norank{number}")
    path = f"{ACCOUNTS}/norank{number}"

    for field, value in (("isAdmin", True), ("isAuditor", True), ("isActive", False)):
        assert codes(admin.patch(path, {field: value})) == ["INVALID_PARAMETERS"]

    assert admin.patch(path, {"isAdmin": False, "isActive": True}).json() == org
    refused = admin.post(f"{path}/changePassword", {"newPassword": PASSWORD})
    assert codes(refused) == ["NO_SUCH_USER"]


def test_nobody_logs_in_as_an_organization(server: ServerProcess, admin: ApiClient, number: int) -> None:
    make_organization(admin, f"nologin{number}")

    for password in ("", PASSWORD):
        with client(server, f"nologin{number}", password) as org:
            assert codes(org.get(ACCOUNTS)) == ["NOT_AUTHENTICATED"]


def test_the_last_administrator_stays(admin: ApiClient) -> None:
    demote_others(admin)
    path = f"{ACCOUNTS}/admin"

    for answer in (
        admin.patch(path, {"isAdmin": False}),
        admin.patch(path, {"isActive": False}),
        admin.delete(path),
    ):
        assert (answer.status_code, codes(answer)) == (409, ["LAST_ADMIN"])

    assert admin.get(path).json()["isAdmin"] is True


def test_nobody_deletes_themselves(server: ServerProcess, admin: ApiClient, number: int) -> None:
    make_user(admin, f"second{number}", isAdmin=True)
    with client(server, f"second{number}") as second:
        refused = second.delete(f"{ACCOUNTS}/second{number}")
        assert (refused.status_code, codes(refused)) == (409, ["OWN_ACCOUNT"])
    assert admin.delete(f"{ACCOUNTS}/second{number}").status_code == 204


def test_a_deleted_account_is_gone_with_its_memberships(
    server: ServerProcess, admin: ApiClient, number: int
) -> None:
    make_user(admin, f"gone{number}")
    make_organization(admin, f"left{number}")
    members = f"{ACCOUNTS}/left{number}/members"
    assert admin.put(f"{members}/gone{number}", {"isAdmin": True}).status_code == 200
    with client(server, f"gone{number}") as own:
        assert own.get(members).status_code == 200

        assert admin.delete(f"{ACCOUNTS}/gone{number}").status_code == 204

        assert codes(own.get(members)) == ["NOT_AUTHENTICATED"]
    assert admin.get(members).json()["members"] == []
    assert codes(admin.delete(f"{ACCOUNTS}/gone{number}")) == ["NO_SUCH_ACCOUNT"]


@pytest.mark.parametrize("ref", ["no-such", "No%20Such", "12345678-1234-4234-8234-123456789012", "é"])
def test_an_unknown_account_is_not_found(admin: ApiClient, ref: str) -> None:
    for answer in (
        admin.get(f"{ACCOUNTS}/{ref}"),
        admin.patch(f"{ACCOUNTS}/{ref}", {}),
        admin.delete(f"{ACCOUNTS}/{ref}"),
    ):
        assert (answer.status_code, codes(answer)) == (404, ["NO_SUCH_ACCOUNT"])


def test_the_first_start_made_an_organization_that_the_administrator_owns(admin: ApiClient) -> None:
    org = admin.get(f"{ACCOUNTS}/docker-datacenter").json()
    assert org["isOrg"] is True

    owned = admin.get(f"{ACCOUNTS}/admin/organizations", params={"limit": 1000}).json()["memberOrgs"]

    assert ("docker-datacenter", True) in [(each["org"]["name"], each["isAdmin"]) for each in owned]


def _json(document: object) -> bytes:
    # Escapes lone surrogates, which the client's own encoder refuses.
    return json.dumps(document).encode()
