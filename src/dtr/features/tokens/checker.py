"""Checks the tokens that requests carry: in memory, with a look at the database only when something was changed."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dtr.core.clock import Clock
from dtr.core.errors import Unauthorized
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenGrant, TokenRules, holder_of, revocable_subjects, triples
from dtr.features.tokens.revocations import Revocations
from dtr.plumbing.crypto import tokens
from dtr.plumbing.crypto.tokens import TokenInvalid

REMEMBERED_TOKENS: Final = 2048
"""Verified tokens kept in memory; the oldest makes room."""

LONGEST_REMEMBERED_BYTES: Final = 4096
"""Longer tokens are verified each time, so that a few odd clients cannot fill the memory."""

_SCHEME: Final = b"bearer "


class TokenChecker:
    """Turns an `Authorization` header into what its bearer may do."""

    def __init__(self, keys: KeyRingStore, rules: TokenRules, clock: Clock, revocations: Revocations) -> None:
        self._keys = keys
        self._revocations = revocations
        self._rules = rules
        self._leeway = timedelta(seconds=rules.leeway_seconds)
        self._clock = clock
        self._verified: dict[bytes, tuple[TokenGrant, datetime]] = {}

    def peek(self, authorization: bytes, generation: int | None) -> TokenGrant | None:
        """Return what a token allows if it was verified before and is still good; None if that takes a closer look.

        On the hottest path, and so synchronous. `generation` was read from the database just now.
        """
        grant = self._remembered(authorization)
        if grant is None or not self._revocations.is_surely_good(grant, generation):
            return None
        return grant

    async def check(self, authorization: bytes) -> TokenGrant:
        """Return what the header's token allows.

        Raises Unauthorized: with the detail `reason="invalid_token"` (RFC 6750, section 3.1) if the token is
        expired, forged, revoked or otherwise not good, without it if the header holds no bearer token at all.
        """
        grant = self._remembered(authorization)
        if grant is None:
            grant = await self._verify(authorization)
            self._remember(authorization, grant)
        if await self._revocations.is_revoked(grant):
            raise Unauthorized("the token is not valid: it was revoked", reason="invalid_token")
        return grant

    def _remembered(self, authorization: bytes) -> TokenGrant | None:
        """Return what was verified before, unless it has expired since."""
        remembered = self._verified.get(authorization)
        if remembered is None or self._clock.now() >= remembered[1]:
            return None
        return remembered[0]

    async def _verify(self, authorization: bytes) -> TokenGrant:
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthorized("this needs a bearer token")
        token = authorization[len(_SCHEME) :].strip().decode("latin-1")
        try:
            return _grant(await self._claims(token))
        except TokenInvalid as error:
            raise Unauthorized(f"the token is not valid: {error}", reason="invalid_token") from error

    async def _claims(self, token: str) -> dict[str, Any]:
        ring = await self._keys.ring()
        if tokens.key_id(token) not in ring:
            ring = await self._keys.ring_after_unknown_key()
        rules = self._rules
        return tokens.verify(
            token, ring, rules.issuer, rules.service, self._clock.now(), leeway_seconds=rules.leeway_seconds
        )

    def _remember(self, authorization: bytes, grant: TokenGrant) -> None:
        if len(authorization) > LONGEST_REMEMBERED_BYTES:
            return
        # No token of ours lives longer; one made with a stolen key must be checked again once the key is gone.
        longest = self._clock.now() + timedelta(seconds=self._rules.lifetime_seconds)
        self._verified[authorization] = (grant, min(grant.expires_at, longest) + self._leeway)
        if len(self._verified) > REMEMBERED_TOKENS:
            del self._verified[next(iter(self._verified))]


def _grant(claims: dict[str, Any]) -> TokenGrant:
    holder, granted = holder_of(claims), triples(claims.get("access"))
    return TokenGrant(
        subject=claims["sub"],
        expires_at=datetime.fromtimestamp(claims["exp"], tz=UTC),
        granted=granted,
        denied=triples(claims.get("dtr_denied")),
        holder=holder,
        mark=claims.get("dtr_mark", 0),
        revocable=revocable_subjects(holder, granted),
    )
