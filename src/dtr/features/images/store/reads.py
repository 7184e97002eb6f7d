"""The queries of the pull path. Each is one statement on indexed columns, also where nothing is found.

A repository always gives one row; what it does not hold is NULL there. So no row tells that there is no repository,
and only then it is looked up whether one had that name once and has another now.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, TextClause, text

from dtr.features.images.model import StoredBlob, StoredManifest
from dtr.features.repositories.model import no_such_repository
from dtr.features.repositories.store import redirects
from dtr.oci.digest import Digest
from dtr.plumbing.db import Transaction

RESOLVE_TAG = text(
    """
    -- The pull by tag: one row. Indexes: repository(path), primary keys of tag and manifest.
    SELECT r.id, m.digest, m.media_type, m.content, m.default_child_digest
      FROM repository r
      LEFT JOIN tag t      ON t.repository_id = r.id AND t.name = :reference
      LEFT JOIN manifest m ON m.repository_id = r.id AND m.digest = t.digest
     WHERE r.path = :path
    """
)

RESOLVE_DIGEST = text(
    """
    -- The pull by digest: one row. Indexes: repository(path), primary key of manifest.
    SELECT r.id, m.digest, m.media_type, m.content, m.default_child_digest
      FROM repository r
      LEFT JOIN manifest m ON m.repository_id = r.id AND m.digest = :reference
     WHERE r.path = :path
    """
)

RESOLVE_BLOB = text(
    """
    -- A blob that this repository may show, or the manifest of that digest: its content is read for no blob.
    -- Indexes: repository(path), primary keys of blob_link, blob and manifest.
    SELECT r.id, b.size_bytes, m.content
      FROM repository r
      LEFT JOIN blob_link l ON l.repository_id = r.id AND l.digest = :digest
      LEFT JOIN blob b      ON b.digest = l.digest AND b.quarantined_at IS NULL
      LEFT JOIN manifest m  ON m.repository_id = r.id AND m.digest = :digest AND b.digest IS NULL
     WHERE r.path = :path
    """
)


def resolve(tx: Transaction, path: str, reference: str) -> StoredManifest | None:
    """Find a manifest by tag or, where the reference holds a colon, by digest.

    Raises NameUnknown when there is no such repository.
    """
    statement = RESOLVE_DIGEST if ":" in reference else RESOLVE_TAG
    row = _one(tx, statement, {"path": path, "reference": reference})
    return StoredManifest(*tuple(row)) if row.digest is not None else None


def resolve_blob(tx: Transaction, path: str, digest: Digest) -> StoredBlob | None:
    """Find a blob in a repository; the digest of one of its manifests counts too.

    Raises NameUnknown when there is no such repository.
    """
    row = _one(tx, RESOLVE_BLOB, {"path": path, "digest": str(digest)})
    if row.size_bytes is not None:
        return StoredBlob(row.id, digest, row.size_bytes)
    return StoredBlob(row.id, digest, len(row.content), row.content) if row.content is not None else None


def _one(tx: Transaction, statement: TextClause, values: Mapping[str, Any]) -> Row[Any]:
    """Return the one row about a repository, also by an old name of it. Raises NameUnknown."""
    row = tx.execute(statement, values).one_or_none()
    if row is None:
        moved = redirects.follow(tx, values["path"])
        row = None if moved is None else tx.execute(statement, {**values, "path": moved.path}).one_or_none()
    if row is None:
        raise no_such_repository(values["path"])
    return row
