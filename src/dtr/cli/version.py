"""`dtr version`."""

import json

import click


@click.command()
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format."
)
def version(output: str) -> None:
    """Print the version."""
    from importlib import metadata  # noqa: PLC0415 - 15 ms that other commands do not pay

    number = metadata.version("dtr")
    click.echo(json.dumps({"version": number}) if output == "json" else f"dtr {number}")
