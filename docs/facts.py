"""The page of all facts, read from the rooms' `events.py`: nothing has to be called, and nothing can be forgotten."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FEATURES = Path(__file__).parents[1] / "src" / "dtr" / "features"
NAME = re.compile(r"(?:[A-Z][a-z]+){2,}")

INTRODUCTION = """\
# Events

This page is generated from the rooms' `events.py` by `make docs`.

Every change tells a fact in its own transaction. Facts about a repository, or about an account and what belongs to it,
are in the [activity log](../howto/read-the-activity-and-audit-logs.md); those about security are in the audit chain as
well. Logins and uses of tokens are in the audit chain only.

* **type** is the `type` of the event in the activity log, **about** the `type` of its `object`.
* **for** says who sees it in the activity log: `readers` is everybody who has logged in and sees the repository,
  `admins` those who administer it, `namespace` those who administer the namespace of an account. Administrators and
  auditors of the registry see everything.
* **audit** says whether it is in the audit chain; `some` depends on what was changed.
"""


@dataclass
class Row:
    """What the functions that tell one fact say of it."""

    verbs: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    audiences: set[str] = field(default_factory=set)
    security: set[str] = field(default_factory=set)
    meanings: list[str] = field(default_factory=list)


def events_page() -> str:
    """Return the table of facts, room by room."""
    parts = [INTRODUCTION]
    for file in sorted(FEATURES.glob("*/events.py")):
        parts.append(f"\n## {file.parent.name}\n\n| name | type | about | for | audit | what it tells |\n")
        parts.append("| --- | --- | --- | --- | --- | --- |\n")
        parts += [_line(name, row) for name, row in facts_of(file.read_text(encoding="utf-8")).items()]
    return "".join(parts)


def facts_of(source: str) -> dict[str, Row]:
    """Return the facts that a module tells, by name, in the order of its functions."""
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    rows: dict[str, Row] = {}
    for function in functions.values():
        parts = list(_reachable(function, functions))
        for name, place in _names(function):
            row = rows.setdefault(name, Row())
            row.verbs |= _attributes([place], "Verb") or _attributes(parts, "Verb")
            row.objects |= set(_objects(parts))
            row.audiences |= set(_audiences(parts))
            row.security |= {_security(each) for each in _calls(parts, "Fact")}
            row.meanings.append((ast.get_docstring(function) or "").split("\n\n")[0].replace("\n", " "))
    return rows


def _line(name: str, row: Row) -> str:
    security = row.security.pop() if len(row.security) == 1 else "some"
    stripped = [
        re.sub(r";? ?None if .*$", "", each).removeprefix("Tell ").rstrip(".") for each in row.meanings
    ]
    meaning = "; ".join(dict.fromkeys(stripped))
    cells = (
        f"`{name}`",
        ", ".join(sorted(row.verbs)),
        ", ".join(sorted(row.objects)) or "what was asked for",
        ", ".join(sorted(row.audiences)),
        security,
        meaning,
    )
    return f"| {' | '.join(cells)} |\n"


def _names(function: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names of facts in a function, each with the call or tuple that it stands in."""
    for place in ast.walk(function):
        if isinstance(place, ast.Call):
            inner = [*place.args, *(keyword.value for keyword in place.keywords)]
        elif isinstance(place, ast.Tuple):
            inner = list(place.elts)
        else:
            continue
        for each in inner:
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and NAME.fullmatch(each.value):
                yield each.value, ast.Tuple([one for one in inner if isinstance(one, ast.Attribute)])


def _reachable(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> Iterator[ast.AST]:
    """Yield a function and those of its module that it calls, directly or not."""
    seen: set[str] = set()
    waiting = [function]
    while waiting:
        current = waiting.pop()
        if current.name in seen:
            continue
        seen.add(current.name)
        yield current
        waiting += [
            functions[node.id]
            for node in ast.walk(current)
            if isinstance(node, ast.Name) and node.id in functions
        ]


def _calls(parts: list[ast.AST], name: str) -> Iterator[ast.Call]:
    for part in parts:
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def _attributes(parts: list[ast.AST], owner: str) -> set[str]:
    """Return the X of every `owner.X`."""
    return {
        node.attr
        for part in parts
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == owner
    }


def _objects(parts: list[ast.AST]) -> Iterator[str]:
    """Yield the types of objects; a choice between two stands in the first argument."""
    for call in _calls(parts, "FactObject"):
        if call.args:
            choice = call.args[0]
            options = [choice.body, choice.orelse] if isinstance(choice, ast.IfExp) else [choice]
            yield from (str(each.value) for each in options if isinstance(each, ast.Constant) and each.value)


def _audiences(parts: list[ast.AST]) -> Iterator[str]:
    for call in _calls(parts, "Fact"):
        given = {keyword.arg for keyword in call.keywords}
        if "repository" in given:
            yield from {each.lower() for each in _attributes([call], "Audience")} or {"readers"}
        elif "namespace" in given:
            yield "namespace"


def _security(call: ast.Call) -> str:
    found = [keyword.value for keyword in call.keywords if keyword.arg == "is_security"]
    if not found:
        return "no"
    constant = found[0]
    return ("yes" if constant.value else "no") if isinstance(constant, ast.Constant) else "some"
