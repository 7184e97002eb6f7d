"""The tables of the events room."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from dtr.plumbing.db import ByteOrderedText, metadata

RowNumber = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in columns of the type INTEGER."""

event_table: Final = Table(
    "event",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("published_at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("repository_id", Integer),
    Column("repository", ByteOrderedText, nullable=False),
    Column("namespace", ByteOrderedText, nullable=False),
    Column("object", Text, nullable=False),
    Column("target", Text),
    Column("count", Integer, nullable=False),
    Column("details", Text, nullable=False),
    Index(None, "type", "published_at", "id"),
    Index(None, "actor_id", "type", "published_at", "id"),
    Index(None, "repository_id", "audience", "type", "published_at", "id"),
    Index(None, "repository_id", "actor_id", "audience", "type", "published_at", "id"),
    Index(None, "namespace", "type", "published_at", "id"),
    Index(None, "namespace", "actor_id", "type", "published_at", "id"),
    sqlite_autoincrement=True,
)
"""`object`, `target` and `details` are JSON. Numbers go up in the order of recording, and are never given twice.

Every index ends in type and moment: a page is merged from one short range for each type that is wanted, so its cost
does not depend on how many events of other types (pulls, mostly) lie between.
"""

audit_entry_table: Final = Table(
    "audit_entry",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("namespace", ByteOrderedText, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index(None, "at", "position"),
    Index(None, "name", "at", "position"),
    Index(None, "actor_id", "at", "position"),
    Index(None, "namespace", "at", "position"),
    Index(None, "outcome", "at", "position"),
    Index(None, "object_type", "at", "position"),
)
"""`content` is the canonical JSON of the entry, exactly as it was hashed with the hash of the entry before.

The columns between repeat what it says, to find entries by; a check of the chain compares them.
"""

audit_head_table: Final = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("first_position", BigInteger, nullable=False),
    Column("anchor_hash", Text, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("last_hash", Text, nullable=False),
    Column("seal", Text, nullable=False),
)
"""One row: where the chain begins (after what was pruned) and ends. Locked while an entry is added.

`seal` is a keyed hash of the other columns, empty only before the first entry.
"""
