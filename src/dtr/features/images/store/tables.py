"""The tables of the images room.

repository ─┬─< blob_link >── blob
            ├─< manifest ──< manifest_reference
            └─< tag ──> manifest
upload          (a session names its repository by path: the repository may not exist yet)
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from dtr.plumbing.db import ByteOrderedText, metadata

blob = Table(
    "blob",
    metadata,
    Column("digest", ByteOrderedText, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("quarantined_at", BigInteger),
)
"""Content that is in the blob store. A quarantined one is damaged: it is shown nowhere until pushed again."""

blob_link = Table(
    "blob_link",
    metadata,
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", ByteOrderedText, ForeignKey("blob.digest"), primary_key=True),
    Column("linked_at", BigInteger, nullable=False),
    Index("ix_blob_link_digest", "digest", "repository_id"),
)
"""A blob was pushed or mounted into a repository, which may show it."""

upload = Table(
    "upload",
    metadata,
    Column("id", ByteOrderedText, primary_key=True),
    Column("repository", ByteOrderedText, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("hashed_bytes", BigInteger, nullable=False, server_default="0"),
    Column("digest_so_far", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("touched_at", BigInteger, nullable=False),
    Column("writer", Text),
    Column("writer_until", BigInteger),
    Index("ix_upload_touched_at", "touched_at"),
    Index("ix_upload_repository", "repository"),
)
"""An upload session. One writer at a time holds it, by a lease."""

manifest = Table(
    "manifest",
    metadata,
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", ByteOrderedText, primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("artifact_type", ByteOrderedText),
    Column("subject_digest", ByteOrderedText),
    Column("default_child_digest", ByteOrderedText),
    Column("pushed_at", BigInteger, nullable=False),
    Column("pushed_by", Text, nullable=False),
    Column("pulls", BigInteger, nullable=False, server_default="0"),
    Column("last_pulled_at", BigInteger),
    # Last, because SQLite walks through megabytes of these to reach a column that stands behind them.
    Column("annotations", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ix_manifest_subject", "repository_id", "subject_digest", "pushed_at", "digest"),
)
"""`size_bytes` and `default_child_digest` (of an index: see `model.StoredManifest`) are read off `content` once, at the
push, so that no reading needs to look into it.
"""

manifest_reference = Table(
    "manifest_reference",
    metadata,
    Column("repository_id", Integer, primary_key=True),
    Column("manifest_digest", ByteOrderedText, primary_key=True),
    Column("digest", ByteOrderedText, primary_key=True),
    Column("kind", Text, primary_key=True),
    Index("ix_manifest_reference_digest", "repository_id", "digest"),
    ForeignKeyConstraint(
        ["repository_id", "manifest_digest"],
        ["manifest.repository_id", "manifest.digest"],
        ondelete="CASCADE",
    ),
)
"""What a manifest refers to: `config`, `layer` or `manifest`. Read by everything that walks image graphs.

Layers that may not be distributed have no rows: the repository need not hold them.
"""

tag = Table(
    "tag",
    metadata,
    Column("repository_id", Integer, primary_key=True),
    Column("name", ByteOrderedText, primary_key=True),
    Column("digest", ByteOrderedText, nullable=False),
    Column("tagged_at", BigInteger, nullable=False),
    Column("tagged_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False, server_default="0"),
    Index("ix_tag_digest", "repository_id", "digest"),
    Index("ix_tag_tagged_at", "repository_id", "tagged_at", "name"),
    ForeignKeyConstraint(
        ["repository_id", "digest"], ["manifest.repository_id", "manifest.digest"], ondelete="CASCADE"
    ),
)
"""`created_at` is when the name came to be, `tagged_at` when it last moved or was pushed again."""

tag_history = Table(
    "tag_history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("repository_id", ForeignKey("repository.id", ondelete="CASCADE"), nullable=False),
    Column("name", ByteOrderedText, nullable=False),
    Column("digest", ByteOrderedText),
    Column("previous_digest", ByteOrderedText),
    Column("at", BigInteger, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Index(None, "repository_id", "name", "id"),
    Index(None, "at"),
    Index(
        "ix_tag_history_deletions",
        "repository_id",
        "name",
        sqlite_where=text("digest IS NULL"),
        postgresql_where=text("digest IS NULL"),
    ),
    sqlite_autoincrement=True,
)
"""Every move of every tag. `digest` is NULL where the tag was deleted, `previous_digest` where it was new."""

storage_snapshot = Table(
    "storage_snapshot",
    metadata,
    Column("day", ByteOrderedText, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("blobs", BigInteger, nullable=False),
)
"""What all blobs took on a day: `day` is a date in UTC, such as 2030-01-31."""

manifest_details = Table(
    "manifest_details",
    metadata,
    Column("digest", ByteOrderedText, primary_key=True),
    Column("details", Text, nullable=False),
)
"""What is worth knowing about an image, read off its manifest and configuration once: JSON. The same in every
repository, because content never changes under its digest.
"""
