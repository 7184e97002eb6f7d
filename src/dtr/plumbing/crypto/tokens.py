"""Signed tokens: JWT with ES256 and nothing else (RFC 7519, RFC 8725)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

from dtr.plumbing.crypto.keyring import ALGORITHM, KeyRing, SigningKey

MAX_TOKEN_CHARACTERS: Final = 16 * 1024
REQUIRED_CLAIMS: Final = ("exp", "nbf", "iat", "iss", "aud", "sub", "jti")
DEFAULT_LEEWAY_SECONDS: Final = 5

_TOKEN_TYPE: Final = "JWT"  # noqa: S105 - a media type, not a secret

_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]")
"""Three parts, the last one of 64 bytes, written in the one way there is: no padding, no spare bits."""

# PyJWT compares times with the machine's clock; ours can be moved by tests.
_OPTIONS: Final[Any] = {
    "require": list(REQUIRED_CLAIMS),
    "strict_aud": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class TokenInvalid(Exception):
    """The token is not good. The message says why and never quotes the token."""


def sign(claims: dict[str, Any], key: SigningKey) -> str:
    """Return a token with these claims. `verify` wants all of `REQUIRED_CLAIMS`."""
    headers = {"kid": key.kid, "typ": _TOKEN_TYPE}
    return jwt.encode(claims, key.private_key, algorithm=ALGORITHM, headers=headers)


def key_id(token: str) -> str:
    """Return the id of the key that a token says it is signed with. Raises TokenInvalid.

    Another algorithm and critical extensions are refused here. Keys that a token brings along or points to
    (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
    """
    header = _header(token)
    if header.get("alg") != ALGORITHM:
        raise TokenInvalid("its algorithm is not ours")
    if header.get("typ") != _TOKEN_TYPE:
        raise TokenInvalid("its type is not ours")
    if "crit" in header:
        raise TokenInvalid("it has a critical extension")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise TokenInvalid("it names no key")
    return kid


def verify(  # noqa: PLR0913 - all that a token is checked against
    token: str,
    ring: KeyRing,
    issuer: str,
    audience: str,
    now: datetime,
    *,
    leeway_seconds: float = DEFAULT_LEEWAY_SECONDS,
) -> dict[str, Any]:
    """Return the claims of a token that one of our keys signed, for us, and that is good at `now` (aware).

    The leeway is how far the clock of the replica that signed it may differ from ours.
    Raises TokenInvalid, and nothing else, whatever the token holds.
    """
    key = ring.get(key_id(token))
    if key is None:
        raise TokenInvalid("it was signed with an unknown key")
    claims = _signed_claims(token, key, issuer, audience)
    _check_texts(claims)
    _check_times(claims, now, timedelta(seconds=leeway_seconds))
    return claims


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise TokenInvalid("it is too long")
    if not _SHAPE.fullmatch(token):
        raise TokenInvalid("it is not a JWT signed with ES256")
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise TokenInvalid("its header cannot be read") from None  # the cause may quote the token


def _signed_claims(token: str, key: SigningKey, issuer: str, audience: str) -> dict[str, Any]:
    try:
        return jwt.decode(
            token, key.public_key, algorithms=[ALGORITHM], issuer=issuer, audience=audience, options=_OPTIONS
        )
    except (jwt.PyJWTError, RecursionError) as error:
        raise TokenInvalid(_reason(error)) from None  # the cause may quote the token


def _reason(error: Exception) -> str:
    reasons: dict[type[Exception], str] = {
        jwt.InvalidSignatureError: "its signature does not match",
        jwt.InvalidIssuerError: "it comes from another issuer",
        jwt.InvalidAudienceError: "it is meant for another service",
        jwt.MissingRequiredClaimError: "a claim is missing",
    }
    return reasons.get(type(error), "its claims cannot be read")


def _check_texts(claims: dict[str, Any]) -> None:
    if not all(isinstance(claims[name], str) for name in ("iss", "aud", "sub", "jti")):
        raise TokenInvalid("a claim is not text")


def _check_times(claims: dict[str, Any], now: datetime, leeway: timedelta) -> None:
    if now - leeway >= _moment(claims["exp"]):
        raise TokenInvalid("it has expired")
    if now + leeway < max(_moment(claims["nbf"]), _moment(claims["iat"])):
        raise TokenInvalid("it is not valid yet")


def _moment(seconds: object) -> datetime:
    """Read a time claim. We sign whole seconds, and nothing else can be NaN, endless, or `true`."""
    if type(seconds) is not int:
        raise TokenInvalid("a time is not a whole number of seconds")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise TokenInvalid("a time is out of range") from None
