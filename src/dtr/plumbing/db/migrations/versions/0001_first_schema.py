"""The first schema: accounts, tokens, repositories, images."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BYTE_ORDERED = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Create everything, and the generation counter at its start."""
    op.create_table(
        "account",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", BYTE_ORDERED, nullable=False),
        sa.Column("full_name", BYTE_ORDERED, server_default="", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("credentials_version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "blob",
        sa.Column("digest", BYTE_ORDERED, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("quarantined_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blob")),
    )
    op.create_table(
        "content_generation",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_generation")),
    )
    op.create_table(
        "login_failure",
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last_failed_at", sa.BigInteger(), nullable=False),
        sa.Column("window_ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("counter", "name", "address", name=op.f("pk_login_failure")),
    )
    op.create_index(
        op.f("ix_login_failure_window_ends_at"), "login_failure", ["window_ends_at"], unique=False
    )
    op.create_table(
        "login_success",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_login_success_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "address", name=op.f("pk_login_success")),
    )
    op.create_index(op.f("ix_login_success_succeeded_at"), "login_success", ["succeeded_at"], unique=False)
    op.create_table(
        "repository",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("path", BYTE_ORDERED, nullable=False),
        sa.Column("namespace", BYTE_ORDERED, nullable=False),
        sa.Column("visibility", sa.Text(), server_default="private", nullable=False),
        sa.Column("immutable_tags", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("strict_sizes", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("allow_missing_children", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("pulls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pushes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_pulled_at", sa.BigInteger(), nullable=True),
        sa.Column("last_pushed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repository")),
        sa.UniqueConstraint("path", name=op.f("uq_repository_path")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_repository_namespace_path"), "repository", ["namespace", "path"], unique=False)
    op.create_index(op.f("ix_repository_visibility_path"), "repository", ["visibility", "path"], unique=False)
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
    )
    op.create_table(
        "upload",
        sa.Column("id", BYTE_ORDERED, nullable=False),
        sa.Column("repository", BYTE_ORDERED, nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("hashed_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("digest_so_far", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.Column("writer", sa.Text(), nullable=True),
        sa.Column("writer_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index("ix_upload_touched_at", "upload", ["touched_at"], unique=False)
    op.create_index("ix_upload_repository", "upload", ["repository"], unique=False)
    op.create_table(
        "blob_link",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("digest", BYTE_ORDERED, nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blob.digest"], name=op.f("fk_blob_link_digest")),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_blob_link_repository_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "digest", name=op.f("pk_blob_link")),
    )
    op.create_index("ix_blob_link_digest", "blob_link", ["digest", "repository_id"], unique=False)
    op.create_table(
        "client_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("generated_by", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_client_token_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_client_token_token_hash")),
    )
    op.create_index(
        op.f("ix_client_token_account_id_generated_by_last_used_at"),
        "client_token",
        ["account_id", "generated_by", "last_used_at"],
        unique=False,
    )
    op.create_table(
        "manifest",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("digest", BYTE_ORDERED, nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("artifact_type", BYTE_ORDERED, nullable=True),
        sa.Column("subject_digest", BYTE_ORDERED, nullable=True),
        sa.Column("default_child_digest", BYTE_ORDERED, nullable=True),
        sa.Column("pushed_at", sa.BigInteger(), nullable=False),
        sa.Column("pushed_by", sa.Text(), nullable=False),
        sa.Column("pulls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_pulled_at", sa.BigInteger(), nullable=True),
        sa.Column("annotations", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_manifest_repository_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "digest", name=op.f("pk_manifest")),
    )
    op.create_index(
        "ix_manifest_subject",
        "manifest",
        ["repository_id", "subject_digest", "pushed_at", "digest"],
        unique=False,
    )
    op.create_table(
        "manifest_reference",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("manifest_digest", BYTE_ORDERED, nullable=False),
        sa.Column("digest", BYTE_ORDERED, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id", "manifest_digest"],
            ["manifest.repository_id", "manifest.digest"],
            name=op.f("fk_manifest_reference_repository_id_manifest_digest"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "repository_id", "manifest_digest", "digest", "kind", name=op.f("pk_manifest_reference")
        ),
    )
    op.create_index(
        "ix_manifest_reference_digest", "manifest_reference", ["repository_id", "digest"], unique=False
    )
    op.create_table(
        "tag",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("name", BYTE_ORDERED, nullable=False),
        sa.Column("digest", BYTE_ORDERED, nullable=False),
        sa.Column("tagged_at", sa.BigInteger(), nullable=False),
        sa.Column("tagged_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id", "digest"],
            ["manifest.repository_id", "manifest.digest"],
            name=op.f("fk_tag_repository_id_digest"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "name", name=op.f("pk_tag")),
    )
    op.create_index("ix_tag_digest", "tag", ["repository_id", "digest"], unique=False)
    op.create_index("ix_tag_tagged_at", "tag", ["repository_id", "tagged_at", "name"], unique=False)
    op.execute("INSERT INTO content_generation (id, number) VALUES (1, 0)")
