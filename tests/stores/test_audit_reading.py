"""Who reads the audit chain, with which filters, in pages."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from dtr.core.errors import Denied, Invalid, Unauthorized
from dtr.core.facts import FactObject, Outcome
from dtr.core.paging import ListPage
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal
from dtr.features.events.model import EntryFilter, Period
from dtr.features.events.service import Audit
from dtr.plumbing.db import Database, Transaction
from tests.support.audit import make_audit, write
from tests.support.facts import ALICE, BOB, NOW, security_fact


@pytest.fixture
def audit(database: Database) -> Audit:
    return make_audit(database)


AUDITOR = Caller(Principal("id-of-eve", "eve", is_auditor=True))
LIMITED = Caller(Principal("id-of-root", "root", is_admin=True, permits=(Permit.parse("root/*", ["pull"]),)))


async def positions(audit: Audit, caller: Caller = OPERATOR, **wanted: Any) -> Sequence[int]:
    page = await audit.list_all(caller, EntryFilter(**wanted), ListPage(size=100))
    return [entry.position for entry in page.items]


@pytest.fixture
async def told(database: Database, audit: Audit) -> Audit:
    """Give a chain of six entries by two people about different things, a second apart."""
    facts = [
        security_fact("A", at=NOW),
        security_fact("B", at=NOW + timedelta(seconds=1), caller=BOB),
        security_fact("A", at=NOW + timedelta(seconds=2), outcome=Outcome.DENIED),
        security_fact("B", at=NOW + timedelta(seconds=3), namespace="alice"),
        security_fact("C", at=NOW + timedelta(seconds=4), object=FactObject("team", name="dev")),
        security_fact("C", at=NOW + timedelta(seconds=5), caller=BOB, namespace="bob"),
    ]

    def write_all(tx: Transaction) -> None:
        for each in facts:
            audit.append(tx, each)

    await database.write(write_all)
    return audit


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"actor_id": "id-of-bob"}, [6, 2]),
        ({"name": "A"}, [3, 1]),
        ({"outcome": "denied"}, [3]),
        ({"object_type": "team"}, [5]),
        ({"actor_id": "id-of-alice", "name": "B"}, [4]),
        ({"actor_id": "nobody"}, []),
        ({"period": Period(since=NOW + timedelta(seconds=2), until=NOW + timedelta(seconds=4))}, [4, 3]),
        ({"period": Period(until=NOW)}, []),
    ],
)
async def test_filters_combine(told: Audit, wanted: dict[str, Any], expected: list[int]) -> None:
    assert await positions(told, **wanted) == expected
    assert await positions(told, AUDITOR, **wanted) == expected


async def test_others_see_their_own_deeds_and_namespaces_once(told: Audit) -> None:
    assert await positions(told, BOB) == [6, 2]
    assert await positions(told, BOB, actor_id="id-of-bob") == [6, 2]
    assert await positions(told, BOB, actor_id="id-of-alice") == []
    assert await positions(told, ALICE) == [5, 4, 3, 1]


async def test_strangers_and_limited_callers_see_nothing(told: Audit) -> None:
    with pytest.raises(Unauthorized):
        await positions(told, Caller(ANONYMOUS))
    with pytest.raises(Denied):
        await positions(told, LIMITED)


async def test_pages_follow_each_other_though_entries_are_added(told: Audit, database: Database) -> None:
    first = await told.list_all(OPERATOR, EntryFilter(), ListPage(size=2, with_count=True))
    await write(database, told, 1)
    second = await told.list_all(OPERATOR, EntryFilter(), ListPage(first.next_start or "", 10))

    assert [entry.position for entry in first.items] == [6, 5]
    assert first.total == 6
    # The one added meanwhile has an older moment, but a new position; it is in its place in time.
    assert [entry.position for entry in second.items] == [4, 3, 2, 7, 1] or [
        entry.position for entry in second.items
    ] == [4, 3, 2, 1, 7]
    assert second.next_start is None


@pytest.mark.parametrize("marker", ["x", "1", "-", "1-", "1-x", "1-2-3", "٣-٣", "9" * 40 + "-1", "' OR 1=1"])
async def test_a_bad_page_marker_is_refused(told: Audit, marker: str) -> None:
    with pytest.raises(Invalid):
        await told.list_all(OPERATOR, EntryFilter(), ListPage(marker))
