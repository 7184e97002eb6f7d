"""Issues tokens: decides what a caller gets of the scopes that it asks for, and signs that."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from dtr.core.actions import Action, Scope
from dtr.core.clock import Clock
from dtr.core.errors import Unauthorized
from dtr.core.ids import new_id
from dtr.core.principal import Principal
from dtr.features.access.model import AccessPolicy, may_list_catalog
from dtr.features.accounts.model import ProvenLogin
from dtr.features.repositories.service import Repositories
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import (
    CATALOG,
    LAST_USED_STEP,
    MAX_DENIED,
    REGISTRY,
    REPOSITORY,
    IssuedToken,
    ScopeAnswer,
    TokenRules,
    access_claim,
    answer_scopes,
    base_type,
    hash_of_token,
    identity_claims,
    label_of,
    new_refresh_token,
)
from dtr.features.tokens.revocations import Revocations
from dtr.features.tokens.store import client_tokens as store
from dtr.features.tokens.store.client_tokens import RefreshToken
from dtr.oci.errors import NameInvalid
from dtr.oci.names import RepositoryName
from dtr.plumbing.crypto import tokens
from dtr.plumbing.db import Database, Transaction


class TokenService:
    """Gives out access tokens and refresh tokens."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it needs, each of another type
        self,
        database: Database,
        repositories: Repositories,
        keys: KeyRingStore,
        clock: Clock,
        rules: TokenRules,
        policy: Callable[[], Awaitable[AccessPolicy]],
        revocations: Revocations,
    ) -> None:
        """Take the parts. `policy` says what the operator decided, as it is at the moment of a request."""
        self._database = database
        self._repositories = repositories
        self._keys = keys
        self._clock = clock
        self._rules = rules
        self._policy = policy
        self._revocations = revocations

    async def mark(self) -> int:
        """Return what to pass to `issue`; ask for it before the caller's name and rights are read.

        So a right that is taken away while the caller is still being looked at is not in a token that outlives it.
        """
        return await self._revocations.mark()

    async def issue(
        self, principal: Principal, scopes: Iterable[Scope], mark: int | None = None
    ) -> IssuedToken:
        """Sign a token with what `principal` gets of `scopes`. Asking for more than that is no error.

        `mark` is None for callers whose own rights were not read but are given.
        """
        seen = await self.mark() if mark is None else mark
        wanted = list(scopes)
        allowed = await self._allowed(principal, wanted)
        answers = answer_scopes(wanted, allowed)
        issued_at = self._clock.now().replace(microsecond=0)
        lifetime = self._lifetime_seconds(principal, issued_at)
        claims = {**self._claims(principal, answers, issued_at, lifetime), "dtr_mark": seen}
        ring = await self._keys.ring()
        return IssuedToken(
            token=tokens.sign(claims, ring.active),
            granted=tuple(answer.granted for answer in answers if answer.granted.actions),
            issued_at=issued_at,
            expires_in_seconds=lifetime,
        )

    async def new_refresh_token(self, login: ProvenLogin, label: str) -> str:
        """Make a refresh token for the account that logged in; `label` says which client asked.

        Raises Unauthorized if the password changed, or the account was disabled, since the login was proven.
        """
        token, now = new_refresh_token(), self._clock.now()
        inserted = await self._database.write(
            lambda tx: store.insert_refresh_token(tx, login, hash_of_token(token), label_of(label), now)
        )
        if not inserted:
            raise Unauthorized("the credentials changed meanwhile; log in again")
        return token

    async def refresh_tokens(self, account_id: str) -> list[RefreshToken]:
        """Return the refresh tokens of an account that are good, the last used first."""
        now = self._clock.now()
        return await self._database.read(lambda tx: store.list_refresh_tokens(tx, account_id, now))

    async def revoke_refresh_tokens(self, account_id: str) -> None:
        """Revoke every refresh token of an account, and void the access tokens that are out."""

        def write(tx: Transaction) -> None:
            store.revoke_refresh_tokens(tx, account_id)
            self._revocations.revoke_accounts(tx, [account_id])

        await self._database.write(write)

    async def redeem(self, refresh_token: str) -> Principal:
        """Return the caller that a refresh token stands for, with its present rights. Raises Unauthorized."""
        now = self._clock.now()
        token_hash = hash_of_token(refresh_token)
        found = await self._database.quick_read(lambda tx: store.find_token(tx, token_hash, now))
        if found is None:
            raise Unauthorized("the refresh token is unknown, revoked, or was not used for too long")
        if now - found.last_used_at >= LAST_USED_STEP:
            await self._database.write(lambda tx: store.note_use(tx, found.id, now), durable=False)
        return found.principal

    async def _allowed(
        self, principal: Principal, scopes: list[Scope]
    ) -> Callable[[Scope], frozenset[Action]]:
        """Return a function from a scope to the actions allowed on it. One query reads all repositories."""
        names = {scope.name: name for scope in scopes if (name := _repository_name(scope)) is not None}
        decisions = await self._repositories.decisions(principal, names.values(), await self._policy())

        def allowed(scope: Scope) -> frozenset[Action]:
            name = names.get(scope.name) if base_type(scope) == REPOSITORY else None
            if name is not None:
                return decisions[name].actions
            may_list = (scope.type, scope.name) == (REGISTRY, CATALOG) and may_list_catalog(principal)
            return frozenset({Action.ALL}) if may_list else frozenset()

        return allowed

    def _lifetime_seconds(self, principal: Principal, issued_at: datetime) -> int:
        """Return how long a token lives: no longer than the credentials that it is given for."""
        if principal.expires_at is None:
            return self._rules.lifetime_seconds
        left = int((principal.expires_at - issued_at).total_seconds())
        return max(0, min(self._rules.lifetime_seconds, left))

    def _claims(
        self, principal: Principal, answers: list[ScopeAnswer], issued_at: datetime, lifetime_seconds: int
    ) -> dict[str, Any]:
        """Build the claims. Source: Docker registry v2 token specification; RFC 7519, section 4.1."""
        expires_at = issued_at + timedelta(seconds=lifetime_seconds)
        return {
            "iss": self._rules.issuer,
            "sub": principal.name or "",
            "aud": self._rules.service,
            "exp": int(expires_at.timestamp()),
            "nbf": int(issued_at.timestamp()),
            "iat": int(issued_at.timestamp()),
            "jti": new_id(),
            **identity_claims(principal),
            "access": access_claim(answer.granted for answer in answers),
            "dtr_denied": access_claim(answer.denied for answer in answers)[:MAX_DENIED],
        }


def _repository_name(scope: Scope) -> RepositoryName | None:
    """Return the repository that a scope is about; None for other resources and for malformed names."""
    if base_type(scope) != REPOSITORY:
        return None
    try:
        return RepositoryName.parse(scope.name)
    except NameInvalid:
        return None
