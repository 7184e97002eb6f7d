"""What tokens carry: scopes that were granted and scopes that were refused."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from dtr.core.actions import Action, Scope
from dtr.core.ids import new_secret
from dtr.core.principal import Principal, PrincipalKind, TokenSubject

REPOSITORY: Final = "repository"
REGISTRY: Final = "registry"
CATALOG: Final = "catalog"

REFRESH_PREFIX: Final = "dtr_refresh_"
"""Starts every refresh token, so that scanners for leaked secrets can tell what they found."""

REFRESH_IDLE: Final = timedelta(days=90)
"""A refresh token that is not used for this long is no longer accepted, and dropped."""

REFRESH_KEPT: Final = 1000
"""How many refresh tokens an account keeps; a new login drops those unused for longest beyond it."""

LAST_USED_STEP: Final = timedelta(hours=1)
"""How exactly the last use of a refresh token is recorded: a write for every use would be too many."""

MAX_DENIED: Final = 20
"""How many refused scopes a token remembers: it has to fit into a request header."""

CREATION_SUBJECT: Final = "creation"
"""What is revoked when pushes cease to create repositories: every token for a push may have been given for that."""

NOBODY: Final = TokenSubject()
"""The holder of a token for anonymous callers."""

AccessClaim: TypeAlias = list[dict[str, Any]]
"""Resources and actions as a token carries them: `type`, perhaps `class`, `name`, `actions`."""


class GeneratedBy(StrEnum):
    """How a client token came to be."""

    AUTO = "auto"
    """By a login that asked for a refresh token."""
    MANUAL = "manual"
    """By a person who wanted an access token."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What the operator decided about tokens. Times are seconds."""

    issuer: str
    service: str
    lifetime_seconds: int
    leeway_seconds: int
    rotate_seconds: int


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as its client gets it."""

    token: str
    granted: tuple[Scope, ...]
    issued_at: datetime
    expires_in_seconds: int


@dataclass(frozen=True, slots=True)
class ScopeAnswer:
    """What a scope asked for, split into what the caller gets and what not."""

    granted: Scope
    denied: Scope


def merge_scopes(scopes: Iterable[Scope]) -> list[Scope]:
    """Join scopes of one resource, in the order of their first mention."""
    merged: dict[tuple[str, str], frozenset[str]] = {}
    for scope in scopes:
        resource = (scope.type, scope.name)
        merged[resource] = merged.get(resource, frozenset()) | scope.actions
    return [Scope(type_, name, actions) for (type_, name), actions in merged.items()]


def answer_scope(scope: Scope, allowed: frozenset[Action]) -> ScopeAnswer:
    """Split a scope by what is allowed; asking for `*` gets everything that is."""
    granted = frozenset(allowed) if Action.ALL in scope.actions else scope.actions & allowed
    return ScopeAnswer(
        granted=Scope(scope.type, scope.name, frozenset(granted)),
        denied=Scope(scope.type, scope.name, scope.actions - granted),
    )


def answer_scopes(
    scopes: Iterable[Scope], allowed: Callable[[Scope], frozenset[Action]]
) -> list[ScopeAnswer]:
    """Split each resource's scope by what `allowed` says of it."""
    return [answer_scope(scope, allowed(scope)) for scope in merge_scopes(scopes)]


def base_type(scope: Scope) -> str:
    """Return the type without its class: `repository` of `repository(plugin)`."""
    return scope.type.partition("(")[0]


def access_claim(scopes: Iterable[Scope]) -> AccessClaim:
    """Render scopes as a token carries them; those without actions are left out."""
    return [_claim(scope) for scope in scopes if scope.actions]


def _claim(scope: Scope) -> dict[str, Any]:
    claim: dict[str, Any] = {"type": base_type(scope), "name": scope.name, "actions": sorted(scope.actions)}
    class_ = scope.type.partition("(")[2].removesuffix(")")
    return {**claim, "class": class_} if class_ else claim


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What a verified token allows its bearer."""

    subject: str
    """The name of the account; empty for the anonymous caller."""
    expires_at: datetime
    granted: frozenset[tuple[str, str, str]]
    """Type, name and action of each right."""
    denied: frozenset[tuple[str, str, str]]
    """The same of what was asked for and refused when the token was issued."""
    holder: TokenSubject = NOBODY
    """Whom it was issued to."""
    mark: int = 0
    """The newest revocation before the holder's rights were read; a later one of theirs makes the token void."""
    revocable: frozenset[str] = frozenset()
    """The subjects of such revocations: the holder, and what it was granted on."""

    def allows(self, type_: str, name: str, action: str) -> bool:
        """Tell whether the bearer may do this."""
        return (type_, name, action) in self.granted or (type_, name, Action.ALL) in self.granted

    def names(self, type_: str) -> set[str]:
        """Return the resources of a type that the token says anything good about."""
        return {name for granted_type, name, _ in self.granted if granted_type == type_}

    def was_denied(self, type_: str, name: str, action: str) -> bool:
        """Tell whether this right was asked for and refused, so that a new token would not have it either."""
        return not self.allows(type_, name, action) and (
            (type_, name, action) in self.denied or (type_, name, Action.ALL) in self.denied
        )


def account_subject(account_id: str) -> str:
    """Return what a revocation of a user's tokens is stored under."""
    return f"account:{account_id}"


def robot_subject(robot_id: str) -> str:
    """Return what a revocation of a robot's tokens is stored under."""
    return f"robot:{robot_id}"


def client_token_subject(token_id: str) -> str:
    """Return what a revocation of the tokens is stored under that were got with one client token."""
    return f"token:{token_id}"


def repository_subject(path: str) -> str:
    """Return what a revocation of the tokens is stored under that name a repository, whoever holds them."""
    return f"repository:{path}"


def revocable_subjects(holder: TokenSubject, granted: Iterable[tuple[str, str, str]]) -> frozenset[str]:
    """Return the subjects whose revocation makes a token void that was issued to `holder` and grants `granted`."""
    actions = [(name, action) for type_, name, action in granted if type_ == REPOSITORY]
    repositories = {repository_subject(name) for name, _ in actions}
    creation = {CREATION_SUBJECT for _, action in actions if action in {Action.PUSH, Action.ALL}}
    return frozenset({*_holder_subjects(holder), *repositories, *creation})


def _holder_subjects(holder: TokenSubject) -> tuple[str, ...]:
    if holder.kind is PrincipalKind.ROBOT:
        return (robot_subject(holder.account_id),)
    if not holder.account_id:
        return ()
    account = (account_subject(holder.account_id),)
    return (*account, client_token_subject(holder.via)) if holder.via else account


def identity_claims(principal: Principal) -> dict[str, str]:
    """Return the claims that say whom a token was issued to, beyond the name; none for the anonymous caller."""
    if principal.account_id is None:
        return {}
    claims = {"dtr_uid": principal.account_id, "dtr_kind": str(principal.kind)}
    return claims if principal.token_id is None else {**claims, "dtr_via": principal.token_id}


def holder_of(claims: Mapping[str, Any]) -> TokenSubject:
    """Read whom a token of ours was issued to."""
    if not claims.get("dtr_uid"):
        return TokenSubject(claims["sub"])
    kind = PrincipalKind(claims.get("dtr_kind", PrincipalKind.USER))
    return TokenSubject(claims["sub"], claims["dtr_uid"], kind, claims.get("dtr_via", ""))


def triples(claim: object) -> frozenset[tuple[str, str, str]]:
    """Read an access claim of a token that we signed."""
    entries: Iterable[Mapping[str, Any]] = claim if isinstance(claim, list) else ()
    return frozenset(
        (entry["type"], entry["name"], action) for entry in entries for action in entry["actions"]
    )


def new_refresh_token() -> str:
    """Return a new refresh token; only its hash is ever stored."""
    return REFRESH_PREFIX + new_secret()


def hash_of_token(token: str) -> str:
    """Return what is stored of a refresh token. It is random, so that a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def label_of(client: str) -> str:
    """Return the name that a client gives itself, fit to be stored and shown."""
    return "".join(filter(str.isprintable, client))[:100]
