"""`dtr user`: the operator's way to accounts."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from dtr.core.clock import rfc3339
from dtr.features.accounts.model import Account
from dtr.features.accounts.service import Accounts
from dtr.plumbing.crypto.passwords import generate_password

T = TypeVar("T")

_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of generating one."
)


@click.group()
def user() -> None:
    """Create, list and change user accounts."""


@user.command()
@click.argument("name")
@click.option("--full-name", default="", help="The person's name, for lists.")
@click.option("--admin", is_flag=True, help="The user administers the whole registry.")
@_password_stdin
def add(*, name: str, full_name: str, admin: bool, password_stdin: bool) -> None:
    """Create the user NAME. A generated password is printed once."""
    password, generated = _new_password(from_stdin=password_stdin)
    _run(lambda accounts: accounts.create(name, password, is_admin=admin, full_name=full_name))
    click.echo(f"created user {name}", err=True)
    _show(generated)


@user.command("list")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_users(*, output: str) -> None:
    """List all users."""
    accounts = _run(lambda accounts: accounts.list_all())
    if output == "json":
        click.echo(json.dumps([_plain(account) for account in accounts], indent=2))
        return
    for account in accounts:
        click.echo("\t".join([account.name, _state(account), account.full_name]).rstrip())


@user.command()
@click.argument("name")
def disable(*, name: str) -> None:
    """Lock the user NAME out, at once and everywhere; access tokens already given out end within minutes."""
    _run(lambda accounts: accounts.set_active(name, is_active=False))
    click.echo(f"disabled user {name}", err=True)


@user.command()
@click.argument("name")
def enable(*, name: str) -> None:
    """Let the user NAME log in again."""
    _run(lambda accounts: accounts.set_active(name, is_active=True))
    click.echo(f"enabled user {name}", err=True)


@user.command()
@click.argument("name")
@_password_stdin
def password(*, name: str, password_stdin: bool) -> None:
    """Give the user NAME a new password. A generated one is printed once."""
    new_password, generated = _new_password(from_stdin=password_stdin)
    _run(lambda accounts: accounts.set_password(name, new_password))
    click.echo(f"changed the password of user {name}", err=True)
    _show(generated)


@user.command()
@click.argument("name")
def unlock(*, name: str) -> None:
    """Forget the failed logins of the user NAME, who then need not wait for the next one.

    What failed under other names from the same address still counts against that address.
    """
    _run(lambda accounts: accounts.unlock(name))
    click.echo(f"unlocked user {name}", err=True)


def _run(work: Callable[[Accounts], Awaitable[T]]) -> T:
    """Do something with the accounts of the registry that the settings describe."""
    invocation: Any = click.get_current_context().obj

    async def run() -> T:
        async with invocation.operator() as parts:
            return await work(parts.accounts)

    return asyncio.run(run())


def _new_password(*, from_stdin: bool) -> tuple[str, str | None]:
    """Return the password to set, and once more if it was generated and must be shown."""
    if not from_stdin:
        generated = generate_password()
        return generated, generated
    return sys.stdin.readline().rstrip("\r\n"), None


def _show(generated: str | None) -> None:
    """Print a generated password alone on standard output, where a script can take it."""
    if generated is not None:
        click.echo("the password, shown only now:", err=True)
        click.echo(generated)


def _state(account: Account) -> str:
    if not account.is_active:
        return "disabled"
    return "administrator" if account.is_admin else "user"


def _plain(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "fullName": account.full_name,
        "isAdmin": account.is_admin,
        "isActive": account.is_active,
        "createdAt": rfc3339(account.created_at),
    }
