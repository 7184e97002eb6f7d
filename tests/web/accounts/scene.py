"""What tests of the pages about people ask the registry."""

import httpx

from tests.support.api import ApiClient
from tests.support.people import ACCOUNTS
from tests.support.server import ServerProcess

TEAM = "/organizations/acme/teams/writers"


def ranks(admin: ApiClient, path: str = "acme") -> dict[str, bool]:
    """Return who belongs to an organization or team, and whether they manage it."""
    found = admin.get(f"{ACCOUNTS}/{path}/members", params={"limit": 1000}).json()["members"]
    return {each["member"]["name"]: each["isAdmin"] for each in found}


def account(admin: ApiClient, name: str) -> dict[str, object]:
    """Return what the API tells of an account."""
    found: dict[str, object] = admin.get(f"{ACCOUNTS}/{name}").json()
    return found


def log_in(registry: ServerProcess, name: str, password: str) -> bool:
    """Tell whether somebody can log in with a password."""
    with httpx.Client(base_url=registry.url) as client:
        answer = client.get("/auth/token", params={"service": "dtr"}, auth=(name, password))
    return answer.status_code == 200
