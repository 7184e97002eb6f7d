"""Who acts: the ids of accounts and robots."""

from sqlalchemy import text

from dtr.plumbing.db import Transaction

# By the unique indexes on the names, which the two have in common: no account is called like a robot.
FIND = text("SELECT id FROM account WHERE name = :name UNION ALL SELECT id FROM robot WHERE name = :name")


def find(tx: Transaction, name: str) -> str | None:
    """Return the id of the account or robot of a name."""
    found: str | None = tx.execute(FIND, {"name": name}).scalars().first()
    return found
