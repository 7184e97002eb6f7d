"""Access tokens over time: their end, their use, their number, and what is told of them, on both databases."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from dtr.core.errors import Invalid, TooManyRequests, Unauthorized
from dtr.core.paging import ListPage
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, Caller, Principal, PrincipalKind
from dtr.features.accounts.throttle import AddressThrottle
from dtr.features.tokens.access_token_model import (
    AccessTokenRules,
    TooManyAccessTokens,
    Wish,
    is_access_token,
    new_access_token,
)
from dtr.features.tokens.access_tokens import AccessTokens
from dtr.features.tokens.model import hash_of_token
from dtr.features.tokens.sign_in import AuthenticationMethod, RobotLogin, SignIn
from dtr.plumbing.db import Database
from tests.support.accounts import HOME, PASSWORD, Registry

if TYPE_CHECKING:
    from dtr.core.facts import Fact

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WORK = "198.51.100.7"


class NoRefreshTokens:
    """Stands in for the service of refresh tokens, of which these tests have none."""

    async def redeem(self, token: str) -> Principal:  # noqa: ARG002 - the service's signature
        raise Unauthorized("no such refresh token")


class OneRobot:
    """A robot that anybody may be."""

    def is_robot_name(self, name: str) -> bool:
        return name.startswith("robot+")

    async def authenticate(self, name: str, secret: str, caller: Caller) -> Principal:  # noqa: ARG002 - the protocol's
        return Principal("r1", name, kind=PrincipalKind.ROBOT, permits=())


class Scene:
    """A registry with the users alice and bob, and their access tokens."""

    def __init__(self, database: Database) -> None:
        self.registry = Registry(database)
        self.database = database
        self.clock = self.registry.clock
        self.facts: list[Fact] = []
        self.voided: list[str] = []
        self.tokens = self.process()

    def process(self, max_days: int | None = None, per_user: int = 5) -> AccessTokens:
        return AccessTokens(
            self.database,
            self.clock,
            lambda _tx, fact: self.facts.append(fact),
            lambda _tx, ids: self.voided.extend(ids),
            AccessTokenRules(max_days, per_user),
        )

    def sign_in(self, robots: RobotLogin | None = None) -> SignIn:
        throttle = AddressThrottle(self.database, self.clock)
        return SignIn(self.registry.accounts, self.tokens, NoRefreshTokens(), throttle, robots)  # type: ignore[arg-type]

    async def caller(self, name: str = "alice") -> Caller:
        return Caller(await self.registry.accounts.principal_of(name), HOME, "tests")

    async def make(self, wish: Wish | None = None) -> str:
        secret, _ = await self.tokens.create(await self.caller(), "", wish or Wish())
        return secret

    async def use(self, secret: str, address: str = HOME, process: AccessTokens | None = None) -> Principal:
        return await (process or self.tokens).authenticate(secret, Caller(ANONYMOUS, address))

    def used(self) -> list[str]:
        return [fact.caller.address for fact in self.facts if fact.name == "AccessTokenUsed"]


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = Scene(database)
    for name in ("alice", "bob"):
        await scene.registry.accounts.create(name, PASSWORD)
    return scene


def test_a_new_token_is_random_and_checks_itself() -> None:
    tokens = {new_access_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(map(is_access_token, tokens))
    token = tokens.pop()
    changed = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    assert not is_access_token(changed)
    assert not is_access_token(token + "x")
    assert not is_access_token(token.removeprefix("dtr_"))


async def test_only_a_hash_is_stored(scene: Scene) -> None:
    secret = await scene.make(Wish(label="laptop"))

    rows = await scene.database.read(lambda tx: tx.execute(text("SELECT * FROM client_token")).all())

    assert [row.token_hash for row in rows] == [hash_of_token(secret)]
    assert secret not in str(rows)
    assert secret not in repr(scene.facts)


async def test_a_token_ends_when_it_was_said_to(scene: Scene) -> None:
    secret = await scene.make(Wish(expires_in_days=1))

    scene.clock.advance(DAY - 1)
    assert (await scene.use(secret)).expires_at == scene.clock.now() + timedelta(seconds=1)
    scene.clock.advance(1)

    with pytest.raises(Unauthorized, match="expired at 2030-01-02"):
        await scene.use(secret)


async def test_an_expired_token_is_no_guess(scene: Scene) -> None:
    secret = await scene.make(Wish(expires_in_days=1))
    scene.clock.advance(2 * DAY)
    stranger = Caller(ANONYMOUS, WORK)

    for _ in range(15):  # a program that does not notice holds up nobody
        with pytest.raises(Unauthorized):
            await scene.sign_in().authenticate("alice", secret, stranger)

    assert (await scene.sign_in().authenticate("alice", PASSWORD, stranger)).principal.name == "alice"


@pytest.mark.parametrize(("max_days", "days"), [(30, None), (30, 30), (30, 7), (None, 7)])
async def test_the_longest_life_is_the_default(scene: Scene, max_days: int | None, days: int | None) -> None:
    tokens = scene.process(max_days)

    _, made = await tokens.create(await scene.caller(), "", Wish(expires_in_days=days))

    assert made.expires_at == scene.clock.now() + timedelta(days=days or 30)


async def test_nobody_makes_a_token_that_lives_longer(scene: Scene) -> None:
    with pytest.raises(Invalid, match="30 or fewer days"):
        await scene.process(30).create(await scene.caller(), "", Wish(expires_in_days=31))


async def test_a_user_has_a_limited_number_of_tokens(scene: Scene) -> None:
    caller = await scene.caller()

    done = await asyncio.gather(
        *(scene.process().create(caller, "", Wish(label=str(number))) for number in range(12)),
        return_exceptions=True,
    )

    refused = [each for each in done if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [TooManyAccessTokens] * 7
    page = await scene.tokens.list(caller, "", ListPage(size=100, with_count=True))
    assert page.total == len(page.items) == 5
    assert await scene.tokens.create(await scene.caller("bob"), "", Wish()), "others have their own"


async def test_a_token_that_is_used_is_told_of_once_an_hour_and_address(scene: Scene) -> None:
    secret, other_process = await scene.make(), scene.process()

    for process in (scene.tokens, other_process, scene.tokens):
        await scene.use(secret, HOME, process)
        await scene.use(secret, WORK, process)
    assert scene.used() == [HOME, WORK]

    scene.clock.advance(HOUR - 1)
    await scene.use(secret, HOME)
    assert scene.used() == [HOME, WORK]
    scene.clock.advance(1)
    await scene.use(secret, HOME)
    assert scene.used() == [HOME, WORK, HOME]


async def test_the_last_use_is_recorded_to_the_minute(scene: Scene) -> None:
    secret = await scene.make()
    caller, token_hash = await scene.caller(), hash_of_token(secret)
    scene.clock.advance(1)
    await scene.use(secret)
    first = scene.clock.now()

    scene.clock.advance(59)
    await scene.use(secret)
    assert (await scene.tokens.get(caller, token_hash)).last_used_at == first
    scene.clock.advance(1)
    await scene.use(secret)

    assert (await scene.tokens.get(caller, token_hash)).last_used_at == scene.clock.now()


async def test_what_happens_to_tokens_is_told_and_voids_what_they_got(scene: Scene) -> None:
    caller = await scene.caller()
    _, token = await scene.tokens.create(caller, "", Wish("a", (Permit.parse("a/*", ["pull"]),)))

    await scene.tokens.change(caller, token.token_hash, label="b")
    assert scene.voided == []
    await scene.tokens.change(caller, token.token_hash, is_active=False)
    assert scene.voided == [token.id]
    await scene.tokens.change(caller, token.token_hash, is_active=False)  # no change, nothing to tell
    await scene.tokens.delete(caller, token.token_hash)

    assert scene.voided == [token.id, token.id]
    assert [fact.name for fact in scene.facts] == [
        "AccessTokenCreated",
        "AccessTokenChanged",
        "AccessTokenChanged",
        "AccessTokenDeleted",
    ]
    assert all(fact.is_security and fact.namespace == "alice" for fact in scene.facts)
    assert scene.facts[0].details["permits"] == [{"pattern": "a/*", "actions": ["pull"]}]


async def test_a_token_of_a_disabled_user_is_refused(scene: Scene) -> None:
    secret = await scene.make()

    await scene.registry.accounts.set_active("alice", is_active=False)

    with pytest.raises(Unauthorized):
        await scene.use(secret)


async def test_each_kind_of_secret_goes_its_way(scene: Scene) -> None:
    secret, stranger = await scene.make(), Caller(ANONYMOUS, HOME)
    sign_in = scene.sign_in(OneRobot())

    by_password = await sign_in.authenticate("alice", PASSWORD, stranger)
    by_token = await sign_in.authenticate("alice", secret, stranger)
    by_robot = await sign_in.authenticate("robot+alice+ci", "any", stranger)

    assert (by_password.method, by_password.login is None) == (AuthenticationMethod.BASIC, False)
    assert (by_token.method, by_token.login) == (AuthenticationMethod.ACCESS_TOKEN, None)
    assert by_token.principal.token_id
    assert (by_robot.principal.kind, by_robot.login) == (PrincipalKind.ROBOT, None)


async def test_guesses_are_counted_by_address_alone(scene: Scene) -> None:
    secret, sign_in = await scene.make(), scene.sign_in()
    for _ in range(10):
        with pytest.raises(Unauthorized):
            await sign_in.authenticate("alice", new_access_token(), Caller(ANONYMOUS, WORK))

    with pytest.raises(TooManyRequests):
        await sign_in.authenticate("alice", new_access_token(), Caller(ANONYMOUS, WORK))

    assert (await sign_in.authenticate("alice", secret, Caller(ANONYMOUS, WORK))).principal.name == "alice"
    assert (await sign_in.authenticate("alice", PASSWORD, Caller(ANONYMOUS, HOME))).principal.name == "alice"
    with pytest.raises(Unauthorized):
        await sign_in.authenticate("alice", new_access_token(), Caller(ANONYMOUS, HOME))


@pytest.mark.parametrize("token", ["", "x", "dtr_refresh_x", "dtr_session_x", "y" * 10_000])
async def test_what_is_no_token_is_not_redeemed(scene: Scene, token: str) -> None:
    with pytest.raises(Unauthorized):
        await scene.sign_in().redeem(token, Caller(ANONYMOUS, HOME))
