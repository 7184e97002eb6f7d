"""Search over the repositories of somebody who owns more organizations than one statement looks into."""

from datetime import UTC, datetime

from dtr.core.principal import Principal
from dtr.features.repositories.store import repositories
from dtr.features.repositories.store.visible import Range
from dtr.features.search import store
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import organization_row, user_row

ORGANIZATIONS = 2 * store.NAMESPACES_AT_ONCE + 5
NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def test_the_best_match_is_found_in_whichever_organization_it_is(database: Database) -> None:
    def fill(tx: Transaction) -> Principal:
        owner, other = user_row(tx, "owner"), user_row(tx, "other")
        organization_row(tx, "foreign", other)
        for number in range(ORGANIZATIONS):
            organization_row(tx, f"org{number:03}", owner)
            repositories.insert(tx, RepositoryName.parse(f"org{number:03}/my-web"), NOW)
        repositories.insert(tx, RepositoryName.parse(f"org{ORGANIZATIONS - 1:03}/web"), NOW)
        repositories.insert(tx, RepositoryName.parse("foreign/web"), NOW)
        return owner

    owner = await database.write(fill)
    found = await database.read(lambda tx: store.matching(tx, owner, "web", Range(), 1_000))
    best = await database.read(lambda tx: store.matching(tx, owner, "web", Range(), 3))

    exact, parts = f"org{ORGANIZATIONS - 1:03}/web", [f"org{each:03}/my-web" for each in range(ORGANIZATIONS)]
    assert found == [exact, *parts]
    assert best == [exact, *parts[:2]]
