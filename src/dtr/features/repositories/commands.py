"""`dtr repository`: the operator's way to repositories."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from dtr.core.clock import rfc3339
from dtr.core.principal import OPERATOR
from dtr.features.repositories.model import Repository, RepositoryChanges, Visibility
from dtr.oci.names import RepositoryName

T = TypeVar("T")

_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


_visibility = click.option(
    "--visibility",
    type=click.Choice([each.value for each in Visibility]),
    help="Whether everybody may pull, or only who has a right to.",
)


@click.group()
def repository() -> None:
    """List, make, change, rename and delete repositories."""


@repository.command("list")
@_output
def list_repositories(*, output: str) -> None:
    """List all repositories."""
    found = _run(lambda parts: parts.repositories.list_all())
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
    found = _run(lambda parts: parts.repositories.get(OPERATOR, RepositoryName.parse(name)))
    _print(found.repository, output)


@repository.command()
@click.argument("name")
@_visibility
@_output
def create(*, name: str, visibility: str | None, output: str) -> None:
    """Make the repository NAME, private unless told otherwise."""
    settings = RepositoryChanges(visibility=None if visibility is None else Visibility(visibility))
    made = _run(
        lambda parts: parts.repository_management.create(OPERATOR, RepositoryName.parse(name), settings)
    )
    _print(made.repository, output)


@repository.command()
@click.argument("name")
def delete(*, name: str) -> None:
    """Delete the repository NAME with all its images."""

    async def work(parts: Any) -> None:
        await parts.repositories.get(OPERATOR, RepositoryName.parse(name))  # tells who mistypes the name
        await parts.repository_management.delete(OPERATOR, RepositoryName.parse(name))

    _run(work)


@repository.command()
@click.argument("name")
@click.argument("new_name")
@_output
def rename(*, name: str, new_name: str, output: str) -> None:
    """Give the repository NAME the full name NEW_NAME; pulls by the old name go on for 90 days."""
    old, new = RepositoryName.parse(name), RepositoryName.parse(new_name)
    _print(_run(lambda parts: parts.renaming.rename(OPERATOR, old, new)).repository, output)


@repository.command("set")
@click.argument("name")
@_visibility
@click.option(
    "--immutable-tags/--no-immutable-tags", default=None, help="Tags, once pushed, neither move nor go."
)
@click.option("--tag-limit", type=click.IntRange(0, 2**31 - 1), help="How many tags are kept; 0 for all.")
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
    tag_limit: int | None,
    strict_sizes: bool | None,
    allow_missing_children: bool | None,
    output: str,
) -> None:
    """Change the repository NAME; options that are not given leave things as they are."""
    changes = RepositoryChanges(
        visibility=None if visibility is None else Visibility(visibility),
        immutable_tags=immutable_tags,
        tag_limit=tag_limit,
        strict_sizes=strict_sizes,
        allow_missing_children=allow_missing_children,
    )
    changed = _run(
        lambda parts: parts.repository_management.change(OPERATOR, RepositoryName.parse(name), changes)
    )
    _print(changed.repository, output)


def _run(work: Callable[[Any], Awaitable[T]]) -> T:
    """Do something with the parts of the registry that the settings describe."""
    invocation: Any = click.get_current_context().obj

    async def run() -> T:
        async with invocation.operator() as parts:
            return await work(parts)

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
        "tagLimit": found.tag_limit,
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
