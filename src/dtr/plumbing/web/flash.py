"""A message for the next page, in a cookie: what a form did, or why it did not."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import StrEnum
from typing import Final, TypedDict

from dtr.core.messages import Message

FLASH_COOKIE: Final = "dtr_flash"
MAX_FLASH_LENGTH: Final = 500
MAX_FLASH_BYTES: Final = 2_800
"""What of the message goes into the cookie, which base64 makes a third longer."""
FLASH_SECONDS: Final = 60
"""A message whose page never came is forgotten after this long."""

_PLAIN_PLACEHOLDER: Final = re.compile(r"%%|%\([a-z_]+\)s")


class Mood(StrEnum):
    """How a notice looks."""

    GOOD = "good"
    INFO = "info"
    WARN = "warn"
    BAD = "bad"


class Notice(TypedDict):
    """One message on top of a page."""

    mood: str
    text: str


def flash_value(text: str, mood: Mood) -> str:
    """Return the value of the cookie, shorter than the 4,096 bytes that browsers keep of one (RFC 6265, section 6.1).

    A Message goes with what it is made of, for the next page to translate, unless that is too long. Pages escape the
    text: it is a stranger's word like any cookie.
    """
    content = _content(_packed(text), mood)
    if len(text) > MAX_FLASH_LENGTH or len(content) > MAX_FLASH_BYTES:
        content = _content(text[:MAX_FLASH_LENGTH], mood)
    return urlsafe_b64encode(content).decode()


def read_flash(value: str | None) -> list[Notice]:
    """Return the message that a cookie holds; one that cannot be read is none."""
    if value is None:
        return []
    try:
        found = json.loads(urlsafe_b64decode(value))
        text = _unpacked(found["text"])
        text.encode()  # no page can hold half a character
        return [{"mood": Mood(found["mood"]), "text": text}]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _content(text: object, mood: Mood) -> bytes:
    return json.dumps({"mood": mood, "text": text}, ensure_ascii=False).encode("utf-8", "replace")


def _packed(value: object) -> object:
    """Return a text as JSON holds it: a Message as its template and its values."""
    if isinstance(value, Message):
        return [value.template, {name: _packed(each) for name, each in value.values.items()}]
    return str(value)


def _unpacked(packed: object) -> str:
    """Return the text. Raises ValueError or KeyError for a template that could be none of ours.

    Whoever wrote the cookie chose the template. One with a width, or many values within values, would make a page of
    gigabytes: each part stays as short as a whole message.
    """
    match packed:
        case [str() as template, dict() as values]:
            if len(template) > MAX_FLASH_LENGTH or "%" in _PLAIN_PLACEHOLDER.sub("", template):
                raise ValueError("a template fills in values by name, and as they are")
            message = Message(_text(template), {name: _unpacked(each) for name, each in values.items()})
            if len(message) > MAX_FLASH_LENGTH:
                raise ValueError("the message is too long")
            return message
        case _:
            return _text(packed)[:MAX_FLASH_LENGTH]


def _text(found: object) -> str:
    """Return a text that a page can hold: JSON may bring half of a character."""
    return str(found).encode("utf-8", "replace").decode()
