"""Changing passwords, and changing many accounts in one request."""

from collections.abc import Iterator

import pytest

from tests.support.api import ApiClient, codes
from tests.support.people import ACCOUNTS, PASSWORD, client, demote_others, make_organization, make_user
from tests.support.server import ServerProcess

NEW_PASSWORD = "another quite long one"


@pytest.fixture
def own(server: ServerProcess, admin: ApiClient, number: int) -> Iterator[ApiClient]:
    """Give the client of a user `changer<number>`."""
    make_user(admin, f"changer{number}")
    with client(server, f"changer{number}") as made:
        yield made


def test_a_user_changes_their_own_password_with_the_old_one(
    server: ServerProcess, own: ApiClient, number: int
) -> None:
    path = f"{ACCOUNTS}/changer{number}"

    changed = own.post(f"{path}/changePassword", {"oldPassword": PASSWORD, "newPassword": NEW_PASSWORD})

    assert changed.status_code == 200, changed.text
    assert changed.json()["name"] == f"changer{number}"
    assert codes(own.get(path)) == ["NOT_AUTHENTICATED"]
    with client(server, f"changer{number}", NEW_PASSWORD) as again:
        assert again.get(path).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"newPassword": NEW_PASSWORD}, 400, "INVALID_PARAMETERS"),
        ({"oldPassword": "wrong", "newPassword": NEW_PASSWORD}, 403, "WRONG_PASSWORD"),
        ({"oldPassword": "", "newPassword": NEW_PASSWORD}, 403, "WRONG_PASSWORD"),
        ({"oldPassword": PASSWORD, "newPassword": "short"}, 400, "INVALID_PARAMETERS"),
        ({"oldPassword": PASSWORD, "newPassword": "1q2w3e4r5t6y"}, 400, "INVALID_PARAMETERS"),
        ({"oldPassword": PASSWORD}, 400, "INVALID_PARAMETERS"),
        ({"oldPassword": PASSWORD, "newPassword": 123456789012}, 400, "INVALID_PARAMETERS"),
    ],
)
def test_a_bad_change_leaves_the_old_password(
    own: ApiClient, number: int, body: dict[str, object], status: int, code: str
) -> None:
    path = f"{ACCOUNTS}/changer{number}"

    refused = own.post(f"{path}/changePassword", body)

    assert (refused.status_code, codes(refused)) == (status, [code])
    assert own.get(path).status_code == 200


def test_old_passwords_cannot_be_guessed_faster_than_logins(own: ApiClient, number: int) -> None:
    path = f"{ACCOUNTS}/changer{number}/changePassword"
    answers = [
        own.post(path, {"oldPassword": f"guess {guess}", "newPassword": NEW_PASSWORD}) for guess in range(11)
    ]

    assert [answer.status_code for answer in answers[:2]] == [403, 403]
    last = answers[-1]
    # A caller with Basic credentials proves them with every request, so that one is held up first.
    assert last.status_code in {403, 429}
    assert last.status_code == 403 or last.headers["Retry-After"]


def test_an_administrator_needs_no_old_password_but_for_their_own(
    server: ServerProcess, admin: ApiClient, own: ApiClient, number: int
) -> None:
    path = f"{ACCOUNTS}/changer{number}"

    assert admin.post(f"{path}/changePassword", {"newPassword": NEW_PASSWORD}).status_code == 200

    assert codes(own.get(path)) == ["NOT_AUTHENTICATED"]
    with client(server, f"changer{number}", NEW_PASSWORD) as again:
        assert again.get(path).status_code == 200
    refused = admin.post(f"{ACCOUNTS}/admin/changePassword", {"newPassword": NEW_PASSWORD})
    assert codes(refused) == ["INVALID_PARAMETERS"]
    unknown = admin.post(f"{ACCOUNTS}/nobody-{number}/changePassword", {"newPassword": NEW_PASSWORD})
    assert codes(unknown) == ["NO_SUCH_USER"]


def test_many_changes_are_each_done_or_reported(admin: ApiClient, number: int) -> None:
    demote_others(admin)
    first = make_user(admin, f"bulk{number}a")
    make_user(admin, f"bulk{number}b")
    make_organization(admin, f"bulk{number}c")
    operations = [
        {"op": "makeAdmin", "ref": first["id"]},
        {"op": "makeAuditor", "ref": f"bulk{number}a"},
        {"op": "removeAdmin", "ref": f"bulk{number}a"},
        {"op": "setFullName", "ref": f"bulk{number}a", "value": "A."},
        {"op": "setFullName", "ref": f"bulk{number}a", "value": 7},
        {"op": "deactivate", "ref": f"bulk{number}a"},
        {"op": "delete", "ref": f"bulk{number}b", "value": None},
        {"op": "delete", "ref": f"bulk{number}b"},
        {"op": "makeAdmin", "ref": f"bulk{number}c"},
        {"op": "explode", "ref": f"bulk{number}a"},
        {"op": "removeAdmin", "ref": "admin"},
        {"op": "delete", "ref": "admin"},
    ]

    answer = admin.patch(ACCOUNTS, {"operations": operations})

    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [(each["op"], each["ref"]) for each in results] == [
        (each["op"], each["ref"]) for each in operations
    ]
    errors = [each["error"]["code"] if each["error"] else None for each in results]
    assert errors == [
        None,
        None,
        None,
        None,
        "INVALID_PARAMETERS",
        None,
        None,
        "NO_SUCH_ACCOUNT",
        "INVALID_PARAMETERS",
        "INVALID_PARAMETERS",
        "LAST_ADMIN",
        "LAST_ADMIN",
    ]
    assert [each["success"] for each in results] == [error is None for error in errors]
    account = admin.get(f"{ACCOUNTS}/bulk{number}a").json()
    assert (account["isAdmin"], account["isAuditor"], account["isActive"], account["fullName"]) == (
        False,
        True,
        False,
        "A.",
    )


def test_too_many_changes_and_malformed_ones_are_refused_as_a_whole(admin: ApiClient, number: int) -> None:
    make_user(admin, f"whole{number}")
    change = {"op": "deactivate", "ref": f"whole{number}"}

    for body in (
        {"operations": [change] * 1001},
        {"operations": [change, {"op": "delete"}]},
        {"operations": change},
        {},
    ):
        assert codes(admin.patch(ACCOUNTS, body))[0] == "INVALID_PARAMETERS"

    assert admin.get(f"{ACCOUNTS}/whole{number}").json()["isActive"] is True
    assert admin.patch(ACCOUNTS, {"operations": []}).json() == {"results": []}
