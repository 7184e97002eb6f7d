"""The table of the robots room."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, true

from dtr.plumbing.db import ByteOrderedText, metadata

robot_table: Final = Table(
    "robot",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", ByteOrderedText, nullable=False, unique=True),
    Column("namespace", ByteOrderedText, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("permits", Text, nullable=False, server_default="[]"),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("secret_hash", Text, nullable=False),
    Column("secret_set_at", BigInteger, nullable=False),
    Column("previous_secret_hash", Text),
    Column("previous_secret_expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("last_used_address", Text, nullable=False, server_default=""),
    Index(None, "namespace", "name"),
)
"""`namespace` is empty for robots of the whole registry; `permits` a JSON array of pattern and actions."""
