"""Whether a token allows a request, and the challenge when it does not."""

from dataclasses import dataclass

from dtr.core.actions import Action
from dtr.core.errors import Denied, Unauthorized
from dtr.core.principal import MAX_USER_AGENT, Caller, Principal
from dtr.doors.dataplane.paths import Address
from dtr.features.tokens.checker import TokenChecker
from dtr.features.tokens.model import TokenGrant
from dtr.plumbing.asgi.request import Request


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs: these actions on one resource."""

    type: str
    name: str
    actions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.type}:{self.name}:{','.join(self.actions)}"


REALM_PATH = "/auth/token"
PULL = (Action.PULL.value,)
PUSH = (Action.PULL.value, Action.PUSH.value)
DELETE = (Action.DELETE.value,)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 tells the client: where to get which token, and what was wrong with the one it sent."""

    needs: tuple[Need, ...] = ()
    error: str | None = None


class TokenNeeded(Unauthorized):
    """The request needs a token, or a better one."""

    def __init__(self, message: str, challenge: Challenge) -> None:
        super().__init__(message)
        self.challenge = challenge


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be answered: what was asked, of what, and by whom."""

    request: Request
    address: Address
    grant: TokenGrant

    @property
    def caller(self) -> Caller:
        """Who asks, as facts and histories note it."""
        holder = self.grant.holder
        principal = Principal(holder.account_id or None, holder.name or None, kind=holder.kind)
        return Caller(principal, self.request.client_host, user_agent(self.request), self.request.request_id)


def user_agent(request: Request) -> str:
    """Return what the client says to be, as far as it is kept."""
    return (request.header(b"user-agent") or b"")[:MAX_USER_AGENT].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Checks tokens against what requests need. `external_url` makes the token address absolute and fixed."""

    checker: TokenChecker
    service: str
    external_url: str | None = None

    async def authenticate(self, request: Request, *needs: Need) -> TokenGrant:
        """Return what the caller's token grants. Raises TokenNeeded without a valid one."""
        header = request.header(b"authorization")
        if header is None or header[:7].lower() != b"bearer ":
            raise TokenNeeded("authentication is required", Challenge(needs))
        try:
            grant = await self.checker.check(header)
        except Unauthorized as error:
            raise TokenNeeded(error.message, Challenge(needs, "invalid_token")) from error
        request.user = grant.subject
        return grant

    async def authorize(self, request: Request, *needs: Need) -> TokenGrant:
        """Return the grant of a caller who may do all that is needed.

        Raises TokenNeeded when another token could allow it, and Denied when this one was asked for it in vain.
        Nobody learns whether a repository exists: the answer depends on the token alone.
        """
        grant = await self.authenticate(request, *needs)
        for need in needs:
            missing = [action for action in need.actions if not grant.allows(need.type, need.name, action)]
            if not missing:
                continue
            if grant.subject and any(grant.was_denied(need.type, need.name, action) for action in missing):
                raise Denied(f"{grant.subject} may not {' and '.join(missing)} here", name=need.name)
            raise TokenNeeded("the token does not allow this", Challenge(needs, "insufficient_scope"))
        return grant

    def header(self, request: Request, challenge: Challenge) -> bytes:
        """Return the `WWW-Authenticate` value (Docker token authentication specification)."""
        base = self.external_url or f"{request.scheme}://{request.host}"
        parts = [f"Bearer realm={_quoted(base + REALM_PATH)}", f"service={_quoted(self.service)}"]
        if challenge.needs:
            parts.append(f'scope="{" ".join(map(str, challenge.needs))}"')
        if challenge.error:
            parts.append(f'error="{challenge.error}"')
        return ",".join(parts).encode("latin-1", "replace")


def _quoted(text: str) -> str:
    """Write a quoted-string (RFC 9110, section 5.6.4): what the client sent as its Host may hold quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
