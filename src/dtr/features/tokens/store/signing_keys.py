"""The rows of the keys that sign tokens."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from dtr.core.clock import from_micros, from_micros_if_any, to_micros
from dtr.plumbing.db import Transaction

LIST_KEYS = text("SELECT kid, sealed_key, created_at, retired_at FROM signing_key ORDER BY created_at, kid")

INSERT_KEY = text("""
INSERT INTO signing_key (kid, sealed_key, created_at) VALUES (:kid, :sealed_key, :created_at)
""")

RETIRE_KEYS = text("UPDATE signing_key SET retired_at = :now WHERE retired_at IS NULL")

DROP_RETIRED_KEYS = text("DELETE FROM signing_key WHERE retired_at < :before")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as it lies in the database: the private half is sealed."""

    kid: str
    sealed_key: bytes
    created_at: datetime
    retired_at: datetime | None


def list_keys(tx: Transaction) -> list[StoredKey]:
    """Return every signing key, oldest first."""
    return [
        StoredKey(
            row.kid,
            bytes(row.sealed_key),
            from_micros(row.created_at),
            from_micros_if_any(row.retired_at),
        )
        for row in tx.execute(LIST_KEYS)
    ]


def replace_active_key(tx: Transaction, key: StoredKey, drop_retired_before: datetime) -> None:
    """Make `key` the active one, retire the others, and drop those retired before a moment."""
    created_at = to_micros(key.created_at)
    tx.execute(RETIRE_KEYS, {"now": created_at})
    tx.execute(INSERT_KEY, {"kid": key.kid, "sealed_key": key.sealed_key, "created_at": created_at})
    tx.execute(DROP_RETIRED_KEYS, {"before": to_micros(drop_retired_before)})
