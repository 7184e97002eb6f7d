"""Whatever somebody with rights on the database does to the rows of the audit chain shows, and where."""

import pytest
from sqlalchemy import text

from dtr.core.clock import FakeClock
from dtr.features.events.model import ChainKey
from dtr.features.events.service import Audit
from dtr.features.events.store import audit as store
from dtr.plumbing.db import Database, Transaction
from tests.support.audit import assert_broken, execute, make_audit, write
from tests.support.facts import NOW


@pytest.fixture
def audit(database: Database) -> Audit:
    return make_audit(database)


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
