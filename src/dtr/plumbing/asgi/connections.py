"""What a server is told about its connections: limits, a lane for quick answers, a place to count."""

from dataclasses import dataclass
from typing import Protocol

Headers = list[tuple[bytes, bytes]]


class FastLane(Protocol):
    """Answers requests that need nothing but memory."""

    def answer(self, method: bytes, target: bytes, headers: Headers, client: str) -> bytes | None:
        """Return header lines, an empty line and the body, starting behind the status line and the date.

        The answer's status is always 200. `None` means: take the ordinary way.
        """
        ...


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on one connection. Times in seconds, sizes in bytes."""

    header_bytes: int
    header_seconds: float
    keep_alive_seconds: float
    stalled_seconds: float
    """How long a client may leave a response unread."""
    connections: int
    """Open connections in one process; a further one is closed at once."""


@dataclass(slots=True)
class Census:
    """Connections of one process since its start."""

    accepted: int = 0
    handled: int = 0
