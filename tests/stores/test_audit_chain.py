"""The audit chain: what it holds, writers at once, long chains, pruning."""

import asyncio
import json

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from dtr.core.clock import FakeClock
from dtr.core.facts import Outcome
from dtr.features.events.service import Audit
from dtr.features.events.service import audit as audit_service
from dtr.features.events.store import audit as store
from dtr.plumbing.db import Database, Transaction, open_database
from tests.support.audit import assert_broken, execute, make_audit, write
from tests.support.facts import NOW, fact, security_fact


@pytest.fixture
def audit(database: Database) -> Audit:
    return make_audit(database)


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
