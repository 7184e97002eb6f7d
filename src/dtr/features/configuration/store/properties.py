"""The rows of settings that were changed."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from dtr.core.clock import to_micros
from dtr.plumbing.db import Transaction

# A few dozen rows.
READ_ALL = text("SELECT key, value FROM property")

# One row that the migration made: whoever changes settings waits here for others who do.
LOCK = text("UPDATE property SET changed_at = :now WHERE key = 'lock'")

PUT = text("""
INSERT INTO property (key, value, changed_at, changed_by) VALUES (:key, :value, :now, :changed_by)
    ON CONFLICT (key) DO UPDATE SET value = :value, changed_at = :now, changed_by = :changed_by
""")


def read_all(tx: Transaction) -> dict[str, Any]:
    """Return every stored value by its name."""
    return {row.key: json.loads(row.value) for row in tx.execute(READ_ALL)}


def lock(tx: Transaction, now: datetime) -> None:
    """Let nobody else change settings until the transaction ends."""
    tx.execute(LOCK, {"now": to_micros(now)})


def put(tx: Transaction, values: Mapping[str, object], changed_by: str, now: datetime) -> None:
    """Store values by their names."""
    rows = [
        {"key": key, "value": json.dumps(value), "now": to_micros(now), "changed_by": changed_by}
        for key, value in sorted(values.items())
    ]
    if rows:
        tx.execute(PUT, rows)
