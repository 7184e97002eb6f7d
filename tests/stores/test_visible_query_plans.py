"""The cost of lists of visible repositories: ranges of indexes among 20,000 rows, whoever asks, whatever the page."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, text

from dtr.core.principal import ANONYMOUS, Principal
from dtr.features.repositories.store import visible
from dtr.features.repositories.store.tables import repository_table, repository_team_access_table
from dtr.features.repositories.store.visible import PAGES, Range, Source
from dtr.plumbing.db.migrate import migrate
from tests.support.grants import NOW, organization_row, team_row, user_row

ROWS = 20_000
VALUES: dict[Source, dict[str, object]] = {
    Source.ALL: {},
    Source.PUBLIC: {},
    Source.NAMESPACE: {"namespace": "acme"},
}
People = dict[str, Principal]


def seed(tx: Connection) -> People:
    people = {name: user_row(tx, name) for name in ("owner", "member", "stranger")}
    people["admin"] = user_row(tx, "root", is_admin=True)
    org = organization_row(tx, "acme", people["owner"])
    organization_row(tx, "other")
    rows = [
        {
            "id": number,
            "path": f"{'acme' if number % 2 else 'other'}/r{number:05}",
            "namespace": "acme" if number % 2 else "other",
            "visibility": "public" if number % 7 == 0 else "private",
            "created_at": NOW,
            "uuid": str(number),
        }
        for number in range(1, ROWS + 1)
    ]
    tx.execute(insert(repository_table), rows)
    team = team_row(tx, org, "readers", people["member"])
    granted = [
        {"repository_id": number, "team_id": team, "level": "read-only"} for number in range(1, ROWS, 401)
    ]
    tx.execute(insert(repository_team_access_table), granted)
    return people


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, People]]:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").fresh_database()
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('visible') / 'dtr.db'}"
        migrate(url)
        engine = create_engine(url)
    with engine.begin() as tx:
        people = seed(tx)
    with engine.begin() as tx:
        tx.exec_driver_sql("ANALYZE")
    yield engine, people
    engine.dispose()


def plan(tx: Connection, source: Source) -> str:
    """Return what the engine means to do for a page in the middle, as text."""
    how = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
    values: dict[str, Any] = {"start": "acme/r10000", "end": "~", "like": "%", "limit": 11, **VALUES[source]}
    rows = tx.execute(text(f"{how} {PAGES[source].text}"), values).all()
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("source", VALUES)
def test_a_page_is_one_range_of_an_index(seeded: tuple[Engine, People], source: Source) -> None:
    with seeded[0].connect() as tx:
        found = plan(tx, source)

    assert "Seq Scan" not in found
    assert "SCAN" not in found
    assert "Sort" not in found
    assert "TEMP B-TREE" not in found


@pytest.mark.parametrize("who", ["anonymous", "admin", "owner", "member", "stranger"])
def test_the_last_page_costs_what_the_first_does(seeded: tuple[Engine, People], who: str) -> None:
    engine, people = seeded
    principal = people.get(who, ANONYMOUS)

    def seconds(tx: Connection, start: str) -> float:
        best = 9.0
        for _ in range(7):
            began = time.perf_counter()
            assert visible.paths(tx, principal, Range().from_(start), 11)
            best = min(best, time.perf_counter() - began)
        return best

    with engine.connect() as tx:
        first, last = seconds(tx, ""), seconds(tx, "other/r19000")

    assert last < 5 * first + 0.005
    assert first < 5 * last + 0.005
