"""Access tokens of users: what stands in for a password, with limits and an end of its own."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from dtr.core.clock import rfc3339
from dtr.core.errors import Conflict, Invalid, NotFound
from dtr.core.ids import new_secret
from dtr.core.messages import said
from dtr.core.permits import MAX_PERMITS, Permit
from dtr.features.tokens.model import GeneratedBy

ACCESS_PREFIX: Final = "dtr_pat_"
"""Starts every access token of a user."""

MAX_TOKENS: Final = 1_000
"""Access tokens that a user may have."""

MAX_LABEL_LENGTH: Final = 100
MAX_LIFE_DAYS: Final = 36_500

USE_STEP: Final = timedelta(minutes=1)
"""How exactly the last use is recorded: a write for every use would be too many."""

TELL_STEP: Final = timedelta(hours=1)
"""A token that is used from one address all the time is told of no more often than this."""

_SHAPE: Final = re.compile(r"dtr_pat_([A-Za-z0-9_-]{43})_([A-Za-z0-9]{6})")
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class NoSuchAccessToken(NotFound):
    """There is no such token, or the caller may not know of it."""

    api_code: ClassVar[str] = "NO_SUCH_API_TOKEN"


class TooManyAccessTokens(Conflict):
    """The user has as many access tokens as anybody may."""

    api_code: ClassVar[str] = "TOO_MANY_API_TOKENS"


@dataclass(frozen=True, slots=True)
class AccessTokenRules:
    """What the operator decided about access tokens."""

    max_days: int | None = None
    """The longest life of a new token; None for no limit."""
    per_user: int = MAX_TOKENS


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new access token should be like."""

    label: str = ""
    permits: tuple[Permit, ...] | None = None
    """What it may do; None for all that its owner may."""
    expires_at: datetime | None = None
    expires_in_days: int | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token or refresh token as it is stored: never the token itself."""

    id: str
    token_hash: str
    """SHA-256 of the token, in hex: its name in the API."""
    owner_id: str
    owner: str
    label: str
    generated_by: GeneratedBy
    is_active: bool
    created_at: datetime
    last_used_at: datetime | None
    """To within a minute; None if it never was."""
    last_used_address: str
    creator_user_agent: str
    permits: tuple[Permit, ...] | None
    expires_at: datetime | None


def new_access_token() -> str:
    """Return a new access token: prefix, 32 random bytes, and a checksum of these, so that scanners can be sure."""
    secret = new_secret()
    return f"{ACCESS_PREFIX}{secret}_{_checksum(secret)}"


def is_access_token(text: str) -> bool:
    """Tell whether a text is shaped like an access token and its checksum fits."""
    found = _SHAPE.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def check_permits(wanted: Sequence[tuple[str, Sequence[str]]]) -> tuple[Permit, ...]:
    """Return permits from patterns with actions. Raises Invalid for a bad one, for none, and for too many."""
    if not 1 <= len(wanted) <= MAX_PERMITS:
        raise Invalid(
            said(
                "a limited token has 1 to %(count)s permits; leave them out for one without limits",
                count=MAX_PERMITS,
            )
        )
    return tuple(Permit.parse(pattern, actions) for pattern, actions in wanted)


def check_label(label: str) -> str:
    """Return a label. Raises Invalid if it is too long or cannot be shown."""
    if len(label) > MAX_LABEL_LENGTH or not label.isprintable():
        raise Invalid(
            said("a label has at most %(count)s printable characters", count=MAX_LABEL_LENGTH),
            given=label[:100],
        )
    return label


def expiry_of(
    wish: Wish, rules: AccessTokenRules, now: datetime, parent_ends_at: datetime | None = None
) -> datetime | None:
    """Return when a new token ends; None for never. Where there is a longest life, that is the default.

    The operator may have set one, and a token that is made with another, which ends at `parent_ends_at`, does not
    outlive that. Raises Invalid for a moment in the past, for one beyond the longest life, and for both ways to say it
    at once.
    """
    if wish.expires_at is not None and wish.expires_in_days is not None:
        raise Invalid("give either expiresAt or expiresInDays")
    latest = None if rules.max_days is None else now + timedelta(days=rules.max_days)
    wanted = wish.expires_at
    if wish.expires_in_days is not None:
        if not 1 <= wish.expires_in_days <= MAX_LIFE_DAYS:
            raise Invalid(said("expiresInDays is 1 to %(count)s", count=MAX_LIFE_DAYS))
        wanted = now + timedelta(days=wish.expires_in_days)
    if wanted is None:
        return min(filter(None, (latest, parent_ends_at)), default=None)
    if wanted <= now:
        raise Invalid("the token would have expired already", given=rfc3339(wanted))
    if latest is not None and wanted > latest:
        raise Invalid(
            said("access tokens live %(count)s or fewer days here", count=rules.max_days),
            given=rfc3339(wanted),
        )
    if parent_ends_at is not None and wanted > parent_ends_at:
        raise Invalid(
            "an access token makes none that outlives it; log in with the password", given=rfc3339(wanted)
        )
    return wanted


def _checksum(secret: str) -> str:
    """Return the CRC-32 of a text as six digits to the base 62."""
    rest, digits = zlib.crc32(secret.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = _DIGITS[digit] + digits
    return digits
