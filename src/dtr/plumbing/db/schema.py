"""What all rooms share when they declare tables."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

SCHEMA_REVISION = "0008"
"""The newest migration, kept here so that a start needs no import of Alembic. A test compares the two."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ByteOrderedText = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text compared and sorted by its bytes on every engine, as tag and repository lists must be."""

content_generation = Table(
    "content_generation",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)
"""One row, counted up by every durable write on SQLite: tells memory caches whether they are still true."""
