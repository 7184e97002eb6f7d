"""The command `dtr`: finds the command group that is asked for, and imports only that."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from dtr.cli.invocation import Invocation


class Entry(NamedTuple):
    """Where a command is found, and what the list of commands says of it without importing it."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "serve": Entry("dtr.cli.serve", "serve", "Run the registry."),
    "check": Entry("dtr.features.images.commands", "check", "Compare the database with the stored blobs."),
    "user": Entry("dtr.features.accounts.commands", "user", "Create, list, change and delete user accounts."),
    "organization": Entry("dtr.features.accounts.commands", "organization", "Create and list organizations."),
    "robots": Entry("dtr.features.robots.commands", "robots", "List, disable and enable robots."),
    "tokens": Entry("dtr.features.tokens.commands", "tokens", "List and revoke refresh tokens."),
    "repository": Entry("dtr.features.repositories.commands", "repository", "List and change repositories."),
    "keys": Entry("dtr.features.tokens.commands", "keys", "List and rotate the keys that sign tokens."),
    "audit": Entry("dtr.features.events.commands", "audit", "Read and check the audit chain."),
    "database": Entry("dtr.cli.database", "database", "Look after the metadata database."),
    "settings": Entry("dtr.cli.settings", "settings", "Show the effective settings."),
    "version": Entry("dtr.cli.version", "version", "Print the version."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; `None` if there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.{entry.attribute} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and turn an error that an operator can mend into one line on standard error."""
        try:
            return super().main(*args, **kwargs)
        except Exception as error:
            from dtr.cli.explain import explain  # noqa: PLC0415 - only after something went wrong

            explanation = explain(error)
            if explanation is None:
                raise
            click.echo(explanation.line, err=True)
            sys.exit(explanation.exit_code)


def _assignments(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if not all(equals and name for name, equals, _ in pairs):
        raise click.BadParameter("give it as NAME=VALUE, for example workers=4")
    return {name: value for name, _, value in pairs}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="YAML file with settings.")
@click.option("--data", metavar="DIR", help="Directory of everything the registry keeps.")
@click.option(
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_assignments,
    help="Any setting, for example --set logs.level=debug. May be repeated.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None, data: str | None, assignments: dict[str, str]) -> None:
    """Run and look after a Trusted Registry."""
    os.umask(0o077)  # whatever a command writes is for the registry's own user
    own = {"data": data} if data is not None else {}
    ctx.obj = Invocation(config, {**assignments, **own})
