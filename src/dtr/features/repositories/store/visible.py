"""Which repositories a caller may see, in pages of flat cost however many there are.

What somebody sees comes from a few sources: everything, what is public, whole namespaces, single grants. Each source
is read by one range of one index, in the order of paths, and the ranges are merged. One statement with an OR over all
sources would walk over everything else. Paths only: the indexes hold them, so no row is read before it is shown.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from sqlalchemy import TextClause, text

from dtr.core.permits import Permit
from dtr.core.principal import Principal, PrincipalKind
from dtr.plumbing.db import Transaction, list_of_texts

AFTER_ALL: Final = "~"
"""Sorts behind every path: its byte is higher than any that a path may hold."""

BEFORE_NEXT: Final = " "
"""Appended to a path: sorts behind it and before every other, because no path holds a byte that low."""

NO_LIMIT: Final = 2**31 - 1
"""More than there are."""

LEAST_BATCH: Final = 500
"""Rows that one statement reads at least where some will be sorted out (paths)."""

NO_VALUES: Final[Mapping[str, object]] = MappingProxyType({})

# Index: the unique one on path.
OF_ALL = text("""
SELECT path FROM repository
 WHERE path >= :start AND path < :end AND path LIKE :like ESCAPE '!'
 ORDER BY path LIMIT :limit
""")

# Index: repository(visibility, path).
OF_PUBLIC = text("""
SELECT path FROM repository
 WHERE visibility = 'public' AND path >= :start AND path < :end AND path LIKE :like ESCAPE '!'
 ORDER BY path LIMIT :limit
""")

# Index: repository(namespace, path).
OF_NAMESPACE = text("""
SELECT path FROM repository
 WHERE namespace = :namespace AND path >= :start AND path < :end AND path LIKE :like ESCAPE '!'
 ORDER BY path LIMIT :limit
""")

# What one account was granted repository by repository: by the indexes on account_id, team_id, and primary keys. All of
# it is read for every page; it does not depend on how many repositories there are.
OF_GRANTS = text("""
WITH seen AS MATERIALIZED (
    SELECT (SELECT path FROM repository WHERE id = granted.repository_id) AS path
      FROM (SELECT repository_id FROM repository_user_access WHERE account_id = :account_id
             UNION
            SELECT a.repository_id
              FROM team_member m JOIN repository_team_access a ON a.team_id = m.team_id
             WHERE m.account_id = :account_id) AS granted)
SELECT path FROM seen
 WHERE path >= :start AND path < :end AND path LIKE :like ESCAPE '!'
 ORDER BY path LIMIT :limit
""")

# The namespaces that somebody owns or is in a team of, where that team has a level on all of it, as far as they have
# repositories in the range. By the indexes on account_id, and one probe of repository(namespace, path) each: LIMIT and
# ORDER keep PostgreSQL from joining with all of the table, and from looking through it where one namespace has most.
NAMESPACES = text("""
SELECT name FROM (
    SELECT o.name FROM organization_member m JOIN account o ON o.id = m.org_id
     WHERE m.account_id = :account_id AND m.is_admin = TRUE
     UNION
    SELECT o.name
      FROM team_member m
      JOIN team t ON t.id = m.team_id
      JOIN namespace_team_access a ON a.team_id = t.id
      JOIN account o ON o.id = t.org_id
     WHERE m.account_id = :account_id
     UNION
    SELECT name FROM account WHERE name = :own) AS reached
 WHERE (SELECT 1 FROM repository r
         WHERE r.namespace = reached.name AND r.path >= :start AND r.path < :end
         ORDER BY r.path LIMIT 1) = 1
""")

COUNT_ALL = text("SELECT COUNT(*) FROM repository WHERE path >= :start AND path < :end")

COUNT_PUBLIC = text(
    "SELECT COUNT(*) FROM repository WHERE visibility = 'public' AND path >= :start AND path < :end"
)

# What is private and yet seen, each once.
COUNT_PRIVATE = text("""
SELECT COUNT(*)
  FROM (SELECT id FROM repository
         WHERE namespace IN :namespaces AND visibility <> 'public' AND path >= :start AND path < :end
         UNION
        SELECT r.id
          FROM repository_user_access u JOIN repository r ON r.id = u.repository_id
         WHERE u.account_id = :account_id AND r.visibility <> 'public' AND path >= :start AND path < :end
         UNION
        SELECT r.id
          FROM team_member m
          JOIN repository_team_access a ON a.team_id = m.team_id
          JOIN repository r ON r.id = a.repository_id
         WHERE m.account_id = :account_id AND r.visibility <> 'public' AND path >= :start AND path < :end
       ) AS seen
""").bindparams(list_of_texts("namespaces"))


@dataclass(frozen=True, slots=True)
class Range:
    """Paths from `start` on and before `end`, in byte order, that match a pattern of LIKE with the escape `!`."""

    start: str = ""
    end: str = AFTER_ALL
    like: str = "%"

    @staticmethod
    def of_namespace(namespace: str) -> "Range":
        """Return where the paths of a namespace are, and no others: `0` is the byte after the slash."""
        return Range(f"{namespace}/", f"{namespace}0")

    def narrowed(self, other: "Range") -> "Range":
        """Return what lies in both ranges and matches the other's pattern."""
        return Range(max(self.start, other.start), min(self.end, other.end), other.like)

    def from_(self, start: str) -> "Range":
        """Return the part from `start` on."""
        return replace(self, start=max(self.start, start))

    @property
    def is_empty(self) -> bool:
        """True if no path can be in it."""
        return self.start >= self.end


Matches = Callable[[str], bool]
"""Tells whether a path counts: exactly, where the pattern of a range says too much."""


class Source(Enum):
    """Where what somebody sees comes from."""

    ALL = auto()
    PUBLIC = auto()
    NAMESPACE = auto()
    """Needs the value `namespace`."""
    NAMESPACES = auto()
    """Needs the value `namespaces`."""
    GRANTS = auto()
    """Needs the value `account_id`."""


PAGES: Final = {
    Source.ALL: OF_ALL,
    Source.PUBLIC: OF_PUBLIC,
    Source.NAMESPACE: OF_NAMESPACE,
    Source.GRANTS: OF_GRANTS,
}


@dataclass(frozen=True, slots=True)
class Stream:
    """Paths from one source."""

    source: Source
    range: Range
    bound: Mapping[str, object] = field(default_factory=dict)
    """Values that the source needs."""
    matches: Matches | None = None

    def values(self) -> dict[str, object]:
        """Return the values for a statement about the source, but for its limit."""
        return {**self.bound, "start": self.range.start, "end": self.range.end, "like": self.range.like}

    def sift(self, paths: Iterable[str]) -> Iterable[str]:
        """Return those of the paths that a statement gave which count."""
        return paths if self.matches is None else filter(self.matches, paths)

    def read(
        self,
        tx: Transaction,
        limit: int,
        statements: Mapping[Source, TextClause] = PAGES,
        more: Mapping[str, object] = NO_VALUES,
    ) -> list[str]:
        """Return the first `limit` paths, in order; by other statements if they are given, with more values."""
        return list(itertools.islice(self._paths(tx, limit, statements[self.source], more), limit))

    def _paths(
        self, tx: Transaction, limit: int, statement: TextClause, more: Mapping[str, object]
    ) -> Iterator[str]:
        values = {**self.values(), **more}
        values["limit"] = size = limit if self.matches is None else max(limit, LEAST_BATCH)
        while True:
            batch = list(tx.execute(statement, values).scalars())
            yield from self.sift(batch)
            if len(batch) < size:
                return
            values["start"] = following(batch[-1])


def following(path: str) -> str:
    """Return where to start for what follows strictly after `path`, which need not be the path of anything."""
    return path + BEFORE_NEXT


def paths(tx: Transaction, principal: Principal, within: Range, limit: int) -> list[str]:
    """Return the first `limit` paths in a range that `principal` may see, in byte order."""
    found: list[str] = []
    for stream in sorted(streams(tx, principal, within), key=lambda each: each.range.start):
        if len(found) >= limit and found[limit - 1] < stream.range.start:
            break  # neither this nor any of the rest has something to add
        merged = heapq.merge(found, stream.read(tx, limit))
        found = list(itertools.islice((path for path, _ in itertools.groupby(merged)), limit))
    return found


def count(tx: Transaction, principal: Principal, within: Range) -> int:
    """Return how many repositories in a range `principal` may see. Costs as much as there are."""
    bounds = {"start": within.start, "end": within.end}
    if principal.is_anonymous:
        return _number(tx, COUNT_PUBLIC, bounds)
    if principal.is_limited:
        everything = (stream.read(tx, NO_LIMIT) for stream in streams(tx, principal, within))
        return len(set(itertools.chain.from_iterable(everything)))
    if sees_everything(principal):
        return _number(tx, COUNT_ALL, bounds)
    private: dict[str, object] = {
        **bounds,
        "account_id": principal.account_id,
        "namespaces": _namespaces(tx, principal, within),
    }
    return _number(tx, COUNT_PUBLIC, bounds) + _number(tx, COUNT_PRIVATE, private)


def sees_everything(principal: Principal) -> bool:
    """Tell whether grants are of no account: administrators and auditors see all, robots all that their permits say."""
    return principal.is_admin or principal.is_auditor or principal.kind is PrincipalKind.ROBOT


def streams(
    tx: Transaction, principal: Principal, within: Range, *, namespaces_together: bool = False
) -> list[Stream]:
    """Return the sources of what `principal` may see in a range.

    Namespaces are one source each, so that a page looks into few; or all one, for who looks at everything.
    """
    public = Stream(Source.PUBLIC, within)
    if principal.is_anonymous:
        return [public]
    everything = sees_everything(principal)
    if everything:
        found = [Stream(Source.ALL, within)]
    else:
        found = _granted(tx, principal, within, namespaces_together=namespaces_together)
    if principal.permits is None:
        return found if everything else [public, *found]
    # What everybody may see needs no permit.
    return [public, *(each for stream in found for each in _permitted(stream, principal.permits))]


def _granted(
    tx: Transaction, principal: Principal, within: Range, *, namespaces_together: bool
) -> list[Stream]:
    """Return the sources of what was given to a user, in whole namespaces and one by one."""
    names = _namespaces(tx, principal, within)
    one_by_one = Stream(Source.GRANTS, within, {"account_id": principal.account_id})
    if namespaces_together:
        return [Stream(Source.NAMESPACES, within, {"namespaces": names}), one_by_one]
    whole = [
        Stream(Source.NAMESPACE, within.narrowed(Range.of_namespace(each)), {"namespace": each})
        for each in names
    ]
    return [*whole, one_by_one]


def _namespaces(tx: Transaction, principal: Principal, within: Range) -> list[str]:
    values = {
        "account_id": principal.account_id,
        "own": principal.name,
        "start": within.start,
        "end": within.end,
    }
    return list(tx.execute(NAMESPACES, values).scalars())


def _permitted(stream: Stream, permits: Sequence[Permit]) -> list[Stream]:
    """Cut a source down to what permits name: to a range each, or to one test where they reach everywhere."""
    if any(each.pattern == "**" for each in permits):
        return [stream]
    ranges = [range_of(each.pattern) for each in permits]
    narrowed = [
        replace(stream, range=stream.range.narrowed(each), matches=permit.matches)
        for permit, each in zip(permits, ranges, strict=True)
    ]
    return [each for each in narrowed if not each.range.is_empty]


def range_of(pattern: str) -> Range:
    """Return a range with all paths that a permit's pattern matches, and perhaps more."""
    start, star, _ = pattern.partition("*")
    if not star:
        return Range(pattern, following(pattern))
    like = like_of(pattern).replace("**", "%").replace("*", "%")
    return Range(start, start + AFTER_ALL, like)


def like_of(text_: str) -> str:
    """Escape the wild cards of LIKE."""
    return text_.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _number(tx: Transaction, statement: TextClause, values: Mapping[str, object]) -> int:
    found: int = tx.execute(statement, values).scalar_one()
    return found
