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


class Refusals(Protocol):
    """Takes note of requests that the server itself refuses."""

    def refused(self, client: str, status: int, bytes_out: int) -> str:
        """Log and count the refusal; return a request id for the answer."""
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


class Patience:
    """How long a client has been waited for. Times are those of the event loop, in seconds."""

    __slots__ = ("_limits", "_unread_bytes", "stalled_since", "waiting_since")

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self.waiting_since = 0.0
        """Since when nothing, or no complete head, has come."""
        self.stalled_since = 0.0
        """Since when the client has read nothing of an answer; 0 while it keeps up."""
        self._unread_bytes = 0

    def stall(self, now: float, unread_bytes: int) -> None:
        """Take the note that the client has fallen behind, with so many bytes left to read."""
        self.stalled_since, self._unread_bytes = now, unread_bytes

    def is_over(self, now: float, *, phase: str, unread_bytes: int) -> bool:
        """Tell whether the client was waited for long enough. A slow one that goes on reading is not given up."""
        if self.stalled_since:
            if unread_bytes < self._unread_bytes:
                self.stalled_since = now
            self._unread_bytes = unread_bytes
            return now - self.stalled_since > self._limits.stalled_seconds
        if phase == "waiting":
            return now - self.waiting_since > self._limits.keep_alive_seconds
        return phase == "head" and now - self.waiting_since > self._limits.header_seconds
