"""Which namespaces a caller looks after: what happens there concerns them."""

from collections.abc import Iterable

from sqlalchemy import text

from dtr.core.principal import Principal, PrincipalKind
from dtr.plumbing.db import Transaction

# Few rows: the organizations and teams of one account, by the indexes on their account_id.
LOOKED_AFTER = text("""
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
 WHERE m.account_id = :account_id
""")

# The organizations alone that the account owns: teams do not see matters of security.
OWNED = text("""
SELECT o.name
  FROM organization_member m
  JOIN account o ON o.id = m.org_id
 WHERE m.account_id = :account_id AND m.is_admin = TRUE
""")


def looked_after(tx: Transaction, principal: Principal) -> list[str]:
    """Return the namespaces that a user administers: their own, owned organizations, and those through teams."""
    return _with_own(
        principal, tx.execute(LOOKED_AFTER, {"account_id": principal.account_id}).scalars().all()
    )


def owned(tx: Transaction, principal: Principal) -> list[str]:
    """Return the namespaces that a user owns: their own, and organizations."""
    return _with_own(principal, tx.execute(OWNED, {"account_id": principal.account_id}).scalars().all())


def _with_own(principal: Principal, names: Iterable[str]) -> list[str]:
    own = [principal.name] if principal.kind is PrincipalKind.USER and principal.name is not None else []
    return sorted({*own, *names})
