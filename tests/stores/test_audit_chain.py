"""The audit chain: whatever is done to its rows shows, and where."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from dtr.core.clock import FakeClock
from dtr.core.errors import Denied, Invalid, Unauthorized
from dtr.core.facts import FactObject, Outcome
from dtr.core.paging import ListPage
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal
from dtr.features.events.model import ChainKey, EntryFilter, Period
from dtr.features.events.service import Audit, Report
from dtr.features.events.service import audit as audit_service
from dtr.features.events.store import audit as store
from dtr.plumbing.db import Database, Transaction, open_database
from tests.support.facts import ALICE, BOB, NOW, fact, security_fact

KEY = ChainKey(b"k" * 32)


def make_audit(database: Database, clock: FakeClock | None = None, *, logins: bool = True) -> Audit:
    return Audit(database, clock or FakeClock(NOW), KEY, lambda _tx: logins, keep_days=400)


@pytest.fixture
def audit(database: Database) -> Audit:
    return make_audit(database)


async def write(database: Database, audit: Audit, number: int = 7) -> None:
    """Append entries, each in a transaction of its own."""
    for index in range(number):
        told = security_fact(at=NOW + timedelta(seconds=index), details={"index": index})
        await database.write(lambda tx, told=told: audit.append(tx, told))  # type: ignore[misc]


async def execute(database: Database, *statements: str, **values: Any) -> None:
    def run(tx: Transaction) -> None:
        for statement in statements:
            tx.execute(text(statement), values)

    await database.write(run)


def assert_broken(report: Report, position: int, kind: str, *words: str) -> None:
    assert report.problem is not None
    assert (report.problem.position, report.problem.kind) == (position, kind), report.problem
    assert all(word in report.problem.explanation for word in words), report.problem


async def test_an_empty_chain_is_whole(audit: Audit) -> None:
    report = await audit.verify()

    assert report.problem is None
    assert report.checked == 0
    assert await audit.problem_at_end() == ""


async def test_a_chain_that_nobody_touched_is_whole(database: Database, audit: Audit) -> None:
    await write(database, audit)

    report = await audit.verify()

    assert report.problem is None
    assert report.checked == 7
    assert await audit.problem_at_end() == ""


async def test_an_entry_says_who_did_what_to_what_from_where(database: Database, audit: Audit) -> None:
    told = security_fact("LoginFailed", outcome=Outcome.DENIED, details={"why": "pass\u00e9\x00\ud800"})
    await database.write(lambda tx: audit.append(tx, told))

    [entry] = [each async for each in audit.entries()]

    assert entry.document() == {
        "position": 1,
        "at": "2030-01-01T12:00:00.123456Z",
        "name": "LoginFailed",
        "outcome": "denied",
        "actor": {"id": "id-of-alice", "name": "alice", "kind": "user"},
        "client": {"address": "192.0.2.1", "userAgent": "docker/27"},
        "requestID": "r-1",
        "object": {"type": "user", "name": "carol", "id": "id-of-carol", "content": ""},
        "repository": "",
        "namespace": "carol",
        "details": {"why": "pass\u00e9\x00\ud800"},
    }
    assert entry.content == json.dumps(entry.document(), sort_keys=True, separators=(",", ":"))
    assert (await audit.verify()).problem is None


async def test_other_facts_are_not_in_the_chain(database: Database, audit: Audit) -> None:
    await database.write(lambda tx: audit.append(tx, fact()))

    assert (await audit.verify()).head.last_position == 0


@pytest.mark.parametrize("name", ["LoginSucceeded", "LoginFailed", "AccessTokenUsed"])
async def test_logins_can_be_left_out_and_nothing_else(database: Database, name: str) -> None:
    audit = make_audit(database, logins=False)
    await database.write(lambda tx: audit.append(tx, security_fact(name)))
    await database.write(lambda tx: audit.append(tx, security_fact("SettingsChanged")))

    assert [entry.name async for entry in audit.entries()] == ["SettingsChanged"]


# -- what somebody with rights on the database may do --------------------------------------

CHANGE = "UPDATE audit_entry SET {column} = {value} WHERE position = :p"
TAMPERING = {
    "content": "'{}'",
    "hash": "'00'",
    "at": "at + 1",
    "name": "'Other'",
    "actor_id": "'other'",
    "namespace": "'other'",
    "outcome": "'denied'",
    "object_type": "'other'",
}


@pytest.mark.parametrize("position", [1, 4, 7])
@pytest.mark.parametrize("column", TAMPERING)
async def test_a_changed_column_is_found(
    database: Database, audit: Audit, column: str, position: int
) -> None:
    await write(database, audit)
    await execute(database, CHANGE.format(column=column, value=TAMPERING[column]), p=position)

    report = await audit.verify()

    assert_broken(report, position, "changed", *([] if column in ("content", "hash") else [column]))
    assert report.checked == position - 1


def test_every_column_is_tampered_with() -> None:
    from dtr.features.events.tables import audit_entry_table  # noqa: PLC0415 - for this test alone

    assert {column.name for column in audit_entry_table.columns} == {"position", *TAMPERING}


async def test_a_changed_word_in_the_content_is_found(database: Database, audit: Audit) -> None:
    await write(database, audit)
    await execute(
        database, "UPDATE audit_entry SET content = replace(content, 'alice', 'malice') WHERE position = 3"
    )

    assert_broken(await audit.verify(), 3, "changed")


@pytest.mark.parametrize(
    ("gone", "position", "kind"), [(1, 1, "removed"), (4, 4, "removed"), (7, 7, "truncated")]
)
async def test_a_removed_entry_is_found(
    database: Database, audit: Audit, gone: int, position: int, kind: str
) -> None:
    await write(database, audit)
    await execute(database, "DELETE FROM audit_entry WHERE position = :gone", gone=gone)

    assert_broken(await audit.verify(), position, kind)


async def test_a_removed_range_is_named(database: Database, audit: Audit) -> None:
    await write(database, audit)
    await execute(database, "DELETE FROM audit_entry WHERE position BETWEEN 3 AND 5")

    assert_broken(await audit.verify(), 3, "removed", "3 to 5")


async def test_an_emptied_chain_is_found(database: Database, audit: Audit) -> None:
    await write(database, audit)
    await execute(database, "DELETE FROM audit_entry")

    assert_broken(await audit.verify(), 1, "truncated", "up to 7")
    assert "truncated" in await audit.problem_at_end()


async def test_two_swapped_entries_are_found(database: Database, audit: Audit) -> None:
    await write(database, audit)
    await execute(
        database,
        "UPDATE audit_entry SET position = -1 WHERE position = 3",
        "UPDATE audit_entry SET position = 3 WHERE position = 5",
        "UPDATE audit_entry SET position = 5 WHERE position = -1",
    )

    assert_broken(await audit.verify(), 3, "reordered", "5")


async def test_a_removed_entry_whose_gap_was_closed_is_found(database: Database, audit: Audit) -> None:
    await write(database, audit)
    await execute(
        database,
        "DELETE FROM audit_entry WHERE position = 3",
        "UPDATE audit_entry SET position = 3 WHERE position = 4",
        "UPDATE audit_entry SET position = 4 WHERE position = 5",
        "UPDATE audit_entry SET position = 5 WHERE position = 6",
        "UPDATE audit_entry SET position = 6 WHERE position = 7",
        "UPDATE audit_head SET last_position = 6",
    )

    assert_broken(await audit.verify(), 6, "head")


COPY = """
INSERT INTO audit_entry (position, at, name, actor_id, namespace, outcome, object_type, content, hash)
SELECT :position, at, name, actor_id, namespace, outcome, object_type, content, hash
  FROM audit_entry WHERE position = 2
"""


@pytest.mark.parametrize("position", [0, -5, 8, 100])
async def test_an_added_entry_is_found(database: Database, audit: Audit, position: int) -> None:
    await write(database, audit)
    await execute(database, COPY, position=position)

    assert_broken(await audit.verify(), position, "inserted")


async def test_an_entry_forged_with_another_key_is_found(database: Database, audit: Audit) -> None:
    await write(database, audit)
    forger = Audit(database, FakeClock(NOW), ChainKey(b"f" * 32), lambda _tx: True, keep_days=400)
    await write(database, forger, 1)

    assert_broken(await audit.verify(), 8, "head", "master key")


@pytest.mark.parametrize(
    "change",
    [
        "first_position = 2",
        "anchor_hash = 'x'",
        "last_position = 6",
        "last_hash = 'x'",
        "seal = ''",
        "seal = 'x'",
    ],
)
async def test_a_changed_head_is_found(database: Database, audit: Audit, change: str) -> None:
    await write(database, audit)
    await execute(database, f"UPDATE audit_head SET {change}")  # noqa: S608 - a constant of this test

    report = await audit.verify()

    assert report.problem is not None
    assert report.problem.kind == "head"
    assert "head" in await audit.problem_at_end()


async def test_an_end_that_was_cut_off_together_with_an_old_head_shows_by_a_checkpoint(
    database: Database, audit: Audit
) -> None:
    await write(database, audit, 3)
    old = await database.read(store.read_head)
    await write(database, audit, 2)
    checkpoint = await database.read(store.read_head)

    def cut_off(tx: Transaction) -> None:
        tx.execute(text("DELETE FROM audit_entry WHERE position > 3"))
        store.set_head(tx, old)

    await database.write(cut_off)

    assert (await audit.verify()).problem is None
    report = await audit.verify({checkpoint.last_position: checkpoint.last_hash})
    assert_broken(report, 4, "truncated", "checkpoint at 5")


async def test_a_chain_that_went_on_differently_after_a_checkpoint_is_found(
    database: Database, audit: Audit
) -> None:
    await write(database, audit, 3)

    assert (await audit.verify({3: (await audit.verify()).head.last_hash})).problem is None
    assert_broken(await audit.verify({2: "0" * 64}), 2, "changed", "checkpoint")


@pytest.mark.parametrize("position", [5, 6, 7])
async def test_a_quick_look_sees_what_was_done_to_the_last_entries(
    database: Database, audit: Audit, position: int
) -> None:
    await write(database, audit)
    await execute(database, "UPDATE audit_entry SET hash = '00' WHERE position = :p", p=position)

    assert await audit.problem_at_end() != ""


# -- writers at once, failures, long chains ------------------------------------------------


async def test_writers_at_once_make_one_whole_chain(database: Database) -> None:
    other = open_database(database.url.render_as_string(hide_password=False))
    await other.open()

    async def append(to: Database, number: int) -> None:
        audit = make_audit(to)
        for index in range(number):
            told = security_fact(details={"index": index})
            await to.write(lambda tx, told=told: audit.append(tx, told))  # type: ignore[misc]

    try:
        await asyncio.gather(*(append(each, 10) for each in (database, other) for _ in range(3)))
    finally:
        await other.close()

    report = await make_audit(database).verify()
    assert report.problem is None
    assert report.checked == 60


async def test_a_change_whose_entry_cannot_be_written_does_not_happen(
    database: Database, audit: Audit
) -> None:
    await execute(database, "DELETE FROM audit_head")

    def change(tx: Transaction) -> None:
        tx.execute(text("UPDATE content_generation SET number = number + 1000"))
        audit.append(tx, security_fact())

    before = await database.read(_generation)
    with pytest.raises(Exception, match="No row"):
        await database.write(change)

    assert await database.read(_generation) < before + 1000


def _generation(tx: Transaction) -> int:
    number: int = tx.execute(text("SELECT number FROM content_generation")).scalar_one()
    return number


async def test_a_long_chain_is_checked_in_batches(
    database: Database, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_service, "BATCH", 3)
    await write(database, audit, 10)

    assert (await audit.verify()).checked == 10
    await execute(database, "DELETE FROM audit_entry WHERE position = 7")
    assert_broken(await audit.verify(), 7, "removed")


# -- pruning -------------------------------------------------------------------------------


async def test_old_entries_go_and_the_rest_still_verifies(database: Database) -> None:
    clock = FakeClock(NOW)
    audit = make_audit(database, clock)
    await write(database, audit, 5)
    clock.advance(400 * 86400 + 3)

    assert await audit.prune() == 3

    report = await audit.verify()
    assert report.problem is None
    assert report.checked == 2
    assert [entry.position async for entry in audit.entries()] == [4, 5]
    await write(database, audit, 2)
    assert (await audit.verify()).checked == 4
    assert await audit.prune() == 0


async def test_a_chain_of_which_everything_was_pruned_goes_on(database: Database) -> None:
    clock = FakeClock(NOW)
    audit = make_audit(database, clock)
    await write(database, audit, 3)
    clock.advance(500 * 86400)

    await audit.look_after()

    assert (await audit.verify()).problem is None
    assert await audit.problem_at_end() == ""
    await write(database, audit, 1)
    assert [entry.position async for entry in audit.entries()] == [4]
    assert (await audit.verify()).problem is None


async def test_pruning_by_hand_is_found(database: Database, audit: Audit) -> None:
    await write(database, audit, 5)
    head = await database.read(store.read_head)

    def forge(tx: Transaction) -> None:
        tx.execute(text("DELETE FROM audit_entry WHERE position <= 2"))
        tx.execute(
            text("UPDATE audit_head SET first_position = 3, anchor_hash = :hash"), {"hash": head.last_hash}
        )

    await database.write(forge)

    assert_broken(await audit.verify(), 5, "head")


async def test_broken_entries_are_kept_as_evidence(database: Database) -> None:
    clock = FakeClock(NOW)
    audit = make_audit(database, clock)
    await write(database, audit, 5)
    await execute(database, "UPDATE audit_entry SET hash = '00' WHERE position = 2")
    clock.advance(500 * 86400)

    assert await audit.prune() == 0
    assert len([each async for each in audit.entries()]) == 5


# -- reading -------------------------------------------------------------------------------

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


async def test_the_log_is_told_where_the_chain_ends(database: Database, audit: Audit) -> None:
    with capture_logs() as lines:
        await audit.look_after()
        await write(database, audit, 3)
        await audit.look_after()

    head = (await audit.verify()).head
    assert lines == [
        {"event": "audit.checkpoint", "log_level": "info", "position": 3, "hash": head.last_hash}
    ]
    assert (await audit.verify({3: head.last_hash})).problem is None
