"""What tokens carry: scopes that were granted and scopes that were refused."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from dtr.core.actions import Action, Scope
from dtr.core.ids import new_secret

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

AccessClaim: TypeAlias = list[dict[str, Any]]
"""Resources and actions as a token carries them: `type`, perhaps `class`, `name`, `actions`."""


class GeneratedBy(StrEnum):
    """How a client token came to be."""

    AUTO = "auto"
    """By a login that asked for a refresh token."""


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
