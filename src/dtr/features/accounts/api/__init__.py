"""The accounts' API, `/enzi/v0`: users, organizations, teams, public keys.

| module | holds |
| --- | --- |
| `shapes` | what requests and answers look like, and names in paths |
| `accounts` | lists, making, changing, deleting, passwords |
| `organizations` | members |
| `teams` | teams and their members |
| `public_keys` | public keys |
| `sessions` | one's own sessions in browsers; below `/api/v0` |
"""

from collections.abc import Callable

from fastapi import APIRouter

from dtr.core.errors import RegistryError
from dtr.features.accounts.api import accounts, organizations, public_keys, teams
from dtr.features.accounts.service import Accounts


def routers(service: Accounts, code_of: Callable[[RegistryError], str]) -> list[APIRouter]:
    """Build all routes of the room. `code_of` gives the API's code of an error, for reports on many changes."""
    return [
        accounts.router(service.users, code_of),
        organizations.router(service.organizations),
        teams.router(service.teams),
        public_keys.router(service.public_keys),
    ]
