"""Manifests, what they refer to, and referrers."""

from collections.abc import Iterable

import orjson
from sqlalchemy import text

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
from dtr.plumbing.db import Transaction, list_of_texts

DIGESTS_PER_STATEMENT = 500

INSERT_MANIFEST = text(
    """
    -- Gives no row where the manifest is there already.
    INSERT INTO manifest (repository_id, digest, media_type, size_bytes, artifact_type, subject_digest,
                          default_child_digest, pushed_at, pushed_by, annotations, content)
    VALUES (:repository_id, :digest, :media_type, :size_bytes, :artifact_type, :subject_digest,
            :default_child_digest, :now, :actor, :annotations, :content)
    ON CONFLICT (repository_id, digest) DO NOTHING
    RETURNING digest
    """
)

RETYPE_MANIFEST = text(
    """
    -- Pushing the same bytes again changes nothing but the type they are served as.
    UPDATE manifest SET media_type = :media_type, artifact_type = :artifact_type
     WHERE repository_id = :repository_id AND digest = :digest
    """
)

INSERT_REFERENCE = text(
    """
    INSERT INTO manifest_reference (repository_id, manifest_digest, digest, kind)
    VALUES (:repository_id, :manifest_digest, :digest, :kind)
    ON CONFLICT DO NOTHING
    """
)

PRESENT_MANIFESTS = text(
    "SELECT digest FROM manifest WHERE repository_id = :repository_id AND digest IN :digests"
).bindparams(list_of_texts("digests"))

CONTENT = text("SELECT content FROM manifest WHERE repository_id = :repository_id AND digest = :digest")

DELETE_MANIFEST = text("DELETE FROM manifest WHERE repository_id = :repository_id AND digest = :digest")

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

TYPES = list_of_texts("types")
ALL_SIZES = text(REFERRER_SIZES.format(wanted=REFERRERS_AFTER))
FILTERED_SIZES = text(REFERRER_SIZES.format(wanted=REFERRERS_AFTER + OF_TYPES)).bindparams(TYPES)
ALL_REFERRERS = text(REFERRERS.format(wanted=REFERRERS_AFTER))
FILTERED_REFERRERS = text(REFERRERS.format(wanted=REFERRERS_AFTER + OF_TYPES)).bindparams(TYPES)


def save_manifest(tx: Transaction, push: ManifestPush, now: int) -> bool:
    """Store a manifest and its references, but no tags; return whether the repository did not have it."""
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
        "actor": push.caller.principal.name or "",
        "annotations": orjson.dumps(dict(manifest.annotations)).decode(),
        "content": push.content,
    }
    if tx.execute(INSERT_MANIFEST, values).first() is None:
        tx.execute(RETYPE_MANIFEST, values)
        return False
    references = [
        {"repository_id": repository_id, "manifest_digest": digest, "digest": reference, "kind": kind}
        for reference, kind in references_of(manifest)
    ]
    if references:
        tx.execute(INSERT_REFERENCE, references)
    return True


def references_of(manifest: Manifest) -> list[tuple[str, str]]:
    """List what a manifest refers to, as digest and kind, each once; without layers that may not be distributed.

    Those need not be in the repository, so nothing in it may depend on the manifest's word about them.
    """
    layers = [layer for layer in manifest.layers if not is_non_distributable(layer.media_type)]
    found = [(str(manifest.config.digest), "config")] if manifest.config else []
    found += [(str(layer.digest), "layer") for layer in layers]
    found += [(str(child.digest), "manifest") for child in manifest.manifests]
    return list(dict.fromkeys(found))


def present_manifests(tx: Transaction, repository_id: int, digests: Iterable[str]) -> set[str]:
    """Return those of the manifests that the repository holds."""
    found: set[str] = set()
    for part in in_batches(dict.fromkeys(digests), DIGESTS_PER_STATEMENT):
        rows = tx.execute(PRESENT_MANIFESTS, {"repository_id": repository_id, "digests": part})
        found.update(row[0] for row in rows)
    return found


def delete_manifest(tx: Transaction, repository_id: int, digest: str) -> bool:
    """Remove a manifest that carries no tags any more; return whether it was there."""
    return tx.execute(DELETE_MANIFEST, {"repository_id": repository_id, "digest": digest}).rowcount > 0


def content_of(tx: Transaction, repository_id: int, digest: str) -> bytes | None:
    """Return a manifest's bytes, if the repository holds it."""
    content: bytes | None = tx.execute(CONTENT, {"repository_id": repository_id, "digest": digest}).scalar()
    return None if content is None else bytes(content)


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
