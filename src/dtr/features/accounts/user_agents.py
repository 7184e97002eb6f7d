"""What a client says to be, in words for people: `Firefox on Windows`, `docker 24.0.7`."""

import re
from typing import Final

_BROWSERS: Final = (  # the first that matches: nearly all name Safari, and many Chrome
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PROGRAM: Final = re.compile(r"([\w.-]{1,40})/([\w.+-]{1,40})")


def program_of(user_agent: str) -> tuple[str, str]:
    """Return the program and its system, each empty if the client does not say. Clients may say anything."""
    if user_agent.startswith("Mozilla/"):
        return _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    found = _PROGRAM.match(user_agent)
    return (f"{found[1]} {found[2]}", "") if found is not None else ("", "")


def _first(names: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for mark, name in names if mark in text), "")
