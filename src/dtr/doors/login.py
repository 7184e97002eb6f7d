"""The login doors: `/login`, `/logout` and `/basic_info` for browsers, `/auth/login` for programs."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import orjson

from dtr import __version__
from dtr.core.errors import Invalid, NotFound, RegistryError, TooManyRequests, Unauthorized
from dtr.core.messages import as_message, said
from dtr.core.principal import Caller, Principal, PrincipalKind
from dtr.doors.api.errors import told
from dtr.doors.credentials import BasicCredentials, circumstances
from dtr.doors.identity import SESSION_COOKIE, Identified, Identity, session_token_of
from dtr.features.accounts.model import Account
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.service.sessions import Sessions, StartedSession
from dtr.features.tokens.sign_in import AuthenticationMethod, SignedIn, SignIn
from dtr.plumbing.asgi.request import QueryParameters, Request
from dtr.plumbing.asgi.response import BytesResponse, Response, json_response
from dtr.plumbing.asgi.routing import Route
from dtr.plumbing.web.flash import FLASH_COOKIE, FLASH_SECONDS, Mood, flash_value
from dtr.plumbing.web.reader import LANGUAGE_COOKIE, LANGUAGE_SECONDS

CSRF_COOKIE: Final = "csrftoken"
"""Readable for the pages of this site, which send its value back in the header `X-Csrf-Token`."""

MAX_FORM_BYTES: Final = 64 * 1024

SIGN_IN_PATH: Final = "/sign-in"
"""The page to sign in at."""

SIGNED_OUT: Final = said("You are signed out.")

CSRF_FIELD: Final = "csrf_token"
"""The field of a form that stands for the header `X-Csrf-Token`."""

_FLASH_ATTRIBUTES: Final = f"; HttpOnly; Max-Age={FLASH_SECONDS}"
_NO_STORE: Final = (b"cache-control", b"no-store")
_BY_COOKIE: Final = (b"vary", b"authorization, cookie")

LanguageOf: TypeAlias = Callable[[str], Awaitable[str]]
"""Returns the code of the language that the account of an id reads pages in; empty if none was chosen."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class LoginDoor:
    """Lets people in and out."""

    def __init__(
        self,
        identity: Identity,
        sign_in: SignIn,
        sessions: Sessions,
        accounts: Accounts,
        language_of: LanguageOf,
    ) -> None:
        self._identity = identity
        self._sign_in = sign_in
        self._sessions = sessions
        self._accounts = accounts
        self._language_of = language_of

    def routes(self) -> list[Route]:
        """Return every route of this door."""
        return [
            Route("GET", "/login", _to_sign_in),
            Route("POST", "/login", self._for_browsers(self.log_in)),
            Route("POST", "/logout", self._for_browsers(self.log_out)),
            Route("POST", "/auth/login", _answering(self.get_session_token)),
            Route("GET", "/basic_info", _answering(self.basic_info)),
        ]

    async def log_in(self, request: Request) -> Response:
        """Begin a browser's session: cookies, and what `/basic_info` says; a form is sent on to `next`."""
        # Another site must not log somebody in under a name that is not theirs.
        self._identity.require_own_page(request)
        fields = await _fields(request)
        signed_in, caller = await self._password_login(request, fields)
        started = await self._start(signed_in, caller, replaced_token=session_token_of(request))
        headers = _session_cookies(request, started)
        if _is_browser(request):
            headers += await self._language_cookie(request, caller)
            target = local_path(fields.get("next", "") or request.query.get("next") or "")
            return BytesResponse(303, [(b"location", target.encode()), _NO_STORE, *headers])
        info = await self._info(Identified(caller, AuthenticationMethod.SESSION))
        return json_response(200, info, [_NO_STORE, *headers])

    async def log_out(self, request: Request) -> Response:
        """End the session that the request came with, and drop its cookies."""
        fields = await _fields(request)
        found = await self._identity.identify(request, fields.get(CSRF_FIELD, ""))
        if found.session is not None:
            await self._sessions.end_by_id(found.caller, found.session.id)
        headers = [_cookie(request, name, "", "; Max-Age=0") for name in (SESSION_COOKIE, CSRF_COOKIE)]
        if _is_browser(request):
            headers.append(_flash(request, SIGNED_OUT, Mood.GOOD))
            return BytesResponse(303, [(b"location", SIGN_IN_PATH.encode()), _NO_STORE, *headers])
        return json_response(200, {}, [_NO_STORE, *headers])

    async def get_session_token(self, request: Request) -> Response:
        """Begin a program's session: its token goes into `Authorization: Bearer` headers."""
        signed_in, caller = await self._password_login(request, await _fields(request))
        started = await self._start(signed_in, caller)
        return json_response(200, {"auth_token": started.token, "token_id": started.id}, [_NO_STORE])

    async def basic_info(self, request: Request) -> Response:
        """Say who the caller is, and how that is known."""
        found = await self._identity.identify(request)
        request.user = found.caller.principal.name or ""
        return json_response(200, await self._info(found), [_NO_STORE, _BY_COOKIE])

    async def _language_cookie(self, request: Request, caller: Caller) -> list[tuple[bytes, bytes]]:
        """Return what brings the language that somebody once chose to this browser."""
        code = await self._language_of(caller.principal.account_id or "")
        attributes = f"; HttpOnly; Max-Age={LANGUAGE_SECONDS}"
        return [_cookie(request, LANGUAGE_COOKIE, code, attributes)] if code else []

    def _for_browsers(self, handler: Handler) -> Handler:
        """Answer errors to the forms of our pages with the page to sign in, others in the manner of the API."""
        for_programs = _answering(handler)

        async def handle(request: Request) -> Response:
            if not _is_browser(request):
                return await for_programs(request)
            try:
                return await handler(request)
            except RegistryError as error:
                flash = _flash(request, _trouble(error), Mood.BAD)
                return BytesResponse(303, [(b"location", _sign_in_address(request)), _NO_STORE, flash])

        return handle

    async def _password_login(self, request: Request, fields: dict[str, str]) -> tuple[SignedIn, Caller]:
        """Return the login that a name and a password prove. Only these begin a session."""
        credentials = _credentials(fields)
        caller = circumstances(request)
        signed_in = await self._sign_in.authenticate(credentials.name, credentials.password, caller)
        caller = replace(caller, principal=signed_in.principal)
        request.user = caller.principal.name or ""
        return signed_in, caller

    async def _start(self, signed_in: SignedIn, caller: Caller, replaced_token: str = "") -> StartedSession:
        if signed_in.login is None:
            raise Unauthorized(
                "only a user's password begins a session; send an access token with each request"
            )
        return await self._sessions.start(signed_in.login, caller, replaced_token)

    async def _info(self, found: Identified) -> dict[str, object]:
        principal = found.caller.principal
        account = await self._account(principal)
        return {
            "CurrentVersion": __version__,
            "User": None if account is None else _user(account),
            "IsAdmin": principal.is_admin and not principal.is_limited,
            "AuthnMethod": str(found.method),
        }

    async def _account(self, principal: Principal) -> Account | None:
        """Return the user's account; None for strangers and robots, who have none."""
        if principal.kind is not PrincipalKind.USER or principal.name is None:
            return None
        try:
            return await self._accounts.get(principal.name)
        except NotFound:  # deleted meanwhile
            return None


async def _to_sign_in(request: Request) -> Response:
    """Lead on to the page: DTR's address for it was this one."""
    return BytesResponse(303, [(b"location", _sign_in_address(request)), _NO_STORE])


def _sign_in_address(request: Request) -> bytes:
    """Return the page to sign in at, with where to go on to after it."""
    target = local_path(request.query.get("next") or "")
    return f"{SIGN_IN_PATH}?next={quote(target, safe='/')}".encode()


def _trouble(error: RegistryError) -> str:
    """Return what went wrong, and how long to wait if that is all there is to do."""
    if isinstance(error, TooManyRequests):
        return said(
            "%(problem)s (%(count)s s)", problem=as_message(error.message), count=error.retry_after_seconds
        )
    return error.message


def _flash(request: Request, text: str, mood: Mood) -> tuple[bytes, bytes]:
    """Return the header that leaves a message for the next page."""
    return _cookie(request, FLASH_COOKIE, flash_value(text, mood), _FLASH_ATTRIBUTES)


def _is_browser(request: Request) -> bool:
    return b"text/html" in (request.header(b"accept") or b"")


def _answering(handler: Handler) -> Handler:
    """Answer errors in the manner of the API, and without a challenge: a browser would pop up a window for it."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except RegistryError as error:
            refusal = told(error)
            headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
            return json_response(refusal.status, refusal.body, [_NO_STORE, *headers])

    return handle


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a form or a JSON document: clients send documents under a form's content type, too."""
    body = await request.body(MAX_FORM_BYTES)
    if body.lstrip()[:1] != b"{":
        form = QueryParameters(body)
        return {name: form.get(name) or "" for name in ("username", "password", "next", CSRF_FIELD)}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid("the body is not valid JSON") from error
    return {name: value for name, value in document.items() if isinstance(value, str)}


def _credentials(fields: dict[str, str]) -> BasicCredentials:
    name, password = fields.get("username"), fields.get("password")
    if not name or not password:
        raise Invalid("the fields username and password are needed")
    return BasicCredentials(name, password)


def _session_cookies(request: Request, started: StartedSession) -> list[tuple[bytes, bytes]]:
    """Return the cookies of a new session. They end with the browser: when the session ends is decided here."""
    return [
        _cookie(request, SESSION_COOKIE, started.token, "; HttpOnly"),
        _cookie(request, CSRF_COOKIE, started.csrf_token),
    ]


def _cookie(request: Request, name: str, value: str, attributes: str = "") -> tuple[bytes, bytes]:
    """Return the header that sets a cookie. Source: RFC 6265, section 4.1."""
    secure = "; Secure" if request.scheme == "https" else ""
    return b"set-cookie", f"{name}={value}; Path=/; SameSite=Lax{attributes}{secure}".encode()


def local_path(target: str) -> str:
    r"""Return a path of this site to go on to; `/` for anything else.

    Browsers read `//host` and `/\host` as another site, and leave tabs and line ends out of an address.
    """
    is_plain = target.isascii() and target.isprintable() and " " not in target and "\\" not in target
    return target if is_plain and target.startswith("/") and not target.startswith("//") else "/"


def _user(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "id": account.id,
        "fullName": account.full_name,
        "isOrg": account.is_org,
        "isAdmin": account.is_admin,
        "isActive": account.is_active,
        "isImported": False,
    }
