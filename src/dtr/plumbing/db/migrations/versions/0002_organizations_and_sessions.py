"""Organizations, teams, public keys and sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BYTE_ORDERED = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")

ACCOUNT_INDEXES = (
    ("is_org", "name"),
    ("is_org", "is_admin", "name"),
    ("is_org", "is_auditor", "name"),
    ("is_org", "is_active", "name"),
    ("full_name", "name"),
    ("is_org", "full_name", "name"),
    ("is_org", "is_admin", "full_name", "name"),
    ("is_org", "is_auditor", "full_name", "name"),
    ("is_org", "is_active", "full_name", "name"),
)
"""For lists of accounts: each filter in each order."""


def upgrade() -> None:
    """Add what the room `accounts` needs."""
    op.add_column("account", sa.Column("is_org", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("account", sa.Column("is_auditor", sa.Boolean(), server_default=sa.false(), nullable=False))
    for columns in ACCOUNT_INDEXES:
        op.create_index(op.f(f"ix_account_{'_'.join(columns)}"), "account", list(columns), unique=False)
    op.create_table(
        "organization_member",
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_organization_member_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["account.id"], name=op.f("fk_organization_member_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "account_id", name=op.f("pk_organization_member")),
    )
    op.create_index(
        op.f("ix_organization_member_account_id"), "organization_member", ["account_id"], unique=False
    )
    op.create_table(
        "team",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("name", BYTE_ORDERED, nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["account.id"], name=op.f("fk_team_org_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("org_id", "name", name=op.f("uq_team_org_id_name")),
    )
    op.create_table(
        "team_member",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_team_member_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_team_member_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("team_id", "account_id", name=op.f("pk_team_member")),
    )
    op.create_index(op.f("ix_team_member_account_id"), "team_member", ["account_id"], unique=False)
    op.create_table(
        "public_key",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("certificates", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_public_key_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_public_key")),
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("credentials_version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_session_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index(
        op.f("ix_session_account_id_created_at"), "session", ["account_id", "created_at"], unique=False
    )
    op.create_index(op.f("ix_session_expires_at"), "session", ["expires_at"], unique=False)
