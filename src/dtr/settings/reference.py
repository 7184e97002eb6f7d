"""The settings as people see them: the page in the documentation, and what `dtr settings show` prints."""

from collections.abc import Iterable
from typing import Any

from dtr.settings.tree import Leaf, Settings, leaves, sections

_INTRODUCTION = """\
# Settings

This page is generated from `src/dtr/settings/tree.py` by `make docs`.

A setting is taken from the first of these that has it: the command line (`dtr --set NAME=VALUE serve`; the
common ones have an option of their own), the environment variable in the table, the YAML file named by
`--config` or `DTR_CONFIG`, the default. In the YAML file the part of the name before the dot is a section:

```yaml
listen: ":5000"
uploads:
  idle_seconds: 24h
```

An unknown name is refused at start. Sizes are bytes or carry a unit (`64KiB`, `10MB`), times are seconds or
carry units (`90s`, `1h30m`, `7d`), lists in a variable or on the command line have commas between their
values, and the word `none` stands for no value. `dtr settings show` prints the effective values.

Two variables are not settings: `DTR_CONFIG` names the YAML file, and `DTR_ADMIN_PASSWORD` is the password of
the user `admin` on the very first start.
"""


def render_reference() -> str:
    """Return the reference page in Markdown."""
    own = [leaf for leaf in leaves(Settings) if len(leaf.path) == 1]
    parts = [_INTRODUCTION, "## General\n", _table(own)]
    for name, of in sections(Settings):
        parts += [f"## {name}\n", f"{(of.__doc__ or '').strip()}\n", _table(leaves(of, (name,)))]
    return "\n".join(parts)


def shown(settings: Settings) -> dict[str, Any]:
    """Return the effective tree as plain values, with secrets masked."""
    tree: dict[str, Any] = {}
    for leaf in leaves(Settings):
        *branches, name = leaf.path
        holder, place = settings, tree
        for branch in branches:
            holder, place = getattr(holder, branch), place.setdefault(branch, {})
        place[name] = leaf.kind.show(getattr(holder, name))
    return tree


def _table(rows: Iterable[Leaf]) -> str:
    lines = ["| setting | variable | kind | default | meaning |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| `{leaf.name}` | `{leaf.variable}` | {leaf.kind.name} | {_default(leaf)} | {leaf.meaning} |"
        for leaf in rows
    ]
    return "\n".join(lines) + "\n"


def _default(leaf: Leaf) -> str:
    if leaf.default_text:
        return leaf.default_text
    plain = leaf.kind.show(leaf.default())
    if plain is None or plain == []:
        return "none"
    return f"`{str(plain).lower() if isinstance(plain, bool) else plain}`"
