"""`dtr settings`."""

import json

import click

from dtr.cli.invocation import Invocation


@click.group()
def settings() -> None:
    """Show the effective settings."""


@settings.command()
@click.option(
    "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Format."
)
@click.pass_obj
def show(invocation: Invocation, output: str) -> None:
    """Print the effective settings, secrets masked.

    What YAML prints can be used as a file for --config, once masked values are filled in.
    """
    from dtr.settings import shown  # noqa: PLC0415 - help does not need settings

    tree = shown(invocation.settings())
    if output == "json":
        click.echo(json.dumps(tree, indent=2))
        return
    import yaml  # noqa: PLC0415

    click.echo(yaml.safe_dump(tree, sort_keys=False), nl=False)
