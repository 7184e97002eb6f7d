"""`dtr database`."""

import click

from dtr.cli.invocation import Invocation


@click.group()
def database() -> None:
    """Look after the metadata database."""


@database.command()
@click.pass_obj
def migrate(invocation: Invocation) -> None:
    """Bring the database to the schema of this version.

    `dtr serve` does the same at its start; on a cluster, run this once before the new version starts.
    """
    settings = invocation.settings()
    from dtr.plumbing.db.migrate import migrate as bring_up_to_date  # noqa: PLC0415 - SQLAlchemy
    from dtr.wiring.database_note import refuse_other_database  # noqa: PLC0415

    refuse_other_database(settings)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    changed = bring_up_to_date(settings.database_url)
    click.echo("the database was upgraded" if changed else "the database is up to date")
