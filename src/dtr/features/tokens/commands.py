"""`dtr tokens` and `dtr keys`: the operator's way to refresh tokens, and to the keys that sign access tokens."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from dtr.core.clock import rfc3339
from dtr.features.accounts.service import Accounts
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.service import TokenService
from dtr.features.tokens.store.client_tokens import RefreshToken
from dtr.features.tokens.store.signing_keys import StoredKey

T = TypeVar("T")

_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group()
def tokens() -> None:
    """List and revoke refresh tokens: what clients keep in place of a password."""


@tokens.command("list")
@click.argument("name")
@_output
def list_tokens(*, name: str, output: str) -> None:
    """List the refresh tokens of the user NAME, the last used first. The tokens themselves are not stored."""
    found = _run(lambda parts: _tokens_of(name, parts.accounts, parts.token_service))
    if output == "json":
        click.echo(json.dumps([_plain_token(token) for token in found], indent=2))
        return
    for token in found:
        created, used = rfc3339(token.created_at), rfc3339(token.last_used_at)
        click.echo(f"{token.label or '-'}\tcreated {created}\tlast used {used}")


@tokens.command()
@click.argument("name")
def revoke(*, name: str) -> None:
    """Revoke all refresh tokens of the user NAME; access tokens already given out are void at once."""
    _run(lambda parts: _revoke_tokens_of(name, parts.accounts, parts.token_service))
    click.echo(f"revoked the refresh tokens of user {name}", err=True)


@click.group()
def keys() -> None:
    """List and rotate the keys that sign tokens."""


@keys.command("list")
@_output
def list_keys(*, output: str) -> None:
    """List the keys whose tokens are accepted, oldest first."""
    _print(_run(lambda parts: _list_keys(parts.keys)), output)


@keys.command()
@_output
def rotate(*, output: str) -> None:
    """Make a new key now. Tokens signed before stay good until they expire."""
    _print(_run(lambda parts: _rotate(parts.keys)), output)


async def _tokens_of(name: str, accounts: Accounts, service: TokenService) -> list[RefreshToken]:
    account = await accounts.get(name)
    return await service.refresh_tokens(account.id)


async def _revoke_tokens_of(name: str, accounts: Accounts, service: TokenService) -> None:
    account = await accounts.get(name)
    await service.revoke_refresh_tokens(account.id)


async def _list_keys(keys: KeyRingStore) -> list[StoredKey]:
    return await keys.list_all()


async def _rotate(keys: KeyRingStore) -> list[StoredKey]:
    await keys.rotate()
    return await keys.list_all()


def _run(work: Callable[[Any], Awaitable[T]]) -> T:
    """Do something with the parts of the registry that the settings describe."""
    invocation: Any = click.get_current_context().obj

    async def run() -> T:
        async with invocation.operator() as parts:
            return await work(parts)

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


def _plain_token(token: RefreshToken) -> dict[str, object]:
    return {
        "id": token.id,
        "label": token.label,
        "createdAt": rfc3339(token.created_at),
        "lastUsedAt": rfc3339(token.last_used_at),
    }
