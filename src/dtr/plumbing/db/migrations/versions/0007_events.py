"""The activity log and the audit chain."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BYTE_ORDERED = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what the room `events` needs."""
    op.create_table(
        "event",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=True),
        sa.Column("repository", BYTE_ORDERED, nullable=False),
        sa.Column("namespace", BYTE_ORDERED, nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_event_type_published_at_id"), "event", ["type", "published_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_event_actor_id_type_published_at_id"),
        "event",
        ["actor_id", "type", "published_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_event_repository_id_audience_type_published_at_id"),
        "event",
        ["repository_id", "audience", "type", "published_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_event_repository_id_actor_id_audience_type_published_at_id"),
        "event",
        ["repository_id", "actor_id", "audience", "type", "published_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_event_namespace_type_published_at_id"),
        "event",
        ["namespace", "type", "published_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_event_namespace_actor_id_type_published_at_id"),
        "event",
        ["namespace", "actor_id", "type", "published_at", "id"],
        unique=False,
    )
    op.create_table(
        "audit_entry",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("namespace", BYTE_ORDERED, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_at_position"), "audit_entry", ["at", "position"], unique=False)
    op.create_index(
        op.f("ix_audit_entry_name_at_position"), "audit_entry", ["name", "at", "position"], unique=False
    )
    op.create_index(
        op.f("ix_audit_entry_actor_id_at_position"),
        "audit_entry",
        ["actor_id", "at", "position"],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entry_namespace_at_position"),
        "audit_entry",
        ["namespace", "at", "position"],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entry_outcome_at_position"), "audit_entry", ["outcome", "at", "position"], unique=False
    )
    op.create_index(
        op.f("ix_audit_entry_object_type_at_position"),
        "audit_entry",
        ["object_type", "at", "position"],
        unique=False,
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("anchor_hash", sa.Text(), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.Text(), nullable=False),
        sa.Column("seal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.execute(
        "INSERT INTO audit_head (id, first_position, anchor_hash, last_position, last_hash, seal)"
        " VALUES (1, 1, '', 0, '', '')"
    )
