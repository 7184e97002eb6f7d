"""Settings that change at run time: defaults, other processes, several writers, trouble."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from dtr.core.clock import FakeClock
from dtr.core.errors import Denied, Unauthorized
from dtr.core.facts import Fact
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Caller, Principal
from dtr.features.configuration.model import InvalidSettings, RuntimeSettings
from dtr.features.configuration.service import Configuration
from dtr.plumbing.announcements import Announce, announce_to_nobody
from dtr.plumbing.db import Database, Transaction, open_database
from tests.support.facts import ALICE

DEFAULTS = RuntimeSettings(dtr_host="registry.example.com", create_repository_on_push=False)


def _revoke_nothing(_tx: Transaction) -> None:
    """Leave the tokens that are out as they are."""


def make(database: Database, announce: Announce = announce_to_nobody) -> Configuration:
    return Configuration(database, FakeClock(), announce, _revoke_nothing, DEFAULTS)


@pytest.fixture
async def other(database: Database) -> AsyncIterator[Database]:
    """Give the same database as another process has it."""
    opened = open_database(database.url.render_as_string(hide_password=False))
    await opened.open()
    yield opened
    await opened.close()


async def test_what_the_registry_was_started_with_counts_until_somebody_changes_it(
    database: Database,
) -> None:
    configuration = make(database)
    assert await configuration.current() == DEFAULTS

    await configuration.change(OPERATOR, {"createRepositoryOnPush": True})

    later = Configuration(
        database,
        FakeClock(),
        announce_to_nobody,
        _revoke_nothing,
        RuntimeSettings(dtr_host="new.example.com"),
    )
    assert (await later.current()).create_repository_on_push is True
    assert (await later.current()).dtr_host == "new.example.com"


async def test_tokens_to_create_with_are_void_once_and_only_when_creation_ends(database: Database) -> None:
    told: list[str] = []
    configuration = Configuration(
        database, FakeClock(), announce_to_nobody, lambda _tx: told.append("void"), DEFAULTS
    )

    for value in (False, True, True, False, False):
        before = len(told)
        was_on = (await configuration.current()).create_repository_on_push
        await configuration.change(OPERATOR, {"createRepositoryOnPush": value, "scanningDeadline": 7})
        assert len(told) - before == (was_on and not value)

    assert told == ["void"]


async def test_another_process_sees_a_change_at_once(database: Database, other: Database) -> None:
    here, there = make(database), make(other)
    for value in (True, False, True):
        assert (await there.current()).read_only_registry is not value
        await here.change(OPERATOR, {"readOnlyRegistry": value})

        assert await there.is_read_only() is value
        assert (await there.access_policy()).create_on_push is False


async def test_writers_at_once_lose_nothing(database: Database, other: Database) -> None:
    told: list[Fact] = []

    def announce(_tx: Transaction, fact: Fact) -> None:
        told.append(fact)

    changes: list[dict[str, Any]] = [
        {"scanningDeadline": 1},
        {"jobHistoryToKeep": 2},
        {"repoEventHistoryToKeep": 3},
        {"anonymizeAnalytics": False},
    ]
    await asyncio.gather(
        *(
            make(place, announce).change(OPERATOR, change)
            for place, change in zip((database, other) * 2, changes, strict=True)
        )
    )

    found = (await make(database).current()).document()
    assert {key: found[key] for change in changes for key in change} == {
        key: value for change in changes for key, value in change.items()
    }
    assert len({fact.object.name for fact in told}) == 4


async def test_old_values_are_those_that_the_change_before_left(database: Database, other: Database) -> None:
    chain: list[tuple[object, object]] = []

    def announce(_tx: Transaction, fact: Fact) -> None:
        change = fact.details["changes"]["scanningDeadline"]
        chain.append((change["old"], change["new"]))

    places = [make(database, announce), make(other, announce)]
    await asyncio.gather(
        *(places[number % 2].change(OPERATOR, {"scanningDeadline": number}) for number in range(1, 9))
    )

    links = dict(chain)
    walked: list[object] = [60]
    while walked[-1] in links:
        walked.append(links[walked[-1]])
    assert len(walked) == 9
    assert walked[-1] == (await make(database).current()).scanning_deadline


async def test_a_change_that_cannot_be_told_does_not_happen(database: Database) -> None:
    def refuse(_tx: Transaction, _fact: Fact) -> None:
        raise RuntimeError("the log is broken")

    with pytest.raises(RuntimeError, match="broken"):
        await make(database, refuse).change(OPERATOR, {"readOnlyRegistry": True})

    assert await make(database).current() == DEFAULTS


@pytest.mark.parametrize("value", ['"yes"', "1", "null", "[]"])
async def test_a_stored_value_that_no_setting_can_have_does_not_count(database: Database, value: str) -> None:
    statement = text(
        "INSERT INTO property (key, value, changed_at, changed_by) VALUES ('readOnlyRegistry', :value, 0, '')"
    )
    await database.write(lambda tx: tx.execute(statement, {"value": value}))

    assert await make(database).is_read_only() is False


async def test_only_administrators_change_and_only_auditors_read(database: Database) -> None:
    configuration = make(database)
    limited = Caller(Principal("a", "root", is_admin=True, permits=(Permit.parse("root/*", ["pull"]),)))
    auditor = Caller(Principal("b", "eve", is_auditor=True))
    for caller, error in ((ALICE, Denied), (limited, Denied), (Caller(ANONYMOUS), Unauthorized)):
        with pytest.raises(error):
            await configuration.read(caller)
    for caller, error in (
        (ALICE, Denied),
        (limited, Denied),
        (auditor, Denied),
        (Caller(ANONYMOUS), Unauthorized),
    ):
        with pytest.raises(error):
            await configuration.change(caller, {"readOnlyRegistry": True})

    assert await configuration.read(auditor) == DEFAULTS


async def test_one_bad_value_spoils_the_whole_change(database: Database) -> None:
    configuration = make(database)
    with pytest.raises(InvalidSettings) as refused:
        await configuration.change(OPERATOR, {"readOnlyRegistry": True, "scanningDeadline": -1})

    assert refused.value.detail == {"field": "scanningDeadline"}
    assert await configuration.current() == DEFAULTS
