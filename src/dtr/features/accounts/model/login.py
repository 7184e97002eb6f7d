"""How failed logins are counted, and how long they hold up the next one."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from dtr.core.addresses import address_group
from dtr.features.accounts.model.accounts import is_account_name

FAILURE_WINDOW: Final = timedelta(minutes=15)
"""Failures are counted for this long after the first of them."""

KNOWN_FOR: Final = timedelta(days=30)
"""An account is known at an address for this long after it logged in there."""

SUCCESS_STEP: Final = timedelta(days=1)
"""How exactly the last login at an address is recorded: a write for every login would be too many."""

_LONGEST_WAIT_SECONDS: Final = int(FAILURE_WINDOW.total_seconds())


class FailureCounter(StrEnum):
    """What failed logins are counted by."""

    ACCOUNT_AND_ADDRESS = "account and address"
    """Holds up everybody, known or not."""
    ADDRESS = "address"
    ACCOUNT = "account"


FREE_FAILURES: Final = {
    FailureCounter.ACCOUNT_AND_ADDRESS: 10,
    FailureCounter.ADDRESS: 50,
    FailureCounter.ACCOUNT: 100,
}
"""How many failures a counter takes before callers have to wait."""


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """Whose login is tried, from where. Build with `of`."""

    name: str
    """Empty for every name that no account can have: they are counted together."""
    address: str

    @classmethod
    def of(cls, name: str, address: str) -> "LoginAttempt":
        """Make the attempt that somebody at the IP address `address` makes to log in as `name`."""
        return cls(name if is_account_name(name) else "", address_group(address))

    @property
    def subjects(self) -> dict[FailureCounter, tuple[str, str]]:
        """The name and the address that each counter counts this attempt under; empty where it has no regard."""
        return {
            FailureCounter.ACCOUNT_AND_ADDRESS: (self.name, self.address),
            FailureCounter.ADDRESS: ("", self.address),
            FailureCounter.ACCOUNT: (self.name, ""),
        }


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The state of one counter within its window."""

    counter: FailureCounter
    failures: int
    last_failed_at: datetime
    window_ends_at: datetime

    def wait_seconds(self, now: datetime) -> int:
        """Return how long the next attempt has to wait: 1 s at first, doubling with each further failure."""
        excess = self.failures - FREE_FAILURES[self.counter]
        if excess < 0:
            return 0
        delay = min(2 ** min(excess, 16), _LONGEST_WAIT_SECONDS)
        until = min(self.last_failed_at + timedelta(seconds=delay), self.window_ends_at)
        return max(0, math.ceil((until - now).total_seconds()))


def is_known(succeeded_at: datetime | None, now: datetime) -> bool:
    """Tell whether an account whose last login at an address was at `succeeded_at` is still known there."""
    return succeeded_at is not None and now < succeeded_at + KNOWN_FOR


def is_success_due(succeeded_at: datetime | None, now: datetime) -> bool:
    """Tell whether a login now is to be recorded, with the last one recorded at `succeeded_at`."""
    return succeeded_at is None or now >= succeeded_at + SUCCESS_STEP


def wait_seconds(counts: Iterable[FailureCount], now: datetime, *, known: bool) -> int:
    """Return how long an attempt has to wait (seconds); 0 if it may be made now.

    Where the account is `known` at the address only their own failures hold it up: strangers cannot lock an
    owner out by failing elsewhere, or under other names.
    """
    own = FailureCounter.ACCOUNT_AND_ADDRESS
    return max((count.wait_seconds(now) for count in counts if count.counter is own or not known), default=0)
