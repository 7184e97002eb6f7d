"""What the images room speaks of, and its pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from dtr.core.errors import Conflict, NotFound, PreconditionFailed, RegistryError
from dtr.core.messages import said
from dtr.core.principal import Caller
from dtr.features.repositories.model import Repository
from dtr.oci.digest import Digest
from dtr.oci.errors import ManifestUnknown, TagImmutable
from dtr.oci.headers import etag_matches
from dtr.oci.manifest import Manifest
from dtr.plumbing.db import Transaction


class NoSuchTag(NotFound):
    """The tag is not in this repository."""

    api_code: ClassVar[str] = "NO_SUCH_TAG"


class TagExists(Conflict):
    """The tag is there, so that nothing needs to be brought back."""

    api_code: ClassVar[str] = "TAG_EXISTS"


class ManifestGone(Conflict):
    """The manifest that a tag shall name again was deleted."""

    api_code: ClassVar[str] = "MANIFEST_GONE"


DEFAULT_PLATFORM = ("linux", "amd64")
"""Of the image (operating system, architecture) that clients get who ask for an index and know only images."""


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed. `content` is returned byte for byte."""

    repository_id: int
    digest: str
    media_type: str
    content: bytes
    default_child_digest: str | None = None
    """Of an index: its image for the default platform, if it names one. The image itself may be gone."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that a repository may show."""

    repository_id: int
    digest: Digest
    size_bytes: int
    manifest: bytes | None = None
    """The content, where the digest is that of a manifest: those live in the database."""


@dataclass(frozen=True, slots=True)
class UploadSession:
    """An upload under way. `received_bytes` is what is safe in the store and where the next chunk starts."""

    id: str
    repository: str
    algorithm: str
    received_bytes: int
    hashed_bytes: int
    """How far `digest_so_far` reaches; differs from `received_bytes` after a crash."""
    digest_so_far: str | None
    touched_at: datetime


@dataclass(frozen=True, slots=True)
class Preconditions:
    """`If-Match` and `If-None-Match` of a tag PUT (RFC 9110 section 13), as sent."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, current: Mapping[str, str]) -> None:
        """Raise PreconditionFailed unless every existing tag (name to digest) is what the client expects."""
        found = list(current.values())
        if self.if_match is not None and not (
            found and all(_names(self.if_match, digest) for digest in found)
        ):
            raise PreconditionFailed("the tag is not what If-Match says")
        if self.if_none_match is not None and any(_names(self.if_none_match, digest) for digest in found):
            raise PreconditionFailed("the tag is already what If-None-Match excludes")


def _names(header: str, digest: str) -> bool:
    return etag_matches(header, f'"{digest}"')


@dataclass(frozen=True, slots=True)
class ManifestPush:
    """A manifest about to land, as the gates see it."""

    repository: Repository
    caller: Caller
    digest: Digest
    manifest: Manifest
    content: bytes
    tags: tuple[str, ...]
    current_tags: Mapping[str, str]
    """Those of `tags` that exist already, with the digest each names now."""


class PushGate(Protocol):
    """Asks whether a push may land. Filled from above: immutability, quotas, policies."""

    def check(self, tx: Transaction, push: ManifestPush) -> None:
        """Raise a `Denied` with a sentence for people, or return. Runs inside the push's transaction."""
        ...


def no_such_tag(path: str, tag: str) -> NoSuchTag:
    """Say that a repository has no such tag."""
    return NoSuchTag(said("%(name)s has no tag %(tag)s", name=path, tag=tag[:128]), tag=tag[:128])


def no_such_manifest(path: str, reference: str) -> ManifestUnknown:
    """Say that a repository has no such manifest."""
    return ManifestUnknown(
        said("%(name)s has no manifest %(reference)s", name=path, reference=reference), reference=reference
    )


def immutable(tag: str, repository: Repository) -> TagImmutable:
    """Say that a tag stays: it neither moves nor goes while the repository's tags are immutable."""
    return TagImmutable(
        said(
            "tag %(tag)s of %(name)s is immutable: the repository lets tags neither move nor go",
            tag=tag,
            name=repository.path,
        ),
        tag=tag,
    )


class ImmutableTags:
    """Tags of a repository so marked never move; pushing again what a tag names already is no move."""

    def check(self, tx: Transaction, push: ManifestPush) -> None:  # noqa: ARG002 - the gate's signature
        """See `PushGate.check`. Raises TagImmutable."""
        if not push.repository.immutable_tags:
            return
        for name, digest in push.current_tags.items():
            if digest != str(push.digest):
                raise immutable(name, push.repository)


class Cause(StrEnum):
    """Why a tag came, moved or went."""

    PUSH = "push"
    DELETE = "delete"
    MANIFEST_DELETE = "manifest-delete"
    """It went with the manifest that it named."""
    TAG_LIMIT = "tag-limit"
    """It made room for a tag that was pushed: see `Repository.tag_limit`."""
    RESTORE = "restore"
    """It was rolled back, or undeleted."""


@dataclass(frozen=True, slots=True)
class TagMove:
    """From which manifest to which a tag moves: None on the side where it does not exist."""

    name: str
    digest: str | None
    previous_digest: str | None


@dataclass(frozen=True, slots=True)
class ListedManifest:
    """A manifest in a list of the API."""

    digest: str
    media_type: str
    artifact_type: str | None
    size_bytes: int
    """Config and layers as far as they are kept here; of an index the size of the document itself."""
    pushed_at: datetime
    pushed_by: str
    pulls: int
    last_pulled_at: datetime | None


class TagOrder(StrEnum):
    """How a list of tags is ordered."""

    NAME = "name"
    NEWEST = "newest"
    """Those that were pushed or moved last come first."""


@dataclass(frozen=True, slots=True)
class TagFilter:
    """Which tags a list holds, and in which order."""

    text: str = ""
    """What their names contain, in upper or lower case."""
    order: TagOrder = TagOrder.NAME


@dataclass(frozen=True, slots=True)
class ListedTag:
    """A tag in a list of the API, with the manifest that it names."""

    name: str
    tagged_by: str
    created_at: datetime
    tagged_at: datetime
    manifest: ListedManifest


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One move of a tag, as it was recorded. `id` numbers go up in the order of recording."""

    id: int
    name: str
    digest: str | None
    previous_digest: str | None
    at: datetime
    actor_id: str
    actor_name: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class DeletedTag:
    """A tag that can be brought back. Moments are aware, in UTC."""

    name: str
    digest: str
    deleted_at: datetime
    deleted_by: str
    cause: Cause
    restorable_until: datetime


@dataclass(frozen=True, slots=True)
class TagRemoval:
    """What became of one of many tags that should go: `error` is None if it went."""

    tag: str
    error: RegistryError | None


@dataclass(frozen=True, slots=True)
class Change:
    """The circumstances of what happens to tags and manifests of a repository. `at` is aware, in UTC."""

    repository: Repository
    caller: Caller
    at: datetime
    cause: Cause

    @property
    def actor(self) -> str:
        """The name of who does it; empty for somebody without one."""
        return self.caller.principal.name or ""


@dataclass(frozen=True, slots=True)
class PushedManifest:
    """What a manifest push did."""

    digest: Digest
    tags: tuple[str, ...]
    subject: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Referrer:
    """One entry of a referrers list."""

    digest: str
    media_type: str
    size_bytes: int
    artifact_type: str | None
    annotations_json: str
    """A JSON object, as it is stored: there may be megabytes of it, and all of it is passed on."""


@dataclass(frozen=True, slots=True)
class WantedReferrers:
    """Which manifests to list: those that name `subject`, of any of the artifact types, or of all without one."""

    repository_id: int
    subject: str
    types: tuple[str, ...] = ()


Place = tuple[int, str]
"""Where an entry stands in a list of referrers: the time of its push in microseconds, then its digest."""
