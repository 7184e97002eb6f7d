"""The tables of the repositories room."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, false

from dtr.features.repositories.model import Visibility
from dtr.plumbing.db import ByteOrderedText, metadata

repository_table: Final = Table(
    "repository",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("path", ByteOrderedText, nullable=False, unique=True),
    Column("namespace", ByteOrderedText, nullable=False),
    Column("visibility", Text, nullable=False, server_default=Visibility.PRIVATE.value),
    Column("immutable_tags", Boolean, nullable=False, server_default=false()),
    Column("strict_sizes", Boolean, nullable=False, server_default=false()),
    Column("allow_missing_children", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Column("pulls", BigInteger, nullable=False, server_default="0"),
    Column("pushes", BigInteger, nullable=False, server_default="0"),
    Column("last_pulled_at", BigInteger),
    Column("last_pushed_at", BigInteger),
    Column("uuid", Text, nullable=False, server_default=""),
    Column("tag_limit", Integer, nullable=False, server_default="0"),
    Column("scan_on_push", Boolean, nullable=False, server_default=false()),
    Column("short_description", Text, nullable=False, server_default=""),
    Column("long_description", Text, nullable=False, server_default=""),
    Index(None, "visibility", "path"),
    Index(None, "namespace", "path"),
    # A number is never given twice: an old one in some cache must not come to mean another repository.
    sqlite_autoincrement=True,
)
"""`uuid` is what the API calls the repository's id; `tag_limit` 0 means no limit."""

repository_redirect_table: Final = Table(
    "repository_redirect",
    metadata,
    Column("path", ByteOrderedText, primary_key=True),
    Column("repository_id", Integer, ForeignKey("repository.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "repository_id"),
    Index(None, "created_at"),
)
"""Old names of renamed repositories, kept for pulls."""

repository_team_access_table: Final = Table(
    "repository_team_access",
    metadata,
    Column("repository_id", Integer, ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("team_id", Text, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column("level", Text, nullable=False),
    Index(None, "team_id"),
)

namespace_team_access_table: Final = Table(
    "namespace_team_access",
    metadata,
    Column("team_id", Text, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column("level", Text, nullable=False),
)
"""On the namespace of the organization that the team belongs to."""

repository_user_access_table: Final = Table(
    "repository_user_access",
    metadata,
    Column("repository_id", Integer, ForeignKey("repository.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("level", Text, nullable=False),
    Index(None, "account_id"),
)
"""Levels granted to single users on single repositories."""
