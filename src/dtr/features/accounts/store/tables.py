"""The tables of the accounts room."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from dtr.plumbing.db import ByteOrderedText, metadata

account_table: Final = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", ByteOrderedText, nullable=False, unique=True),
    Column("full_name", ByteOrderedText, nullable=False, server_default=""),
    Column("password_hash", Text, nullable=False),
    Column("is_admin", Boolean, nullable=False, server_default=false()),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("credentials_version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", BigInteger, nullable=False),
    Column("is_org", Boolean, nullable=False, server_default=false()),
    Column("is_auditor", Boolean, nullable=False, server_default=false()),
    # One for each filter of lists, in both orders; the order by name alone has the unique index.
    Index(None, "is_org", "name"),
    Index(None, "is_org", "is_admin", "name"),
    Index(None, "is_org", "is_auditor", "name"),
    Index(None, "is_org", "is_active", "name"),
    Index(None, "full_name", "name"),
    Index(None, "is_org", "full_name", "name"),
    Index(None, "is_org", "is_admin", "full_name", "name"),
    Index(None, "is_org", "is_auditor", "full_name", "name"),
    Index(None, "is_org", "is_active", "full_name", "name"),
)
"""Users and organizations share one space of names. Nothing matches the empty password hash of an organization."""

organization_member_table: Final = Table(
    "organization_member",
    metadata,
    Column("org_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("is_admin", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "account_id"),
)
"""`is_admin` makes an owner of the organization."""

team_table: Final = Table(
    "team",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", Text, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("name", ByteOrderedText, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("org_id", "name"),
)

team_member_table: Final = Table(
    "team_member",
    metadata,
    Column("team_id", Text, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("is_admin", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "account_id"),
)
"""`is_admin` lets a member manage the team's members. Members of a team are members of its organization as well."""

public_key_table: Final = Table(
    "public_key",
    metadata,
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("label", Text, nullable=False, server_default=""),
    Column("public_key", Text, nullable=False),
    Column("certificates", Text, nullable=False, server_default="[]"),
    Column("created_at", BigInteger, nullable=False),
)
"""`id` is the SHA-256 of the key's DER encoding, in hex; `certificates` a JSON array of label and PEM."""

session_table: Final = Table(
    "session",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("credentials_version", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("address", Text, nullable=False, server_default=""),
    Column("user_agent", Text, nullable=False, server_default=""),
    Index(None, "account_id", "created_at"),
    Index(None, "expires_at"),
)
"""Sessions of browsers. Good only while the account's `credentials_version` is the one that they began with."""

login_failure_table: Final = Table(
    "login_failure",
    metadata,
    Column("counter", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last_failed_at", BigInteger, nullable=False),
    Column("window_ends_at", BigInteger, nullable=False),
    Index(None, "window_ends_at"),
)

login_success_table: Final = Table(
    "login_success",
    metadata,
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("succeeded_at", BigInteger, nullable=False),
    Index(None, "succeeded_at"),
)
