"""Who reads a page. The door finds that out before anything is there that renders one."""

from dataclasses import dataclass
from typing import Final

from dtr.core.principal import Caller

SCOPE_KEY: Final = "dtr.page"
"""Where the door leaves what it knows of the reader, in the ASGI scope."""


LANGUAGE_COOKIE: Final = "dtr_language"
LANGUAGE_SECONDS: Final = 365 * 24 * 3600
"""How long a browser keeps the language that its reader chose."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a page, and what its forms need."""

    caller: Caller
    csrf_token: str
    """Goes into every form; empty without a session."""
    address: str
    """Host and port as the reader's clients use them, for commands to copy."""
    is_encrypted: bool
