"""Lists of visible repositories, narrowed to part of the name and to a visibility, in the order of paths.

Looks at entries in order until a page is full; at all of them when few match.
"""

from typing import Final

from sqlalchemy import text

from dtr.core.principal import Principal
from dtr.features.repositories.model import RepositoryFilter
from dtr.features.repositories.store import visible
from dtr.features.repositories.store.visible import Range, Source, like_of
from dtr.plumbing.db import Transaction, list_of_texts

CONDITIONS: Final = """
       path >= :start AND path < :end AND path LIKE :like ESCAPE '!' AND path LIKE :part ESCAPE '!'
   AND (CAST(:visibility AS TEXT) = '' OR visibility = CAST(:visibility AS TEXT))
 ORDER BY path LIMIT :limit
"""

# Index: the unique one on path.
OF_ALL = text(f"SELECT path FROM repository WHERE {CONDITIONS}")  # noqa: S608 - constants

# Index: repository(visibility, path).
OF_PUBLIC = text(f"SELECT path FROM repository WHERE visibility = 'public' AND {CONDITIONS}")  # noqa: S608 - constants

# Index: repository(namespace, path).
OF_NAMESPACES = text(
    f"SELECT path FROM repository WHERE namespace IN :namespaces AND {CONDITIONS}"  # noqa: S608 - constants
).bindparams(list_of_texts("namespaces"))

# What one account was granted repository by repository: by the indexes on account_id, team_id, and primary keys.
OF_GRANTS = text(f"""
SELECT path FROM repository
 WHERE id IN (SELECT repository_id FROM repository_user_access WHERE account_id = :account_id
               UNION
              SELECT a.repository_id
                FROM team_member m JOIN repository_team_access a ON a.team_id = m.team_id
               WHERE m.account_id = :account_id)
   AND {CONDITIONS}
""")  # noqa: S608 - constants

STATEMENTS: Final = {
    Source.ALL: OF_ALL,
    Source.PUBLIC: OF_PUBLIC,
    Source.NAMESPACES: OF_NAMESPACES,
    Source.GRANTS: OF_GRANTS,
}


def paths(
    tx: Transaction, principal: Principal, within: Range, wanted: RepositoryFilter, limit: int
) -> list[str]:
    """Return the first `limit` paths in a range that `principal` may see and that the filter lets through."""
    if wanted.lets_all_through:
        return visible.paths(tx, principal, within, limit)
    if not wanted.text.isprintable():
        return []
    more = {"part": f"%{like_of(wanted.text.lower())}%", "visibility": wanted.visibility or ""}
    streams = visible.streams(tx, principal, within, namespaces_together=True)
    found = {path for stream in streams for path in stream.read(tx, limit, STATEMENTS, more)}
    return sorted(found)[:limit]
