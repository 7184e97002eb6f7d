"""Settings that change while the registry runs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the room `configuration` needs."""
    op.create_table(
        "property",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_property")),
    )
    op.execute("INSERT INTO property (key, value, changed_at, changed_by) VALUES ('lock', 'null', 0, '')")
    op.create_table(
        "account_setting",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("content_cache_id", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_setting_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_setting")),
    )
