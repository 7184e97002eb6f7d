"""The one place that turns a name and a secret into a caller, whatever kind of secret it is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from dtr.core.errors import Unauthorized
from dtr.core.principal import Caller, Principal
from dtr.features.accounts.model import ProvenLogin
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.throttle import AddressThrottle
from dtr.features.tokens.access_token_model import ACCESS_PREFIX
from dtr.features.tokens.access_tokens import AccessTokens, UnknownAccessToken
from dtr.features.tokens.model import REFRESH_PREFIX
from dtr.features.tokens.service import TokenService

MAX_SECRET_LENGTH: Final = 256
"""No token of ours is longer; a longer one is not looked up."""


class AuthenticationMethod(StrEnum):
    """How a caller proved to be who they are; the words are those of `/basic_info`."""

    BASIC = "Basic"
    """With a password, or as a robot."""
    SESSION = "Session"
    ACCESS_TOKEN = "AccessToken"  # noqa: S105 - a word, not a secret
    BEARER = "Bearer"
    """With a session's token, or a refresh token, instead of a password."""
    ANONYMOUS = "Anonymous"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A caller who proved to be somebody."""

    principal: Principal
    method: AuthenticationMethod
    login: ProvenLogin | None = None
    """The proof by password, which alone may be turned into a session or a refresh token."""


class RobotLogin(Protocol):
    """Lets robots in."""

    def is_robot_name(self, name: str) -> bool:
        """Tell whether a login name is one of a robot, by its prefix."""
        ...

    async def authenticate(self, name: str, secret: str, caller: Caller) -> Principal:
        """Return the robot. `caller` tells the circumstances. Raises Unauthorized or TooManyRequests."""
        ...


class SignIn:
    """Finds out what kind of secret it is, and asks whom it concerns."""

    def __init__(
        self,
        accounts: Accounts,
        access_tokens: AccessTokens,
        tokens: TokenService,
        throttle: AddressThrottle,
        robots: RobotLogin | None = None,
    ) -> None:
        self._accounts = accounts
        self._access_tokens = access_tokens
        self._tokens = tokens
        self._throttle = throttle
        self._robots = robots

    async def authenticate(self, name: str, secret: str, caller: Caller) -> SignedIn:
        """Return who proves to be `name` with a password, an access token, or a robot's secret.

        `caller` tells the circumstances: it is nobody in particular yet. Raises Unauthorized without saying whether
        the name or the secret is wrong, and TooManyRequests after too many wrong ones.
        """
        if self._robots is not None and self._robots.is_robot_name(name):
            return SignedIn(await self._robots.authenticate(name, secret, caller), AuthenticationMethod.BASIC)
        if secret.startswith(ACCESS_PREFIX):
            return await self._with_access_token(secret, caller, name)
        login = await self._accounts.logins.log_in(name, secret, caller)
        return SignedIn(login.principal, AuthenticationMethod.BASIC, login)

    async def redeem(self, token: str, caller: Caller) -> SignedIn:
        """Return whom a token stands for that came without a name: an access token or a refresh token.

        Raises Unauthorized for any other, and TooManyRequests after too many wrong ones.
        """
        if token.startswith(ACCESS_PREFIX):
            return await self._with_access_token(token, caller)
        if not token.startswith(REFRESH_PREFIX) or len(token) > MAX_SECRET_LENGTH:
            raise Unauthorized("the refresh token is unknown, revoked, or was not used for too long")
        return SignedIn(await self._tokens.redeem(token), AuthenticationMethod.BEARER)

    async def _with_access_token(self, secret: str, caller: Caller, name: str = "") -> SignedIn:
        try:
            principal = await self._access_tokens.authenticate(secret, caller, name)
        except UnknownAccessToken:
            await self._throttle.count_wrong_secret(caller.address)
            raise
        return SignedIn(principal, AuthenticationMethod.ACCESS_TOKEN)
