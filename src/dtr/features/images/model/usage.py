"""What the stored blobs take, and whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """All stored blobs. The parts together are the whole."""

    blobs: int
    size_bytes: int
    sole_bytes: int
    """Of blobs that a single namespace holds."""
    shared_bytes: int
    """Of blobs that several namespaces hold: stored once."""
    unlinked_bytes: int
    """Of blobs that no repository holds."""


@dataclass(frozen=True, slots=True)
class NamespaceUse:
    """What the repositories of a namespace hold."""

    name: str
    repositories: int
    """Those that hold anything."""
    logical_bytes: int
    """What its repositories would take if nothing was shared: a blob counts once in each of them."""
    unique_bytes: int
    """Of blobs that no other namespace holds."""


@dataclass(frozen=True, slots=True)
class RepositoryUse:
    """What a repository holds."""

    path: str
    blobs: int
    logical_bytes: int
    unique_bytes: int
    """Of blobs that no other repository holds."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What all blobs took on a day (UTC)."""

    day: date
    size_bytes: int
    blobs: int


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What the stored blobs take, by who holds them. The largest come first."""

    measured_at: datetime
    totals: Totals
    namespace_count: int
    """Namespaces that hold anything; `namespaces` has the largest of them."""
    namespaces: Sequence[NamespaceUse]
    repository_count: int
    repositories: Sequence[RepositoryUse]
    growth: Sequence[Snapshot]
    """One a day, oldest first; the last is what was just measured."""
