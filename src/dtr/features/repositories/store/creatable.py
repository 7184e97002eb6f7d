"""The namespaces that somebody may create repositories in."""

from typing import Final

from sqlalchemy import text

from dtr.plumbing.db import Transaction

MOST_NAMESPACES: Final = 200
"""So many are offered to choose from; others can be typed."""

# The organizations that somebody owns, or has the level admin on all of through a team: few rows, by the indexes on
# account_id.
OF_MEMBER = text("""
SELECT o.name FROM organization_member m JOIN account o ON o.id = m.org_id
 WHERE m.account_id = :account_id AND m.is_admin = TRUE
 UNION
SELECT o.name
  FROM team_member tm
  JOIN team t ON t.id = tm.team_id
  JOIN namespace_team_access a ON a.team_id = t.id AND a.level = 'admin'
  JOIN organization_member m ON m.org_id = t.org_id AND m.account_id = tm.account_id
  JOIN account o ON o.id = t.org_id
 WHERE tm.account_id = :account_id
 ORDER BY name LIMIT :limit
""")

# Index: account(is_org, name).
ALL_ORGANIZATIONS = text("SELECT name FROM account WHERE is_org = TRUE ORDER BY name LIMIT :limit")


def of_member(tx: Transaction, account_id: str) -> list[str]:
    """Return the organizations in which a member may create repositories, ordered by name."""
    return list(tx.execute(OF_MEMBER, {"account_id": account_id, "limit": MOST_NAMESPACES}).scalars())


def organizations(tx: Transaction) -> list[str]:
    """Return all organizations, ordered by name."""
    return list(tx.execute(ALL_ORGANIZATIONS, {"limit": MOST_NAMESPACES}).scalars())
