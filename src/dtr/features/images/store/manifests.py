"""Manifests, what they refer to, tags and referrers."""

from collections.abc import Iterable, Sequence

import orjson
from sqlalchemy import BindParameter, bindparam, text

from dtr.core.batches import in_batches
from dtr.features.images.model import (
    DEFAULT_PLATFORM,
    ManifestPush,
    Place,
    Referrer,
    WantedReferrers,
)
from dtr.oci.manifest import Manifest, choose_child
from dtr.oci.mediatypes import is_non_distributable
from dtr.plumbing.db import Transaction

DIGESTS_PER_STATEMENT = 500

INSERT_MANIFEST = text(
    """
    -- Pushing the same bytes again changes nothing but the type they are served as.
    INSERT INTO manifest (repository_id, digest, media_type, size_bytes, artifact_type, subject_digest,
                          default_child_digest, pushed_at, pushed_by, annotations, content)
    VALUES (:repository_id, :digest, :media_type, :size_bytes, :artifact_type, :subject_digest,
            :default_child_digest, :now, :actor, :annotations, :content)
    ON CONFLICT (repository_id, digest) DO UPDATE
       SET media_type = excluded.media_type, artifact_type = excluded.artifact_type
    """
)

INSERT_REFERENCE = text(
    """
    INSERT INTO manifest_reference (repository_id, manifest_digest, digest, kind)
    VALUES (:repository_id, :manifest_digest, :digest, :kind)
    ON CONFLICT DO NOTHING
    """
)

SET_TAG = text(
    """
    INSERT INTO tag (repository_id, name, digest, tagged_at, tagged_by)
    VALUES (:repository_id, :name, :digest, :now, :actor)
    ON CONFLICT (repository_id, name) DO UPDATE
       SET digest = excluded.digest, tagged_at = excluded.tagged_at, tagged_by = excluded.tagged_by
    """
)

CURRENT_TAGS = text(
    "SELECT name, digest FROM tag WHERE repository_id = :repository_id AND name IN :names"
).bindparams(bindparam("names", expanding=True))

PRESENT_MANIFESTS = text(
    "SELECT digest FROM manifest WHERE repository_id = :repository_id AND digest IN :digests"
).bindparams(bindparam("digests", expanding=True))

TAG_ON = text(
    """
    -- Any one tag that names a manifest. Index: tag(repository_id, digest).
    SELECT name FROM tag WHERE repository_id = :repository_id AND digest = :digest LIMIT 1
    """
)

DELETE_TAG = text("DELETE FROM tag WHERE repository_id = :repository_id AND name = :name")

DELETE_TAGS_OF = text("DELETE FROM tag WHERE repository_id = :repository_id AND digest = :digest")

DELETE_MANIFEST = text("DELETE FROM manifest WHERE repository_id = :repository_id AND digest = :digest")

TAGS_AFTER = text(
    """
    -- Keyset page in byte order. Index: primary key of tag.
    SELECT name FROM tag WHERE repository_id = :repository_id AND name > :last ORDER BY name LIMIT :limit
    """
)

REFERRERS_AFTER = """
           repository_id = :repository_id AND subject_digest = :subject
       AND (pushed_at, digest) > (:after_micros, :after_digest)
    """
OF_TYPES = " AND artifact_type IN :types"

REFERRER_SIZES = """
    -- Keyset page in order of push. Index: manifest(repository_id, subject_digest, pushed_at, digest).
    SELECT pushed_at, digest, size_bytes
      FROM manifest WHERE {wanted}
     ORDER BY pushed_at, digest LIMIT :limit
    """

REFERRERS = """
    -- The same page up to a known end: each entry may be megabytes long. Same index.
    SELECT digest, media_type, size_bytes, artifact_type, annotations
      FROM manifest WHERE {wanted} AND (pushed_at, digest) <= (:end_micros, :end_digest)
     ORDER BY pushed_at, digest
    """

TYPES: BindParameter[str] = bindparam("types", expanding=True)
ALL_SIZES = text(REFERRER_SIZES.format(wanted=REFERRERS_AFTER))
FILTERED_SIZES = text(REFERRER_SIZES.format(wanted=REFERRERS_AFTER + OF_TYPES)).bindparams(TYPES)
ALL_REFERRERS = text(REFERRERS.format(wanted=REFERRERS_AFTER))
FILTERED_REFERRERS = text(REFERRERS.format(wanted=REFERRERS_AFTER + OF_TYPES)).bindparams(TYPES)

COUNT_PULLS = text(
    """
    -- Counts arrive in batches and late, so an older moment must not overwrite a newer one.
    UPDATE manifest
       SET pulls = pulls + :pulls,
           last_pulled_at = CASE WHEN last_pulled_at > :last_pulled_at THEN last_pulled_at ELSE :last_pulled_at END
     WHERE repository_id = :repository_id AND digest = :digest
    """
)


def save_manifest(tx: Transaction, push: ManifestPush, now: int) -> None:
    """Store a manifest, its references and its tags."""
    manifest, repository_id, digest = push.manifest, push.repository.id, str(push.digest)
    child = choose_child(manifest, *DEFAULT_PLATFORM)
    values = {
        "repository_id": repository_id,
        "digest": digest,
        "media_type": manifest.media_type,
        "size_bytes": len(push.content),
        "artifact_type": manifest.artifact_type,
        "subject_digest": str(manifest.subject.digest) if manifest.subject else None,
        "default_child_digest": str(child.digest) if child else None,
        "now": now,
        "actor": push.actor,
        "annotations": orjson.dumps(dict(manifest.annotations)).decode(),
        "content": push.content,
    }
    tx.execute(INSERT_MANIFEST, values)
    references = [
        {"repository_id": repository_id, "manifest_digest": digest, "digest": reference, "kind": kind}
        for reference, kind in references_of(manifest)
    ]
    if references:
        tx.execute(INSERT_REFERENCE, references)
    for name in push.tags:
        tags = {
            "repository_id": repository_id,
            "name": name,
            "digest": digest,
            "now": now,
            "actor": push.actor,
        }
        tx.execute(SET_TAG, tags)


def references_of(manifest: Manifest) -> list[tuple[str, str]]:
    """List what a manifest refers to, as digest and kind, each once; without layers that may not be distributed.

    Those need not be in the repository, so nothing in it may depend on the manifest's word about them.
    """
    layers = [layer for layer in manifest.layers if not is_non_distributable(layer.media_type)]
    found = [(str(manifest.config.digest), "config")] if manifest.config else []
    found += [(str(layer.digest), "layer") for layer in layers]
    found += [(str(child.digest), "manifest") for child in manifest.manifests]
    return list(dict.fromkeys(found))


def current_tags(tx: Transaction, repository_id: int, names: Sequence[str]) -> dict[str, str]:
    """Return those of the tags that exist, with the digest each names."""
    if not names:
        return {}
    rows = tx.execute(CURRENT_TAGS, {"repository_id": repository_id, "names": list(names)})
    return {row[0]: row[1] for row in rows}


def tag_on(tx: Transaction, repository_id: int, digest: str) -> str | None:
    """Return one of the tags that name a manifest, if any does."""
    name: str | None = tx.execute(TAG_ON, {"repository_id": repository_id, "digest": digest}).scalar()
    return name


def present_manifests(tx: Transaction, repository_id: int, digests: Iterable[str]) -> set[str]:
    """Return those of the manifests that the repository holds."""
    found: set[str] = set()
    for part in in_batches(dict.fromkeys(digests), DIGESTS_PER_STATEMENT):
        rows = tx.execute(PRESENT_MANIFESTS, {"repository_id": repository_id, "digests": part})
        found.update(row[0] for row in rows)
    return found


def delete_tag(tx: Transaction, repository_id: int, name: str) -> bool:
    """Remove a tag; return whether it was there. What it named stays."""
    return tx.execute(DELETE_TAG, {"repository_id": repository_id, "name": name}).rowcount > 0


def delete_manifest(tx: Transaction, repository_id: int, digest: str) -> bool:
    """Remove a manifest and every tag on it; return whether it was there."""
    values = {"repository_id": repository_id, "digest": digest}
    tx.execute(DELETE_TAGS_OF, values)
    return tx.execute(DELETE_MANIFEST, values).rowcount > 0


def tags_after(tx: Transaction, repository_id: int, last: str, limit: int) -> list[str]:
    """Return up to `limit` tags strictly after `last`, in byte order."""
    rows = tx.execute(TAGS_AFTER, {"repository_id": repository_id, "last": last, "limit": limit})
    return [row[0] for row in rows]


def referrer_sizes(
    tx: Transaction, wanted: WantedReferrers, after: Place, limit: int
) -> list[tuple[Place, int]]:
    """Return where the next referrers after `after` stand, `limit` at most, and the sizes of them in bytes."""
    values = {**_wanted(wanted, after), "limit": limit}
    rows = tx.execute(FILTERED_SIZES if wanted.types else ALL_SIZES, values)
    return [((row[0], row[1]), row[2]) for row in rows]


def referrers(tx: Transaction, wanted: WantedReferrers, after: Place, end: Place) -> list[Referrer]:
    """Return the referrers that stand after `after` and not after `end`."""
    values = {**_wanted(wanted, after), "end_micros": end[0], "end_digest": end[1]}
    rows = tx.execute(FILTERED_REFERRERS if wanted.types else ALL_REFERRERS, values)
    return [Referrer(*row) for row in rows]


def _wanted(wanted: WantedReferrers, after: Place) -> dict[str, object]:
    values: dict[str, object] = {
        "repository_id": wanted.repository_id,
        "subject": wanted.subject,
        "after_micros": after[0],
        "after_digest": after[1],
    }
    return {**values, "types": list(wanted.types)} if wanted.types else values


def count_pulls(tx: Transaction, pulls: Iterable[tuple[int, str, int, int]]) -> None:
    """Add pulls that were counted in memory: repository id, digest, number, time of the last (microseconds)."""
    values = [
        {"repository_id": repository_id, "digest": digest, "pulls": number, "last_pulled_at": last}
        for repository_id, digest, number, last in pulls
    ]
    if values:
        tx.execute(COUNT_PULLS, values)
