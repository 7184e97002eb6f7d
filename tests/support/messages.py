"""The texts of the pages: what templates and routes hand to the translations, and what they forget to.

`python -m tests.support.messages` brings the catalog up to date: texts that are new get an empty translation, texts
that are gone go.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment
from jinja2.ext import babel_extract

from tests.support.raised import PACKAGE, modules_of_pages, raised_in, texts_in

CATALOG = PACKAGE / "doors" / "web" / "catalogs" / "zh_Hans.po"

_OPTIONS = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false", "newstyle_gettext": "true"}
_SHOWN = frozenset({"alt", "aria-label", "placeholder", "title", "data-confirm"})
"""Attributes that people read or hear."""

_NOT_SHOWN = frozenset({"code", "pre", "script", "style", "svg"})
_CLASS_BLOCK = re.compile(r"{% block \w+_class %}.*?{% endblock %}")
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)[sd]|%)")


_HEADER = r"""# Simplified Chinese. Brought up to date by `python -m tests.support.messages`.
msgid ""
msgstr ""
"Project-Id-Version: dtr\n"
"Language: zh_Hans\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: nplurals=1; plural=0;\n"

"""


@dataclass(frozen=True, order=True)
class Message:
    """One text that is translated; `plural` is empty for one without."""

    text: str
    plural: str
    place: str


def templates() -> list[Path]:
    """Return every template of the pages."""
    return sorted([*PACKAGE.glob("features/*/templates/*.html"), *PACKAGE.glob("doors/web/templates/*.html")])


def messages() -> list[Message]:
    """Return every text that pages translate, with where it comes from."""
    return [*_of_templates(), *_of_python(), *_of_errors()]


def placeholders(text: str) -> set[str]:
    """Return the names of the values that go into a text. Raises ValueError for a percent sign that stands alone."""
    if "%" in _PLACEHOLDER.sub("", text):
        raise ValueError(f"a percent sign must be doubled: {text}")
    return {name for name in _PLACEHOLDER.findall(text) if name}


def untranslated(template: Path) -> list[str]:
    """Return the words in a template that go past the translations."""
    environment = Environment(autoescape=True)
    found = _Words()
    # Whatever is not data of the template becomes a mark: expressions, statements and comments.
    text = _CLASS_BLOCK.sub("", template.read_text())
    for _line, kind, value in environment.lex(text):
        if kind == "data":
            found.feed(value)
        elif kind == "variable_begin":
            found.feed("\x00")
        elif kind == "block_begin":
            found.feed(" ")  # it may stand between attributes
    found.close()
    return found.words


def _of_templates() -> Iterator[Message]:
    for template in templates():
        with template.open("rb") as file:
            for line, _function, found, _comments in babel_extract(
                file, ("_", "gettext", "ngettext"), [], _OPTIONS
            ):
                texts = [each for each in (found if isinstance(found, tuple) else (found,)) if each]
                yield Message(texts[0], texts[1] if len(texts) > 1 else "", _place(template, line))


def _of_python() -> Iterator[Message]:
    """Yield the texts of `said("...")`, `web.translate(request, "...")` and `web.send_on(request, to, "...")`."""
    for module in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call):
                yield from (Message(text, "", _place(module, node.lineno)) for text in _translated(node))


def _of_errors() -> Iterator[Message]:
    """Yield what errors say that pages show, if it is the same each time; with values it is in `said("...")`."""
    for module in modules_of_pages():
        for raised in raised_in(module):
            yield from (Message(text, "", _place(module, raised.line)) for text in texts_in(raised.said))


def _translated(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    position = {"said": 0, "translate": 1, "send_on": 2, "gettext": 0}.get(name)
    if position is not None and len(call.args) > position:
        yield from filter(None, texts_in(call.args[position]))


def _place(file: Path, line: int) -> str:
    return f"{file.relative_to(PACKAGE)}:{line}"


class _Words(HTMLParser):
    """Collects words between tags and in attributes that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NOT_SHOWN:
            self._inside.append(tag)
        self.words += [value for name, value in attrs if name in _SHOWN and value and _has_words(value)]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside and _has_words(data):
            self.words.append(" ".join(data.split()))


def _has_words(text: str) -> bool:
    return re.search(r"[^\W\d_]{2,}", text.replace("\x00", " ")) is not None


def updated() -> Catalog:
    """Return the catalog with the texts that there are now."""
    with CATALOG.open("rb") as file:
        old = read_po(file, locale="zh_Hans")
    fresh = Catalog(locale="zh_Hans")
    for message in sorted(messages()):
        known = old.get(message.text)
        text = known.string if known is not None else ""
        texts = text if isinstance(text, tuple | list) else (text,)
        if message.plural:
            fresh.add((message.text, message.plural), (texts[0] or "",))
        elif fresh.get(message.text) is None:
            fresh.add(message.text, texts[0])
    return fresh


def save(catalog: Catalog) -> None:
    """Write the catalog, under a header that does not change by itself."""
    with CATALOG.open("wb") as target:
        target.write(_HEADER.encode())
        write_po(target, catalog, width=120, omit_header=True, no_location=True, sort_output=True)


if __name__ == "__main__":
    save(updated())
