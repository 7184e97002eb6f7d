"""The way into the pages: who reads is found out here, then FastAPI takes over."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from dtr.core.errors import RegistryError
from dtr.doors.api.intake import check_address
from dtr.doors.credentials import circumstances
from dtr.doors.identity import SAFE_METHODS, Identified
from dtr.doors.login import CSRF_FIELD
from dtr.plumbing.asgi.mount import AsgiApplication, run_mounted
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import Response
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.reader import SCOPE_KEY, Reader

MAX_FORM_BYTES: Final = 256 * 1024
"""The longest form holds a long description and a page of checkboxes."""

TROUBLE_KEY: Final = "dtr.trouble"
"""Where the door leaves an error for the application to show as a page."""

SEEN_KEY: Final = "dtr.seen"
"""Where the application notes what it saw in a request: its route."""

SECURITY_HEADERS: Final = [
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
            b" form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
    ),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
    (b"vary", b"cookie, accept-language"),
]


class FormIdentity(Protocol):
    """Finds out who reads."""

    async def identify(self, request: Request, form_token: str = "") -> Identified:
        """Return the reader. `form_token` stands for the header that scripts send. Raises `RegistryError`."""
        ...


class WebDoor:
    """Every page."""

    prefix: Final = "/"

    def __init__(
        self,
        identity: FormIdentity,
        application: Callable[[], Awaitable[AsgiApplication]],
        external_url: str | None,
    ) -> None:
        self._identity = identity
        self._application = application
        self._external_address = external_url.partition("://")[2] if external_url else None

    async def handle(self, request: Request) -> Response:
        """Answer. Raises ClientGone."""
        request.route = "page"
        reader = Reader(circumstances(request), "", self._address(request), request.scheme == "https")
        trouble: RegistryError | None = None
        body = b""
        try:
            check_address(request)
            body = await request.body(MAX_FORM_BYTES)
            reader = await self._reader(request, body)
        except RegistryError as error:
            trouble = error
        request.user = reader.caller.principal.name or ""
        seen: dict[str, str] = {}
        extra = {SCOPE_KEY: reader, TROUBLE_KEY: trouble, SEEN_KEY: seen}
        response = await run_mounted(await self._application(), request, body, extra)
        request.route = seen.get("route", "page")
        return response

    async def _reader(self, request: Request, body: bytes) -> Reader:
        token = "" if request.method in SAFE_METHODS else Form.parse(body).text(CSRF_FIELD)
        found = await self._identity.identify(request, token)
        csrf_token = found.session.csrf_token if found.session is not None else ""
        return Reader(found.caller, csrf_token, self._address(request), request.scheme == "https")

    def _address(self, request: Request) -> str:
        return self._external_address or request.host

    def common_headers(self) -> list[tuple[bytes, bytes]]:
        """Let pages run nothing but our own scripts, be framed by nobody, and be kept by no cache."""
        return SECURITY_HEADERS

    def error_headers(self, request: Request, error: Exception) -> list[tuple[bytes, bytes]]:  # noqa: ARG002 - the protocol's signature
        """Add nothing."""
        return []
