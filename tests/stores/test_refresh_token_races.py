"""Refresh tokens and credentials that change while one is made, on both databases."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from dtr.core.errors import Unauthorized
from dtr.features.accounts.model import LoginAttempt, ProvenLogin
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.store import accounts as account_store
from dtr.features.accounts.store import login as login_store
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules
from dtr.features.tokens.store import client_tokens as store
from dtr.plumbing.crypto.secretbox import SecretBox
from dtr.plumbing.db import Database, Transaction
from tests.support.accounts import HOME, PASSWORD, Registry
from tests.support.tokens import TokensRoom

RULES = TokenRules("dtr", "dtr", lifetime_seconds=300, leeway_seconds=5, rotate_seconds=86400)
WAIT_SECONDS = 10


class Scene:
    """One user, who logs in and asks for refresh tokens."""

    def __init__(self, database: Database) -> None:
        accounts = Registry(database, store.revoke_refresh_tokens)
        self.database = database
        self.clock = accounts.clock
        self.accounts: Accounts = accounts.accounts
        self.hasher = accounts.hasher
        keys = KeyRingStore(database, SecretBox(bytes(32)), self.clock, RULES)
        self.tokens = TokensRoom(database, keys, self.clock, RULES).service

    async def log_in(self) -> ProvenLogin:
        return await self.accounts.log_in("alice", PASSWORD, HOME)

    async def stored_tokens(self) -> int:
        account = await self.accounts.get("alice")
        return len(await self.tokens.refresh_tokens(account.id))


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = Scene(database)
    await scene.accounts.create("alice", PASSWORD)
    return scene


async def change_password(accounts: Accounts) -> None:
    await accounts.set_password("alice", "a new password")


async def disable(accounts: Accounts) -> None:
    await accounts.set_active("alice", is_active=False)


async def disable_and_enable(accounts: Accounts) -> None:
    await disable(accounts)
    await accounts.set_active("alice", is_active=True)


@pytest.mark.parametrize("revoke", [change_password, disable, disable_and_enable])
async def test_a_login_proven_before_a_revocation_gives_no_refresh_token_after_it(
    scene: Scene, revoke: Callable[[Accounts], Awaitable[None]]
) -> None:
    login = await scene.log_in()

    await revoke(scene.accounts)

    with pytest.raises(Unauthorized, match="log in again"):
        await scene.tokens.new_refresh_token(login, "docker")
    assert await scene.stored_tokens() == 0


async def test_a_new_password_between_its_check_and_the_end_of_the_login_revokes_what_comes_of_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking, go_on = threading.Event(), threading.Event()
    verify = scene.hasher.verify

    def slow_verify(stored: str, password: str) -> bool:
        checking.set()
        go_on.wait(WAIT_SECONDS)
        return verify(stored, password)

    monkeypatch.setattr(scene.hasher, "verify", slow_verify)
    logging_in = asyncio.create_task(scene.log_in())
    assert await asyncio.to_thread(checking.wait, WAIT_SECONDS)
    await change_password(scene.accounts)
    go_on.set()

    with pytest.raises(Unauthorized):
        await scene.tokens.new_refresh_token(await logging_in, "docker")


async def test_a_refresh_token_asked_for_while_a_revocation_is_not_yet_committed_is_refused(
    scene: Scene,
) -> None:
    login = await scene.log_in()
    account_id = login.account.id
    revoked, commit = threading.Event(), threading.Event()

    def revoke_slowly(tx: Transaction) -> None:
        account_store.set_password_hash(tx, account_id, "v1:a new password", None)
        store.revoke_refresh_tokens(tx, account_id)
        revoked.set()
        commit.wait(WAIT_SECONDS)

    revoking = asyncio.create_task(scene.database.write(revoke_slowly))
    assert await asyncio.to_thread(revoked.wait, WAIT_SECONDS)
    minting = asyncio.create_task(scene.tokens.new_refresh_token(login, "docker"))
    finished, _ = await asyncio.wait([minting], timeout=0.3)
    commit.set()
    await revoking

    assert not finished, "the insert waits for the change that is under way"
    with pytest.raises(Unauthorized):
        await minting
    assert await scene.stored_tokens() == 0


async def test_a_revocation_that_comes_while_a_refresh_token_is_not_yet_committed_finds_it(
    scene: Scene,
) -> None:
    login = await scene.log_in()
    inserted, commit = threading.Event(), threading.Event()

    def insert_slowly(tx: Transaction) -> bool:
        done = store.insert_refresh_token(tx, login, "hash", "docker", scene.clock.now())
        inserted.set()
        commit.wait(WAIT_SECONDS)
        return done

    minting = asyncio.create_task(scene.database.write(insert_slowly))
    assert await asyncio.to_thread(inserted.wait, WAIT_SECONDS)
    revoking = asyncio.create_task(change_password(scene.accounts))
    await asyncio.wait([revoking], timeout=0.3)
    commit.set()
    await revoking

    assert await minting
    assert await scene.stored_tokens() == 0


async def test_a_stronger_hash_of_the_same_password_does_not_spoil_the_login(scene: Scene) -> None:
    scene.hasher.version = 2
    attempt = LoginAttempt.of("alice", HOME)

    login = await scene.log_in()

    stored = await scene.database.read(lambda tx: login_store.find_credentials(tx, attempt))
    assert stored is not None
    assert stored.password_hash == f"v2:{PASSWORD}"
    token = await scene.tokens.new_refresh_token(login, "docker")
    assert (await scene.tokens.redeem(token)).name == "alice"


async def test_refresh_tokens_are_listed_last_used_first_until_they_are_idle_or_revoked(scene: Scene) -> None:
    login = await scene.log_in()
    older = await scene.tokens.new_refresh_token(login, "docker")
    scene.clock.advance(3600)
    await scene.tokens.new_refresh_token(login, "podman")
    scene.clock.advance(3600)
    await scene.tokens.redeem(older)

    listed = await scene.tokens.refresh_tokens(login.account.id)
    assert [token.label for token in listed] == ["docker", "podman"]
    assert (listed[0].last_used_at - listed[0].created_at).total_seconds() == 7200

    scene.clock.advance(90 * 24 * 3600 - 1)
    assert [token.label for token in await scene.tokens.refresh_tokens(login.account.id)] == ["docker"]

    await scene.tokens.revoke_refresh_tokens(login.account.id)
    assert await scene.stored_tokens() == 0
