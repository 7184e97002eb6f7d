"""The rows of revocations: whose access tokens are void before their time."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from dtr.core.clock import to_micros
from dtr.plumbing.db import Transaction

COUNTER = ""
"""The subject of the row that holds the number of the newest revocation. It is never dropped."""

# The lock on this row makes revocations follow each other on PostgreSQL as they do on SQLite: whoever sees a number
# sees all that was changed under it and under those before.
COUNT_UP = text("""
INSERT INTO revocation (subject, number, revoked_at) VALUES ('', 1, :now)
    ON CONFLICT (subject) DO UPDATE SET number = revocation.number + 1, revoked_at = :now
RETURNING number
""")

REVOKE = text("""
INSERT INTO revocation (subject, number, revoked_at) VALUES (:subject, :number, :now)
    ON CONFLICT (subject) DO UPDATE SET number = :number, revoked_at = :now
""")

# Index: revocation(revoked_at).
DROP_OLD = text("DELETE FROM revocation WHERE revoked_at < :before AND subject <> ''")

# The same number as the counter's row holds, 0 without it. Index: revocation(number).
READ_NEWEST = "SELECT COALESCE(MAX(number), 0) FROM revocation"

# Index: revocation(number). Nothing, as a rule.
LIST_SINCE = text("SELECT subject, number FROM revocation WHERE number > :number")


def revoke(tx: Transaction, subjects: Sequence[str], now: datetime, drop_before: datetime) -> None:
    """Void the tokens that were issued to `subjects` so far; drop revocations of before a moment."""
    moment = to_micros(now)
    number = tx.execute(COUNT_UP, {"now": moment}).scalar_one()
    # Sorted, so that two revocations never wait for each other in a circle.
    tx.execute(REVOKE, [{"subject": each, "number": number, "now": moment} for each in sorted(set(subjects))])
    tx.execute(DROP_OLD, {"before": to_micros(drop_before)})


def list_since(tx: Transaction, number: int) -> dict[str, int]:
    """Return what was revoked after the revocation `number`: the number by subject, `COUNTER` among them."""
    return {row.subject: row.number for row in tx.execute(LIST_SINCE, {"number": number})}
