"""Blobs and their links to repositories."""

from collections.abc import Iterable

from sqlalchemy import text

from dtr.core.batches import in_batches
from dtr.oci.digest import Digest
from dtr.plumbing.db import Transaction, list_of_texts

DIGESTS_PER_STATEMENT = 500
"""Long lists are cut: databases limit the parameters of a statement."""

RECORD_BLOB = text(
    """
    -- Pushing content again heals a quarantined blob: its bytes were just stored anew.
    INSERT INTO blob (digest, size_bytes, stored_at) VALUES (:digest, :size_bytes, :now)
    ON CONFLICT (digest) DO UPDATE
       SET size_bytes = excluded.size_bytes, stored_at = excluded.stored_at, quarantined_at = NULL
    """
)

LINK_BLOB = text(
    """
    INSERT INTO blob_link (repository_id, digest, linked_at) VALUES (:repository_id, :digest, :now)
    ON CONFLICT (repository_id, digest) DO UPDATE SET linked_at = excluded.linked_at
    """
)

UNLINK_BLOB = text("DELETE FROM blob_link WHERE repository_id = :repository_id AND digest = :digest")

LINKED_SIZES = text(
    """
    -- Which of these blobs the repository holds, intact. Index: primary key of blob_link.
    SELECT b.digest, b.size_bytes
      FROM blob_link l JOIN blob b ON b.digest = l.digest
     WHERE l.repository_id = :repository_id AND l.digest IN :digests AND b.quarantined_at IS NULL
    """
).bindparams(list_of_texts("digests"))

MOUNT_SOURCE = text(
    """
    -- Whether one of these repositories holds the blob, intact. Indexes: repository(path), primary keys.
    SELECT b.size_bytes
      FROM repository r
      JOIN blob_link l ON l.repository_id = r.id AND l.digest = :digest
      JOIN blob b      ON b.digest = l.digest AND b.quarantined_at IS NULL
     WHERE r.path IN :paths
     LIMIT 1
    """
).bindparams(list_of_texts("paths"))

BLOBS_AFTER = text(
    """
    -- Keyset page over all blobs, for the scrub. Index: primary key of blob.
    SELECT digest, size_bytes, quarantined_at FROM blob WHERE digest > :last ORDER BY digest LIMIT :limit
    """
)

TOTALS = text("SELECT COUNT(*), COALESCE(SUM(size_bytes), 0) FROM blob")

QUARANTINE = text("UPDATE blob SET quarantined_at = :now WHERE digest = :digest AND stored_at <= :seen_at")

LIFT_QUARANTINE = text("UPDATE blob SET quarantined_at = NULL WHERE digest = :digest")

IS_KNOWN = text("SELECT 1 FROM blob WHERE digest = :digest")


def record_blob(tx: Transaction, digest: Digest, size_bytes: int, now: int) -> None:
    """Note that the blob's bytes are in the store, flushed."""
    tx.execute(RECORD_BLOB, {"digest": str(digest), "size_bytes": size_bytes, "now": now})


def link_blob(tx: Transaction, repository_id: int, digest: Digest, now: int) -> None:
    """Let a repository show a blob."""
    tx.execute(LINK_BLOB, {"repository_id": repository_id, "digest": str(digest), "now": now})


def unlink_blob(tx: Transaction, repository_id: int, digest: Digest) -> bool:
    """Take a blob out of a repository; return whether it was there."""
    result = tx.execute(UNLINK_BLOB, {"repository_id": repository_id, "digest": str(digest)})
    return result.rowcount > 0


def linked_sizes(tx: Transaction, repository_id: int, digests: Iterable[str]) -> dict[str, int]:
    """Return the sizes in bytes of those blobs that the repository holds."""
    found: dict[str, int] = {}
    for part in in_batches(dict.fromkeys(digests), DIGESTS_PER_STATEMENT):
        rows = tx.execute(LINKED_SIZES, {"repository_id": repository_id, "digests": part})
        found.update({row[0]: row[1] for row in rows})
    return found


def mount_source(tx: Transaction, paths: Iterable[str], digest: Digest) -> int | None:
    """Return the blob's size in bytes if any of the repositories holds it."""
    size: int | None = tx.execute(MOUNT_SOURCE, {"paths": list(paths), "digest": str(digest)}).scalar()
    return size


def blobs_after(tx: Transaction, last: str, limit: int) -> list[tuple[str, int, bool]]:
    """Return the next page of all blobs: digest, size in bytes, whether quarantined."""
    rows = tx.execute(BLOBS_AFTER, {"last": last, "limit": limit})
    return [(row[0], row[1], row[2] is not None) for row in rows]


def totals(tx: Transaction) -> tuple[int, int]:
    """Return the number of blobs and their bytes."""
    row = tx.execute(TOTALS).one()
    return row[0], int(row[1])


def quarantine(tx: Transaction, digest: str, *, seen_at: int, now: int) -> bool:
    """Hide a damaged blob everywhere, unless it was stored anew after `seen_at`; return whether that was done."""
    return tx.execute(QUARANTINE, {"digest": digest, "seen_at": seen_at, "now": now}).rowcount > 0


def lift_quarantine(tx: Transaction, digest: str) -> None:
    """Show a blob again: its bytes were read and are right."""
    tx.execute(LIFT_QUARANTINE, {"digest": digest})


def is_known(tx: Transaction, digest: str) -> bool:
    """Tell whether there is a row for the blob."""
    return tx.execute(IS_KNOWN, {"digest": digest}).first() is not None
