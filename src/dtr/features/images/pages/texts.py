"""Texts out of manifests and configurations, made fit for a page: readable, inert and bounded.

They were written by clients. A page of them stays below 200 KiB whatever is in them, so bounds count bytes as they are
sent: escaped, in UTF-8.
"""

import contextlib
from dataclasses import dataclass
from typing import Final

import orjson

MAX_PRETTY_BYTES: Final = 256 * 1024
MAX_PRETTY_OPENINGS: Final = 4_000
"""Larger documents, and those with more brackets and braces, are shown as they are: indenting may make them huge."""

_ESCAPED_BYTES: Final = {"&": 5, "<": 4, ">": 4, '"': 5, "'": 5}
_LAYOUT: Final = frozenset("\n\t")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text."""

    text: str
    is_cut: bool = False


class Budget:
    """Hands out room on a page."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def take(self, text: str, most: int) -> Excerpt:
        """Return as much of a text as fits into `most` bytes and what is left."""
        fitting = excerpt(text, min(most, self._left))
        self._left -= sum(map(_bytes_of, fitting.text))
        return fitting


def excerpt(text: str, most: int) -> Excerpt:
    """Return as much of a text as fits into `most` bytes.

    What cannot be seen is written as an escape: control characters, and those that turn the direction of writing,
    which would let a line look like another one.
    """
    used = 0
    kept: list[str] = []
    for character in text:
        seen = character if character.isprintable() or character in _LAYOUT else f"\\u{ord(character):04x}"
        used += sum(map(_bytes_of, seen))
        if used > most:
            return Excerpt("".join(kept), is_cut=True)
        kept.append(seen)
    return Excerpt("".join(kept))


def pretty_json(content: bytes, most: int) -> Excerpt:
    """Return a JSON document with a line for each value; as it is where it is too large for that, or no JSON."""
    openings = content.count(b"[") + content.count(b"{")
    if len(content) <= MAX_PRETTY_BYTES and openings <= MAX_PRETTY_OPENINGS:
        with contextlib.suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):
            content = orjson.dumps(orjson.loads(content), option=orjson.OPT_INDENT_2)
    beginning = content[: most + 4]  # whole characters: no character has more than four bytes
    shown = excerpt(beginning.decode(errors="replace"), most)
    return Excerpt(shown.text, shown.is_cut or len(beginning) < len(content))


def _bytes_of(character: str) -> int:
    return _ESCAPED_BYTES.get(character) or len(character.encode(errors="replace"))
