"""What callers were granted on namespaces and repositories."""

from collections.abc import Iterable, Sequence

from sqlalchemy import text

from dtr.features.access.model import Grant, Level, NamespaceRank, Source
from dtr.plumbing.db import Transaction, list_of_numbers, list_of_texts

# Few rows: the organizations and teams of one account, by the indexes on their account_id.
IN_NAMESPACES = text("""
SELECT o.name AS namespace, NULL AS team, NULL AS level
  FROM organization_member m
  JOIN account o ON o.id = m.org_id
 WHERE m.account_id = :account_id AND m.is_admin = TRUE AND o.name IN :namespaces
 UNION ALL
SELECT o.name, t.name, a.level
  FROM team_member m
  JOIN team t ON t.id = m.team_id
  JOIN namespace_team_access a ON a.team_id = t.id
  JOIN account o ON o.id = t.org_id
 WHERE m.account_id = :account_id AND o.name IN :namespaces
""").bindparams(list_of_texts("namespaces"))

# Primary keys of the two access tables, and of team_member.
ON_REPOSITORIES = text("""
SELECT a.repository_id, t.name AS team, a.level
  FROM repository_team_access a
  JOIN team_member m ON m.team_id = a.team_id AND m.account_id = :account_id
  JOIN team t ON t.id = a.team_id
 WHERE a.repository_id IN :repository_ids
 UNION ALL
SELECT repository_id, NULL, level
  FROM repository_user_access
 WHERE repository_id IN :repository_ids AND account_id = :account_id
""").bindparams(list_of_numbers("repository_ids"))

# One row: the organization by its unique name, the membership by its primary key, then the member's few teams.
RANK_IN_ORGANIZATION = text("""
SELECT m.is_admin AS is_owner,
       EXISTS (SELECT 1
                 FROM team_member tm
                 JOIN team t ON t.id = tm.team_id AND t.org_id = o.id
                 JOIN namespace_team_access a ON a.team_id = t.id AND a.level = 'admin'
                WHERE tm.account_id = :account_id) AS is_namespace_admin
  FROM account o
  JOIN organization_member m ON m.org_id = o.id AND m.account_id = :account_id
 WHERE o.name = :namespace
""")

PRESENT_NAMESPACES = text("SELECT name FROM account WHERE name IN :namespaces").bindparams(
    list_of_texts("namespaces")
)

DROP_TEAM_GRANTS = text("""
DELETE FROM repository_team_access
 WHERE repository_id = :repository_id
   AND NOT EXISTS (SELECT 1 FROM team t WHERE t.id = team_id AND t.org_id = :kept_org_id)
""")


def in_namespaces(tx: Transaction, account_id: str, namespaces: Iterable[str]) -> dict[str, list[Grant]]:
    """Return what an account was granted on whole namespaces, as owner or through teams."""
    found: dict[str, list[Grant]] = {}
    parameters = {"account_id": account_id, "namespaces": list(namespaces)}
    for row in tx.execute(IN_NAMESPACES, parameters):
        if row.team is None:
            grant = Grant.of_level(Source.ORGANIZATION_OWNER, Level.ADMIN, row.namespace)
        else:
            grant = Grant.of_level(Source.NAMESPACE_TEAM, Level(row.level), row.team)
        found.setdefault(row.namespace, []).append(grant)
    return found


def on_repositories(
    tx: Transaction, account_id: str, repository_ids: Sequence[int]
) -> dict[int, list[Grant]]:
    """Return what an account was granted on single repositories, through teams or in person."""
    found: dict[int, list[Grant]] = {}
    parameters = {"account_id": account_id, "repository_ids": list(repository_ids)}
    for row in tx.execute(ON_REPOSITORIES, parameters):
        source = Source.REPOSITORY_USER if row.team is None else Source.REPOSITORY_TEAM
        grant = Grant.of_level(source, Level(row.level), row.team or "")
        found.setdefault(row.repository_id, []).append(grant)
    return found


def rank_in_organization(tx: Transaction, account_id: str, namespace: str) -> NamespaceRank | None:
    """Return how a user stands in the organization `namespace`; None without such an organization or membership."""
    parameters = {"account_id": account_id, "namespace": namespace}
    row = tx.execute(RANK_IN_ORGANIZATION, parameters).one_or_none()
    if row is None:
        return None
    if row.is_owner:
        return NamespaceRank.OWNER
    return NamespaceRank.ADMIN if row.is_namespace_admin else NamespaceRank.MEMBER


def present_namespaces(tx: Transaction, namespaces: Iterable[str]) -> set[str]:
    """Return those of the names that an account has."""
    return set(tx.execute(PRESENT_NAMESPACES, {"namespaces": list(namespaces)}).scalars())


def drop_team_grants(tx: Transaction, repository_id: int, *, kept_org_id: str) -> None:
    """End the levels of teams on a repository, but for those of one organization."""
    tx.execute(DROP_TEAM_GRANTS, {"repository_id": repository_id, "kept_org_id": kept_org_id})
