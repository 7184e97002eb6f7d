"""What a repository is, apart from its content."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from dtr.core.errors import Denied, Invalid
from dtr.core.messages import said
from dtr.oci.errors import NameInvalid, NameUnknown
from dtr.oci.names import RepositoryName

MAX_SHORT_DESCRIPTION_LENGTH: Final = 140
"""Characters."""

MAX_LONG_DESCRIPTION_LENGTH: Final = 25_000
"""Characters of Markdown."""

REDIRECTS_KEPT_FOR: Final = timedelta(days=90)
"""An old name of a renamed repository is good for pulls for so long."""


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
    uuid: str
    """What the API calls the repository's id; stays when it is renamed."""
    tag_limit: int = 0
    """How many tags it keeps: one more drops the one that was pushed longest ago. 0: all."""
    scan_on_push: bool = False
    short_description: str = ""
    long_description: str = ""
    """Markdown."""

    @property
    def short_name(self) -> str:
        """The path without the namespace: what the API calls the repository's name."""
        return self.path.partition("/")[2]


@dataclass(frozen=True, slots=True)
class HeldSize:
    """What the blobs of a repository take, each counted once, whoever else holds it."""

    size_bytes: int
    is_partial: bool
    """Whether it holds more blobs than were looked at: the size is at least so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryChanges:
    """New values for what the owner of a repository can set; None leaves a value as it is."""

    visibility: Visibility | None = None
    immutable_tags: bool | None = None
    strict_sizes: bool | None = None
    allow_missing_children: bool | None = None
    scan_on_push: bool | None = None
    tag_limit: int | None = None
    short_description: str | None = None
    long_description: str | None = None

    @property
    def is_about_text_only(self) -> bool:
        """True if nothing but descriptions would change."""
        others = (
            self.visibility,
            self.immutable_tags,
            self.strict_sizes,
            self.allow_missing_children,
            self.scan_on_push,
            self.tag_limit,
        )
        return all(each is None for each in others)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFilter:
    """Which of the visible repositories are wanted."""

    namespace: str = ""
    """Only those of this account; empty: of all."""
    text: str = ""
    """Part of the path; upper and lower case are the same."""
    visibility: Visibility | None = None

    @property
    def lets_all_through(self) -> bool:
        """True if all of the namespace are wanted."""
        return not self.text and self.visibility is None


class RepositoryExists(Invalid):
    """The name is taken. Invalid rather than a conflict, as in DTR."""

    api_code: ClassVar[str] = "REPOSITORY_EXISTS"


class VisibilityInvalid(Invalid):
    """A visibility is neither public nor private."""

    api_code: ClassVar[str] = "INVALID_REPOSITORY_VISIBILITY"


def check_changes(changes: RepositoryChanges) -> None:
    """Raise Invalid for descriptions that are too long or hold NUL, which no database keeps."""
    for what, text, longest in (
        (said("the short description"), changes.short_description, MAX_SHORT_DESCRIPTION_LENGTH),
        (said("the long description"), changes.long_description, MAX_LONG_DESCRIPTION_LENGTH),
    ):
        if text is not None and (len(text) > longest or "\0" in text):
            raise Invalid(
                said(
                    "%(what)s has at most %(count)s characters, and no NUL among them",
                    what=what,
                    count=longest,
                )
            )


def check_new_name(name: RepositoryName) -> None:
    """Raise NameInvalid for a name without a namespace: no account could be told that it owns the repository."""
    if name.path == name.namespace:
        raise NameInvalid(
            "a repository is named after its user or organization first, then a slash and a name of its own",
            given=name.path,
        )


def check_limits(repository: Repository) -> None:
    """Raise Invalid if the repository lets no tag go and yet keeps only some."""
    if repository.immutable_tags and repository.tag_limit:
        raise Invalid(
            "immutable tags and a tag limit exclude each other: over the limit a tag would have to go",
            tagLimit=repository.tag_limit,
        )


def parse_visibility(text: str) -> Visibility:
    """Return the visibility of that name. Raises VisibilityInvalid."""
    try:
        return Visibility(text)
    except ValueError as error:
        raise VisibilityInvalid("a repository is public or private", given=text[:100]) from error


def repository_exists(path: str) -> RepositoryExists:
    """Return the error for a name that is taken."""
    return RepositoryExists(said("there is already a repository %(name)s", name=path), name=path)


def moved_away(old_path: str, new_path: str) -> Denied:
    """Return the error for a push to the old name of a renamed repository."""
    return Denied(
        said(
            "%(old)s was renamed to %(new)s: push there; the old name is good for pulls only",
            old=old_path,
            new=new_path,
        ),
        name=new_path,
    )


def no_such_repository(path: str) -> NameUnknown:
    """Return the error for a repository that does not exist, the same wherever it is missed."""
    return NameUnknown(said("there is no repository %(name)s", name=path), name=path)
