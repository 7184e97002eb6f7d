"""Who is asking, and from where."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from dtr.core.permits import Permit


class PrincipalKind(StrEnum):
    """What kind of caller it is."""

    ANONYMOUS = "anonymous"
    USER = "user"
    ROBOT = "robot"
    OPERATOR = "operator"
    """Whoever may run commands on the machine itself."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request: an account that proved itself, or nobody in particular.

    `account_id` and `name` are both None for the anonymous caller and both set for everybody else.
    """

    account_id: str | None
    name: str | None
    is_admin: bool = False
    is_auditor: bool = False
    """Reads all metadata and logs of the registry, and changes nothing."""
    kind: PrincipalKind = PrincipalKind.USER
    permits: tuple[Permit, ...] | None = None
    """Of a robot: all that it may do. Of a user: the limits of the access token that was used; None without any."""
    token_id: str | None = None
    """The access token that proved the caller, if one did."""
    expires_at: datetime | None = None
    """When the credentials end that proved the caller; None if they have no end."""

    @property
    def is_anonymous(self) -> bool:
        """True if the caller did not say who they are."""
        return self.account_id is None

    @property
    def is_limited(self) -> bool:
        """True if the caller may do only what some permit says, and so nothing beyond repositories."""
        return self.permits is not None


ANONYMOUS: Final = Principal(account_id=None, name=None, kind=PrincipalKind.ANONYMOUS)


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """Whom a token of the registry protocol was issued to, as the token itself says. Empty for the anonymous caller."""

    name: str = ""
    account_id: str = ""
    kind: PrincipalKind = PrincipalKind.ANONYMOUS
    via: str = ""
    """The client token (refresh token or a user's access token) that it was got with, if one was."""


MAX_USER_AGENT: Final = 256
"""Characters that are kept of what a client says to be."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal with the circumstances of the request: what the activity and audit logs note."""

    principal: Principal
    address: str = ""
    """The client's IP address; empty for commands."""
    user_agent: str = ""
    request_id: str = ""
    session_id: str = ""
    """What names the session that the request came in with, if one did; not its secret."""


OPERATOR: Final = Caller(
    Principal("operator", "operator", is_admin=True, kind=PrincipalKind.OPERATOR), user_agent="dtr"
)
"""Whoever runs a command on the machine: nobody stands above them."""
