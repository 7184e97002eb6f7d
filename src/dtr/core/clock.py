"""Time, handed to everything that needs it, so that tests can move it.

In Python a moment is an aware `datetime` in UTC; in the database it is an integer of microseconds since
1970-01-01T00:00:00Z.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

LEAST_JUMP = timedelta(seconds=5)
"""Clocks that are disciplined by the network drift by less between two looks."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC. It may jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment; never jumps. For durations."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment."""
        return time.monotonic()


class FakeClock:
    """A clock that stands still until `advance` is called."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = _aware(start).astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Return the moment this clock shows, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds this clock was advanced by so far."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both readings by `seconds`; less than zero plays a wall clock that was set back."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += max(seconds, 0.0)


class JumpWatch:
    """Notices when the wall clock is set, so that nothing is taken for old only because the date changed."""

    def __init__(self, clock: Clock, forget_after: timedelta) -> None:
        """Watch from now on; a jump matters for `forget_after`, the age at which things count as old."""
        self._clock = clock
        self._forget_after = forget_after.total_seconds()
        self._wall, self._monotonic = clock.now(), clock.monotonic()
        self._ahead = timedelta()
        self._jumped_at = self._monotonic

    def ahead(self) -> timedelta:
        """Return by how much the wall clock has run ahead of the time that really passed, as far as it matters."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        jump = (wall - self._wall) - timedelta(seconds=monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        if abs(jump) > LEAST_JUMP:
            self._ahead = max(self._ahead + jump, timedelta())
            self._jumped_at = monotonic
        elif monotonic - self._jumped_at > self._forget_after:
            self._ahead = timedelta()
        return self._ahead


def to_micros(moment: datetime) -> int:
    """Return `moment` as microseconds since the epoch, exactly. Raises ValueError for a naive one."""
    return (_aware(moment) - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the aware UTC moment `micros` microseconds after the epoch."""
    return _EPOCH + timedelta(microseconds=micros)


def from_micros_if_any(micros: int | None) -> datetime | None:
    """Return the moment of a column that may be empty."""
    return None if micros is None else from_micros(micros)


def rfc3339(moment: datetime) -> str:
    """Return `moment` as text in UTC, e.g. `2030-01-01T00:00:00Z`. Raises ValueError for a naive one.

    Source: RFC 3339, section 5.6.
    """
    return _aware(moment).astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _aware(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        msg = "a moment needs a time zone"
        raise ValueError(msg)
    return moment
