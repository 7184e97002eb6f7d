"""Users and organizations made through the API, and clients of those users."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.api import ApiClient
from tests.support.server import ServerProcess

ACCOUNTS = "/enzi/v0/accounts"
PASSWORD = "a rather long password"


@contextmanager
def client(server: ServerProcess, name: str, password: str = PASSWORD) -> Iterator[ApiClient]:
    """Give a client of a user."""
    made = ApiClient(server.url, name, password)
    yield made
    made.close()


def make_user(admin: ApiClient, name: str, **fields: object) -> dict[str, Any]:
    """Make a user with the usual password; return the account."""
    return _made(admin, {"name": name, "password": PASSWORD, **fields})


def make_organization(admin: ApiClient, name: str, **members: bool) -> dict[str, Any]:
    """Make an organization; `members` says of each user whether they own it. Return the account."""
    account = _made(admin, {"name": name, "isOrg": True, "fullName": name})
    for member, is_admin in members.items():
        put = admin.put(f"{ACCOUNTS}/{name}/members/{member}", {"isAdmin": is_admin})
        assert put.status_code == 200, put.text
    return account


def _made(admin: ApiClient, body: dict[str, object]) -> dict[str, Any]:
    made = admin.post(ACCOUNTS, body)
    assert made.status_code == 201, made.text
    account: dict[str, Any] = made.json()
    return account


def demote_others(admin: ApiClient) -> None:
    """Leave no administrator but `admin`: other tests have made some."""
    others = admin.get(ACCOUNTS, params={"filter": "admins", "limit": 10_000}).json()["accounts"]
    for other in others:
        if other["name"] != "admin":
            assert admin.patch(f"{ACCOUNTS}/{other['id']}", {"isAdmin": False}).status_code == 200
