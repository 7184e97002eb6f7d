"""HTML as values: text is escaped unless it is markup already."""

import re
from html import escape

_VOID = frozenset(("input", "link", "meta", "br", "hr"))
_CODE = re.compile(r"`([^`]+)`")


class Html(str):
    """Markup: what `element` made, or what it made of."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | bool) -> Html:
    """Return an element. Children that are no `Html` are escaped, and so are attributes.

    `True` is an attribute without a value, `False` none; `class_` and `for_` spell names that Python keeps for itself,
    and underscores within a name stand for dashes.
    """
    head = "".join(_attribute(key, value) for key, value in attributes.items() if value is not False)
    if name in _VOID:
        return Html(f"<{name}{head}>")
    return Html(f"<{name}{head}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Return the children one after the other, each escaped unless it is markup."""
    return Html("".join(each if isinstance(each, Html) else escape(each, quote=False) for each in children))


def prose(text: str) -> Html:
    """Return paragraphs, split at empty lines, `code` marked as such: as much Markdown as docstrings use."""
    paragraphs = (part.strip() for part in text.split("\n\n"))
    return joined(*(element("p", _inline(part)) for part in paragraphs if part))


def _inline(text: str) -> Html:
    pieces = _CODE.split(text)
    return joined(*(element("code", piece) if index % 2 else piece for index, piece in enumerate(pieces)))


def _attribute(key: str, value: str | bool) -> str:  # noqa: FBT001 - an attribute may have no value
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
