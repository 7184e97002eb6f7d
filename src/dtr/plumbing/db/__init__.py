"""The metadata database: transactions, group commit, the few dialect differences, migrations.

Owns the table `content_generation` and the file lock beside an SQLite database. Everything else in the
database belongs to the rooms; each declares its tables on `metadata` and keeps its SQL in its `store.py`.
"""

from dtr.plumbing.db.database import Database, Transaction, open_database
from dtr.plumbing.db.lists import list_of_numbers, list_of_texts
from dtr.plumbing.db.schema import ByteOrderedText, metadata

__all__ = [
    "ByteOrderedText",
    "Database",
    "Transaction",
    "list_of_numbers",
    "list_of_texts",
    "metadata",
    "open_database",
]
