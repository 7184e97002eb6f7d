"""Who calls: finds it out for the API, the web UI and the logins, from password, token or session."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from dtr.core.errors import Unauthorized
from dtr.core.messages import said
from dtr.core.principal import Caller
from dtr.doors.credentials import circumstances, is_bearer, parse_basic, parse_bearer
from dtr.features.accounts.service.sessions import SESSION_PREFIX, CsrfTokenInvalid, LiveSession, Sessions
from dtr.features.tokens.sign_in import AuthenticationMethod, SignedIn, SignIn
from dtr.plumbing.asgi.request import Request

SESSION_COOKIE: Final = "dtr_session"
CSRF_HEADER: Final = b"x-csrf-token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing. Source: RFC 9110, section 9.2.1."""

_USUAL_PORTS: Final = (None, 80, 443)


@dataclass(frozen=True, slots=True)
class Identified:
    """Who sent a request, and how that is known."""

    caller: Caller
    method: AuthenticationMethod
    session: LiveSession | None = None
    """The session that was used, by cookie or as a bearer token."""


class Identity:
    """Turns a request into its caller."""

    def __init__(self, sign_in: SignIn, sessions: Sessions, external_url: str | None = None) -> None:
        self._sign_in = sign_in
        self._sessions = sessions
        self._external_url = external_url

    async def caller(self, request: Request) -> Caller:
        """Return the caller, anonymous without credentials.

        Raises Unauthorized or TooManyRequests, and CsrfTokenInvalid for a change that another site may have forged. A
        token in the query counts here, for programs that send no headers; an Authorization header wins over it.
        """
        token = request.query.get("refresh_token")
        if token and request.header(b"authorization") is None:
            nobody = circumstances(request)
            return _identified(nobody, await self._sign_in.redeem(token, nobody)).caller
        return (await self.identify(request)).caller

    async def identify(self, request: Request, form_token: str = "") -> Identified:
        """Return the caller with the way that they proved it; raises like `caller`.

        An Authorization header wins over a cookie. `form_token` is what a form of ours carries, where no script can
        send the header `X-Csrf-Token`. No token is taken from the query: browsers keep addresses.
        """
        nobody = circumstances(request)
        header = request.header(b"authorization")
        if header is not None:
            if not is_bearer(header):
                self.require_own_page(request)
            return await self._from_header(header, nobody)
        session = await self._sessions.find(session_token_of(request))
        if session is None:
            self.require_own_page(request)
            return Identified(nobody, AuthenticationMethod.ANONYMOUS)
        caller = _in_session(nobody, session)
        if request.method not in SAFE_METHODS:
            given = (request.header(CSRF_HEADER) or b"").decode("latin-1") or form_token
            await self._sessions.check_csrf(caller, session, given, self._foreign_origin(request))
        return Identified(caller, AuthenticationMethod.SESSION, session)

    def require_own_page(self, request: Request) -> None:
        """Refuse a change that a browser sends for a page of another site. Raises CsrfTokenInvalid.

        No session's token is needed for harm: browsers add a password that was once typed into their own window, and
        keep the cookies of an answer that says somebody signed in or out.
        """
        trouble = "" if request.method in SAFE_METHODS else self._foreign_origin(request)
        if trouble:
            raise CsrfTokenInvalid(trouble)

    def _foreign_origin(self, request: Request) -> str:
        """Return what is wrong with the page that a browser says it sends from; empty if nothing is.

        Only host and port are compared: a proxy that is not trusted may hide the scheme.
        """
        origin = request.header(b"origin")
        if origin is None:
            return ""
        own = [f"{request.scheme}://{request.host}", self._external_url or ""]
        place = _place(origin.decode("latin-1"))
        if place is not None and place in {_place(each) for each in own}:
            return ""
        return said("the request comes from a page of another site")

    async def _from_header(self, header: bytes, nobody: Caller) -> Identified:
        if is_bearer(header):
            token = parse_bearer(header)
            if not token.startswith(SESSION_PREFIX):
                return _identified(nobody, await self._sign_in.redeem(token, nobody))
            session = await self._sessions.find(token)
            if session is None:
                raise Unauthorized("the session has ended; log in again")
            return Identified(_in_session(nobody, session), AuthenticationMethod.BEARER, session)
        basic = parse_basic(header)
        if not basic.name and not basic.password:  # what docker sends for a search when nobody is logged in
            return Identified(nobody, AuthenticationMethod.ANONYMOUS)
        return _identified(nobody, await self._sign_in.authenticate(basic.name, basic.password, nobody))


def session_token_of(request: Request) -> str:
    """Return the session token that a request's cookies hold; empty if they hold none. Source: RFC 6265, 4.2.1."""
    for header in request.headers_all(b"cookie"):
        for pair in header.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == SESSION_COOKIE:
                return value.strip('"')
    return ""


def _identified(nobody: Caller, signed_in: SignedIn) -> Identified:
    return Identified(replace(nobody, principal=signed_in.principal), signed_in.method)


def _in_session(nobody: Caller, session: LiveSession) -> Caller:
    return replace(nobody, principal=session.principal, session_id=session.id)


def _place(address: str) -> str | None:
    """Return host and port of a web address, without a port that is the usual one; None if it is no address."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.hostname if port in _USUAL_PORTS else f"{parts.hostname}:{port}"
