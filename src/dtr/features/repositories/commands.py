"""`dtr repository`: the operator's way to repositories."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from dtr.core.clock import rfc3339
from dtr.features.repositories.model import Repository, RepositoryChanges, Visibility
from dtr.features.repositories.service import Repositories
from dtr.oci.names import RepositoryName

T = TypeVar("T")

_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group()
def repository() -> None:
    """List and change repositories."""


@repository.command("list")
@_output
def list_repositories(*, output: str) -> None:
    """List all repositories."""
    found = _run(lambda repositories: repositories.list_all())
    if output == "json":
        click.echo(json.dumps([_plain(each) for each in found], indent=2))
        return
    for each in found:
        click.echo(f"{each.path}\t{each.visibility}\tpulls {each.pulls}\tpushes {each.pushes}")


@repository.command()
@click.argument("name")
@_output
def show(*, name: str, output: str) -> None:
    """Show everything about the repository NAME but its content."""
    _print(_run(lambda repositories: repositories.get(RepositoryName.parse(name))), output)


@repository.command("set")
@click.argument("name")
@click.option(
    "--visibility",
    type=click.Choice([each.value for each in Visibility]),
    help="Whether everybody may pull, or only who has a right to.",
)
@click.option(
    "--immutable-tags/--no-immutable-tags", default=None, help="Tags, once pushed, neither move nor go."
)
@click.option("--strict-sizes/--no-strict-sizes", default=None, help="Refuse manifests with wrong sizes.")
@click.option(
    "--allow-missing-children/--no-allow-missing-children",
    default=None,
    help="Take an index before the manifests that it names.",
)
@_output
def set_(  # noqa: PLR0913 - one argument an option
    *,
    name: str,
    visibility: str | None,
    immutable_tags: bool | None,
    strict_sizes: bool | None,
    allow_missing_children: bool | None,
    output: str,
) -> None:
    """Change the repository NAME; options that are not given leave things as they are."""
    changes = RepositoryChanges(
        visibility=None if visibility is None else Visibility(visibility),
        immutable_tags=immutable_tags,
        strict_sizes=strict_sizes,
        allow_missing_children=allow_missing_children,
    )
    _print(_run(lambda repositories: repositories.change(RepositoryName.parse(name), changes)), output)


def _run(work: Callable[[Repositories], Awaitable[T]]) -> T:
    """Do something with the repositories of the registry that the settings describe."""
    invocation: Any = click.get_current_context().obj

    async def run() -> T:
        async with invocation.operator() as parts:
            return await work(parts.repositories)

    return asyncio.run(run())


def _print(found: Repository, output: str) -> None:
    plain = _plain(found)
    if output == "json":
        click.echo(json.dumps(plain, indent=2))
        return
    for name, value in plain.items():
        click.echo(f"{name}: {_text(value)}")


def _plain(found: Repository) -> dict[str, object]:
    return {
        "name": found.path,
        "namespace": found.namespace,
        "visibility": found.visibility.value,
        "immutableTags": found.immutable_tags,
        "strictSizes": found.strict_sizes,
        "allowMissingChildren": found.allow_missing_children,
        "createdAt": rfc3339(found.created_at),
        "pulls": found.pulls,
        "pushes": found.pushes,
        "lastPulledAt": _time(found.last_pulled_at),
        "lastPushedAt": _time(found.last_pushed_at),
    }


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
