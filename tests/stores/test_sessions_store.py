"""Sessions over time, and against changes of the account, on both databases."""

import asyncio
import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import text

from dtr.core.errors import Denied, Unauthorized
from dtr.core.facts import Fact, Outcome
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, Caller, Principal, PrincipalKind
from dtr.features.accounts.service.sessions import (
    CsrfTokenInvalid,
    NoSuchSession,
    SessionRules,
    Sessions,
    StartedSession,
    csrf_token_of,
)
from dtr.features.accounts.store import sessions as store
from dtr.plumbing.db import Database, Transaction
from tests.support.accounts import HOME, PASSWORD, Registry

MINUTE = 60
HOUR = 60 * MINUTE
RULES = SessionRules(
    lifetime=timedelta(hours=1),
    renewal_threshold=timedelta(minutes=20),
    longest=timedelta(hours=24),
    per_user=3,
)
STRANGER = Caller(ANONYMOUS, HOME, "a browser", "request-1")


class Scene:
    """A registry with the user alice, and its sessions."""

    def __init__(self, database: Database) -> None:
        self.registry = Registry(database)
        self.database = database
        self.clock = self.registry.clock
        self.facts: list[Fact] = []
        self.sessions = self.another_process()

    def another_process(self) -> Sessions:
        return Sessions(self.database, self.clock, lambda _tx, fact: self.facts.append(fact), RULES)

    async def start(self, replaced_token: str = "") -> StartedSession:
        login = await self.registry.accounts.log_in("alice", PASSWORD, HOME)
        return await self.sessions.start(login, STRANGER, replaced_token)

    async def counts(self, started: StartedSession) -> bool:
        return await self.sessions.find(started.token) is not None

    async def rows(self) -> int:
        return await self.database.read(
            lambda tx: int(tx.execute(text("SELECT count(*) FROM session")).scalar_one())
        )

    def told(self) -> list[str]:
        return [fact.name for fact in self.facts]


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = Scene(database)
    await scene.registry.accounts.create("alice", PASSWORD)
    return scene


async def test_a_session_knows_its_user_in_every_process(scene: Scene) -> None:
    started = await scene.start()

    found = await scene.another_process().find(started.token)

    assert found is not None
    assert (found.principal.name, found.principal.kind) == ("alice", PrincipalKind.USER)
    assert found.csrf_token == started.csrf_token == csrf_token_of(started.token)
    assert started.csrf_token not in started.token
    assert scene.told() == ["SessionStarted"]
    assert scene.facts[0].is_security
    assert started.token not in repr(scene.facts)


async def test_only_a_hash_of_the_token_is_stored(scene: Scene) -> None:
    started = await scene.start()

    rows = await scene.database.read(lambda tx: tx.execute(text("SELECT * FROM session")).all())

    [row] = rows
    assert row.token_hash == hashlib.sha256(started.token.encode()).hexdigest()
    assert started.token not in str(rows)
    assert started.csrf_token not in str(rows)


async def test_a_session_that_nobody_uses_ends(scene: Scene) -> None:
    started = await scene.start()
    token_hash = hashlib.sha256(started.token.encode()).hexdigest()

    scene.clock.advance(HOUR - 1)
    at_last = scene.clock.now()
    assert await scene.database.read(lambda tx: store.find_session(tx, token_hash, at_last)) is not None
    scene.clock.advance(1)

    assert not await scene.counts(started)


async def test_use_near_the_end_puts_that_off(scene: Scene) -> None:
    started = await scene.start()

    scene.clock.advance(39 * MINUTE)
    assert await scene.counts(started)  # too early to matter
    scene.clock.advance(20 * MINUTE)
    assert await scene.counts(started)  # 59 minutes: near the end
    scene.clock.advance(59 * MINUTE)
    assert await scene.counts(started)
    scene.clock.advance(HOUR)

    assert not await scene.counts(started)


async def test_use_long_before_the_end_changes_nothing(scene: Scene) -> None:
    started = await scene.start()

    scene.clock.advance(39 * MINUTE)
    assert await scene.counts(started)
    scene.clock.advance(21 * MINUTE)

    assert not await scene.counts(started)


async def test_however_much_it_is_used_a_session_ends_some_day(scene: Scene) -> None:
    started = await scene.start()

    used = 0
    while await scene.counts(started):
        scene.clock.advance(50 * MINUTE)
        used += 50
        assert used <= 24 * 60 + 50
    assert used >= 23 * 60


async def test_a_new_session_beyond_the_limit_ends_the_oldest(scene: Scene) -> None:
    started = []
    for _ in range(5):
        started.append(await scene.start())
        scene.clock.advance(1)

    assert [await scene.counts(each) for each in started] == [False, False, True, True, True]
    assert await scene.rows() == 3


async def test_logins_at_once_keep_to_the_limit(scene: Scene) -> None:
    login = await scene.registry.accounts.log_in("alice", PASSWORD, HOME)

    started = await asyncio.gather(*(scene.sessions.start(login, STRANGER) for _ in range(12)))

    assert sum([await scene.counts(each) for each in started]) == 3
    assert await scene.rows() == 3


async def test_expired_sessions_are_cleared_away_by_new_ones(scene: Scene) -> None:
    await scene.registry.accounts.create("bob", PASSWORD)
    login = await scene.registry.accounts.log_in("bob", PASSWORD, HOME)
    for _ in range(3):
        await scene.sessions.start(login, STRANGER)
    scene.clock.advance(2 * HOUR)

    await scene.start()

    assert await scene.rows() == 1


async def test_a_login_ends_the_session_that_it_came_with(scene: Scene) -> None:
    first = await scene.start()

    second = await scene.start(replaced_token=first.token)

    assert first.token != second.token
    assert not await scene.counts(first)
    assert scene.told() == ["SessionStarted", "SessionEnded", "SessionStarted"]


@pytest.mark.parametrize("token", ["", "x", "dtr_session_", "dtr_session_" + "y" * 500])
async def test_no_session_has_such_a_token(scene: Scene, token: str) -> None:
    assert await scene.sessions.find(token) is None
    assert not await scene.sessions.end(token, STRANGER)


async def test_a_session_ends_with_its_user(scene: Scene) -> None:
    started = await scene.start()

    await scene.registry.accounts.set_active("alice", is_active=False)
    assert not await scene.counts(started)

    await scene.registry.accounts.set_active("alice", is_active=True)
    assert not await scene.counts(started), "it does not come back"


async def test_a_new_password_ends_all_sessions_but_the_renewed_one(scene: Scene) -> None:
    kept, ended = await scene.start(), await scene.start()
    found = await scene.sessions.find(kept.token)
    assert found is not None
    account_id = found.principal.account_id or ""

    await scene.registry.accounts.set_password("alice", "another long password")
    assert not await scene.counts(kept)
    await scene.database.write(lambda tx: store.renew(tx, account_id, kept.id))

    assert await scene.counts(kept)
    assert not await scene.counts(ended)


async def test_a_login_proven_before_the_password_changed_begins_no_session(scene: Scene) -> None:
    login = await scene.registry.accounts.log_in("alice", PASSWORD, HOME)
    await scene.registry.accounts.set_password("alice", "another long password")

    with pytest.raises(Unauthorized):
        await scene.sessions.start(login, STRANGER)

    assert await scene.rows() == 0
    assert scene.told() == []


async def test_a_login_and_a_new_password_at_once_leave_no_session_of_the_old_one(scene: Scene) -> None:
    login = await scene.registry.accounts.log_in("alice", PASSWORD, HOME)

    done = await asyncio.gather(
        scene.sessions.start(login, STRANGER),
        scene.registry.accounts.set_password("alice", "another long password"),
        return_exceptions=True,
    )

    assert done[1] is None
    assert isinstance(done[0], Unauthorized) or not await scene.counts(done[0])  # type: ignore[arg-type]


async def test_rights_are_those_of_now(scene: Scene) -> None:
    started = await scene.start()

    def promote(tx: Transaction) -> None:
        tx.execute(text("UPDATE account SET is_admin = TRUE WHERE name = 'alice'"))

    await scene.database.write(promote)

    found = await scene.sessions.find(started.token)
    assert found is not None
    assert found.principal.is_admin


async def test_a_forged_change_is_refused_and_told(scene: Scene) -> None:
    started = await scene.start()
    session = await scene.sessions.find(started.token)
    assert session is not None
    caller = Caller(session.principal, HOME, session_id=session.id)

    await scene.sessions.check_csrf(caller, session, started.csrf_token)
    for given, trouble in (("", ""), ("x", ""), ("é", ""), (started.csrf_token, "another site")):
        with pytest.raises(CsrfTokenInvalid):
            await scene.sessions.check_csrf(caller, session, given, trouble)

    refused = scene.facts[1:]
    assert [fact.name for fact in refused] == ["CsrfRefused"] * 4
    assert {fact.outcome for fact in refused} == {Outcome.DENIED}
    assert started.csrf_token not in repr(refused)


async def test_users_end_their_own_sessions_only(scene: Scene) -> None:
    await scene.registry.accounts.create("bob", PASSWORD)
    started = await scene.start()
    bob = Caller(await scene.registry.accounts.principal_of("bob"))

    with pytest.raises(NoSuchSession):
        await scene.sessions.end_by_id(bob, started.id)
    with pytest.raises(Denied):
        await scene.sessions.end_by_id(bob, started.id, "alice")
    assert await scene.counts(started)

    alice = Caller(await scene.registry.accounts.principal_of("alice"))
    assert [each.id for each in await scene.sessions.list(alice)] == [started.id]
    await scene.sessions.end_by_id(alice, started.id)
    assert not await scene.counts(started)
    assert await scene.sessions.list(alice) == []


async def test_a_limited_token_has_nothing_to_do_with_sessions(scene: Scene) -> None:
    alice = await scene.registry.accounts.principal_of("alice")
    limited = Principal(alice.account_id, alice.name, permits=(Permit.parse("**", ["admin"]),))

    with pytest.raises(Denied):
        await scene.sessions.list(Caller(limited))


async def test_a_deleted_user_leaves_no_session(scene: Scene) -> None:
    started = await scene.start()

    def delete(tx: Transaction) -> None:
        tx.execute(text("DELETE FROM account WHERE name = 'alice'"))

    await scene.database.write(delete)

    assert not await scene.counts(started)
    assert await scene.rows() == 0


async def test_a_session_that_an_administrator_ends_is_told_as_the_users(scene: Scene) -> None:
    await scene.registry.accounts.create("root", PASSWORD, is_admin=True)
    started = await scene.start()
    root = Caller(await scene.registry.accounts.principal_of("root"))

    await scene.sessions.end_by_id(root, started.id, "alice")

    ended = scene.facts[-1]
    assert (ended.name, ended.namespace, ended.object.name) == ("SessionEnded", "alice", "alice")
    assert ended.caller.principal.name == "root"
