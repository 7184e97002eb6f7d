"""The queries of the pull path. Each is one statement on indexed columns."""

from sqlalchemy import text

from dtr.features.images.model import StoredBlob, StoredManifest
from dtr.oci.digest import Digest
from dtr.plumbing.db import Transaction

RESOLVE_TAG = text(
    """
    -- The pull by tag: one row. Indexes: repository(path), primary keys of tag and manifest.
    SELECT m.repository_id, m.digest, m.media_type, m.content, m.default_child_digest
      FROM repository r
      JOIN tag t      ON t.repository_id = r.id AND t.name = :reference
      JOIN manifest m ON m.repository_id = r.id AND m.digest = t.digest
     WHERE r.path = :path
    """
)

RESOLVE_DIGEST = text(
    """
    -- The pull by digest: one row. Indexes: repository(path), primary key of manifest.
    SELECT m.repository_id, m.digest, m.media_type, m.content, m.default_child_digest
      FROM repository r
      JOIN manifest m ON m.repository_id = r.id AND m.digest = :reference
     WHERE r.path = :path
    """
)

FIND_BLOB = text(
    """
    -- A blob that this repository may show. Indexes: repository(path), primary keys of blob_link and blob.
    SELECT r.id, b.size_bytes
      FROM repository r
      JOIN blob_link l ON l.repository_id = r.id AND l.digest = :digest
      JOIN blob b      ON b.digest = l.digest AND b.quarantined_at IS NULL
     WHERE r.path = :path
    """
)

REPOSITORY_EXISTS = text("SELECT 1 FROM repository WHERE path = :path")


def resolve(tx: Transaction, path: str, reference: str) -> StoredManifest | None:
    """Find a manifest by tag or, where the reference holds a colon, by digest."""
    statement = RESOLVE_DIGEST if ":" in reference else RESOLVE_TAG
    row = tx.execute(statement, {"path": path, "reference": reference}).one_or_none()
    return None if row is None else StoredManifest(*row)


def find_blob(tx: Transaction, path: str, digest: Digest) -> StoredBlob | None:
    """Find a blob in a repository; the digest of one of its manifests counts too."""
    row = tx.execute(FIND_BLOB, {"path": path, "digest": str(digest)}).one_or_none()
    if row is not None:
        return StoredBlob(row[0], digest, row[1])
    found = resolve(tx, path, str(digest))
    if found is None:
        return None
    return StoredBlob(found.repository_id, digest, len(found.content), found.content)


def repository_exists(tx: Transaction, path: str) -> bool:
    """Tell whether there is such a repository."""
    return tx.execute(REPOSITORY_EXISTS, {"path": path}).first() is not None
