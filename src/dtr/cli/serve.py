"""`dtr serve`."""

import click

from dtr.cli.invocation import Invocation


@click.command()
@click.option("--data", metavar="DIR", help="Directory of everything the registry keeps; default ./data.")
@click.option("--listen", metavar="HOST:PORT", help="Where to listen; default 127.0.0.1:5000.")
@click.option("--workers", metavar="N", help="Worker processes; default 1, about one per core is best.")
@click.option("--database", metavar="URL", help="Metadata database; default SQLite in the data directory.")
@click.option(
    "--tls/--no-tls", default=None, help="Serve HTTPS, with a certificate of an own authority if need be."
)
@click.pass_context
def serve(ctx: click.Context, /, **options: object) -> None:
    """Run the registry: all doors in one go.

    The first start prints the password of the user `admin` once; DTR_ADMIN_PASSWORD sets it instead.
    """
    options["tls.enabled"] = options.pop("tls")
    settings = ctx.ensure_object(Invocation).settings(options)
    from dtr import wiring  # noqa: PLC0415 - imports the whole server

    ctx.exit(wiring.serve(settings))
