"""Robots and their secrets, on both databases, with a clock that stands still."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import Denied, Invalid, TooManyRequests, Unauthorized
from dtr.core.paging import ListPage
from dtr.core.permits import Permit, PermitAction
from dtr.core.principal import ANONYMOUS, Caller, Principal, PrincipalKind
from dtr.features.accounts.model import Account, NoSuchAccount
from dtr.features.accounts.model.accounts import AccountChanges
from dtr.features.accounts.store import accounts as account_store
from dtr.features.accounts.throttle import AddressThrottle
from dtr.features.robots.directory import Directory
from dtr.features.robots.model import (
    MAX_ROBOTS,
    SECRET_PREFIX,
    Life,
    NewRobot,
    NoSuchRobot,
    RobotChanges,
    RobotExists,
    ShownSecret,
    TooManyRobots,
)
from dtr.features.robots.service import Robots
from dtr.plumbing.db import Database, Transaction
from tests.support.accounts import QuickHasher

if TYPE_CHECKING:
    from dtr.core.facts import Fact

HOME = Caller(ANONYMOUS, "192.0.2.1")
ELSEWHERE = Caller(ANONYMOUS, "198.51.100.9")
ADMIN = Caller(Principal("id of admin", "admin", is_admin=True))
AUDITOR = Caller(Principal("id of eve", "eve", is_auditor=True))
ALICE = Caller(Principal("id of alice", "alice"))
BOB = Caller(Principal("id of bob", "bob"))

PULL = (Permit.parse("alice/**", ["pull"]),)
SECRET = "a secret that somebody chose"
DAY = 24 * 3600


class Room:
    """The robots of a registry with the users admin, alice and bob."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.hasher = QuickHasher()
        self.revoked: list[str] = []
        self.facts: list[Fact] = []
        self.robots = self.another_process()

    def another_process(self, per_namespace: int = MAX_ROBOTS) -> Robots:
        return Robots(
            self.database,
            self.clock,
            hasher=self.hasher,
            throttle=AddressThrottle(self.database, self.clock),
            revoke=self._revoke,
            announce=lambda _tx, fact: self.facts.append(fact),
            per_namespace=per_namespace,
        )

    def _revoke(self, _tx: Transaction, robot_ids: Sequence[str]) -> None:
        self.revoked += robot_ids

    async def make_accounts(self) -> None:
        def write(tx: Transaction) -> None:
            for name in ("admin", "alice", "bob"):
                account = Account(
                    f"id of {name}", name, "", is_admin=False, is_active=True, created_at=self.clock.now()
                )
                account_store.insert(tx, account, "hash")

        await self.database.write(write)

    async def make(
        self, name: str = "ci", *, secret: str | None = None, days: int | None = 30
    ) -> ShownSecret:
        wanted = NewRobot(name=name, namespace="alice", permits=PULL, life_days=days, secret=secret)
        return await self.robots.create(ALICE, wanted)

    async def log_in(self, made: ShownSecret, caller: Caller = HOME, secret: str | None = None) -> Principal:
        return await self.robots.authenticate(made.robot.name, secret or made.secret, caller)

    async def is_let_in(self, made: ShownSecret, secret: str | None = None) -> bool:
        try:
            await self.log_in(made, secret=secret)
        except Unauthorized as error:
            return error.message != "the user name or the password is wrong"
        return True


@pytest.fixture
async def room(database: Database) -> Room:
    room = Room(database)
    await room.make_accounts()
    return room


async def test_a_robot_logs_in_with_the_secret_that_was_shown(room: Room) -> None:
    made = await room.make()

    principal = await room.log_in(made)

    assert made.secret.startswith(SECRET_PREFIX)
    assert len(made.secret) == len(SECRET_PREFIX) + 43, "256 bits in base64url"
    assert principal == Principal(
        made.robot.id,
        "robot+alice+ci",
        kind=PrincipalKind.ROBOT,
        permits=PULL,
        expires_at=room.clock.now() + timedelta(days=30),
    )


async def test_a_supplied_secret_is_kept_as_a_slow_hash_and_a_generated_one_as_a_fast_one(room: Room) -> None:
    chosen, generated = await room.make("chosen", secret=SECRET), await room.make("generated")

    assert await room.is_let_in(chosen)
    assert room.hasher.checks == 1
    assert await room.is_let_in(generated)
    assert room.hasher.checks == 1
    assert await room.is_let_in(chosen)
    assert room.hasher.checks == 1, "a success is remembered for a minute"
    for each in (chosen.secret, generated.secret):
        dump = await room.database.read(lambda tx: str(list(tx.exec_driver_sql("SELECT * FROM robot"))))
        assert each not in dump.replace(f"v1:{SECRET}", "")


async def test_a_wrong_secret_an_unknown_robot_and_a_disabled_one_look_alike(room: Room) -> None:
    made, disabled = await room.make(), await room.make("off", secret=SECRET)
    await room.robots.change(ALICE, disabled.robot.name, RobotChanges(is_active=False))
    gone = replace(made, robot=replace(made.robot, name="robot+alice+gone"))
    by_id = replace(made, robot=replace(made.robot, name=made.robot.id))

    checks = []
    for each, secret in ((made, "wrong"), (made, disabled.secret), (gone, "wrong"), (disabled, "wrong")):
        before = room.hasher.checks
        assert not await room.is_let_in(each, secret)
        checks.append(room.hasher.checks - before)
    assert not await room.is_let_in(disabled)
    assert not await room.is_let_in(by_id), "an id is no name to log in with"
    assert checks == [1, 1, 1, 1], "each takes the time of one slow check"


async def test_an_expired_robot_is_told_so_only_if_the_secret_is_right(room: Room) -> None:
    made = await room.make(days=1)
    room.clock.advance(DAY - 1)
    assert await room.is_let_in(made)
    room.clock.advance(1)

    with pytest.raises(Unauthorized, match=r"robot\+alice\+ci expired at 2030-01-02T00:00:00Z"):
        await room.log_in(made)
    assert not await room.is_let_in(made, "wrong")

    await room.robots.change(ALICE, made.robot.name, RobotChanges(life=Life(1)))
    assert await room.is_let_in(made), "more time revives it"


async def test_a_robot_may_live_for_ever(room: Room) -> None:
    made = await room.make(days=None)
    room.clock.advance(100 * 365 * DAY)

    assert made.robot.expires_at is None
    assert await room.is_let_in(made)


@pytest.mark.parametrize("secret", [None, SECRET], ids=["generated", "supplied"])
async def test_rotation_with_an_overlap_never_refuses(room: Room, secret: str | None) -> None:
    made = await room.make(secret=secret)
    rotated = await room.robots.rotate(ALICE, made.robot.name, overlap_hours=2)

    assert rotated.secret != made.secret
    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [True, True]
    room.clock.advance(2 * 3600 - 1)
    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [True, True]
    room.clock.advance(1)
    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [False, True]
    assert room.revoked == []


async def test_rotation_without_an_overlap_ends_the_old_secret_and_what_was_issued_for_it(room: Room) -> None:
    made = await room.make()
    rotated = await room.robots.rotate(ALICE, made.robot.name, SECRET, overlap_hours=0)

    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [False, True]
    assert rotated.secret == SECRET
    assert rotated.robot.previous_secret_expires_at is None
    assert room.revoked == [made.robot.id]


async def test_a_third_secret_ends_the_first(room: Room) -> None:
    first = await room.make()
    second = await room.robots.rotate(ALICE, first.robot.name)
    third = await room.robots.rotate(ALICE, first.robot.name)

    assert [await room.is_let_in(each) for each in (first, second, third)] == [False, True, True]


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("x" * 7 + "fifteen!", "16 to 128"),
        ("ab1" * 43, "16 to 128"),
        ("", "16 to 128"),
        ("a" * 20, "many people"),
        ("password12345678", "many people"),
    ],
)
async def test_a_bad_secret_is_refused_and_the_robot_keeps_its_own(
    room: Room, secret: str, message: str
) -> None:
    made = await room.make()

    with pytest.raises(Invalid, match=message):
        await room.robots.rotate(ALICE, made.robot.name, secret)
    with pytest.raises(Invalid, match=message):
        await room.make("other", secret=secret)

    assert await room.is_let_in(made)
    with pytest.raises(NoSuchRobot):
        await room.robots.get(ALICE, "robot+alice+other")


@pytest.mark.parametrize(
    "changes",
    [
        RobotChanges(is_active=False),
        RobotChanges(permits=(Permit.parse("alice/app", ["pull"]),)),
        RobotChanges(permits=(Permit.parse("alice/**", ["pull", "push"]),)),
    ],
    ids=["disabled", "fewer repositories", "more actions"],
)
async def test_what_may_take_a_right_away_voids_what_was_issued(room: Room, changes: RobotChanges) -> None:
    made = await room.make()

    await room.robots.change(ALICE, made.robot.id, changes)

    assert room.revoked == [made.robot.id]


@pytest.mark.parametrize(
    "changes", [RobotChanges(), RobotChanges(description="new"), RobotChanges(is_active=True, permits=PULL)]
)
async def test_what_takes_nothing_away_voids_nothing(room: Room, changes: RobotChanges) -> None:
    made = await room.make()

    await room.robots.change(ALICE, made.robot.id, changes)

    assert room.revoked == []


async def test_every_change_tells_a_fact_without_any_secret(room: Room) -> None:
    made = await room.make(secret=SECRET)
    await room.robots.change(ALICE, made.robot.id, RobotChanges(description="new", life=Life(None)))
    await room.robots.change(ALICE, made.robot.id, RobotChanges(description="new"))
    rotated = await room.robots.rotate(ALICE, made.robot.id)
    await room.robots.delete(ALICE, made.robot.id)

    assert [each.name for each in room.facts] == [
        "RobotCreated",
        "RobotChanged",
        "RobotSecretRotated",
        "RobotDeleted",
    ]
    assert room.facts[1].details["changes"] == {
        "description": {"old": "", "new": "new"},
        "expiresAt": {"old": "2030-01-31T00:00:00Z", "new": None},
    }
    for fact in room.facts:
        assert fact.is_security
        assert (fact.object.type, fact.object.name) == ("robot", "robot+alice+ci")
        assert fact.namespace == "alice"
        assert SECRET not in repr(fact)
        assert rotated.secret not in repr(fact)


async def test_robots_of_a_deleted_namespace_go_with_it(room: Room) -> None:
    made = await room.make()
    bobs = NewRobot(name="ci", namespace="bob", permits=(Permit.parse("bob/app", ["pull"]),))
    other = await room.robots.create(BOB, bobs)

    alice = await room.database.read(lambda tx: account_store.find(tx, "alice"))
    assert alice is not None
    await room.database.write(lambda tx: room.robots.delete_of_account(tx, ADMIN, alice))

    assert not await room.is_let_in(made)
    assert await room.is_let_in(other)
    assert room.revoked == [made.robot.id]
    assert [each.object.name for each in room.facts if each.name == "RobotDeleted"] == [made.robot.name]


async def test_the_last_use_is_noted_once_a_minute(room: Room) -> None:
    made = await room.make()
    await room.log_in(made)
    room.clock.advance(59)
    await room.log_in(made, ELSEWHERE)
    first = await room.robots.get(ALICE, made.robot.id)
    room.clock.advance(1)
    await room.log_in(made, ELSEWHERE)
    second = await room.robots.get(ALICE, made.robot.id)

    assert (first.last_used_at, first.last_used_address) == (made.robot.created_at, "192.0.2.1")
    assert (second.last_used_at, second.last_used_address) == (room.clock.now(), "198.51.100.9")


async def test_logins_are_told_once_a_day_or_from_another_address_and_failures_always(room: Room) -> None:
    made = await room.make()
    for caller in (HOME, HOME, ELSEWHERE):
        await room.log_in(made, caller)
        room.clock.advance(60)
    await room.log_in(made, ELSEWHERE)
    room.clock.advance(DAY)
    await room.log_in(made, ELSEWHERE)
    assert not await room.is_let_in(made, "wrong")
    gone = replace(made, robot=replace(made.robot, name="robot+alice+gone"))
    assert not await room.is_let_in(gone, "wrong")

    told = [(each.name, each.caller.address, each.object.name) for each in room.facts[1:]]
    name = "robot+alice+ci"
    assert told == [
        ("LoginSucceeded", HOME.address, name),
        ("LoginSucceeded", ELSEWHERE.address, name),
        ("LoginSucceeded", ELSEWHERE.address, name),
        ("LoginFailed", HOME.address, name),
        ("LoginFailed", HOME.address, ""),
    ]
    assert room.facts[1].caller.principal.name == name
    assert "wrong" not in repr(room.facts)


async def test_wrong_secrets_hold_up_their_address_and_no_generated_secret(room: Room) -> None:
    generated, chosen = await room.make(), await room.make("chosen", secret=SECRET)
    for _ in range(10):
        assert not await room.is_let_in(chosen, "wrong")

    with pytest.raises(TooManyRequests):
        await room.log_in(chosen)
    await room.log_in(generated)
    await room.log_in(chosen, ELSEWHERE)


async def test_the_robots_name_does_not_count_for_other_addresses(room: Room) -> None:
    chosen = await room.make(secret=SECRET)
    for number in range(110):
        with pytest.raises(Unauthorized):
            await room.log_in(chosen, Caller(ANONYMOUS, f"203.0.113.{number}"), "wrong")

    assert await room.is_let_in(chosen)


async def test_only_one_of_many_makes_a_robot_of_a_name(room: Room) -> None:
    answers = await asyncio.gather(*(room.make() for _ in range(6)), return_exceptions=True)

    made = [each for each in answers if isinstance(each, ShownSecret)]
    assert len(made) == 1
    assert all(isinstance(each, RobotExists) for each in answers if each not in made)
    assert await room.is_let_in(made[0])


async def test_a_namespace_has_so_many_robots_and_no_more_however_many_are_made_at_once(room: Room) -> None:
    room.robots = room.another_process(per_namespace=3)
    bobs = NewRobot(name="ci", namespace="bob", permits=(Permit.parse("bob/app", ["pull"]),))

    answers = await asyncio.gather(*(room.make(f"ci{number}") for number in range(8)), return_exceptions=True)

    made = [each for each in answers if isinstance(each, ShownSecret)]
    assert len(made) == 3
    assert all(isinstance(each, TooManyRobots) for each in answers if each not in made)
    await room.robots.create(BOB, bobs)
    await room.robots.delete(ALICE, made[0].robot.name)
    await room.make("another")
    with pytest.raises(TooManyRobots, match="at most 3"):
        await room.make("one-too-many")


async def test_no_robot_is_left_to_the_next_owner_of_the_name_of_a_deleted_account(room: Room) -> None:
    alice = await room.database.read(lambda tx: account_store.find(tx, "alice"))
    assert alice is not None
    started = threading.Event()

    def delete(tx: Transaction) -> None:
        account_store.lock(tx, alice.id)
        room.robots.delete_of_account(tx, ADMIN, alice)
        started.set()
        time.sleep(0.2)
        account_store.delete(tx, alice.id)

    deleting = asyncio.create_task(room.database.write(delete))
    await asyncio.to_thread(started.wait)
    with pytest.raises(NoSuchAccount):
        await room.make()
    await deleting

    assert (await room.robots.list_page(ADMIN, None, ListPage())).items == []


async def test_a_disabled_user_has_no_robot_that_goes_on_for_them(room: Room) -> None:
    generated, chosen = await room.make(), await room.make("chosen", secret=SECRET)

    async def set_active(*, is_active: bool) -> None:
        changes = AccountChanges(is_active=is_active)
        await room.database.write(lambda tx: account_store.change(tx, "id of alice", changes))

    await set_active(is_active=False)
    assert not await room.is_let_in(generated)
    assert not await room.is_let_in(chosen)
    assert await room.robots.principal_of(generated.robot.id) == ANONYMOUS
    directory = Directory(room.clock)
    known = await room.database.read(lambda tx: directory.find(tx, generated.robot.name))
    assert known is not None
    assert not known.is_active
    assert not await room.database.read(lambda tx: directory.working_in(tx, "alice"))
    assert (await room.robots.get(ADMIN, generated.robot.id)).is_active  # its own switch stays as it was

    await room.database.write(lambda tx: room.robots.void_tokens_of_account(tx, "id of alice"))
    assert set(room.revoked) == {generated.robot.id, chosen.robot.id}

    await set_active(is_active=True)
    assert await room.is_let_in(generated)
    assert len(await room.database.read(lambda tx: directory.working_in(tx, "alice"))) == 2


async def test_changes_at_once_lose_nothing(room: Room) -> None:
    made = await room.make()
    await asyncio.gather(
        room.robots.change(ALICE, made.robot.id, RobotChanges(description="new")),
        room.robots.change(ADMIN, made.robot.id, RobotChanges(life=Life(None))),
        room.robots.change(ADMIN, made.robot.id, RobotChanges(is_active=False)),
    )

    robot = await room.robots.get(ALICE, made.robot.id)
    assert (robot.description, robot.expires_at, robot.is_active) == ("new", None, False)


async def test_a_page_starts_where_the_last_one_ended(room: Room) -> None:
    for name in ("c", "a", "b", "d"):
        await room.make(f"{name}{name}")

    first = await room.robots.list_page(ALICE, "alice", ListPage(size=3, with_count=True))
    second = await room.robots.list_page(ALICE, "alice", ListPage(first.next_start or "", size=3))
    everything = await room.robots.list_page(ADMIN, None, ListPage(size=10, with_count=True))

    assert [each.name[-2:] for each in (*first.items, *second.items)] == ["aa", "bb", "cc", "dd"]
    assert (first.total, second.next_start, second.total, everything.total) == (4, None, None, 4)


LIMITED = Caller(Principal("id of alice", "alice", permits=(Permit.parse("**", ["admin"]),)))
A_ROBOT = Caller(
    Principal("x", "robot+alice+x", kind=PrincipalKind.ROBOT, permits=(Permit.parse("**", ["admin"]),))
)


@pytest.mark.parametrize(
    "caller", [BOB, AUDITOR, LIMITED, A_ROBOT], ids=["bob", "auditor", "limited", "robot"]
)
async def test_nobody_else_manages_the_robots_of_a_namespace(room: Room, caller: Caller) -> None:
    made = await room.make()
    wanted = NewRobot(name="other", namespace="alice", permits=PULL)
    registry_wide = NewRobot(name="other", permits=(Permit.parse("**", ["pull"]),))

    for attempt in (
        lambda: room.robots.create(caller, wanted),
        lambda: room.robots.create(caller, registry_wide),
        lambda: room.robots.change(caller, made.robot.name, RobotChanges(is_active=False)),
        lambda: room.robots.rotate(caller, made.robot.name),
        lambda: room.robots.delete(caller, made.robot.name),
    ):
        with pytest.raises((Denied, NoSuchRobot)):
            await attempt()

    assert await room.is_let_in(made)
    assert await room.robots.get(ALICE, made.robot.id) == replace(
        made.robot, last_used_at=room.clock.now(), last_used_address="192.0.2.1"
    )


async def test_administrators_make_robots_of_the_whole_registry(room: Room) -> None:
    everywhere = (Permit.parse("**", ["pull"]),)
    made = await room.robots.create(ADMIN, NewRobot(name="mirror", permits=everywhere))

    assert made.robot.name == "robot+mirror"
    assert (await room.log_in(made)).permits == everywhere
    with pytest.raises(NoSuchRobot):
        await room.robots.get(ALICE, made.robot.name)


async def test_a_robot_needs_a_namespace_that_exists(room: Room) -> None:
    wanted = NewRobot(name="ci", namespace="nobody", permits=(Permit.parse("nobody/**", ["pull"]),))

    with pytest.raises(NoSuchAccount):
        await room.robots.create(ADMIN, wanted)


@pytest.mark.parametrize("pattern", ["bob/**", "alice", "**", "*/app", "alice*/app", "alicent/app"])
async def test_permits_stay_inside_the_namespace(room: Room, pattern: str) -> None:
    outside = (*PULL, Permit(pattern, frozenset({PermitAction.PULL})))
    made = await room.make()

    with pytest.raises(Invalid):
        await room.robots.create(ALICE, NewRobot(name="other", namespace="alice", permits=outside))
    with pytest.raises(Invalid):
        await room.robots.change(ADMIN, made.robot.name, RobotChanges(permits=outside))

    assert (await room.robots.get(ALICE, made.robot.name)).permits == PULL
