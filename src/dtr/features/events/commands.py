"""`dtr audit`: the operator's way to the audit chain."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import click

from dtr.core.errors import Invalid
from dtr.core.paging import MAX_PAGE_SIZE, ListPage
from dtr.core.principal import OPERATOR
from dtr.features.events.model import Entry, EntryFilter, Period, parse_moment
from dtr.features.events.service import Audit, Report

BROKEN = 1
"""The exit code for a chain that is not as it was written."""


@click.group()
def audit() -> None:
    """Read and check the audit chain: logins, accounts, rights, settings, tokens."""


@audit.command()
@click.option(
    "--checkpoint",
    "checkpoints",
    metavar="POSITION:HASH",
    multiple=True,
    help="What a line audit.checkpoint of the server's log says. May be repeated.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(checkpoints: tuple[str, ...], output: str) -> None:
    """Check that no entry was changed, removed, inserted or moved since it was written.

    Ends with exit code 1 if one was, and tells the first position where it shows.
    """
    known = dict(_checkpoint(each) for each in checkpoints)
    report = asyncio.run(_verify(known))
    click.echo(json.dumps(_plain_report(report), indent=2) if output == "json" else _report_text(report))
    if report.problem is not None:
        click.get_current_context().exit(BROKEN)


@audit.command("list")
@click.option(
    "--since", default="", metavar="MOMENT", help="Only from this moment on, as 2030-01-31T12:00:00Z."
)
@click.option("--until", default="", metavar="MOMENT", help="Only before this moment.")
@click.option("--actor", default="", metavar="ID", help="Only what the account or robot with this id did.")
@click.option(
    "--name", default="", metavar="NAME", help="Only entries of this name, for example LoginFailed."
)
@click.option("--limit", type=click.IntRange(1, MAX_PAGE_SIZE), default=100, show_default=True)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_entries(*, since: str, until: str, actor: str, name: str, limit: int, output: str) -> None:  # noqa: PLR0913 - one option each
    """List entries, newest first."""
    try:
        period = Period(parse_moment(since, "--since"), parse_moment(until, "--until"))
    except Invalid as error:
        raise click.BadParameter(error.message) from error
    wanted = EntryFilter(period=period, actor_id=actor, name=name)
    entries = asyncio.run(_list(wanted, ListPage(size=limit)))
    if output == "json":
        click.echo(json.dumps([_plain(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        click.echo(_line(entry))


@audit.command()
def export() -> None:
    """Print every entry, oldest first, as JSON lines with its hash."""
    asyncio.run(_export())


@asynccontextmanager
async def _audit() -> AsyncIterator[Audit]:
    invocation: Any = click.get_current_context().obj
    async with invocation.operator() as parts:
        yield parts.audit


async def _verify(checkpoints: dict[int, str]) -> Report:
    async with _audit() as chain:
        return await chain.verify(checkpoints)


async def _list(wanted: EntryFilter, page: ListPage) -> list[Entry]:
    async with _audit() as chain:
        return list((await chain.list_all(OPERATOR, wanted, page)).items)


async def _export() -> None:
    async with _audit() as chain:
        async for entry in chain.entries():
            click.echo(json.dumps(_plain(entry)))


def _checkpoint(given: str) -> tuple[int, str]:
    position, _, digest = given.partition(":")
    if not (position.isascii() and position.isdigit() and digest):
        raise click.BadParameter("give it as POSITION:HASH", param_hint="--checkpoint")
    return int(position), digest


def _plain(entry: Entry) -> dict[str, Any]:
    return {**entry.document(), "hash": entry.hash}


def _plain_report(report: Report) -> dict[str, Any]:
    problem = report.problem
    return {
        "checked": report.checked,
        "first": report.head.first_position,
        "last": report.head.last_position,
        "problem": None
        if problem is None
        else {"position": problem.position, "kind": problem.kind, "explanation": problem.explanation},
    }


def _report_text(report: Report) -> str:
    checked = f"checked {report.checked} entries from {report.head.first_position} on"
    if report.problem is None:
        return f"{checked}: the chain is whole"
    problem = report.problem
    return f"{checked}\nbroken at {problem.position}: {problem.kind}: {problem.explanation}"


def _line(entry: Entry) -> str:
    document = entry.document()
    actor = document["actor"]["name"] or "-"
    about = " ".join(filter(None, (document["object"]["type"], document["object"]["name"])))
    moment = document["at"]
    return (
        f"{entry.position}\t{moment}\t{entry.name}\t{document['outcome']}\t{actor}\t"
        f"{document['client']['address'] or '-'}\t{about}"
    )
