"""The history of tags, details of images, and what storage took day by day."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BYTE_ORDERED = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what the room `images` needs."""
    op.add_column("tag", sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "tag_history",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("name", BYTE_ORDERED, nullable=False),
        sa.Column("digest", BYTE_ORDERED, nullable=True),
        sa.Column("previous_digest", BYTE_ORDERED, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repository.id"],
            name=op.f("fk_tag_history_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_history")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tag_history_at"), "tag_history", ["at"], unique=False)
    op.create_index(
        op.f("ix_tag_history_repository_id_name_id"),
        "tag_history",
        ["repository_id", "name", "id"],
        unique=False,
    )
    op.create_index(
        "ix_tag_history_deletions",
        "tag_history",
        ["repository_id", "name"],
        unique=False,
        sqlite_where=sa.text("digest IS NULL"),
        postgresql_where=sa.text("digest IS NULL"),
    )
    op.create_table(
        "manifest_details",
        sa.Column("digest", BYTE_ORDERED, nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_manifest_details")),
    )
    op.create_table(
        "storage_snapshot",
        sa.Column("day", BYTE_ORDERED, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("blobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_storage_snapshot")),
    )
    op.execute("UPDATE tag SET created_at = tagged_at")
