"""Robots are made, changed and deleted; by whom, how many, and at once."""

import asyncio
import threading
import time
from dataclasses import replace

import pytest

from dtr.core.errors import Denied, Invalid
from dtr.core.paging import ListPage
from dtr.core.permits import Permit, PermitAction
from dtr.core.principal import ANONYMOUS, Caller, Principal, PrincipalKind
from dtr.features.accounts.model import NoSuchAccount
from dtr.features.accounts.model.accounts import AccountChanges
from dtr.features.accounts.store import accounts as account_store
from dtr.features.robots.directory import Directory
from dtr.features.robots.model import (
    Life,
    NewRobot,
    NoSuchRobot,
    RobotChanges,
    RobotExists,
    ShownSecret,
    TooManyRobots,
)
from dtr.plumbing.db import Database, Transaction
from tests.support.robots import ADMIN, ALICE, AUDITOR, BOB, PULL, SECRET, RobotsRoom


@pytest.fixture
async def room(database: Database) -> RobotsRoom:
    return await RobotsRoom.begin(database)


@pytest.mark.parametrize(
    "changes",
    [
        RobotChanges(is_active=False),
        RobotChanges(permits=(Permit.parse("alice/app", ["pull"]),)),
        RobotChanges(permits=(Permit.parse("alice/**", ["pull", "push"]),)),
    ],
    ids=["disabled", "fewer repositories", "more actions"],
)
async def test_what_may_take_a_right_away_voids_what_was_issued(
    room: RobotsRoom, changes: RobotChanges
) -> None:
    made = await room.make()

    await room.robots.change(ALICE, made.robot.id, changes)

    assert room.revoked == [made.robot.id]


@pytest.mark.parametrize(
    "changes", [RobotChanges(), RobotChanges(description="new"), RobotChanges(is_active=True, permits=PULL)]
)
async def test_what_takes_nothing_away_voids_nothing(room: RobotsRoom, changes: RobotChanges) -> None:
    made = await room.make()

    await room.robots.change(ALICE, made.robot.id, changes)

    assert room.revoked == []


async def test_every_change_tells_a_fact_without_any_secret(room: RobotsRoom) -> None:
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


async def test_robots_of_a_deleted_namespace_go_with_it(room: RobotsRoom) -> None:
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


async def test_only_one_of_many_makes_a_robot_of_a_name(room: RobotsRoom) -> None:
    answers = await asyncio.gather(*(room.make() for _ in range(6)), return_exceptions=True)

    made = [each for each in answers if isinstance(each, ShownSecret)]
    assert len(made) == 1
    assert all(isinstance(each, RobotExists) for each in answers if each not in made)
    assert await room.is_let_in(made[0])


async def test_a_namespace_has_so_many_robots_and_no_more_however_many_are_made_at_once(
    room: RobotsRoom,
) -> None:
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


async def test_no_robot_is_left_to_the_next_owner_of_the_name_of_a_deleted_account(room: RobotsRoom) -> None:
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


async def test_a_disabled_user_has_no_robot_that_goes_on_for_them(room: RobotsRoom) -> None:
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
    assert not await room.database.read(lambda tx: list(directory.working_in(tx, "alice")))
    assert (await room.robots.get(ADMIN, generated.robot.id)).is_active  # its own switch stays as it was

    await room.database.write(lambda tx: room.robots.void_tokens_of_account(tx, "id of alice"))
    assert set(room.revoked) == {generated.robot.id, chosen.robot.id}

    await set_active(is_active=True)
    assert await room.is_let_in(generated)
    assert len(await room.database.read(lambda tx: list(directory.working_in(tx, "alice")))) == 2


async def test_changes_at_once_lose_nothing(room: RobotsRoom) -> None:
    made = await room.make()
    await asyncio.gather(
        room.robots.change(ALICE, made.robot.id, RobotChanges(description="new")),
        room.robots.change(ADMIN, made.robot.id, RobotChanges(life=Life(None))),
        room.robots.change(ADMIN, made.robot.id, RobotChanges(is_active=False)),
    )

    robot = await room.robots.get(ALICE, made.robot.id)
    assert (robot.description, robot.expires_at, robot.is_active) == ("new", None, False)


async def test_a_page_starts_where_the_last_one_ended(room: RobotsRoom) -> None:
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
async def test_nobody_else_manages_the_robots_of_a_namespace(room: RobotsRoom, caller: Caller) -> None:
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


async def test_administrators_make_robots_of_the_whole_registry(room: RobotsRoom) -> None:
    everywhere = (Permit.parse("**", ["pull"]),)
    made = await room.robots.create(ADMIN, NewRobot(name="mirror", permits=everywhere))

    assert made.robot.name == "robot+mirror"
    assert (await room.log_in(made)).permits == everywhere
    with pytest.raises(NoSuchRobot):
        await room.robots.get(ALICE, made.robot.name)


async def test_a_robot_needs_a_namespace_that_exists(room: RobotsRoom) -> None:
    wanted = NewRobot(name="ci", namespace="nobody", permits=(Permit.parse("nobody/**", ["pull"]),))

    with pytest.raises(NoSuchAccount):
        await room.robots.create(ADMIN, wanted)


@pytest.mark.parametrize("pattern", ["bob/**", "alice", "**", "*/app", "alice*/app", "alicent/app"])
async def test_permits_stay_inside_the_namespace(room: RobotsRoom, pattern: str) -> None:
    outside = (*PULL, Permit(pattern, frozenset({PermitAction.PULL})))
    made = await room.make()

    with pytest.raises(Invalid):
        await room.robots.create(ALICE, NewRobot(name="other", namespace="alice", permits=outside))
    with pytest.raises(Invalid):
        await room.robots.change(ADMIN, made.robot.name, RobotChanges(permits=outside))

    assert (await room.robots.get(ALICE, made.robot.name)).permits == PULL
