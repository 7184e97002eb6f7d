"""Accounts and password checks, on both databases."""

import asyncio
import threading

import pytest

from dtr.core.errors import Conflict, Invalid, NotFound, Unauthorized
from dtr.core.principal import ANONYMOUS, Principal
from dtr.features.accounts.model import LoginAttempt
from dtr.features.accounts.store import login as login_store
from dtr.plumbing.db import Database
from tests.support.accounts import HOME, PASSWORD, Registry


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


async def test_a_proven_login_ends_when_the_user_is_disabled_and_not_when_nothing_changes(
    registry: Registry,
) -> None:
    async def version() -> int:
        return (await registry.accounts.log_in("alice", PASSWORD, HOME)).credentials_version

    before = await version()
    await registry.accounts.set_active("alice", is_active=True)
    assert await version() == before

    await registry.accounts.set_active("alice", is_active=False)
    await registry.accounts.set_active("alice", is_active=True)
    assert await version() == before + 2


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

    attempt = LoginAttempt.of("alice", HOME)
    found = await registry.database.read(lambda tx: login_store.find_credentials(tx, attempt))
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


async def test_passwords_are_checked_on_threads_of_their_own_which_end_with_the_room(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[threading.Thread] = set()
    verify = registry.hasher.verify

    def noting_verify(stored: str, password: str) -> bool:
        used.add(threading.current_thread())
        return verify(stored, password)

    monkeypatch.setattr(registry.hasher, "verify", noting_verify)
    await asyncio.gather(*(registry.log_in() for _ in range(20)))
    assert {thread.name.rpartition("_")[0] for thread in used} == {"dtr-password"}
    assert len(used) <= 2

    registry.accounts.close()

    assert not any(thread.is_alive() for thread in used)
