"""Old names of renamed repositories."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text

from dtr.core.clock import to_micros
from dtr.features.repositories.model import Repository
from dtr.features.repositories.store import repositories
from dtr.plumbing.db import Transaction, list_of_texts

# By primary keys.
FIND = text("""
SELECT d.path AS old_path, r.path AS new_path
  FROM repository_redirect d
  JOIN repository r ON r.id = d.repository_id
 WHERE d.path IN :paths
""").bindparams(list_of_texts("paths"))

# By primary keys.
FOLLOW = text("""
SELECT r.* FROM repository_redirect d JOIN repository r ON r.id = d.repository_id WHERE d.path = :path
""")

# Index: repository_redirect(repository_id).
OLD_NAMES = text("SELECT path FROM repository_redirect WHERE repository_id = :repository_id")

# Indexes: repository(namespace, path), then repository_redirect(repository_id).
OLD_NAMES_OF_NAMESPACE = text("""
SELECT d.path FROM repository r JOIN repository_redirect d ON d.repository_id = r.id WHERE r.namespace = :namespace
""")

# Old names lead to the repository and not to its name, so that they never form chains.
SAVE = text("""
INSERT INTO repository_redirect (path, repository_id, created_at) VALUES (:path, :repository_id, :now)
    ON CONFLICT (path) DO UPDATE SET repository_id = excluded.repository_id, created_at = excluded.created_at
""")

DELETE = text("DELETE FROM repository_redirect WHERE path = :path")

# Index: repository_redirect(created_at).
DELETE_OLD = text("DELETE FROM repository_redirect WHERE created_at < :before")


def find(tx: Transaction, paths: Iterable[str]) -> dict[str, str]:
    """Return the present paths of repositories that once had one of `paths`, by the old path."""
    return {row.old_path: row.new_path for row in tx.execute(FIND, {"paths": list(paths)})}


def follow(tx: Transaction, path: str) -> Repository | None:
    """Return the repository that was once at `path`."""
    row = tx.execute(FOLLOW, {"path": path}).one_or_none()
    return None if row is None else repositories.to_repository(row)


def find_or_follow(tx: Transaction, path: str) -> Repository | None:
    """Return the repository at `path`, or else the one that was once there. One statement where it is there."""
    return repositories.find(tx, path) or follow(tx, path)


def save(tx: Transaction, path: str, repository_id: int, now: datetime) -> None:
    """Let an old name lead to a repository."""
    tx.execute(SAVE, {"path": path, "repository_id": repository_id, "now": to_micros(now)})


def old_names(tx: Transaction, repository_id: int) -> list[str]:
    """Return the old names that lead to a repository."""
    return list(tx.execute(OLD_NAMES, {"repository_id": repository_id}).scalars())


def old_names_of_namespace(tx: Transaction, namespace: str) -> list[str]:
    """Return the old names that lead to repositories which are now in a namespace."""
    return list(tx.execute(OLD_NAMES_OF_NAMESPACE, {"namespace": namespace}).scalars())


def delete(tx: Transaction, path: str) -> bool:
    """Let an old name lead nowhere: somebody has it now. Return whether it led anywhere."""
    return tx.execute(DELETE, {"path": path}).rowcount > 0


def delete_older(tx: Transaction, before: datetime) -> int:
    """Forget old names that were given up before a moment; return how many."""
    return tx.execute(DELETE_OLD, {"before": to_micros(before)}).rowcount
