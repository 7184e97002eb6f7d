"""Write the generated pages of the reference. `make docs` runs this; a test compares the pages with it."""

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import click

REFERENCE = Path(__file__).parent / "reference"
HELP_WIDTH = 100

CLI_INTRODUCTION = """\
# Commands

This page is generated from the commands' own `--help`.
"""

ERRORS_INTRODUCTION = """\
# Error codes

This page is generated from the table in `src/dtr/oci/errors.py`.

Every error answer, but for those to `HEAD`, is a JSON document:

```json
{"errors": [{"code": "BLOB_UNKNOWN", "message": "a sentence for people", "detail": {}}]}
```

`detail` is absent where there is nothing to add. Answers with 429 and 503 carry `Retry-After`.

| code | status | meaning |
| --- | --- | --- |
"""


def cli_page() -> str:
    """Return the help of every command, in the order of the command tree."""
    from dtr.cli.main import main  # noqa: PLC0415 - one page must not fail for another's sake

    return CLI_INTRODUCTION + "".join(
        _command(main, click.Context(main, info_name="dtr", **main.context_settings))
    )


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    context.terminal_width = context.max_content_width = HELP_WIDTH
    yield f"\n## {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                settings = inner.context_settings
                yield from _command(inner, click.Context(inner, info_name=name, parent=context, **settings))


def error_page() -> str:
    """Return the table of error codes."""
    from dtr.oci.errors import ANSWERS  # noqa: PLC0415 - see `cli_page`

    rows: dict[tuple[str, int], list[str]] = {}
    for error, (status, code) in ANSWERS.items():
        rows.setdefault((code, status), []).append((error.__doc__ or "").splitlines()[0])
    lines = [f"| `{code}` | {status} | {' '.join(meanings)} |\n" for (code, status), meanings in rows.items()]
    return ERRORS_INTRODUCTION + "".join(lines)


def settings_page() -> str:
    """Return the table of settings."""
    from dtr.settings import render_reference  # noqa: PLC0415 - see `cli_page`

    return render_reference()


def events_page() -> str:
    """Return the table of facts."""
    page: str = runpy.run_path(str(Path(__file__).with_name("facts.py")))["events_page"]()
    return page


def api_page() -> str:
    """Return the tables of the API's operations."""
    page: str = runpy.run_path(str(Path(__file__).with_name("api.py")))["api_page"]()
    return page


PAGES: dict[Path, Callable[[], str]] = {
    REFERENCE / "api.md": api_page,
    REFERENCE / "cli.md": cli_page,
    REFERENCE / "error-codes.md": error_page,
    REFERENCE / "events.md": events_page,
    REFERENCE / "settings.md": settings_page,
}

if __name__ == "__main__":
    for page, render in PAGES.items():
        page.write_text(render(), encoding="utf-8")
