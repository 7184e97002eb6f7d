"""The rows of repositories themselves."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, from_micros_if_any, to_micros
from dtr.core.ids import new_id
from dtr.features.repositories.model import Repository, RepositoryChanges, Visibility
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Transaction, list_of_texts

# One row by the unique index on path.
FIND = text("SELECT * FROM repository WHERE path = :path")

# All repositories that one token request names, in one round trip.
FIND_MANY = text("SELECT * FROM repository WHERE path IN :paths").bindparams(list_of_texts("paths"))

# Returns no row when another transaction made the repository first.
INSERT = text("""
INSERT INTO repository (path, namespace, created_at, uuid) VALUES (:path, :namespace, :created_at, :uuid)
    ON CONFLICT (path) DO NOTHING
RETURNING *
""")

# A parameter that is NULL leaves its column as it is.
CHANGE = text("""
UPDATE repository
   SET visibility = COALESCE(:visibility, visibility),
       immutable_tags = COALESCE(:immutable_tags, immutable_tags),
       strict_sizes = COALESCE(:strict_sizes, strict_sizes),
       allow_missing_children = COALESCE(:allow_missing_children, allow_missing_children),
       scan_on_push = COALESCE(:scan_on_push, scan_on_push),
       tag_limit = COALESCE(:tag_limit, tag_limit),
       short_description = COALESCE(:short_description, short_description),
       long_description = COALESCE(:long_description, long_description)
 WHERE path = :path
RETURNING *
""")

# For the operator.
LIST_ALL = text("SELECT * FROM repository ORDER BY path")

# Counts arrive in batches and late, so an older moment must not overwrite a newer one.
COUNT_PULLS = text("""
UPDATE repository
   SET pulls = pulls + :pulls,
       last_pulled_at = CASE WHEN last_pulled_at > :last THEN last_pulled_at ELSE :last END
 WHERE id = :id
""")

# An update locks the row until the transaction ends, and gives it as it is then, not as it was when that began.
NOTE_PUSH = text("""
UPDATE repository SET pushes = pushes + 1, last_pushed_at = :now WHERE id = :id
RETURNING *
""")

# Changes nothing: SQLite has no SELECT ... FOR UPDATE.
LOCK = text("UPDATE repository SET pushes = pushes WHERE path = :path RETURNING *")

# Changes nothing. Whoever gives a name in a namespace holds its account meanwhile, so that of two who want one name
# the second sees the first's repository, and no account goes while a repository comes to it. By unique name.
HOLD_NAMESPACE = text("UPDATE account SET full_name = full_name WHERE name = :namespace RETURNING id")

MOVE = text("""
UPDATE repository SET path = :path, namespace = :namespace WHERE id = :id
RETURNING *
""")

# Manifests, tags, links, grants and old names go with it, by their foreign keys; stored blobs are collected later.
DELETE = text("DELETE FROM repository WHERE id = :id")

# Index: repository(namespace, path).
DELETE_ALL_IN = text("DELETE FROM repository WHERE namespace = :namespace RETURNING *")

ANY_IN = text("SELECT path FROM repository WHERE namespace = :namespace LIMIT 1")

NAMESPACE_KINDS = text("SELECT name, is_org FROM account WHERE name IN :namespaces").bindparams(
    list_of_texts("namespaces")
)


def find(tx: Transaction, path: str) -> Repository | None:
    """Return the repository at `path`, if it exists."""
    row = tx.execute(FIND, {"path": path}).one_or_none()
    return None if row is None else to_repository(row)


def find_many(tx: Transaction, paths: Sequence[str]) -> list[Repository]:
    """Return those repositories at `paths` that exist, in no order."""
    return [to_repository(row) for row in tx.execute(FIND_MANY, {"paths": list(paths)})]


def insert(tx: Transaction, name: RepositoryName, now: datetime) -> Repository | None:
    """Make the repository `name`, private; return None if there is one already."""
    parameters = {
        "path": name.path,
        "namespace": name.namespace,
        "created_at": to_micros(now),
        "uuid": new_id(),
    }
    row = tx.execute(INSERT, parameters).one_or_none()
    return None if row is None else to_repository(row)


def change(tx: Transaction, path: str, changes: RepositoryChanges) -> Repository | None:
    """Set what `changes` names; return the repository as it then is, None if there is none at `path`."""
    parameters = {
        "path": path,
        "visibility": changes.visibility,
        "immutable_tags": changes.immutable_tags,
        "strict_sizes": changes.strict_sizes,
        "allow_missing_children": changes.allow_missing_children,
        "scan_on_push": changes.scan_on_push,
        "tag_limit": changes.tag_limit,
        "short_description": changes.short_description,
        "long_description": changes.long_description,
    }
    row = tx.execute(CHANGE, parameters).one_or_none()
    return None if row is None else to_repository(row)


def list_all(tx: Transaction) -> list[Repository]:
    """Return every repository, ordered by path."""
    return [to_repository(row) for row in tx.execute(LIST_ALL)]


def count_pulls(tx: Transaction, pulls: Mapping[int, int], last_micros: int) -> None:
    """Add numbers of pulls, by repository id, to the counters; the last of them was at `last_micros`."""
    # In the order of ids, so that two batches never wait for each other in a circle.
    batch = [{"id": id_, "pulls": number, "last": last_micros} for id_, number in sorted(pulls.items())]
    if batch:
        tx.execute(COUNT_PULLS, batch)


def note_push(tx: Transaction, repository_id: int, now: datetime) -> Repository | None:
    """Count one push; return the repository, and let nobody else push to it or change it meanwhile.

    None if somebody deleted it after the transaction had seen it (PostgreSQL).
    """
    row = tx.execute(NOTE_PUSH, {"id": repository_id, "now": to_micros(now)}).one_or_none()
    return None if row is None else to_repository(row)


def lock(tx: Transaction, path: str) -> Repository | None:
    """Return the repository at `path`, if it exists, and let nobody else push to it or change it meanwhile."""
    row = tx.execute(LOCK, {"path": path}).one_or_none()
    return None if row is None else to_repository(row)


def hold_namespace(tx: Transaction, namespace: str) -> str | None:
    """Let nobody else give or take names in a namespace until the transaction ends; return the account's id, if any."""
    account_id: str | None = tx.execute(HOLD_NAMESPACE, {"namespace": namespace}).scalar()
    return account_id


def move(tx: Transaction, repository_id: int, name: RepositoryName) -> Repository:
    """Give a repository another name, which nobody may have; return it."""
    values = {"id": repository_id, "path": name.path, "namespace": name.namespace}
    return to_repository(tx.execute(MOVE, values).one())


def delete(tx: Transaction, repository_id: int) -> None:
    """Remove a repository with everything in it."""
    tx.execute(DELETE, {"id": repository_id})


def delete_all_in(tx: Transaction, namespace: str) -> list[Repository]:
    """Remove all repositories of a namespace with everything in them; return what they were, ordered by path."""
    found = [to_repository(row) for row in tx.execute(DELETE_ALL_IN, {"namespace": namespace})]
    return sorted(found, key=lambda each: each.path)


def any_in(tx: Transaction, namespace: str) -> str | None:
    """Return the path of one repository of a namespace, if it has any."""
    path: str | None = tx.execute(ANY_IN, {"namespace": namespace}).scalar()
    return path


def kinds_of(tx: Transaction, namespaces: Iterable[str]) -> dict[str, bool]:
    """Return those of the namespaces that an account has, and whether that is an organization."""
    rows = tx.execute(NAMESPACE_KINDS, {"namespaces": list(namespaces)})
    return {row.name: bool(row.is_org) for row in rows}


def to_repository(row: Row[Any]) -> Repository:
    """Return what a whole row of the table says."""
    return Repository(
        id=row.id,
        path=row.path,
        namespace=row.namespace,
        visibility=Visibility(row.visibility),
        immutable_tags=bool(row.immutable_tags),
        strict_sizes=bool(row.strict_sizes),
        allow_missing_children=bool(row.allow_missing_children),
        created_at=from_micros(row.created_at),
        pulls=row.pulls,
        pushes=row.pushes,
        last_pulled_at=from_micros_if_any(row.last_pulled_at),
        last_pushed_at=from_micros_if_any(row.last_pushed_at),
        uuid=row.uuid,
        tag_limit=row.tag_limit,
        scan_on_push=bool(row.scan_on_push),
        short_description=row.short_description,
        long_description=row.long_description,
    )
