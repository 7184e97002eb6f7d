"""The table of the configuration room."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Table, Text

from dtr.plumbing.db import metadata

property_table: Final = Table(
    "property",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
"""`value` is JSON."""

account_setting_table: Final = Table(
    "account_setting",
    metadata,
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("content_cache_id", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default=""),
)
"""What users set for themselves, empty for nothing: the content cache that they pull through, the language of pages."""
