"""The pages about people.

| module | holds |
| --- | --- |
| `organizations` | the list, members, teams, settings; the page of one team is of the room `repositories` |
| `users` | the list, and one user |
| `profile` | one's own account: name, password, sessions, public keys |
"""

from fastapi import APIRouter

from dtr.features.accounts.pages import organizations, profile, users
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.service.sessions import Sessions
from dtr.plumbing.web.pages import Web


def pages(accounts: Accounts, sessions: Sessions, web: Web, min_password_length: int) -> APIRouter:
    """Return all routes of this room. `min_password_length` is for the hint beside a new password (characters)."""
    router = APIRouter(include_in_schema=False)
    for each in (
        profile.pages(accounts, sessions, web, min_password_length),
        organizations.pages(accounts, web),
        users.pages(accounts, web, min_password_length),
    ):
        router.include_router(each)
    return router
