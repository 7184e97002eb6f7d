"""The tables of the tokens room."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text, true

from dtr.plumbing.db import metadata

client_token_table: Final = Table(
    "client_token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("generated_by", Text, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("permits", Text),
    Column("expires_at", BigInteger),
    Column("creator_user_agent", Text, nullable=False, server_default=""),
    Column("last_used_address", Text, nullable=False, server_default=""),
    Index(None, "account_id", "generated_by", "last_used_at"),
)
"""`permits` is a JSON array of pattern and actions, NULL for a token without limits; `expires_at` NULL for none."""

client_token_use_table: Final = Table(
    "client_token_use",
    metadata,
    Column("token_id", Text, ForeignKey("client_token.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("told_at", BigInteger, nullable=False),
)
"""From which addresses an access token was used within the last hour: each is told of once in that time."""

revocation_table: Final = Table(
    "revocation",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
    Index(None, "number"),
    Index(None, "revoked_at"),
)
"""Void are access tokens that carry a lower number than their subject has here. A subject is an account, a robot, or
the client token that they were got with. The row with the empty subject counts all revocations."""

signing_key_table: Final = Table(
    "signing_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
)
