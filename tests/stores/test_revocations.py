"""Tokens that were revoked before their time, seen by several processes on both databases."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from dtr.core.actions import parse_scopes
from dtr.core.clock import FakeClock, SystemClock
from dtr.core.errors import Unauthorized
from dtr.core.principal import Principal, PrincipalKind
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import IssuedToken, TokenRules
from dtr.features.tokens.revocations import REREAD_SECONDS, Revocations
from dtr.features.tokens.store import revocations as store
from dtr.plumbing.crypto.secretbox import SecretBox
from dtr.plumbing.db import Database, Transaction
from tests.support.tokens import TokensRoom

RULES = TokenRules("dtr", "dtr", lifetime_seconds=300, leeway_seconds=5, rotate_seconds=30 * 86400)
ALICE = Principal("id of alice", "alice")
ALICE_BY_TOKEN = Principal("id of alice", "alice", token_id="id of a token")
BOB = Principal("id of bob", "bob")
ROBOT = Principal("id of a robot", "robot+alice+ci", kind=PrincipalKind.ROBOT, permits=())

SCOPES = list(parse_scopes(["repository:alice/app:pull"]))


class Process(TokensRoom):
    """The tokens room of one worker process, which waits as long as PostgreSQL may keep it in the dark."""

    def __init__(self, database: Database, clock: FakeClock, secret: bytes) -> None:
        super().__init__(database, KeyRingStore(database, SecretBox(secret), clock, RULES), clock, RULES)
        self._clock = clock

    async def is_good(self, issued: IssuedToken) -> bool:
        self._clock.advance(REREAD_SECONDS)
        try:
            await self.checker.check(b"Bearer " + issued.token.encode())
        except Unauthorized as error:
            return error.detail != {"reason": "invalid_token"}
        return True


class Registry:
    """A database and two processes that share it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        secret = secrets.token_bytes(32)
        self.one, self.other = (Process(database, self.clock, secret) for _ in range(2))

    async def issue(self, principal: Principal, mark: int | None = None) -> IssuedToken:
        return await self.one.service.issue(principal, SCOPES, mark)

    async def good_at(self, issued: IssuedToken) -> tuple[bool, bool]:
        return await self.one.is_good(issued), await self.other.is_good(issued)

    async def revoke_alice(self) -> None:
        await self.database.write(lambda tx: self.one.revocations.revoke_accounts(tx, ["id of alice"]))

    async def rows(self) -> dict[str, int]:
        return await self.database.read(lambda tx: store.list_since(tx, 0))


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database)


async def test_a_revoked_token_is_void_in_every_process_and_a_bystanders_is_not(registry: Registry) -> None:
    alice, bob = await registry.issue(ALICE), await registry.issue(BOB)
    assert await registry.good_at(alice) == (True, True)

    await registry.revoke_alice()

    assert await registry.good_at(alice) == (False, False)
    assert await registry.good_at(bob) == (True, True)


async def test_a_token_issued_right_after_a_revocation_is_good(registry: Registry) -> None:
    await registry.issue(ALICE)
    await registry.revoke_alice()

    assert await registry.good_at(await registry.issue(ALICE)) == (True, True)


async def test_a_second_revocation_voids_what_was_issued_after_the_first(registry: Registry) -> None:
    await registry.revoke_alice()
    issued = await registry.issue(ALICE)

    await registry.revoke_alice()

    assert await registry.good_at(issued) == (False, False)


async def test_a_right_taken_away_while_its_holder_logs_in_is_not_in_a_token_that_stays_good(
    registry: Registry,
) -> None:
    mark = await registry.one.service.mark()
    await registry.revoke_alice()  # after the caller's rights were read, before the token is signed

    issued = await registry.issue(ALICE, mark)

    assert await registry.good_at(issued) == (False, False)


@pytest.mark.parametrize(
    ("revoke", "good"),
    [
        (lambda room, tx: room.revoke_accounts(tx, [ALICE.account_id]), [False, False, True]),
        (lambda room, tx: room.revoke_client_tokens(tx, ["id of a token"]), [True, False, True]),
        (lambda room, tx: room.revoke_robots(tx, [ROBOT.account_id]), [True, True, False]),
        (lambda room, tx: room.revoke_robots(tx, [ALICE.account_id]), [True, True, True]),
        (lambda room, tx: room.revoke_accounts(tx, []), [True, True, True]),
    ],
    ids=["an account", "one of its tokens", "a robot", "a robot with the id of an account", "nobody"],
)
async def test_a_revocation_voids_what_it_names_and_nothing_else(
    registry: Registry, revoke: Callable[[Revocations, Transaction], None], good: list[bool]
) -> None:
    issued = [await registry.issue(each) for each in (ALICE, ALICE_BY_TOKEN, ROBOT)]

    await registry.database.write(lambda tx: revoke(registry.other.revocations, tx))

    assert [(await registry.good_at(each))[0] for each in issued] == good


async def test_a_revocation_that_is_rolled_back_voids_nothing(registry: Registry) -> None:
    issued = await registry.issue(ALICE)

    def fail(tx: Transaction) -> None:
        registry.one.revocations.revoke_accounts(tx, ["id of alice"])
        raise KeyError

    with pytest.raises(KeyError):
        await registry.database.write(fail)

    assert await registry.good_at(issued) == (True, True)


async def test_revocations_are_dropped_once_no_token_of_before_them_can_be_left(registry: Registry) -> None:
    await registry.revoke_alice()
    registry.clock.advance(RULES.lifetime_seconds)
    await registry.database.write(lambda tx: registry.one.revocations.revoke_accounts(tx, ["id of bob"]))
    assert set(await registry.rows()) == {store.COUNTER, "account:id of alice", "account:id of bob"}

    registry.clock.advance(60)
    await registry.database.write(lambda tx: registry.one.revocations.revoke_accounts(tx, ["somebody"]))

    assert set(await registry.rows()) == {store.COUNTER, "account:id of bob", "account:somebody"}


async def test_numbers_go_on_after_all_was_dropped(registry: Registry) -> None:
    await registry.revoke_alice()
    registry.clock.advance(1000)
    issued = await registry.issue(ALICE)
    await registry.database.write(lambda tx: registry.one.revocations.revoke_accounts(tx, ["somebody"]))

    await registry.revoke_alice()

    assert await registry.good_at(issued) == (False, False)


async def test_other_writes_void_nothing_and_cost_the_hot_path_no_query(
    registry: Registry, database: Database
) -> None:
    issued = await registry.issue(ALICE)
    header = b"Bearer " + issued.token.encode()
    await registry.one.checker.check(header)

    await database.write(lambda tx: tx.exec_driver_sql("SELECT 1").scalar())

    assert registry.one.checker.peek(header, database.generation()) is not None


async def test_a_peek_after_a_revocation_takes_a_closer_look(registry: Registry, database: Database) -> None:
    alice, bob = await registry.issue(ALICE), await registry.issue(BOB)
    headers = [b"Bearer " + each.token.encode() for each in (alice, bob)]
    for header in headers:
        await registry.one.checker.check(header)

    await registry.revoke_alice()
    registry.clock.advance(REREAD_SECONDS)

    assert [registry.one.checker.peek(each, database.generation()) for each in headers] == [None, None]
    await registry.one.checker.check(headers[1])
    assert registry.one.checker.peek(headers[0], database.generation()) is None
    assert registry.one.checker.peek(headers[1], database.generation()) is not None


async def test_revocations_at_once_get_different_numbers_in_the_order_of_their_commits(
    database: Database,
) -> None:
    room = Revocations(database, SystemClock(), RULES)
    names = [f"account {number}" for number in range(12)]

    async def revoke(name: str) -> None:
        await database.write(lambda tx: room.revoke_accounts(tx, [name, "one of all"]))

    await asyncio.gather(*map(revoke, names))

    rows = await database.read(lambda tx: store.list_since(tx, 0))
    assert sorted(rows[f"account:{name}"] for name in names) == list(range(1, 13))
    assert rows["account:one of all"] == rows[store.COUNTER] == 12


async def test_a_token_lives_no_longer_than_the_credentials_it_was_given_for(registry: Registry) -> None:
    soon = registry.clock.now() + timedelta(seconds=42.9)
    late = registry.clock.now() + timedelta(days=1)

    short, usual = [
        await registry.issue(Principal("id of alice", "alice", expires_at=each)) for each in (soon, late)
    ]

    assert (short.expires_in_seconds, usual.expires_in_seconds) == (42, 300)
    registry.clock.advance(42 + RULES.leeway_seconds)
    assert await registry.good_at(short) == (False, False)
    assert await registry.good_at(usual) == (True, True)


async def _check_many(check: Callable[[], Awaitable[bool]]) -> list[bool]:
    return list(await asyncio.gather(*(check() for _ in range(20))))


async def test_many_checks_at_once_all_learn_of_a_revocation(registry: Registry) -> None:
    issued = await registry.issue(ALICE)
    assert await registry.one.is_good(issued)
    await registry.revoke_alice()

    assert await _check_many(lambda: registry.one.is_good(issued)) == [False] * 20
