"""The facts that the images room tells."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dtr.core.facts import Audience, Fact, FactObject, RepositoryRef, Verb
from dtr.core.principal import Caller
from dtr.features.images.model import Change, ManifestPush, TagMove
from dtr.oci.manifest import blobs_required

MOST_NAMED_TAGS = 100
"""Tags that one fact names at most."""


def manifest_pushed(push: ManifestPush, at: datetime) -> Fact:
    """Tell that a repository got a manifest that it did not have. `size`: its blobs together, in bytes."""
    details = {
        "mediaType": push.manifest.media_type,
        "size": sum(blob.size_bytes for blob in blobs_required(push.manifest)) or len(push.content),
        "tags": list(push.tags),
    }
    return Fact(
        name="ManifestPushed",
        at=at,
        caller=push.caller,
        verb=Verb.CREATE,
        object=FactObject("manifest", content=str(push.digest)),
        repository=RepositoryRef(push.repository.id, push.repository.path),
        details=details,
    )


def tag_pushed(change: Change, move: TagMove) -> Fact:
    """Tell that a push made a tag, or moved one."""
    verb = Verb.CREATE if move.previous_digest is None else Verb.UPDATE
    return _about_tag("TagPushed", verb, change, move)


def tag_restored(change: Change, move: TagMove) -> Fact:
    """Tell that a deleted tag is back, or that one was moved back."""
    verb = Verb.CREATE if move.previous_digest is None else Verb.UPDATE
    return _about_tag("TagRestored", verb, change, move)


def tag_deleted(change: Change, move: TagMove) -> Fact:
    """Tell that a tag went, and why."""
    return _about_tag("TagDeleted", Verb.DELETE, change, move)


def manifest_deleted(change: Change, digest: str, tags: Sequence[str]) -> Fact:
    """Tell that a manifest went, with the tags on it."""
    return Fact(
        name="ManifestDeleted",
        at=change.at,
        caller=change.caller,
        verb=Verb.DELETE,
        object=FactObject("manifest", content=digest),
        repository=RepositoryRef(change.repository.id, change.repository.path),
        details={"tags": list(tags[:MOST_NAMED_TAGS]), "tagCount": len(tags)},
    )


def what_was_pulled(tag: str, digest: str) -> FactObject:
    """Return what was pulled: a tag, or without one a manifest by its digest."""
    return FactObject("tag", name=tag, content=digest) if tag else FactObject("manifest", content=digest)


def manifest_pulled(
    caller: Caller, repository: RepositoryRef, pulled: FactObject, *, count: int, at: datetime
) -> Fact:
    """Tell that somebody pulled a manifest, `count` times until `at`."""
    return Fact(
        name="ManifestPulled",
        at=at,
        caller=caller,
        verb=Verb.GET,
        object=pulled,
        repository=repository,
        audience=Audience.ADMINS,
        count=count,
    )


def _about_tag(name: str, verb: Verb, change: Change, move: TagMove) -> Fact:
    details: Mapping[str, Any] = {"cause": change.cause.value, "previousDigest": move.previous_digest}
    return Fact(
        name=name,
        at=change.at,
        caller=change.caller,
        verb=verb,
        object=FactObject("tag", name=move.name, content=move.digest or move.previous_digest or ""),
        repository=RepositoryRef(change.repository.id, change.repository.path),
        details=details,
    )
