"""Texts of users as safe HTML."""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

MAX_NESTING: Final = 20
"""How deep lists and quotes are followed; what lies deeper is left out."""

MAX_BRACKETS: Final = 1_000
MAX_COLUMNS: Final = 64
MAX_CELLS: Final = 20_000
MAX_HTML_LENGTH: Final = 100_000
"""Texts with more than this were made by programs to keep us busy, or to make a page too long."""

MAX_KEPT: Final = 64
"""Texts that are kept as HTML."""

_LINK: Final = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


@lru_cache(MAX_KEPT)
def render_markdown(text: str) -> Markup:
    """Return Markdown (CommonMark with tables) as HTML that holds no script, no style and no image.

    Raw HTML in the text is shown as text; links lead to web and mail addresses only. Headings begin at the third level,
    below those of the page. A text that would take too long, or become too long, is shown as it was typed.
    """
    lines = text.split("\n")
    columns = max(line.count("|") for line in lines)
    is_modest = columns <= MAX_COLUMNS and columns * len(lines) <= MAX_CELLS  # short rows are filled up
    if is_modest and text.count("[") <= MAX_BRACKETS:
        rendered = _renderer().render(text)
        if len(rendered) <= MAX_HTML_LENGTH:
            return Markup(rendered)  # noqa: S704 - raw HTML is off and links are checked
    return Markup("<pre>{}</pre>").format(text)


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": MAX_NESTING})
    renderer.enable(["table", "strikethrough"])
    renderer.disable("image")  # a picture from elsewhere would tell its server who reads this
    renderer.validateLink = _is_link  # type: ignore[method-assign,assignment]  # how the library is told
    renderer.add_render_rule("link_open", _link_open)
    renderer.add_render_rule("table_open", _table_open)
    renderer.add_render_rule("fence", _fence)
    renderer.add_render_rule("code_block", _code_block)
    for kind in ("th_open", "td_open"):
        renderer.add_render_rule(kind, _cell_open)
    for kind in ("heading_open", "heading_close"):
        renderer.add_render_rule(kind, _heading)
    return renderer


def _is_link(address: str) -> bool:
    return _LINK.match(address) is not None


def _link_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> Any:
    """Keep the pages that a text leads to from knowing or reaching this one."""
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, index, options, env)


def _cell_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> Any:
    """Leave out how a cell is aligned: that would be a style in the page, which the pages' policy forbids."""
    tokens[index].attrs.pop("style", None)
    return self.renderToken(tokens, index, options, env)


def _heading(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> Any:
    tokens[index].tag = f"h{min(int(tokens[index].markup.count('#') or _underlined(tokens[index])) + 2, 6)}"
    return self.renderToken(tokens, index, options, env)


def _underlined(token: Token) -> int:
    return 1 if token.markup == "=" else 2


def _table_open(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> Any:
    """Let a table be scrolled by the keyboard where it is too wide."""
    tokens[index].attrSet("tabindex", "0")
    return self.renderToken(tokens, index, options, env)


def _fence(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> Any:
    return _scrollable(self.fence(tokens, index, options, env))


def _code_block(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> Any:
    return _scrollable(self.code_block(tokens, index, options, env))


def _scrollable(block: str) -> str:
    """Let code be scrolled by the keyboard where its lines are too long."""
    return block.replace("<pre>", '<pre tabindex="0">', 1)
