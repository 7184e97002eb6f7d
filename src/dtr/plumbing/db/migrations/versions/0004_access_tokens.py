"""Access tokens with limits, and what was revoked."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the room `tokens` needs."""
    op.add_column("client_token", sa.Column("permits", sa.Text(), nullable=True))
    op.add_column("client_token", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "client_token", sa.Column("creator_user_agent", sa.Text(), server_default="", nullable=False)
    )
    op.add_column(
        "client_token", sa.Column("last_used_address", sa.Text(), server_default="", nullable=False)
    )
    op.create_table(
        "client_token_use",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["client_token.id"], name=op.f("fk_client_token_use_token_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_id", "address", name=op.f("pk_client_token_use")),
    )
    op.create_table(
        "revocation",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_revocation")),
    )
    op.create_index(op.f("ix_revocation_number"), "revocation", ["number"], unique=False)
    op.create_index(op.f("ix_revocation_revoked_at"), "revocation", ["revoked_at"], unique=False)
