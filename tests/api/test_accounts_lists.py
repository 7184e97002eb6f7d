"""Lists of accounts: filters, orders, parts of names, pages."""

from typing import Any

import pytest

from tests.support.api import ApiClient, codes
from tests.support.people import ACCOUNTS, client, make_organization, make_user
from tests.support.server import ServerProcess


def listed(caller: ApiClient, **params: object) -> list[str]:
    answer = caller.get(ACCOUNTS, params={"limit": 10_000, **params})
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["accounts"]]


def walked(caller: ApiClient, path: str, key: str, **params: object) -> list[Any]:
    """Walk all pages by the markers in the headers, as replication clients do."""
    found, start = [], ""
    while True:
        answer = caller.get(path, params={**params, "start": start} if start else params)
        assert answer.status_code == 200, answer.text
        found += answer.json()[key]
        start = answer.headers.get("X-Next-Page-Start", "")
        assert start == answer.json()["nextPageStart"]
        if not start:
            return found


@pytest.fixture
def crowd(admin: ApiClient, number: int) -> str:
    """Give a word that the names of some accounts of every kind begin with."""
    word = f"crowd{number}x"
    make_user(admin, f"{word}-b", fullName="Anna 100%")
    make_user(admin, f"{word}-a", fullName="Zoë")
    make_user(admin, f"{word}-c", fullName="anna_", isAdmin=True)
    make_user(admin, f"{word}-d", isActive=False)
    make_organization(admin, f"{word}-e")
    return word


def test_each_filter_gives_its_kind(admin: ApiClient, crowd: str) -> None:
    expected = {
        "all": "abcde",
        "users": "abcd",
        "orgs": "e",
        "admins": "c",
        "non-admins": "abd",
        "active-users": "abc",
        "inactive-users": "d",
    }

    for name, letters in expected.items():
        assert listed(admin, filter=name, contains=crowd) == [f"{crowd}-{letter}" for letter in letters]
    assert admin.get(ACCOUNTS, params={"contains": crowd}).json()["resourceCount"] == 5


@pytest.mark.parametrize(
    ("order", "letters"),
    [
        ("name", "abcde"),
        ("+name", "abcde"),
        ("-name", "edcba"),
        ("fullName", "dbace"),
        ("-fullName", "ecabd"),
    ],
)
def test_lists_are_sorted_and_pages_go_on_where_the_last_ended(
    admin: ApiClient, crowd: str, order: str, letters: str
) -> None:
    expected = [f"{crowd}-{letter}" for letter in letters]

    assert listed(admin, order=order, contains=crowd) == expected
    for size in (1, 2, 5):
        pages = walked(admin, ACCOUNTS, "accounts", order=order, contains=crowd, limit=size)
        assert [each["name"] for each in pages] == expected


@pytest.mark.parametrize("order", ["name", "-fullName"])
def test_a_page_starts_where_a_deleted_account_was(admin: ApiClient, crowd: str, order: str) -> None:
    params = {"order": order, "contains": crowd, "limit": 2}
    full = listed(admin, order=order, contains=crowd)
    start = admin.get(ACCOUNTS, params=params).json()["nextPageStart"]

    assert admin.delete(f"{ACCOUNTS}/{full[2]}").status_code == 204
    following = admin.get(ACCOUNTS, params={**params, "start": start}).json()["accounts"]

    assert [each["name"] for each in following] == full[3:5]


def test_parts_of_names_are_found_in_any_case_and_are_no_patterns(admin: ApiClient, crowd: str) -> None:
    assert listed(admin, contains=f"{crowd.upper()}-A") == [f"{crowd}-a"]
    assert f"{crowd}-b" in listed(admin, contains="nA 100%")
    assert f"{crowd}-b" not in listed(admin, contains="anna_")
    assert f"{crowd}-c" in listed(admin, contains="anna_")
    assert f"{crowd}-a" in listed(admin, contains="Zoë")
    assert listed(admin, contains=f"{crowd}%") == []
    assert listed(admin, contains="\\") == []


def test_counts_are_numbers_of_everything_and_of_what_was_asked_for(admin: ApiClient, crowd: str) -> None:
    body = admin.get(ACCOUNTS, params={"filter": "orgs", "limit": 1}).json()
    users = admin.get(ACCOUNTS, params={"filter": "users", "limit": 1})

    assert body["resourceCount"] == body["orgsCount"] == len(listed(admin, filter="orgs"))
    assert users.json()["resourceCount"] == users.json()["usersCount"] == len(listed(admin, filter="users"))
    assert users.headers["X-Resource-Count"] == str(users.json()["usersCount"])
    assert admin.get(ACCOUNTS).json()["resourceCount"] == body["orgsCount"] + body["usersCount"]


def test_the_last_page_names_no_next_one(admin: ApiClient, crowd: str) -> None:
    answer = admin.get(ACCOUNTS, params={"contains": crowd, "limit": 5})

    assert answer.json()["nextPageStart"] == ""
    assert "X-Next-Page-Start" not in answer.headers
    assert (
        len(admin.get(ACCOUNTS, params={"limit": 100, "pageSize": 1, "count": "true"}).json()["accounts"]) > 1
    )


def test_every_user_may_list_accounts_and_strangers_may_not(
    server: ServerProcess, admin: ApiClient, alice: ApiClient, anonymous: ApiClient, number: int
) -> None:
    make_user(admin, f"auditor{number}", isAuditor=True)

    assert listed(alice) == listed(admin)
    with client(server, f"auditor{number}") as auditor:
        assert listed(auditor) == listed(admin)
        assert auditor.get(f"{ACCOUNTS}/alice/organizations").status_code == 200
        assert auditor.patch(f"{ACCOUNTS}/alice", {"fullName": "X"}).status_code == 403
    assert codes(anonymous.get(ACCOUNTS)) == ["NOT_AUTHENTICATED"]


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "robots"},
        {"filter": ""},
        {"order": "id"},
        {"order": "+"},
        {"order": ""},
        {"limit": 0},
        {"limit": 10_001},
        {"limit": -1},
        {"limit": "many"},
        {"contains": "x" * 129},
        {"contains": "nul\0"},
        {"start": "nul\0"},
        {"start": "x" * 1025},
        {"order": "fullName", "start": "no marker!"},
        {"order": "fullName", "start": "_w=="},
    ],
)
def test_a_malformed_query_is_refused(admin: ApiClient, params: dict[str, object]) -> None:
    answer = admin.get(ACCOUNTS, params=params)

    assert (answer.status_code, codes(answer)) == (400, ["INVALID_PARAMETERS"])


def test_members_and_teams_of_organizations_are_counted_in_lists(admin: ApiClient, number: int) -> None:
    name = f"counted{number}"
    make_organization(admin, name, alice=True, bob=False)
    assert admin.post(f"{ACCOUNTS}/{name}/teams", {"name": "one"}).status_code == 201

    [listed_org] = admin.get(ACCOUNTS, params={"contains": name}).json()["accounts"]

    assert (listed_org["membersCount"], listed_org["teamsCount"]) == (2, 1)
    assert admin.get(f"{ACCOUNTS}/{name}").json() == listed_org
