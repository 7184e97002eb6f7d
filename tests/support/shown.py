"""Console examples of documentation pages: what a reader types, and what the page says comes back."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ANYTHING = "..."
"""Stands in a shown output for what differs each time, and for what is left out."""

_PART = re.compile(r"```console\n(?P<block>.*?)```|<!-- test:(?P<hidden>.*?)-->", re.DOTALL)

_RUN = re.compile(r"\bcurl\b|^[A-Z_]+=\$\(.*\)$")


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and the output that the page shows under it."""

    command: str
    shown: str = ""
    is_hidden: bool = False
    """A comment of the page: what has to be there before its examples work."""


def steps_of(page: str) -> Iterator[Step]:
    """Yield the commands of a page that call curl or set a variable, and its hidden ones, in their order."""
    for part in _PART.finditer(page):
        if part["hidden"] is not None:
            yield Step(part["hidden"].strip(), is_hidden=True)
        else:
            yield from (step for step in _steps_of_block(part["block"]) if _RUN.search(step.command))


def _steps_of_block(block: str) -> Iterator[Step]:
    command, shown = "", ""
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield Step(command, shown.strip())
            command, shown = line[2:], ""
        elif command and not shown and _goes_on(command):
            command += "\n" + line
        else:
            shown += line + "\n"
    if command:
        yield Step(command, shown.strip())


def _goes_on(command: str) -> bool:
    """Tell whether bash would ask for another line."""
    if command.rstrip().endswith(("\\", "|", "&&")):
        return True
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False


def difference(shown: str, real: str) -> str:
    """Return how a real output differs from the shown one; empty if it does not.

    JSON is compared as such: the shown fields have to be there, others may be. Other output line by line.
    """
    if shown[:1] in ("{", "["):
        try:
            found = json.loads(real)
        except ValueError:
            return f"not JSON: {real[:500]}"
        return _json_difference(json.loads(_completed(shown)), found, "$")
    pattern = ".*".join(_line_pattern(line) for line in shown.splitlines())
    return "" if re.search(pattern, real, re.DOTALL) else f"not as shown: {real[:500]}"


def _line_pattern(line: str) -> str:
    return "[^\n]*".join(map(re.escape, line.strip().split(ANYTHING)))


def _completed(shown: str) -> str:
    """Turn the dots that stand for something left out into JSON."""
    without_rest = re.sub(r",?\s*\.\.\.\s*}", "}", shown)
    without_rest = re.sub(r"([{,]\s*)\.\.\.,\s*(?=\")", r"\1", without_rest)
    return re.sub(r"([\[,:]\s*)\.\.\.(?=\s*[\],}])", r'\1"..."', without_rest)


def _json_difference(shown: Any, real: Any, place: str) -> str:
    if isinstance(shown, str) and ANYTHING in shown:
        fits = shown == ANYTHING or (isinstance(real, str) and re.fullmatch(_line_pattern(shown), real))
        return "" if fits else f"{place} is {real!r}, not {shown!r}"
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = [name for name in shown if name not in real]
        if missing:
            return f"{place} lacks {missing}"
        return next(
            filter(None, (_json_difference(shown[name], real[name], f"{place}.{name}") for name in shown)), ""
        )
    if isinstance(shown, list) and isinstance(real, list):
        return _list_difference(shown, real, place)
    return "" if shown == real else f"{place} is {real!r}, not {shown!r}"


def _list_difference(shown: list[Any], real: list[Any], place: str) -> str:
    if shown[-1:] == [ANYTHING]:
        shown, real = shown[:-1], real[: len(shown) - 1]
    if len(shown) != len(real):
        return f"{place} has {len(real)} entries, not {len(shown)}"
    pairs = enumerate(zip(shown, real, strict=True))
    return next(
        filter(
            None, (_json_difference(wanted, found, f"{place}[{index}]") for index, (wanted, found) in pairs)
        ),
        "",
    )
