"""What a repository is, apart from its content."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dtr.oci.errors import NameUnknown


class Visibility(StrEnum):
    """Who may pull without a right of their own."""

    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that exists. Times are aware, in UTC; the last uses are None before the first."""

    id: int
    path: str
    namespace: str
    """The first component of the path: the account that the repository belongs to."""
    visibility: Visibility
    immutable_tags: bool
    """Tags, once pushed, neither move nor go."""
    strict_sizes: bool
    """A manifest whose descriptors state other sizes than the stored blobs have is refused."""
    allow_missing_children: bool
    """An index may be pushed before the manifests that it names."""
    created_at: datetime
    pulls: int
    pushes: int
    last_pulled_at: datetime | None
    last_pushed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryChanges:
    """New values for what the owner of a repository can set; None leaves a value as it is."""

    visibility: Visibility | None = None
    immutable_tags: bool | None = None
    strict_sizes: bool | None = None
    allow_missing_children: bool | None = None


def no_such_repository(path: str) -> NameUnknown:
    """Return the error for a repository that does not exist, the same wherever it is missed."""
    return NameUnknown(f"there is no repository {path}", name=path)
