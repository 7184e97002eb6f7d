"""`dtr keys`: the operator's way to the keys that sign tokens."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import click

from dtr.core.clock import rfc3339
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.store import StoredKey


@click.group()
def keys() -> None:
    """List and rotate the keys that sign tokens."""


@keys.command("list")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_keys(*, output: str) -> None:
    """List the keys whose tokens are accepted, oldest first."""
    _print(_run(lambda keys: keys.list_all()), output)


@keys.command()
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rotate(*, output: str) -> None:
    """Make a new key now. Tokens signed before stay good until they expire."""
    _print(_run(_rotate), output)


async def _rotate(keys: KeyRingStore) -> list[StoredKey]:
    await keys.rotate()
    return await keys.list_all()


def _run(work: Callable[[KeyRingStore], Awaitable[list[StoredKey]]]) -> list[StoredKey]:
    """Do something with the keys of the registry that the settings describe."""
    invocation: Any = click.get_current_context().obj

    async def run() -> list[StoredKey]:
        async with invocation.operator() as parts:
            return await work(parts.keys)

    return asyncio.run(run())


def _print(keys: list[StoredKey], output: str) -> None:
    if output == "json":
        click.echo(json.dumps([_plain(key) for key in keys], indent=2))
        return
    for key in keys:
        state = "active" if key.retired_at is None else f"retired {rfc3339(key.retired_at)}"
        click.echo(f"{key.kid}\tcreated {rfc3339(key.created_at)}\t{state}")


def _plain(key: StoredKey) -> dict[str, object]:
    return {
        "kid": key.kid,
        "createdAt": rfc3339(key.created_at),
        "retiredAt": None if key.retired_at is None else rfc3339(key.retired_at),
        "isActive": key.retired_at is None,
    }
