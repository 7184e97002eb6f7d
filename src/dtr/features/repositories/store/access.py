"""Levels of teams and users on repositories and namespaces: granting, taking away, listing."""

from sqlalchemy import TextClause, text

from dtr.core.paging import ListPage, Page
from dtr.features.access.model import Level
from dtr.features.accounts.store.accounts import account_of
from dtr.features.accounts.store.organizations import next_name
from dtr.features.accounts.store.teams import team_of
from dtr.features.repositories.model.access import RepositoryAccess, TeamAccess, UserAccess
from dtr.features.repositories.store.repositories import to_repository
from dtr.plumbing.db import Transaction

# By primary key.
ORGANIZATION_OF_TEAM = text("SELECT org_id FROM team WHERE id = :team_id")

# All by primary keys.
REPOSITORY_TEAM_LEVEL = text("""
SELECT level FROM repository_team_access WHERE repository_id = :repository_id AND team_id = :team_id
""")

SET_REPOSITORY_TEAM = text("""
INSERT INTO repository_team_access (repository_id, team_id, level) VALUES (:repository_id, :team_id, :level)
    ON CONFLICT (repository_id, team_id) DO UPDATE SET level = :level
""")

DELETE_REPOSITORY_TEAM = text("""
DELETE FROM repository_team_access WHERE repository_id = :repository_id AND team_id = :team_id RETURNING level
""")

NAMESPACE_TEAM_LEVEL = text("SELECT level FROM namespace_team_access WHERE team_id = :team_id")

SET_NAMESPACE_TEAM = text("""
INSERT INTO namespace_team_access (team_id, level) VALUES (:team_id, :level)
    ON CONFLICT (team_id) DO UPDATE SET level = :level
""")

DELETE_NAMESPACE_TEAM = text("DELETE FROM namespace_team_access WHERE team_id = :team_id RETURNING level")

# The grants on one repository or in one organization, few; sorted by the team's name. Primary keys.
LIST_REPOSITORY_TEAMS = text("""
SELECT t.*, a.level, (SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id) AS members
  FROM repository_team_access a
  JOIN team t ON t.id = a.team_id
 WHERE a.repository_id = :about AND t.name >= :start
 ORDER BY t.name
 LIMIT :limit
""")

COUNT_REPOSITORY_TEAMS = text("SELECT COUNT(*) FROM repository_team_access WHERE repository_id = :about")

# Index: team(org_id, name).
LIST_NAMESPACE_TEAMS = text("""
SELECT t.*, a.level, (SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id) AS members
  FROM team t
  JOIN namespace_team_access a ON a.team_id = t.id
 WHERE t.org_id = :about AND t.name >= :start
 ORDER BY t.name
 LIMIT :limit
""")

COUNT_NAMESPACE_TEAMS = text("""
SELECT COUNT(*) FROM team t JOIN namespace_team_access a ON a.team_id = t.id WHERE t.org_id = :about
""")

# Index: repository_team_access(team_id). The grants of one team, sorted by the repository's path.
LIST_TEAM_REPOSITORIES = text("""
SELECT r.*, a.level
  FROM repository_team_access a
  JOIN repository r ON r.id = a.repository_id
 WHERE a.team_id = :team_id AND r.path >= :start
 ORDER BY r.path
 LIMIT :limit
""")

COUNT_TEAM_REPOSITORIES = text("SELECT COUNT(*) FROM repository_team_access WHERE team_id = :team_id")

# All by primary keys.
USER_LEVEL = text("""
SELECT level FROM repository_user_access WHERE repository_id = :repository_id AND account_id = :account_id
""")

SET_USER = text("""
INSERT INTO repository_user_access (repository_id, account_id, level)
VALUES (:repository_id, :account_id, :level)
    ON CONFLICT (repository_id, account_id) DO UPDATE SET level = :level
""")

DELETE_USER = text("""
DELETE FROM repository_user_access
 WHERE repository_id = :repository_id AND account_id = :account_id
RETURNING level
""")

LIST_USERS = text("""
SELECT a.*, u.level
  FROM repository_user_access u
  JOIN account a ON a.id = u.account_id
 WHERE u.repository_id = :repository_id AND a.name >= :start
 ORDER BY a.name
 LIMIT :limit
""")

COUNT_USERS = text("SELECT COUNT(*) FROM repository_user_access WHERE repository_id = :repository_id")


def organization_of_team(tx: Transaction, team_id: str) -> str | None:
    """Return the id of the organization that a team belongs to, wherever that is."""
    org_id: str | None = tx.execute(ORGANIZATION_OF_TEAM, {"team_id": team_id}).scalar()
    return org_id


def set_repository_team(tx: Transaction, repository_id: int, team_id: str, level: Level) -> Level | None:
    """Give a team a level on a repository that is locked; return the one it had."""
    parameters = {"repository_id": repository_id, "team_id": team_id, "level": level.value}
    before = tx.execute(REPOSITORY_TEAM_LEVEL, parameters).scalar()
    tx.execute(SET_REPOSITORY_TEAM, parameters)
    return level_of(before)


def delete_repository_team(tx: Transaction, repository_id: int, team_id: str) -> Level | None:
    """Take a team's level on a repository away; return it."""
    parameters = {"repository_id": repository_id, "team_id": team_id}
    return level_of(tx.execute(DELETE_REPOSITORY_TEAM, parameters).scalar())


def repository_teams(tx: Transaction, repository_id: int, page: ListPage) -> Page[TeamAccess]:
    """Return a page of the teams with a level on a repository, by name."""
    return _teams(tx, LIST_REPOSITORY_TEAMS, COUNT_REPOSITORY_TEAMS, repository_id, page)


def namespace_team_level(tx: Transaction, team_id: str) -> Level | None:
    """Return the level of a team on its organization's namespace."""
    return level_of(tx.execute(NAMESPACE_TEAM_LEVEL, {"team_id": team_id}).scalar())


def set_namespace_team(tx: Transaction, team_id: str, level: Level) -> Level | None:
    """Give a team that is held a level on its organization's namespace; return the one it had."""
    before = namespace_team_level(tx, team_id)
    tx.execute(SET_NAMESPACE_TEAM, {"team_id": team_id, "level": level.value})
    return before


def delete_namespace_team(tx: Transaction, team_id: str) -> Level | None:
    """Take a team's level on its organization's namespace away; return it."""
    return level_of(tx.execute(DELETE_NAMESPACE_TEAM, {"team_id": team_id}).scalar())


def namespace_teams(tx: Transaction, org_id: str, page: ListPage) -> Page[TeamAccess]:
    """Return a page of the teams with a level on the namespace of an organization, by name."""
    return _teams(tx, LIST_NAMESPACE_TEAMS, COUNT_NAMESPACE_TEAMS, org_id, page)


def level_of(stored: str | None) -> Level | None:
    """Read a level as it is stored."""
    return None if stored is None else Level(stored)


def _teams(
    tx: Transaction, listing: TextClause, counting: TextClause, about: object, page: ListPage
) -> Page[TeamAccess]:
    parameters = {"about": about, "start": page.start, "limit": page.size + 1}
    rows = tx.execute(listing, parameters).all()
    total = tx.execute(counting, {"about": about}).scalar_one() if page.with_count else None
    found = [TeamAccess(team_of(row), Level(row.level)) for row in rows[: page.size]]
    return Page(found, next_name(rows, page), total)


def team_repositories(tx: Transaction, team_id: str, page: ListPage) -> Page[RepositoryAccess]:
    """Return a page of the repositories that a team has a level on, by path."""
    parameters = {"team_id": team_id, "start": page.start, "limit": page.size + 1}
    rows = tx.execute(LIST_TEAM_REPOSITORIES, parameters).all()
    total = tx.execute(COUNT_TEAM_REPOSITORIES, parameters).scalar_one() if page.with_count else None
    found = [RepositoryAccess(to_repository(row), Level(row.level)) for row in rows[: page.size]]
    return Page(found, rows[page.size].path if len(rows) > page.size else None, total)


def set_user(tx: Transaction, repository_id: int, account_id: str, level: Level) -> Level | None:
    """Give a user a level on a repository that is locked; return the one they had."""
    parameters = {"repository_id": repository_id, "account_id": account_id, "level": level.value}
    before = tx.execute(USER_LEVEL, parameters).scalar()
    tx.execute(SET_USER, parameters)
    return level_of(before)


def delete_user(tx: Transaction, repository_id: int, account_id: str) -> Level | None:
    """Take a user's level on a repository away; return it."""
    parameters = {"repository_id": repository_id, "account_id": account_id}
    return level_of(tx.execute(DELETE_USER, parameters).scalar())


def repository_users(tx: Transaction, repository_id: int, page: ListPage) -> Page[UserAccess]:
    """Return a page of the users with a level on a repository in person, by name."""
    parameters = {"repository_id": repository_id, "start": page.start, "limit": page.size + 1}
    rows = tx.execute(LIST_USERS, parameters).all()
    total = tx.execute(COUNT_USERS, parameters).scalar_one() if page.with_count else None
    found = [UserAccess(account_of(row), Level(row.level)) for row in rows[: page.size]]
    return Page(found, next_name(rows, page), total)
