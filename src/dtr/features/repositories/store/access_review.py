"""Everybody who may do something with a repository, as one list."""

from typing import Final, TypeAlias

from sqlalchemy import text

from dtr.core.errors import Invalid
from dtr.core.paging import ListPage
from dtr.features.access.model import AUDITOR_OPERATIONS, Grant, Level, Source
from dtr.features.repositories.model import Repository
from dtr.features.repositories.model.access import AccessEntry
from dtr.plumbing.db import Transaction

SOURCES: Final = (
    Source.PUBLIC,
    Source.OWN_NAMESPACE,
    Source.ORGANIZATION_OWNER,
    Source.NAMESPACE_TEAM,
    Source.REPOSITORY_TEAM,
    Source.REPOSITORY_USER,
    Source.ADMINISTRATOR,
    Source.AUDITOR,
    Source.ROBOT,
)
"""The order of the list. A place in it is the number of the source and the name: `4:developers`."""

PLACE_OF_ROBOTS: Final = SOURCES.index(Source.ROBOT)

# Reads what concerns one repository or its organization, by the indexes that begin with their ids, and the few
# administrators and auditors of the registry; sorts it, and gives a page. Disabled users can do nothing.
ENTRIES: Final = """
SELECT 1 AS place, name, 'admin' AS level
  FROM account WHERE name = :namespace AND is_org = FALSE AND is_active = TRUE
 UNION ALL
SELECT 2, a.name, 'admin'
  FROM account o
  JOIN organization_member m ON m.org_id = o.id AND m.is_admin = TRUE
  JOIN account a ON a.id = m.account_id AND a.is_active = TRUE
 WHERE o.name = :namespace
 UNION ALL
SELECT 3, t.name, n.level
  FROM account o
  JOIN team t ON t.org_id = o.id
  JOIN namespace_team_access n ON n.team_id = t.id
 WHERE o.name = :namespace
 UNION ALL
SELECT 4, t.name, r.level
  FROM repository_team_access r
  JOIN team t ON t.id = r.team_id
 WHERE r.repository_id = :repository_id
 UNION ALL
SELECT 5, a.name, u.level
  FROM repository_user_access u
  JOIN account a ON a.id = u.account_id AND a.is_active = TRUE
 WHERE u.repository_id = :repository_id
 UNION ALL
SELECT 6, name, 'admin' FROM account WHERE is_org = FALSE AND is_admin = TRUE AND is_active = TRUE
 UNION ALL
SELECT 7, name, 'auditor' FROM account WHERE is_auditor = TRUE AND is_active = TRUE
"""

LIST = text(f"""
SELECT place, name, level FROM ({ENTRIES}) AS entries
 WHERE place > :place OR (place = :place AND name >= :name)
 ORDER BY place, name
 LIMIT :limit
""")  # noqa: S608 - constants

COUNT = text(f"SELECT COUNT(*) FROM ({ENTRIES}) AS entries")  # noqa: S608 - constants


Place: TypeAlias = tuple[int, str]
"""Where an entry is in the list: the number of its source, and its name."""


def parse_start(start: str) -> Place:
    """Read the start of a page. Raises Invalid for one that no page has named."""
    number, _, name = start.partition(":")
    if not start:
        return 0, ""
    if not (number.isascii() and number.isdecimal() and len(number) == 1) or not name.isprintable():
        raise Invalid("no page of this list starts there", given=ascii(start[:100]))
    return int(number), name


def start_at(place: Place) -> str:
    """Return what names the page that starts at a place."""
    return f"{place[0]}:{place[1]}"


def place_of(entry: AccessEntry) -> Place:
    """Return where an entry is in the list."""
    return SOURCES.index(entry.grant.source), entry.name


def entries(tx: Transaction, repository: Repository, page: ListPage) -> list[AccessEntry]:
    """Return the users and teams that may do something with a repository: a page, and one more if there are more."""
    place, name = parse_start(page.start)
    parameters = {**_about(repository), "place": place, "name": name, "limit": page.size + 1}
    return [
        _entry(SOURCES[row.place], row.name, row.level, repository) for row in tx.execute(LIST, parameters)
    ]


def count(tx: Transaction, repository: Repository) -> int:
    """Return how many users and teams may do something with a repository."""
    number: int = tx.execute(COUNT, _about(repository)).scalar_one()
    return number


def _about(repository: Repository) -> dict[str, object]:
    return {"repository_id": repository.id, "namespace": repository.namespace}


def _entry(source: Source, name: str, level: str, repository: Repository) -> AccessEntry:
    if source is Source.AUDITOR:
        return AccessEntry(name, Grant(source, AUDITOR_OPERATIONS))
    through = repository.namespace if source in {Source.OWN_NAMESPACE, Source.ORGANIZATION_OWNER} else name
    return AccessEntry(name, Grant.of_level(source, Level(level), through))
