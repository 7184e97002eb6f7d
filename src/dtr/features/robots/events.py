"""The facts of the robots room. All of them are about who may do what."""

from datetime import datetime
from typing import Any

from dtr.core.clock import rfc3339
from dtr.core.facts import Fact, FactObject, Outcome, Verb
from dtr.core.principal import Caller
from dtr.features.robots.model import Robot


def robot_created(caller: Caller, robot: Robot, now: datetime) -> Fact:
    """Tell that somebody made a robot."""
    details = {"permits": [each.document() for each in robot.permits], "expiresAt": _moment(robot.expires_at)}
    return _fact("RobotCreated", Verb.CREATE, caller, robot, now, details)


def robot_changed(caller: Caller, before: Robot, after: Robot, now: datetime) -> Fact | None:
    """Tell what is different about a robot; None if nothing is."""
    told = (_told(before), _told(after))
    changes = {
        name: {"old": told[0][name], "new": told[1][name]}
        for name in told[0]
        if told[0][name] != told[1][name]
    }
    if not changes:
        return None
    return _fact("RobotChanged", Verb.UPDATE, caller, after, now, {"changes": changes})


def robot_deleted(caller: Caller, robot: Robot, now: datetime) -> Fact:
    """Tell that a robot is gone."""
    return _fact("RobotDeleted", Verb.DELETE, caller, robot, now, {})


def robot_secret_rotated(caller: Caller, robot: Robot, now: datetime) -> Fact:
    """Tell that a robot has a new secret, and until when the old one counts."""
    details = {"previousSecretExpiresAt": _moment(robot.previous_secret_expires_at)}
    return _fact("RobotSecretRotated", Verb.UPDATE, caller, robot, now, details)


def robot_logged_in(caller: Caller, robot: Robot, now: datetime) -> Fact:
    """Tell that a robot, which is the caller, proved itself: once a day, and again from another address."""
    return _fact("LoginSucceeded", Verb.GET, caller, robot, now, {})


def robot_login_failed(caller: Caller, robot: Robot | None, now: datetime) -> Fact:
    """Tell that somebody failed to prove to be a robot; None if there is none of the name that they gave."""
    name, namespace = ("", "") if robot is None else (robot.name, robot.namespace)
    return Fact(
        name="LoginFailed",
        at=now,
        caller=caller,
        verb=Verb.FAIL,
        object=FactObject("robot", name, "" if robot is None else robot.id),
        namespace=namespace,
        is_security=True,
        outcome=Outcome.DENIED,
        details={"name": name},
    )


def _fact(  # noqa: PLR0913, PLR0917 - the parts of a fact, each of another type
    name: str, verb: Verb, caller: Caller, robot: Robot, now: datetime, details: dict[str, Any]
) -> Fact:
    return Fact(
        name=name,
        at=now,
        caller=caller,
        verb=verb,
        object=FactObject("robot", robot.name, robot.id),
        namespace=robot.namespace,
        is_security=True,
        details=details,
    )


def _told(robot: Robot) -> dict[str, Any]:
    return {
        "description": robot.description[:200],
        "permits": [each.document() for each in robot.permits],
        "isActive": robot.is_active,
        "expiresAt": _moment(robot.expires_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
