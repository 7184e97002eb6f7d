"""The throttle of failed logins, and who is exempt from which part of it, on both databases."""

import asyncio
from datetime import timedelta

import pytest

from dtr.core.errors import NotFound, TooManyRequests
from dtr.features.accounts.model import LoginAttempt
from dtr.features.accounts.store import login as login_store
from dtr.features.accounts.store.tables import login_success_table
from dtr.plumbing.db import Database, Transaction
from tests.support.accounts import HOME, PASSWORD, Registry

AWAY = "198.51.100.7"
DAY_SECONDS = 24 * 3600


@pytest.fixture
async def registry(database: Database) -> Registry:
    registry = Registry(database)
    await registry.accounts.create("alice", PASSWORD)
    return registry


@pytest.mark.item("11")
async def test_after_ten_failures_one_has_to_wait_and_the_wait_doubles(registry: Registry) -> None:
    waits = []
    await registry.fail(9)
    for _ in range(4):
        await registry.fail(1)
        with pytest.raises(TooManyRequests) as refused:
            await registry.log_in()
        waits.append(refused.value.retry_after_seconds)
        registry.clock.advance(refused.value.retry_after_seconds)

    assert waits == [1, 2, 4, 8]
    assert (await registry.log_in()).name == "alice", "after the wait the right password works"


async def test_an_attempt_that_had_to_wait_is_not_a_failure_and_tells_nothing(registry: Registry) -> None:
    await registry.fail(10)
    checks = registry.hasher.checks

    for password in (PASSWORD, "wrong"):
        with pytest.raises(TooManyRequests):
            await registry.log_in(password=password)

    assert registry.hasher.checks == checks


async def test_a_remembered_password_does_not_pass_ones_own_throttle(registry: Registry) -> None:
    await registry.log_in()
    await registry.fail(10)

    with pytest.raises(TooManyRequests):
        await registry.log_in()


async def test_success_forgets_the_failures_of_this_account_at_this_address(registry: Registry) -> None:
    await registry.fail(9)
    await registry.log_in()

    await registry.fail(9)

    assert (await registry.log_in()).name == "alice"


async def test_failures_are_forgotten_after_a_quarter_of_an_hour(registry: Registry) -> None:
    await registry.fail(10)

    registry.clock.advance(15 * 60)

    await registry.fail(9)
    assert (await registry.log_in()).name == "alice"


async def test_failures_elsewhere_do_not_keep_the_owner_out(registry: Registry) -> None:
    await registry.fail(10, address=AWAY)

    assert (await registry.log_in()).name == "alice"


async def test_an_address_that_tries_many_names_has_to_wait(registry: Registry) -> None:
    for number in range(50):
        await registry.note_failures(1, f"user{number}", HOME)

    with pytest.raises(TooManyRequests):
        await registry.log_in()
    assert (await registry.log_in(address=AWAY)).name == "alice"


async def test_an_account_that_is_tried_from_many_addresses_has_to_wait(registry: Registry) -> None:
    for number in range(100):
        await registry.note_failures(1, "alice", f"203.0.113.{number}")

    with pytest.raises(TooManyRequests):
        await registry.log_in()


async def test_all_addresses_of_an_ipv6_network_count_as_one(registry: Registry) -> None:
    for number in range(10):
        await registry.note_failures(1, "alice", f"2001:db8:1:2::{number:x}")

    with pytest.raises(TooManyRequests):
        await registry.log_in(address="2001:db8:1:2:ffff::1")
    assert (await registry.log_in(address="2001:db8:1:3::1")).name == "alice"


async def test_attempts_sent_all_at_once_do_not_slip_past_the_throttle(registry: Registry) -> None:
    outcomes = await asyncio.gather(
        *(registry.log_in(password="wrong") for _ in range(60)), return_exceptions=True
    )

    assert sum(isinstance(outcome, TooManyRequests) for outcome in outcomes) >= 48
    assert registry.hasher.checks <= 12


async def test_ended_windows_leave_no_rows_behind(registry: Registry) -> None:
    old = LoginAttempt.of("alice", HOME)
    start = registry.clock.now()
    await registry.fail(3)
    registry.clock.advance(15 * 60)

    await registry.fail(1, name="bob", address=AWAY)

    within = start + timedelta(seconds=1)
    assert await registry.database.read(lambda tx: login_store.find_failures(tx, old, within)) == []


async def lock_account(registry: Registry, name: str = "alice") -> None:
    """Fail from so many addresses that strangers to the account have to wait."""
    for number in range(100):
        await registry.note_failures(1, name, f"203.0.113.{number}")


async def lock_address(registry: Registry, address: str = HOME) -> None:
    """Fail under so many names that strangers to the address have to wait."""
    for number in range(50):
        await registry.note_failures(1, f"user{number}", address)


async def rows_of_successes(registry: Registry) -> list[tuple[str, int]]:
    def read(tx: Transaction) -> list[tuple[str, int]]:
        table = login_success_table
        return [(row.address, row.succeeded_at) for row in tx.execute(table.select().order_by("address"))]

    return await registry.database.read(read)


async def test_strangers_cannot_lock_an_owner_out_where_the_owner_is_known(registry: Registry) -> None:
    await registry.log_in()
    registry.clock.advance(29 * DAY_SECONDS)

    await lock_account(registry)

    assert (await registry.another_process().authenticate("alice", PASSWORD, HOME)).name == "alice"
    with pytest.raises(TooManyRequests):
        await registry.log_in(address=AWAY)


async def test_a_neighbour_cannot_lock_an_owner_out_where_the_owner_is_known(registry: Registry) -> None:
    await registry.accounts.create("bob", PASSWORD)
    await registry.log_in("bob")

    await lock_address(registry)

    assert (await registry.log_in("bob")).name == "bob"
    with pytest.raises(TooManyRequests):
        await registry.log_in("alice")


async def test_an_owner_is_forgotten_at_an_address_after_thirty_days(registry: Registry) -> None:
    await registry.log_in()
    registry.clock.advance(30 * DAY_SECONDS)

    await lock_account(registry)

    with pytest.raises(TooManyRequests):
        await registry.log_in()


async def test_being_known_does_not_allow_more_failures_at_that_address(registry: Registry) -> None:
    await registry.log_in()
    await lock_account(registry)

    await registry.fail(10)

    with pytest.raises(TooManyRequests):
        await registry.log_in()


async def test_a_remembered_password_cannot_be_guessed_from_where_one_has_to_wait(registry: Registry) -> None:
    await registry.log_in()
    await lock_account(registry)

    for password in ("a guess", PASSWORD):
        with pytest.raises(TooManyRequests):
            await registry.log_in(password=password, address=AWAY)


async def test_a_failure_makes_nobody_known(registry: Registry) -> None:
    await registry.fail(1)
    await lock_account(registry)

    with pytest.raises(TooManyRequests):
        await registry.log_in()


async def test_a_success_is_recorded_once_a_day_for_an_account_at_an_address(registry: Registry) -> None:
    await registry.log_in()
    first = await rows_of_successes(registry)
    registry.clock.advance(DAY_SECONDS - 1)
    await registry.log_in()
    assert await rows_of_successes(registry) == first

    registry.clock.advance(1)
    await registry.log_in()
    await registry.log_in(address="2001:db8:1:2::3")
    await registry.log_in(address="2001:db8:1:2::4")

    home, network = await rows_of_successes(registry)
    assert (home[0], network[0]) == (HOME, "2001:db8:1:2::/64")
    assert home[1] - first[0][1] == DAY_SECONDS * 1_000_000


async def test_successes_of_long_ago_leave_no_rows_behind(registry: Registry) -> None:
    await registry.log_in()
    registry.clock.advance(30 * DAY_SECONDS)

    await registry.log_in(address=AWAY)

    assert [address for address, _ in await rows_of_successes(registry)] == [AWAY]


async def test_an_unlocked_account_need_not_wait_and_others_still_do(registry: Registry) -> None:
    await registry.accounts.create("bob", PASSWORD)
    await lock_account(registry, "alice")
    await lock_account(registry, "bob")
    await registry.note_failures(10, "alice", HOME)

    await registry.accounts.unlock("alice")

    assert (await registry.log_in()).name == "alice"
    assert (await registry.log_in(address=AWAY)).name == "alice"
    with pytest.raises(TooManyRequests):
        await registry.log_in("bob")


async def test_unlocking_an_account_unlocks_no_address(registry: Registry) -> None:
    await lock_address(registry)

    await registry.accounts.unlock("alice")

    with pytest.raises(TooManyRequests):
        await registry.log_in()


async def test_an_unknown_user_cannot_be_unlocked(registry: Registry) -> None:
    with pytest.raises(NotFound):
        await registry.accounts.unlock("bob")
