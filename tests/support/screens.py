"""Every page that there is, and who may see it. A page that is missing here fails `test_every_screen`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from unittest.mock import MagicMock

from fastapi.routing import iter_route_contexts

from dtr.doors.web.assets import Assets
from dtr.wiring.web_pages import build_web_pages
from tests.support.site import EMPTY, NAMES, ORG, PRIVATE, Role, Site

ALL = frozenset(Role)
SIGNED_IN = ALL - {Role.ANONYMOUS}
ADMIN = frozenset({Role.ADMIN})
AUDITORS = frozenset({Role.ADMIN, Role.AUDITOR})
OWNERS = frozenset({Role.OWNER, Role.ADMIN})
LEADERS = OWNERS | {Role.MAINTAINER}
WRITERS = LEADERS | {Role.WRITER}
READERS = WRITERS | {Role.READER}
VIEWERS = READERS | {Role.AUDITOR}
"""Who sees the private repositories of the organization."""
MEMBERS = READERS | {Role.MEMBER}


@dataclass(frozen=True)
class Screen:
    """One address of a page."""

    address: str | Callable[[Site, Role], str]
    seen_by: Collection[Role] = ALL
    status: int = 200
    """For who may see it: a page of its own, or 303 for one that only leads on."""
    leads_others_on: bool = False

    def path(self, site: Site, role: Role) -> str:
        """Return the address for somebody."""
        return self.address if isinstance(self.address, str) else self.address(site, role)


_REPOSITORY = f"/repositories/{ORG}/{PRIVATE}"


def _own_token(site: Site, role: Role) -> str:
    return f"/profile/tokens/{site.token_ids.get(role, '0' * 64)}"


def _own_key(site: Site, role: Role) -> str:
    return f"/profile/keys/{site.key_ids.get(role, '0' * 64)}"


# Route as it is declared -> its addresses.
SCREENS: dict[str, list[Screen]] = {
    "/": [Screen("/", status=303)],
    "/sign-in": [Screen("/sign-in", {Role.ANONYMOUS}, leads_others_on=True)],
    "/repositories": [
        Screen("/repositories"),
        Screen("/repositories?q=nothing-has-this-name"),
        Screen(f"/repositories?namespace={ORG}&visibility=public&size=1"),
    ],
    "/repositories/new": [Screen("/repositories/new", SIGNED_IN)],
    "/repositories/{namespace}": [Screen(f"/repositories/{ORG}", status=303)],
    "/repositories/{namespace}/{reponame}": [
        Screen(_REPOSITORY, VIEWERS),
        Screen(f"/repositories/{ORG}/{EMPTY}", VIEWERS),
        Screen(f"/repositories/{ORG}/tools%2Fcli"),
    ],
    "/repositories/{namespace}/{reponame}/settings": [Screen(f"{_REPOSITORY}/settings", LEADERS)],
    "/repositories/{namespace}/{reponame}/permissions": [
        Screen(f"{_REPOSITORY}/permissions", LEADERS | {Role.AUDITOR})
    ],
    "/repositories/{namespace}/{reponame}/tags": [
        Screen(f"{_REPOSITORY}/tags", VIEWERS),
        Screen(f"{_REPOSITORY}/tags?q=nothing-has-this-name", VIEWERS),
        Screen(f"/repositories/{ORG}/{EMPTY}/tags", VIEWERS),
        Screen(f"/repositories/{ORG}/tools%2Fcli/tags"),
    ],
    "/repositories/{namespace}/{reponame}/tags/{tag}": [
        Screen(f"{_REPOSITORY}/tags/latest", VIEWERS),
        Screen(f"{_REPOSITORY}/tags/multi", VIEWERS),
        Screen(f"/repositories/{ORG}/tools%2Fcli/tags/latest"),
    ],
    "/repositories/{namespace}/{reponame}/manifests/{digest}": [
        Screen(lambda site, _: f"{_REPOSITORY}/manifests/{site.digests['1.0']}", VIEWERS)
    ],
    "/search": [
        Screen("/search"),
        Screen("/search?q=a"),
        Screen("/search?q=nothing-has-this-name"),
    ],
    "/profile": [Screen("/profile", SIGNED_IN)],
    "/profile/sessions": [Screen("/profile/sessions", SIGNED_IN)],
    "/profile/keys": [Screen("/profile/keys", SIGNED_IN)],
    "/profile/keys/{key_id}/remove": [Screen(lambda site, role: f"{_own_key(site, role)}/remove", SIGNED_IN)],
    "/profile/tokens": [Screen("/profile/tokens", SIGNED_IN)],
    "/profile/tokens/new": [Screen("/profile/tokens/new", SIGNED_IN)],
    "/profile/tokens/clean-up": [Screen("/profile/tokens/clean-up", SIGNED_IN)],
    "/profile/tokens/{token_hash}/delete": [
        Screen(lambda site, role: f"{_own_token(site, role)}/delete", SIGNED_IN)
    ],
    "/robots": [Screen("/robots", SIGNED_IN), Screen(f"/robots?namespace={ORG}", OWNERS | AUDITORS)],
    "/robots/new": [Screen("/robots/new", SIGNED_IN)],
    "/robots/{name}": [
        Screen(lambda site, _role: f"/robots/{site.robot.replace('+', '%2B')}", OWNERS | AUDITORS)
    ],
    "/organizations": [Screen("/organizations", SIGNED_IN), Screen("/organizations?q=nothing", SIGNED_IN)],
    "/organizations/new": [Screen("/organizations/new", ADMIN)],
    "/organizations/{org}": [Screen(f"/organizations/{ORG}", SIGNED_IN)],
    "/organizations/{org}/members/{username}/remove": [
        Screen(f"/organizations/{ORG}/members/{NAMES[Role.MEMBER]}/remove", OWNERS | {Role.MEMBER})
    ],
    "/organizations/{org}/repositories": [Screen(f"/organizations/{ORG}/repositories", status=303)],
    "/organizations/{org}/settings": [Screen(f"/organizations/{ORG}/settings", OWNERS)],
    "/organizations/{org}/teams": [Screen(f"/organizations/{ORG}/teams", MEMBERS | AUDITORS)],
    "/organizations/{org}/teams/{team}": [Screen(f"/organizations/{ORG}/teams/readers", MEMBERS | AUDITORS)],
    "/users": [Screen("/users", SIGNED_IN), Screen("/users?q=nothing-has-this-name", SIGNED_IN)],
    "/users/new": [Screen("/users/new", ADMIN)],
    "/users/{username}": [Screen(f"/users/{NAMES[Role.USER]}", SIGNED_IN)],
    "/system": [Screen("/system", AUDITORS)],
    "/system/alerts": [Screen("/system/alerts", AUDITORS)],
    "/system/storage": [Screen("/system/storage", AUDITORS)],
    "/system/audit": [
        Screen("/system/audit", SIGNED_IN),
        Screen("/system/audit?name=LoginFailed&outcome=denied&actor=nobody", SIGNED_IN),
    ],
    "/activity": [
        Screen("/activity", SIGNED_IN),
        Screen("/activity?type=all&from=2020-01-01&size=1", SIGNED_IN),
        Screen("/activity?type=DELETE&to=2020-01-01", SIGNED_IN),
    ],
    "/repositories/{namespace}/{reponame}/activity": [Screen(f"{_REPOSITORY}/activity", VIEWERS)],
}


@cache
def declared_routes(method: str) -> set[str]:
    """Return the routes of the real application, as they are declared."""
    application = build_web_pages(
        MagicMock(), MagicMock(), Assets(), MagicMock()
    )  # nothing is called before there is a request
    contexts = iter_route_contexts(application.routes)  # type: ignore[attr-defined]  # a FastAPI application
    return {str(context.path_format) for context in contexts if method in (context.methods or ())}


def screens_of(site: Site, role: Role) -> list[str]:
    """Return the addresses of all pages that somebody sees."""
    wanted = [each for screens in SCREENS.values() for each in screens]
    return [each.path(site, role) for each in wanted if role in each.seen_by and each.status == 200]
