"""Logins of robots: secrets, their rotation, the last use, guesses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dtr.core.errors import Invalid, TooManyRequests, Unauthorized
from dtr.core.principal import ANONYMOUS, Caller, Principal, PrincipalKind
from dtr.features.robots.model import (
    SECRET_PREFIX,
    Life,
    NoSuchRobot,
    RobotChanges,
)
from dtr.plumbing.db import Database
from tests.support.robots import ALICE, DAY, ELSEWHERE, HOME, PULL, SECRET, RobotsRoom


@pytest.fixture
async def room(database: Database) -> RobotsRoom:
    return await RobotsRoom.begin(database)


async def test_a_robot_logs_in_with_the_secret_that_was_shown(room: RobotsRoom) -> None:
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


async def test_a_supplied_secret_is_kept_as_a_slow_hash_and_a_generated_one_as_a_fast_one(
    room: RobotsRoom,
) -> None:
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


async def test_a_wrong_secret_an_unknown_robot_and_a_disabled_one_look_alike(room: RobotsRoom) -> None:
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


async def test_an_expired_robot_is_told_so_only_if_the_secret_is_right(room: RobotsRoom) -> None:
    made = await room.make(days=1)
    room.clock.advance(DAY - 1)
    assert await room.is_let_in(made)
    room.clock.advance(1)

    with pytest.raises(Unauthorized, match=r"robot\+alice\+ci expired at 2030-01-02T00:00:00Z"):
        await room.log_in(made)
    assert not await room.is_let_in(made, "wrong")

    await room.robots.change(ALICE, made.robot.name, RobotChanges(life=Life(1)))
    assert await room.is_let_in(made), "more time revives it"


async def test_a_robot_may_live_for_ever(room: RobotsRoom) -> None:
    made = await room.make(days=None)
    room.clock.advance(100 * 365 * DAY)

    assert made.robot.expires_at is None
    assert await room.is_let_in(made)


@pytest.mark.parametrize("secret", [None, SECRET], ids=["generated", "supplied"])
async def test_rotation_with_an_overlap_never_refuses(room: RobotsRoom, secret: str | None) -> None:
    made = await room.make(secret=secret)
    rotated = await room.robots.rotate(ALICE, made.robot.name, overlap_hours=2)

    assert rotated.secret != made.secret
    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [True, True]
    room.clock.advance(2 * 3600 - 1)
    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [True, True]
    room.clock.advance(1)
    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [False, True]
    assert room.revoked == []


async def test_rotation_without_an_overlap_ends_the_old_secret_and_what_was_issued_for_it(
    room: RobotsRoom,
) -> None:
    made = await room.make()
    rotated = await room.robots.rotate(ALICE, made.robot.name, SECRET, overlap_hours=0)

    assert [await room.is_let_in(made), await room.is_let_in(rotated)] == [False, True]
    assert rotated.secret == SECRET
    assert rotated.robot.previous_secret_expires_at is None
    assert room.revoked == [made.robot.id]


async def test_a_third_secret_ends_the_first(room: RobotsRoom) -> None:
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
    room: RobotsRoom, secret: str, message: str
) -> None:
    made = await room.make()

    with pytest.raises(Invalid, match=message):
        await room.robots.rotate(ALICE, made.robot.name, secret)
    with pytest.raises(Invalid, match=message):
        await room.make("other", secret=secret)

    assert await room.is_let_in(made)
    with pytest.raises(NoSuchRobot):
        await room.robots.get(ALICE, "robot+alice+other")


async def test_the_last_use_is_noted_once_a_minute(room: RobotsRoom) -> None:
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


async def test_logins_are_told_once_a_day_or_from_another_address_and_failures_always(
    room: RobotsRoom,
) -> None:
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


async def test_wrong_secrets_hold_up_their_address_and_no_generated_secret(room: RobotsRoom) -> None:
    generated, chosen = await room.make(), await room.make("chosen", secret=SECRET)
    for _ in range(10):
        assert not await room.is_let_in(chosen, "wrong")

    with pytest.raises(TooManyRequests):
        await room.log_in(chosen)
    await room.log_in(generated)
    await room.log_in(chosen, ELSEWHERE)


async def test_the_robots_name_does_not_count_for_other_addresses(room: RobotsRoom) -> None:
    chosen = await room.make(secret=SECRET)
    for number in range(110):
        with pytest.raises(Unauthorized):
            await room.log_in(chosen, Caller(ANONYMOUS, f"203.0.113.{number}"), "wrong")

    assert await room.is_let_in(chosen)
