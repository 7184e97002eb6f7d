"""`dtr user` and `dtr organization`: the operator's way to accounts."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from dtr.core.clock import rfc3339
from dtr.core.paging import ListPage
from dtr.core.principal import OPERATOR
from dtr.features.accounts.model.accounts import Account, AccountChanges, NewAccount
from dtr.features.accounts.model.organizations import Member, MemberFilter
from dtr.features.accounts.service import Accounts
from dtr.plumbing.crypto.passwords import generate_password

T = TypeVar("T")

_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of generating one."
)
_full_name = click.option("--full-name", default="", help="What it is called in lists.")
_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)

MEMBERS_AT_ONCE = 1_000


@click.group()
def user() -> None:
    """Create, list, change and delete user accounts."""


@user.command()
@click.argument("name")
@click.option("--full-name", default="", help="The person's name, for lists.")
@click.option("--admin", is_flag=True, help="The user administers the whole registry.")
@click.option("--auditor", is_flag=True, help="The user reads all metadata and logs, and changes nothing.")
@_password_stdin
def add(*, name: str, full_name: str, admin: bool, auditor: bool, password_stdin: bool) -> None:
    """Create the user NAME. A generated password is printed once."""
    password, generated = _new_password(from_stdin=password_stdin)
    _run(
        lambda accounts: accounts.create(
            name, password, is_admin=admin, is_auditor=auditor, full_name=full_name
        )
    )
    click.echo(f"created user {name}", err=True)
    _show(generated)


@user.command("list")
@_output
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
    """Lock the user NAME out, at once and everywhere."""
    _run(lambda accounts: accounts.set_active(name, is_active=False))
    click.echo(f"disabled user {name}", err=True)


@user.command()
@click.argument("name")
def enable(*, name: str) -> None:
    """Let the user NAME log in again."""
    _run(lambda accounts: accounts.set_active(name, is_active=True))
    click.echo(f"enabled user {name}", err=True)


@user.command("set")
@click.argument("name")
@click.option("--admin/--no-admin", default=None, help="Whether the user administers the whole registry.")
@click.option(
    "--auditor/--no-auditor",
    default=None,
    help="Whether the user reads all metadata and logs, and changes nothing.",
)
@click.option("--full-name", default=None, help="The person's name, for lists.")
def set_(*, name: str, admin: bool | None, auditor: bool | None, full_name: str | None) -> None:
    """Change the user NAME; options that are not given leave things as they are."""
    changes = AccountChanges(full_name=full_name, is_admin=admin, is_auditor=auditor)
    _run(lambda accounts: accounts.users.change(OPERATOR, name, changes))
    click.echo(f"changed user {name}", err=True)


@user.command()
@click.argument("name")
def delete(*, name: str) -> None:
    """Delete the user NAME, who must own no repositories, with memberships, keys and tokens."""

    async def work(accounts: Accounts) -> None:
        await accounts.get(name)  # an organization of the name is no user
        await accounts.users.delete(OPERATOR, name)

    _run(work)
    click.echo(f"deleted user {name}", err=True)


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


@click.group()
def organization() -> None:
    """Create and list organizations, and list their members."""


@organization.command("add")
@click.argument("name")
@_full_name
@click.option("--owner", metavar="USER", help="A user who manages its members and teams.")
def add_organization(*, name: str, full_name: str, owner: str | None) -> None:
    """Create the organization NAME."""

    async def work(accounts: Accounts) -> None:
        if owner is not None:
            await accounts.get(owner)  # before anything is made
        await accounts.users.create(OPERATOR, NewAccount(name=name, full_name=full_name, is_org=True))
        if owner is not None:
            await accounts.organizations.put_member(OPERATOR, name, owner, is_admin=True)

    _run(work)
    click.echo(f"created organization {name}", err=True)


@organization.command("list")
@_output
def list_organizations(*, output: str) -> None:
    """List all organizations."""
    found = _run(lambda accounts: accounts.list_organizations())
    if output == "json":
        plain = [{"id": each.id, "name": each.name, "fullName": each.full_name} for each in found]
        click.echo(json.dumps(plain, indent=2))
        return
    for each in found:
        click.echo(f"{each.name}\t{each.full_name}".rstrip())


@organization.command()
@click.argument("name")
@_output
def members(*, name: str, output: str) -> None:
    """List the members of the organization NAME."""
    found = _run(lambda accounts: _all_members(accounts, name))
    if output == "json":
        plain = [{"name": each.account.name, "isAdmin": each.is_admin} for each in found]
        click.echo(json.dumps(plain, indent=2))
        return
    for each in found:
        click.echo(f"{each.account.name}\t{'owner' if each.is_admin else 'member'}")


async def _all_members(accounts: Accounts, name: str) -> list[Member]:
    found, start = list[Member](), ""
    while True:
        wanted = ListPage(start, MEMBERS_AT_ONCE)
        page = await accounts.organizations.members(OPERATOR, name, MemberFilter.ALL, wanted)
        found += page.items
        if page.next_start is None:
            return found
        start = page.next_start


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
    if account.is_admin:
        return "administrator"
    return "auditor" if account.is_auditor else "user"


def _plain(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "fullName": account.full_name,
        "isAdmin": account.is_admin,
        "isAuditor": account.is_auditor,
        "isActive": account.is_active,
        "createdAt": rfc3339(account.created_at),
    }
