"""Accounts, password checks and the throttle of failed logins, on both databases."""

import asyncio
from datetime import timedelta

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import Conflict, Invalid, NotFound, TooManyRequests, Unauthorized
from dtr.core.principal import ANONYMOUS, Principal
from dtr.features.accounts import store
from dtr.features.accounts.model import LoginAttempt
from dtr.features.accounts.service import Accounts
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.db import Database, Transaction

HOME = "192.0.2.1"
PASSWORD = "correct horse battery"


class QuickHasher(PasswordHasher):
    """Hashes without the cost that makes real hashes safe, and counts its work."""

    def __init__(self) -> None:
        self.version = 1
        self.checks = 0

    def hash(self, password: str) -> str:
        return f"v{self.version}:{password}"

    def verify(self, stored: str, password: str) -> bool:
        self.checks += 1
        return stored.partition(":")[2] == password

    def needs_rehash(self, stored: str) -> bool:
        return not stored.startswith(f"v{self.version}:")


class Registry:
    """The accounts of one process, with everything a test wants to touch."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.hasher = QuickHasher()
        self.revoked: list[str] = []
        self.accounts = self.another_process()

    def another_process(self) -> Accounts:
        return Accounts(self.database, self.hasher, self.clock, self._revoke)

    def _revoke(self, _tx: Transaction, account_id: str) -> None:
        self.revoked.append(account_id)

    async def log_in(self, name: str = "alice", password: str = PASSWORD, address: str = HOME) -> Principal:
        return await self.accounts.authenticate(name, password, address)

    async def fail(self, times: int, name: str = "alice", address: str = HOME) -> None:
        for _ in range(times):
            with pytest.raises(Unauthorized):
                await self.log_in(name, "wrong", address)

    async def note_failures(self, times: int, name: str, address: str) -> None:
        attempt, now = LoginAttempt.of(name, address), self.clock.now()

        def write(tx: Transaction) -> None:
            for _ in range(times):
                store.count_failure(tx, attempt, now)

        await self.database.write(write)


@pytest.fixture
async def registry(database: Database) -> Registry:
    registry = Registry(database)
    await registry.accounts.create("alice", PASSWORD)
    return registry


async def test_the_right_password_tells_who_the_caller_is(registry: Registry) -> None:
    account = await registry.accounts.get("alice")

    assert await registry.log_in() == Principal(account.id, "alice", is_admin=False)


async def test_rights_of_an_administrator_show_in_the_caller(registry: Registry) -> None:
    await registry.accounts.create("root", PASSWORD, is_admin=True, full_name="The Root")

    assert (await registry.log_in("root")).is_admin
    assert (await registry.accounts.get("root")).full_name == "The Root"


@pytest.mark.parametrize("name", ["alice", "bob", "No Such Name", "nul\0", "", "x" * 5000])
async def test_a_wrong_login_says_the_same_whoever_it_is_for(registry: Registry, name: str) -> None:
    with pytest.raises(Unauthorized, match="the user name or the password is wrong"):
        await registry.log_in(name, "wrong")

    assert registry.hasher.checks == 1, "an unknown user costs as much work as a known one"


async def test_a_taken_name_is_a_conflict_and_changes_nothing(registry: Registry) -> None:
    with pytest.raises(Conflict):
        await registry.accounts.create("alice", "another password", is_admin=True)

    assert not (await registry.log_in()).is_admin


@pytest.mark.parametrize(
    "name",
    ["", "Alice", "a b", "-a", "a-", "a..b", "a/b", "_catalog", "v2", "api", "admin", "enzi", "x" * 101],
)
async def test_a_name_that_is_no_namespace_or_is_reserved_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(Invalid):
        await registry.accounts.create(name, PASSWORD)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025, "longname", "LongName"])
async def test_a_weak_or_endless_password_is_refused(registry: Registry, password: str) -> None:
    with pytest.raises(Invalid, match="password"):
        await registry.accounts.create("longname", password)


async def test_accounts_are_listed_by_name(registry: Registry) -> None:
    await registry.accounts.create("zoe", PASSWORD)
    await registry.accounts.create("al", PASSWORD)

    assert [account.name for account in await registry.accounts.list_all()] == ["al", "alice", "zoe"]


async def test_a_check_is_remembered_for_a_minute(registry: Registry) -> None:
    for _ in range(5):
        await registry.log_in()
    assert registry.hasher.checks == 1

    registry.clock.advance(60)
    await registry.log_in()

    assert registry.hasher.checks == 2


async def test_a_remembered_check_does_not_let_another_password_in(registry: Registry) -> None:
    await registry.log_in()

    await registry.fail(1)


async def test_a_new_password_counts_at_once_in_every_process(registry: Registry) -> None:
    other = registry.another_process()
    await registry.log_in()
    await other.authenticate("alice", PASSWORD, HOME)

    await registry.accounts.set_password("alice", "a new password")

    await registry.fail(1)
    with pytest.raises(Unauthorized):
        await other.authenticate("alice", PASSWORD, HOME)
    assert (await other.authenticate("alice", "a new password", HOME)).name == "alice"


async def test_a_disabled_user_is_locked_out_at_once_in_every_process(registry: Registry) -> None:
    other = registry.another_process()
    await other.authenticate("alice", PASSWORD, HOME)

    await registry.accounts.set_active("alice", is_active=False)

    with pytest.raises(Unauthorized):
        await other.authenticate("alice", PASSWORD, HOME)
    assert await other.principal_of("alice") == ANONYMOUS


async def test_a_disabled_user_can_be_let_in_again(registry: Registry) -> None:
    await registry.accounts.set_active("alice", is_active=False)
    await registry.accounts.set_active("alice", is_active=True)

    assert (await registry.log_in()).name == "alice"


async def test_disabling_and_a_new_password_revoke_tokens_and_enabling_does_not(registry: Registry) -> None:
    account = await registry.accounts.get("alice")

    await registry.accounts.set_password("alice", "a new password")
    await registry.accounts.set_active("alice", is_active=False)
    await registry.accounts.set_active("alice", is_active=True)

    assert registry.revoked == [account.id, account.id]


async def test_what_is_said_of_an_unknown_user(registry: Registry) -> None:
    with pytest.raises(NotFound):
        await registry.accounts.get("bob")
    with pytest.raises(NotFound):
        await registry.accounts.set_password("bob", PASSWORD)
    with pytest.raises(NotFound):
        await registry.accounts.set_active("bob", is_active=False)
    assert await registry.accounts.principal_of("bob") == ANONYMOUS
    assert await registry.accounts.principal_of("") == ANONYMOUS


async def test_a_hash_with_old_parameters_is_replaced_at_the_next_login(registry: Registry) -> None:
    registry.hasher.version = 2

    await registry.log_in()

    found = await registry.database.read(lambda tx: store.find_credentials(tx, "alice"))
    assert found is not None
    assert found.password_hash == f"v2:{PASSWORD}"
    assert (await registry.log_in()).name == "alice"


async def test_the_first_start_makes_one_administrator_however_many_processes_start(
    database: Database,
) -> None:
    registry = Registry(database)

    generated = await asyncio.gather(*(registry.another_process().ensure_admin(None) for _ in range(8)))

    [password] = [each for each in generated if each is not None]
    assert (await registry.log_in("admin", password)).is_admin
    assert await registry.accounts.ensure_admin(None) is None


async def test_a_given_password_counts_on_the_first_start_only(database: Database) -> None:
    registry = Registry(database)

    assert await registry.accounts.ensure_admin("chosen by hand") is None
    assert await registry.accounts.ensure_admin("another one later") is None

    assert (await registry.log_in("admin", "chosen by hand")).is_admin


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


async def test_a_remembered_password_does_not_pass_the_throttle(registry: Registry) -> None:
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
    await registry.fail(10, address="198.51.100.7")

    assert (await registry.log_in()).name == "alice"


async def test_an_address_that_tries_many_names_has_to_wait(registry: Registry) -> None:
    for number in range(50):
        await registry.note_failures(1, f"user{number}", HOME)

    with pytest.raises(TooManyRequests):
        await registry.log_in()
    assert (await registry.log_in(address="198.51.100.7")).name == "alice"


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

    await registry.fail(1, name="bob", address="198.51.100.7")

    within = start + timedelta(seconds=1)
    assert await registry.database.read(lambda tx: store.find_failures(tx, old, within)) == []
