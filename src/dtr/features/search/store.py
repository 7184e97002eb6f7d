"""Which visible repositories match a text best.

One pass over the paths that the caller may see, inside the indexes that the lists of visible repositories use. What is
behind the ranks is in `model.Rank`.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, cast

from sqlalchemy import text

from dtr.core.principal import Principal
from dtr.features.repositories.store import visible
from dtr.features.repositories.store.visible import Range, Source, Stream, like_of
from dtr.features.search.model import rank
from dtr.plumbing.db import Transaction, list_of_texts

SIFTED: Final = 2_000
"""So many matches are read where permits may sort some out."""

NAMESPACES_AT_ONCE: Final = 16
"""Namespaces that one statement looks into: so few that PostgreSQL goes by the index whatever it knows of the list."""

# Index: the unique one on path.
OF_ALL = text("""
SELECT path FROM repository
 WHERE path >= :start AND path < :end AND path LIKE :like ESCAPE '!' AND path LIKE :part ESCAPE '!'
 ORDER BY CASE WHEN path = :query OR path LIKE :ending ESCAPE '!' THEN 0 WHEN path LIKE :named ESCAPE '!' THEN 1
               WHEN path LIKE :beginning ESCAPE '!' THEN 2 ELSE 3 END, path
 LIMIT :limit
""")

# Index: repository(visibility, path).
OF_PUBLIC = text("""
SELECT path FROM repository
 WHERE visibility = 'public'
   AND path >= :start AND path < :end AND path LIKE :like ESCAPE '!' AND path LIKE :part ESCAPE '!'
 ORDER BY CASE WHEN path = :query OR path LIKE :ending ESCAPE '!' THEN 0 WHEN path LIKE :named ESCAPE '!' THEN 1
               WHEN path LIKE :beginning ESCAPE '!' THEN 2 ELSE 3 END, path
 LIMIT :limit
""")

# Index: repository(namespace, path).
OF_NAMESPACES = text("""
SELECT path FROM repository
 WHERE namespace IN :namespaces
   AND path >= :start AND path < :end AND path LIKE :like ESCAPE '!' AND path LIKE :part ESCAPE '!'
 ORDER BY CASE WHEN path = :query OR path LIKE :ending ESCAPE '!' THEN 0 WHEN path LIKE :named ESCAPE '!' THEN 1
               WHEN path LIKE :beginning ESCAPE '!' THEN 2 ELSE 3 END, path
 LIMIT :limit
""").bindparams(list_of_texts("namespaces"))

STATEMENTS: Final = {
    Source.ALL: OF_ALL,
    Source.PUBLIC: OF_PUBLIC,
    Source.NAMESPACES: OF_NAMESPACES,
}


def matching(tx: Transaction, principal: Principal, query: str, within: Range, limit: int) -> list[str]:
    """Return the paths of at most `limit` repositories that `principal` may see and that match, best first."""
    if not query.isprintable():
        return []
    if not query:
        return visible.paths(tx, principal, within, limit)
    streams = visible.streams(tx, principal, within, namespaces_together=True)
    parts = itertools.chain.from_iterable(map(_parts, streams))
    found = {path for stream in parts for path in _best(tx, stream, query, limit)}
    return sorted(found, key=lambda path: (rank(path, query), path))[:limit]


def _parts(stream: Stream) -> Iterator[Stream]:
    """Cut a source of many namespaces into such of a few each."""
    if stream.source is not Source.NAMESPACES:
        yield stream
        return
    rest: Sequence[str] = sorted(cast("Sequence[str]", stream.bound["namespaces"]))
    while rest:
        yield replace(stream, bound={"namespaces": rest[:NAMESPACES_AT_ONCE]})
        rest = rest[NAMESPACES_AT_ONCE:]


def _best(tx: Transaction, stream: Stream, query: str, limit: int) -> list[str]:
    if stream.source is Source.GRANTS:  # few: read as a list is, and sorted by the caller
        return [path for path in stream.read(tx, visible.NO_LIMIT) if query in path]
    part = like_of(query)
    values = {
        **stream.values(),
        "query": query,
        "part": f"%{part}%",
        "ending": f"%/{part}",
        "named": f"%/{part}%",
        "beginning": f"{part}%",
        "limit": limit if stream.matches is None else max(limit, SIFTED),
    }
    return list(stream.sift(tx.execute(STATEMENTS[stream.source], values).scalars()))
