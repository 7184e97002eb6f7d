"""Facts: what happened, told in the same transaction as the change itself.

A room tells facts; it does not know who listens. The activity log, the audit chain and webhooks listen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from dtr.core.principal import Caller


class Verb(StrEnum):
    """The `type` of an event in the activity log."""

    CREATE = "CREATE"
    GET = "GET"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    SEND = "SEND"
    FAIL = "FAIL"
    SCAN = "SCAN"


class Audience(StrEnum):
    """Who sees a fact about a repository in the activity log."""

    READERS = "readers"
    """Everybody who sees the repository."""
    ADMINS = "admins"
    """Who administers the repository."""


class Outcome(StrEnum):
    """How a matter of security ended."""

    SUCCESS = "success"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class RepositoryRef:
    """The repository that a fact is about. The number stays when it is renamed."""

    id: int
    path: str


@dataclass(frozen=True, slots=True)
class FactObject:
    """What a fact is about: `type` is a word like `tag`, `manifest`, `repository`, `user`, `team`."""

    type: str
    name: str = ""
    id: str = ""
    content: str = ""
    """More about it in one short text; of a tag the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened. Carries no secret: it is stored, shown and sent to others."""

    name: str
    """What happened, as subject and past participle: `ManifestPushed`."""
    version: int = 1
    at: datetime
    caller: Caller
    verb: Verb
    object: FactObject
    repository: RepositoryRef | None = None
    namespace: str = ""
    """The account it concerns, where it concerns no repository."""
    target: FactObject | None = None
    audience: Audience = Audience.READERS
    count: int = 1
    """How many times it happened, where many are told as one: pulls."""
    is_security: bool = False
    """Whether it belongs into the audit chain as well: logins, permissions, settings, tokens."""
    outcome: Outcome = Outcome.SUCCESS
    details: Mapping[str, Any] = field(default_factory=dict)
    """What programs want to know beyond the fields above; plain JSON values."""
