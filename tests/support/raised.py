"""Where the registry makes its errors, and what each says: read from the source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "dtr"

NOT_ON_PAGES = {
    "cli/": "the operator's terminal",
    "core/actions.py": "scopes of tokens, which programs ask for",
    "doors/credentials.py": "the header Authorization, which programs send",
    "doors/dataplane/": "pulls and pushes",
    "doors/health.py": "probes and scrapers of metrics",
    "doors/search.py": "docker search",
    "doors/tokenservice.py": "docker login and what comes after it",
    "features/images/service/manifests.py": "pushes",
    "features/images/service/scrub.py": "the operator's terminal and log",
    "features/images/service/uploads.py": "pushes",
    "features/tokens/checker.py": "tokens of pulls and pushes",
    "oci/descriptor.py": "manifests, refused where they are pushed",
    "oci/fields.py": "manifests, refused where they are pushed",
    "oci/headers.py": "ranges of pulls and pushes",
    "oci/manifest.py": "manifests, refused where they are pushed",
    "plumbing/blobs/files.py": "services turn it into errors of their own",
    "plumbing/blobs/filesystem.py": "the start",
    "plumbing/blobs/layout.py": "services turn it into errors of their own",
    "plumbing/blobs/memory.py": "services turn it into errors of their own",
    "plumbing/crypto/ca.py": "the start",
    "plumbing/crypto/secretbox.py": "the start",
    "plumbing/db/migrate.py": "the start",
    "wiring/": "the start, and scrapers of metrics",
}
"""Modules, or folders, whose errors no page shows, and who reads them instead: they may be English only."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A place where an error is made."""

    line: int
    said: ast.expr
    """What the error is given to say."""


def modules_of_pages() -> list[Path]:
    """Return the modules whose errors pages can show: all but those known for others."""
    return [
        module
        for module in sorted(PACKAGE.rglob("*.py"))
        if not str(module.relative_to(PACKAGE)).startswith(tuple(NOT_ON_PAGES))
    ]


def raised_in(module: Path) -> list[Raised]:
    """Return every error of the registry that a module makes, raised at once or not."""
    return [Raised(call.lineno, call.args[0]) for call in _calls(ast.parse(module.read_text()))]


def texts_in(said: ast.expr) -> list[str]:
    """Return the texts that stand in the source as what an error says; others are put together, or from elsewhere."""
    choices = (said.body, said.orelse) if isinstance(said, ast.IfExp) else (said,)
    return [each.value for each in choices if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in _errors():
            yield node
        elif isinstance(node, ast.ClassDef) and node.name in _errors():
            yield from (
                each
                for each in ast.walk(node)
                if isinstance(each, ast.Call) and each.args and _is_init_of_base(each.func)
            )


def _is_init_of_base(called: ast.expr) -> bool:
    return ast.unparse(called) == "super().__init__"


@cache
def _errors() -> frozenset[str]:
    """Return the names of `RegistryError` and of all classes below it."""
    bases = {
        node.name: {_name(each) for each in node.bases}
        for module in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    found = {"RegistryError"}
    while True:
        below = {name for name, its_bases in bases.items() if its_bases & found}
        if below <= found:
            return frozenset(found)
        found |= below


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
