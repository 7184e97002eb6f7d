"""The token door: `/auth/token`, where clients turn a password into a token, and the keys that verify those.

Source: Docker registry v2 authentication, "Token Authentication Specification" (GET) and "OAuth2 Token
Authentication" (POST).
"""

from typing import Final

from dtr.core.actions import parse_scopes
from dtr.core.clock import rfc3339
from dtr.core.errors import Invalid, Unauthorized
from dtr.core.principal import ANONYMOUS
from dtr.doors.credentials import circumstances, is_bearer, parse_basic, parse_bearer
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import IssuedToken
from dtr.features.tokens.service import TokenService
from dtr.features.tokens.sign_in import SignedIn, SignIn
from dtr.plumbing.asgi.request import QueryParameters, Request
from dtr.plumbing.asgi.response import Response, json_response
from dtr.plumbing.asgi.routing import MethodNotAllowed, NoRoute, Route

PATH: Final = "/auth/token"
MAX_FORM_BYTES: Final = 64 * 1024
MAX_SCOPES: Final = 100
MAX_SCOPE_CHARACTERS: Final = 4 * 1024
"""All scopes of a request together: the token must still fit into a request header."""

_FORM_TYPE: Final = b"application/x-www-form-urlencoded"


class TokenDoor:
    """Answers token requests."""

    prefix: Final = PATH

    def __init__(self, sign_in: SignIn, tokens: TokenService, keys: KeyRingStore, service_name: str) -> None:
        self._sign_in = sign_in
        self._tokens = tokens
        self._keys = keys
        self._service_name = service_name

    def routes(self) -> list[Route]:
        """Return the fixed paths that belong to tokens and need none of this door's headers."""
        return [Route("GET", "/.well-known/jwks.json", self.get_key_set)]

    async def handle(self, request: Request) -> Response:
        """Answer, or raise a `RegistryError`."""
        if request.path != PATH:
            raise NoRoute
        request.route = PATH
        if request.method in ("GET", "HEAD"):
            return await self._get_token(request)
        if request.method == "POST":
            return await self._post_token(request)
        raise MethodNotAllowed(("GET", "HEAD", "POST"))

    def common_headers(self) -> list[tuple[bytes, bytes]]:
        """Keep tokens and refusals out of every cache."""
        return [(b"cache-control", b"no-store")]

    def error_headers(self, request: Request, error: Exception) -> list[tuple[bytes, bytes]]:  # noqa: ARG002 - the protocol's signature
        """Challenge for name and password. Source: RFC 7617, section 2."""
        if not isinstance(error, Unauthorized):
            return []
        realm = self._service_name.replace("\\", "\\\\").replace('"', '\\"')
        return [(b"www-authenticate", f'Basic realm="{realm}", charset="UTF-8"'.encode())]

    async def get_key_set(self, request: Request) -> Response:  # noqa: ARG002 - the handler's signature
        """Publish the public keys. Source: RFC 7517, section 5."""
        ring = await self._keys.ring()
        return json_response(200, ring.jwks(), [(b"cache-control", b"public, max-age=60")])

    async def _get_token(self, request: Request) -> Response:
        query = request.query
        self._check_service(query.get("service"))
        scopes = query.get_all("scope")
        _check_size(scopes)
        mark = await self._tokens.mark()
        signed_in = await self._from_header(request, query.get("account"))
        principal = ANONYMOUS if signed_in is None else signed_in.principal
        request.user = principal.name or ""
        issued = await self._tokens.issue(principal, parse_scopes(scopes), mark)
        refresh_token = None
        if query.get("offline_token") == "true":
            refresh_token = await self._refresh_token(signed_in, query)
        return json_response(200, _token_document(issued, refresh_token))

    async def _post_token(self, request: Request) -> Response:
        form = await _read_form(request)
        self._check_service(form.get("service"))
        scopes = form.get_all("scope")
        _check_size(scopes)
        mark = await self._tokens.mark()
        token = _required(form, "refresh_token") if form.get("grant_type") == "refresh_token" else None
        signed_in = await self._from_form(request, form, token)
        request.user = signed_in.principal.name or ""
        issued = await self._tokens.issue(signed_in.principal, parse_scopes(scopes), mark)
        refresh_token = token
        if token is None and form.get("access_type") == "offline":
            refresh_token = await self._refresh_token(signed_in, form)
        scope = " ".join(map(str, issued.granted))
        return json_response(200, {**_token_document(issued, refresh_token), "scope": scope})

    def _check_service(self, service: str | None) -> None:
        """Some clients name no service; one that names another would get a token that is good for nothing."""
        if service is not None and service != self._service_name:
            raise Invalid(f"tokens are issued for the service {self._service_name} only", given=service[:100])

    async def _from_header(self, request: Request, account: str | None) -> SignedIn | None:
        """Return whom the `Authorization` header proves; None without any."""
        header = request.header(b"authorization")
        if header is None:
            return None
        if is_bearer(header):
            return await self._sign_in.redeem(parse_bearer(header), circumstances(request))
        basic = parse_basic(header)
        if account is not None and account != basic.name:
            raise Unauthorized("the parameter account names another user than the credentials")
        return await self._sign_in.authenticate(basic.name, basic.password, circumstances(request))

    async def _from_form(self, request: Request, form: QueryParameters, token: str | None) -> SignedIn:
        """Return whom the form's grant proves."""
        if token is not None:
            return await self._sign_in.redeem(token, circumstances(request))
        if form.get("grant_type") == "password":
            name, password = _required(form, "username"), _required(form, "password")
            return await self._sign_in.authenticate(name, password, circumstances(request))
        raise Invalid("grant_type must be password or refresh_token")

    async def _refresh_token(self, signed_in: SignedIn | None, parameters: QueryParameters) -> str | None:
        """Make a refresh token for a login by password; None for any other.

        It would outlive an access token or a robot's secret. Clients that get none keep the secret that they have.
        """
        if signed_in is None or signed_in.login is None:
            return None
        return await self._tokens.new_refresh_token(signed_in.login, label=parameters.get("client_id") or "")


async def _read_form(request: Request) -> QueryParameters:
    content_type = (request.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if content_type != _FORM_TYPE:
        raise Invalid(f"the body must be {_FORM_TYPE.decode()}")
    return QueryParameters(await request.body(MAX_FORM_BYTES))


def _required(form: QueryParameters, name: str) -> str:
    value = form.get(name)
    if not value:
        raise Invalid(f"the field {name} is missing")
    return value


def _check_size(scopes: list[str]) -> None:
    if (
        sum(map(len, scopes)) > MAX_SCOPE_CHARACTERS
        or sum(len(value.split()) for value in scopes) > MAX_SCOPES
    ):
        raise Invalid(
            f"a token request names at most {MAX_SCOPES} scopes of together {MAX_SCOPE_CHARACTERS} characters"
        )


def _token_document(issued: IssuedToken, refresh_token: str | None) -> dict[str, object]:
    """Render a token for its client, under both names that clients look for."""
    document: dict[str, object] = {
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in_seconds,
        "issued_at": rfc3339(issued.issued_at),
    }
    return document if refresh_token is None else {**document, "refresh_token": refresh_token}
