"""`docker search HOST/term`: two fixed paths of Docker's first registry protocol, which engines still use for it.

Source: docker engine 20.10, package registry, `session.go` and `search.go`.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from dtr.core.errors import Invalid
from dtr.core.principal import Caller, Principal, TokenSubject
from dtr.doors.credentials import circumstances, is_bearer, parse_bearer
from dtr.doors.identity import Identity
from dtr.features.search.model import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGES, docker_document
from dtr.features.search.service import Search
from dtr.features.tokens.checker import TokenChecker
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import Response, json_response
from dtr.plumbing.asgi.routing import Route

_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_JWT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""Three parts in base64url. Source: RFC 7515, section 7.1."""

PrincipalOf = Callable[[TokenSubject], Awaitable[Principal]]
"""Finds whom a token was issued to, with present rights."""


class SearchDoor:
    """Answers `docker search`."""

    def __init__(
        self, search: Search, identity: Identity, checker: TokenChecker, principal_of: PrincipalOf
    ) -> None:
        self._search = search
        self._identity = identity
        self._checker = checker
        self._principal_of = principal_of

    def routes(self) -> list[Route]:
        """Return the fixed paths."""
        return [Route("GET", "/v1/_ping", self.ping), Route("GET", "/v1/search", self.search)]

    async def ping(self, request: Request) -> Response:  # noqa: ARG002 - the handler's signature
        """Tell the engine that it may search here: with what it has, be it nothing."""
        # Not standalone: so that an engine sends no empty name and password where nobody is logged in.
        return json_response(200, {"standalone": False}, [(b"x-docker-registry-standalone", b"false")])

    async def search(self, request: Request) -> Response:
        """Find repositories that the caller may see."""
        caller = await self._caller(request)
        request.user = caller.principal.name or ""
        text = request.query.get("q") or ""
        size = _number(request, "n", DEFAULT_LIMIT, MAX_LIMIT)
        page = _number(request, "page", 1, MAX_PAGES)
        found = await self._search.repositories(caller, text, size, skip=(page - 1) * size)
        headers = [(b"cache-control", b"no-store"), (b"vary", b"authorization")]
        return json_response(200, docker_document(text, found), headers)

    async def _caller(self, request: Request) -> Caller:
        """Return who searches: also by a token of the registry protocol, which engines get for a stored login."""
        header = request.header(b"authorization")
        if header is None or not is_bearer(header) or _JWT.fullmatch(parse_bearer(header)) is None:
            return await self._identity.caller(request)
        grant = await self._checker.check(header)
        nobody = circumstances(request)
        principal = await self._principal_of(grant.holder)
        return Caller(principal, nobody.address, nobody.user_agent, nobody.request_id)


def _number(request: Request, name: str, default: int, largest: int) -> int:
    """Return a whole number of the query, at least 1; a larger one than `largest` is lowered to it. Raises Invalid."""
    given = request.query.get(name)
    if not given:
        return default
    if _NUMBER.fullmatch(given) is None:
        raise Invalid(f"the parameter {name} must be a whole number", given=given[:100])
    return min(max(int(given), 1), largest)
