"""What an account is, which names and passwords it may have, and how failed logins are counted."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from dtr.core.addresses import address_group
from dtr.core.errors import Invalid
from dtr.core.principal import Principal
from dtr.oci.errors import NameInvalid
from dtr.oci.names import RepositoryName

ADMIN_NAME: Final = "admin"
"""The account that the first start makes."""

MAX_NAME_LENGTH: Final = 100
MIN_PASSWORD_LENGTH: Final = 8
MAX_PASSWORD_LENGTH: Final = 1024
"""Longest password (characters): more would only make the hash slower."""

RESERVED_NAMES: Final = frozenset(
    {ADMIN_NAME, "anonymous", "api", "auth", "ca", "enzi", "health", "library", "metrics", "v1", "v2"}
)
"""Names that would read like a part of the registry itself."""

FAILURE_WINDOW: Final = timedelta(minutes=15)
"""Failures are counted for this long after the first of them."""

KNOWN_FOR: Final = timedelta(days=30)
"""An account is known at an address for this long after it logged in there."""

SUCCESS_STEP: Final = timedelta(days=1)
"""How exactly the last login at an address is recorded: a write for every login would be too many."""

_LONGEST_WAIT_SECONDS: Final = int(FAILURE_WINDOW.total_seconds())


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can log in. The password's hash stays in the store."""

    id: str
    name: str
    full_name: str
    is_admin: bool
    is_active: bool
    created_at: datetime

    @property
    def principal(self) -> Principal:
        """The account as a caller."""
        return Principal(account_id=self.id, name=self.name, is_admin=self.is_admin)


@dataclass(frozen=True, slots=True)
class ProvenLogin:
    """A login that succeeded, and which credentials proved it.

    Whatever is to outlive the login must be stored on condition that these credentials still count: the password
    may change, or the account be disabled, right after the check.
    """

    account: Account
    credentials_version: int
    """What the account's version was when the proof was read; each new password and each lock-out raises it."""

    @property
    def principal(self) -> Principal:
        """The account as a caller."""
        return self.account.principal


def is_account_name(text: str) -> bool:
    """Tell whether an account could have this name: one component of a repository path, its namespace."""
    try:
        name = RepositoryName.parse(text)
    except NameInvalid:
        return False
    return name.namespace == text and len(text) <= MAX_NAME_LENGTH


def check_new_name(name: str) -> None:
    """Raise Invalid if no new account may have this name."""
    if not is_account_name(name):
        raise Invalid(
            f"a user name has 1 to {MAX_NAME_LENGTH} lower-case letters and digits, with single dots,"
            " one or two underscores, or dashes inside",
            given=name[:MAX_NAME_LENGTH],
        )
    if name in RESERVED_NAMES:
        raise Invalid(f"the user name {name} is reserved", given=name)


def check_new_password(name: str, password: str) -> None:
    """Raise Invalid if the account `name` may not have this password."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise Invalid(f"a password has at least {MIN_PASSWORD_LENGTH} characters")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise Invalid(f"a password has at most {MAX_PASSWORD_LENGTH} characters")
    if password.casefold() == name:
        raise Invalid("the password must not be the user name")


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
