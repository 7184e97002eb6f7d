"""`dtr robots`: the operator's way to the callers that are programs, for emergencies."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import click

from dtr.core.clock import rfc3339
from dtr.core.paging import ListPage
from dtr.core.principal import OPERATOR
from dtr.features.robots.model import Robot, RobotChanges
from dtr.features.robots.service import Robots

T = TypeVar("T")

ROBOTS_AT_ONCE: Final = 1_000

_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group()
def robots() -> None:
    """List, disable and enable robots."""


@robots.command("list")
@click.option("--namespace", metavar="NAME", help="Only those of this user or organization.")
@_output
def list_robots(*, namespace: str | None, output: str) -> None:
    """List robots by their full names. Their secrets are not stored."""
    found = _run(lambda service: _list_all(service, namespace))
    if output == "json":
        click.echo(json.dumps([_plain(robot) for robot in found], indent=2))
        return
    for robot in found:
        used = "never" if robot.last_used_at is None else rfc3339(robot.last_used_at)
        click.echo(f"{robot.name}\t{'active' if robot.is_active else 'disabled'}\tlast used {used}")


@robots.command()
@click.argument("name")
def disable(*, name: str) -> None:
    """Lock the robot NAME out; the tokens that it has are void at once."""
    _run(lambda service: service.change(OPERATOR, name, RobotChanges(is_active=False)))
    click.echo(f"disabled {name}", err=True)


@robots.command()
@click.argument("name")
def enable(*, name: str) -> None:
    """Let the robot NAME log in again."""
    _run(lambda service: service.change(OPERATOR, name, RobotChanges(is_active=True)))
    click.echo(f"enabled {name}", err=True)


async def _list_all(service: Robots, namespace: str | None) -> list[Robot]:
    found: list[Robot] = []
    start: str | None = ""
    while start is not None:
        page = await service.list_page(OPERATOR, namespace, ListPage(start=start, size=ROBOTS_AT_ONCE))
        found += page.items
        start = page.next_start
    return found


def _run(work: Callable[[Robots], Awaitable[T]]) -> T:
    """Do something with the robots of the registry that the settings describe."""
    invocation: Any = click.get_current_context().obj

    async def run() -> T:
        async with invocation.operator() as parts:
            return await work(parts.robots)

    return asyncio.run(run())


def _plain(robot: Robot) -> dict[str, object]:
    return {
        "name": robot.name,
        "namespace": robot.namespace,
        "isActive": robot.is_active,
        "permits": [each.document() for each in robot.permits],
        "createdBy": robot.created_by,
        "createdAt": rfc3339(robot.created_at),
        "expiresAt": None if robot.expires_at is None else rfc3339(robot.expires_at),
        "lastUsedAt": None if robot.last_used_at is None else rfc3339(robot.last_used_at),
        "lastUsedAddress": robot.last_used_address,
    }
