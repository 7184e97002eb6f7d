"""Which namespaces a caller looks after: what happens there concerns them."""

from collections.abc import Iterable

from sqlalchemy import text

from dtr.core.principal import Principal, PrincipalKind
from dtr.plumbing.db import Transaction

# The organizations and teams of one account, by the indexes on their account_id, as far as something happened there:
# one probe of event(namespace, type, published_at, id) each. The order keeps PostgreSQL to that index: where nearly all
# events are of one namespace, it takes any row for a match, and looks through all of them for one of another.
LOOKED_AFTER = text("""
SELECT name FROM (
    SELECT o.name
      FROM organization_member m
      JOIN account o ON o.id = m.org_id
     WHERE m.account_id = :account_id AND m.is_admin = TRUE
     UNION
    SELECT o.name
      FROM team_member m
      JOIN team t ON t.id = m.team_id
      JOIN namespace_team_access a ON a.team_id = t.id AND a.level = 'admin'
      JOIN account o ON o.id = t.org_id
     WHERE m.account_id = :account_id) AS reached
 WHERE (SELECT 1 FROM event WHERE event.namespace = reached.name ORDER BY type, published_at LIMIT 1) = 1
""")

# The organizations alone that the account owns: teams do not see matters of security. One probe of
# audit_entry(namespace, at, position) each, as above.
OWNED = text("""
SELECT o.name
  FROM organization_member m
  JOIN account o ON o.id = m.org_id
 WHERE m.account_id = :account_id AND m.is_admin = TRUE
   AND (SELECT 1 FROM audit_entry e WHERE e.namespace = o.name ORDER BY at LIMIT 1) = 1
""")


def looked_after(tx: Transaction, principal: Principal) -> list[str]:
    """Return the namespaces that a user administers: their own, owned organizations, and those through teams.

    Organizations without any event are left out.
    """
    return _with_own(
        principal, tx.execute(LOOKED_AFTER, {"account_id": principal.account_id}).scalars().all()
    )


def owned(tx: Transaction, principal: Principal) -> list[str]:
    """Return the namespaces that a user owns: their own, and organizations with entries in the audit chain."""
    return _with_own(principal, tx.execute(OWNED, {"account_id": principal.account_id}).scalars().all())


def _with_own(principal: Principal, names: Iterable[str]) -> list[str]:
    own = [principal.name] if principal.kind is PrincipalKind.USER and principal.name is not None else []
    return sorted({*own, *names})
