"""The rows of repositories: all SQL of this room."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Row, Table, Text, bindparam, false, text

from dtr.core.clock import from_micros, to_micros
from dtr.core.principal import Principal
from dtr.features.repositories.model import Repository, RepositoryChanges, Visibility
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import ByteOrderedText, Transaction, metadata

repository_table: Final = Table(
    "repository",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("path", ByteOrderedText, nullable=False, unique=True),
    Column("namespace", ByteOrderedText, nullable=False),
    Column("visibility", Text, nullable=False, server_default=Visibility.PRIVATE.value),
    Column("immutable_tags", Boolean, nullable=False, server_default=false()),
    Column("strict_sizes", Boolean, nullable=False, server_default=false()),
    Column("allow_missing_children", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Column("pulls", BigInteger, nullable=False, server_default="0"),
    Column("pushes", BigInteger, nullable=False, server_default="0"),
    Column("last_pulled_at", BigInteger),
    Column("last_pushed_at", BigInteger),
    Index(None, "visibility", "path"),
    Index(None, "namespace", "path"),
    # A number is never given twice: an old one in some cache must not come to mean another repository.
    sqlite_autoincrement=True,
)

# One row by the unique index on path.
FIND = text("SELECT * FROM repository WHERE path = :path")

# All repositories that one token request names, in one round trip.
FIND_MANY = text("SELECT * FROM repository WHERE path IN :paths").bindparams(
    bindparam("paths", expanding=True)
)

# Returns no row when another transaction made the repository first.
INSERT = text("""
INSERT INTO repository (path, namespace, created_at) VALUES (:path, :namespace, :created_at)
    ON CONFLICT (path) DO NOTHING
RETURNING *
""")

# A parameter that is NULL leaves its column as it is.
CHANGE = text("""
UPDATE repository
   SET visibility = COALESCE(:visibility, visibility),
       immutable_tags = COALESCE(:immutable_tags, immutable_tags),
       strict_sizes = COALESCE(:strict_sizes, strict_sizes),
       allow_missing_children = COALESCE(:allow_missing_children, allow_missing_children)
 WHERE path = :path
RETURNING *
""")

# Keyset pages: each reads one range of one index, so the cost depends neither on the offset nor on the total.
LIST_ALL_PATHS = text("SELECT path FROM repository WHERE path > :last ORDER BY path LIMIT :limit")

# Index: repository(visibility, path).
LIST_PUBLIC_PATHS = text("""
SELECT path FROM repository WHERE visibility = 'public' AND path > :last ORDER BY path LIMIT :limit
""")

# A page of what is public and a page of the caller's own, merged: an OR would walk over everything else.
# Indexes: repository(visibility, path), repository(namespace, path).
LIST_VISIBLE_PATHS = text("""
SELECT path FROM (SELECT path FROM repository
                   WHERE visibility = 'public' AND path > :last ORDER BY path LIMIT :limit) AS public
 UNION
SELECT path FROM (SELECT path FROM repository
                   WHERE namespace = :namespace AND path > :last ORDER BY path LIMIT :limit) AS own
 ORDER BY path
 LIMIT :limit
""")

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


def find(tx: Transaction, path: str) -> Repository | None:
    """Return the repository at `path`, if it exists."""
    row = tx.execute(FIND, {"path": path}).one_or_none()
    return None if row is None else _repository(row)


def find_many(tx: Transaction, paths: Sequence[str]) -> list[Repository]:
    """Return those repositories at `paths` that exist, in no order."""
    return [_repository(row) for row in tx.execute(FIND_MANY, {"paths": list(paths)})]


def ensure(tx: Transaction, name: RepositoryName, now: datetime) -> Repository:
    """Return the repository `name`; make it, private, if it is absent. Others may do the same meanwhile."""
    found = find(tx, name.path)
    if found is not None:
        return found
    parameters = {"path": name.path, "namespace": name.namespace, "created_at": to_micros(now)}
    row = tx.execute(INSERT, parameters).one_or_none()
    return _repository(tx.execute(FIND, {"path": name.path}).one() if row is None else row)


def change(tx: Transaction, path: str, changes: RepositoryChanges) -> Repository | None:
    """Set what `changes` names; return the repository as it then is, None if there is none at `path`."""
    parameters = {
        "path": path,
        "visibility": changes.visibility,
        "immutable_tags": changes.immutable_tags,
        "strict_sizes": changes.strict_sizes,
        "allow_missing_children": changes.allow_missing_children,
    }
    row = tx.execute(CHANGE, parameters).one_or_none()
    return None if row is None else _repository(row)


def list_paths_page(tx: Transaction, principal: Principal, last: str | None, limit: int) -> list[str]:
    """Return at most `limit` paths that `principal` may pull, in byte order, strictly after `last`."""
    parameters: dict[str, object] = {"last": last or "", "limit": limit}
    if principal.is_admin:
        statement = LIST_ALL_PATHS
    elif principal.is_anonymous:
        statement = LIST_PUBLIC_PATHS
    else:
        statement = LIST_VISIBLE_PATHS
        parameters["namespace"] = principal.name
    return list(tx.execute(statement, parameters).scalars())


def list_all(tx: Transaction) -> list[Repository]:
    """Return every repository, ordered by path."""
    return [_repository(row) for row in tx.execute(LIST_ALL)]


def count_pulls(tx: Transaction, pulls: Mapping[int, int], last_micros: int) -> None:
    """Add numbers of pulls, by repository id, to the counters; the last of them was at `last_micros`."""
    # In the order of ids, so that two batches never wait for each other in a circle.
    batch = [{"id": id_, "pulls": number, "last": last_micros} for id_, number in sorted(pulls.items())]
    if batch:
        tx.execute(COUNT_PULLS, batch)


def note_push(tx: Transaction, repository_id: int, now: datetime) -> Repository:
    """Count one push; return the repository, and let nobody else push to it or change it meanwhile."""
    return _repository(tx.execute(NOTE_PUSH, {"id": repository_id, "now": to_micros(now)}).one())


def lock(tx: Transaction, path: str) -> Repository | None:
    """Return the repository at `path`, if it exists, and let nobody else push to it or change it meanwhile."""
    row = tx.execute(LOCK, {"path": path}).one_or_none()
    return None if row is None else _repository(row)


def _repository(row: Row[Any]) -> Repository:
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
        last_pulled_at=_moment(row.last_pulled_at),
        last_pushed_at=_moment(row.last_pushed_at),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
