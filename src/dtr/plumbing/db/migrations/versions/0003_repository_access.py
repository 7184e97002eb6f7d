"""Descriptions and limits of repositories, their old names, and who may do what with them."""

import time
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BYTE_ORDERED = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add what the room `repositories` needs."""
    op.add_column("repository", sa.Column("uuid", sa.Text(), server_default="", nullable=False))
    op.add_column("repository", sa.Column("tag_limit", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "repository", sa.Column("scan_on_push", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("repository", sa.Column("short_description", sa.Text(), server_default="", nullable=False))
    op.add_column("repository", sa.Column("long_description", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "repository_redirect",
        sa.Column("path", BYTE_ORDERED, nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repository.id"],
            name=op.f("fk_repository_redirect_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_repository_redirect")),
    )
    op.create_index(
        op.f("ix_repository_redirect_repository_id"), "repository_redirect", ["repository_id"], unique=False
    )
    op.create_index(
        op.f("ix_repository_redirect_created_at"), "repository_redirect", ["created_at"], unique=False
    )
    op.create_table(
        "repository_team_access",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repository.id"],
            name=op.f("fk_repository_team_access_repository_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_repository_team_access_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "team_id", name=op.f("pk_repository_team_access")),
    )
    op.create_index(
        op.f("ix_repository_team_access_team_id"), "repository_team_access", ["team_id"], unique=False
    )
    op.create_table(
        "namespace_team_access",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_namespace_team_access_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_namespace_team_access")),
    )
    op.create_table(
        "repository_user_access",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_repository_user_access_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repository.id"],
            name=op.f("fk_repository_user_access_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("repository_id", "account_id", name=op.f("pk_repository_user_access")),
    )
    op.create_index(
        op.f("ix_repository_user_access_account_id"), "repository_user_access", ["account_id"], unique=False
    )
    _name_repositories()
    _make_missing_namespaces()


def _name_repositories() -> None:
    """Give every repository the identifier that the API calls it by."""
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT id FROM repository WHERE uuid = ''")).all():
        connection.execute(
            sa.text("UPDATE repository SET uuid = :uuid WHERE id = :id"),
            {"uuid": str(uuid.uuid4()), "id": row.id},
        )


def _make_missing_namespaces() -> None:
    """Make an organization without owners of every namespace that no account has: a namespace is an account now."""
    connection = op.get_bind()
    missing = sa.text("""
        SELECT DISTINCT namespace FROM repository
         WHERE NOT EXISTS (SELECT 1 FROM account WHERE account.name = repository.namespace)
    """)
    insert = sa.text("""
        INSERT INTO account (id, name, full_name, password_hash, is_admin, is_active, is_org, created_at)
        VALUES (:id, :name, '', '', FALSE, TRUE, TRUE, :now)
    """)
    for row in connection.execute(missing).all():
        values = {"id": str(uuid.uuid4()), "name": row.namespace, "now": time.time_ns() // 1000}
        connection.execute(insert, values)
