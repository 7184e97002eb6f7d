"""A message for the next page, in a cookie: what a form did, or why it did not."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import StrEnum
from typing import Final, TypedDict

FLASH_COOKIE: Final = "dtr_flash"
MAX_FLASH_LENGTH: Final = 500
FLASH_SECONDS: Final = 60
"""A message whose page never came is forgotten after this long."""


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

    Pages escape the text: it is a stranger's word like any cookie.
    """
    content = json.dumps({"mood": mood, "text": text[:MAX_FLASH_LENGTH]}, ensure_ascii=False)
    return urlsafe_b64encode(content.encode("utf-8", "replace")).decode()


def read_flash(value: str | None) -> list[Notice]:
    """Return the message that a cookie holds; one that cannot be read is none."""
    if value is None:
        return []
    try:
        found = json.loads(urlsafe_b64decode(value))
        return [{"mood": Mood(found["mood"]), "text": str(found["text"])[:MAX_FLASH_LENGTH]}]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
