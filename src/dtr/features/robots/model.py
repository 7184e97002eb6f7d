"""What a robot is, which names, permits and secrets it may have, and how a secret is checked."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from dtr.core.errors import Conflict, Invalid, NotFound
from dtr.core.ids import new_secret
from dtr.core.messages import said
from dtr.core.permits import MAX_PERMITS, Permit
from dtr.core.principal import Principal, PrincipalKind

NAME_PREFIX: Final = "robot+"
"""Starts the full name of every robot; no user or organization can have a plus sign in theirs."""

SECRET_PREFIX: Final = "dtr_robot_"  # noqa: S105 - the start of secrets, so that scanners for leaks can tell what they found
MIN_SECRET_LENGTH: Final = 16
MAX_SECRET_LENGTH: Final = 128
"""Of secrets that the caller supplies (characters)."""

FAST_HASH_PREFIX: Final = "sha256:"
"""Marks the hash of a secret that we generated: 256 random bits need no slow hash. Others are argon2id hashes."""

MAX_DESCRIPTION_LENGTH: Final = 1_000

DEFAULT_LIFE_DAYS: Final = 30
MAX_LIFE_DAYS: Final = 3_650

DEFAULT_OVERLAP_HOURS: Final = 24
MAX_OVERLAP_HOURS: Final = 24 * 90

LAST_USED_STEP: Final = timedelta(minutes=1)
"""How exactly the last use is recorded: a write for every login would be too many."""

MAX_ROBOTS: Final = 1_000
"""Robots that a namespace may have, and the registry beside them."""

_SHORT_NAME = re.compile(r"[a-z0-9._-]{2,64}")


class NoSuchRobot(NotFound):
    """There is no such robot, or the caller may not know of it."""

    api_code: ClassVar[str] = "NO_SUCH_ROBOT"


class RobotExists(Conflict):
    """The name is taken."""

    api_code: ClassVar[str] = "ROBOT_EXISTS"


class TooManyRobots(Conflict):
    """The namespace has as many robots as any may."""

    api_code: ClassVar[str] = "TOO_MANY_ROBOTS"


@dataclass(frozen=True, slots=True)
class SecretSlots:
    """The hashes of the secrets that a robot proves itself with: the present one, and the last while both count."""

    current: str
    previous: str | None = None
    previous_expires_at: datetime | None = None

    def accepted(self, now: datetime) -> list[str]:
        """Return the hashes of all secrets that count at a moment."""
        if self.previous is None or self.previous_expires_at is None or now >= self.previous_expires_at:
            return [self.current]
        return [self.current, self.previous]


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """A caller that is a program. It belongs to its namespace (or to the registry), not to whoever made it."""

    id: str
    name: str
    """The full name, which it logs in with: `robot+team+ci`."""
    namespace: str
    """The account whose repositories it works with; empty for a robot of the whole registry."""
    description: str
    permits: tuple[Permit, ...]
    is_active: bool
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    """None: never."""
    secret_set_at: datetime
    previous_secret_expires_at: datetime | None
    """Until when the secret before the present one counts as well; None without one."""
    last_used_at: datetime | None = None
    last_used_address: str = ""

    @property
    def principal(self) -> Principal:
        """The robot as a caller."""
        return Principal(
            self.id, self.name, kind=PrincipalKind.ROBOT, permits=self.permits, expires_at=self.expires_at
        )

    def is_use_due(self, now: datetime) -> bool:
        """Tell whether a login now is to be recorded."""
        return self.last_used_at is None or now - self.last_used_at >= LAST_USED_STEP

    def is_telling_due(self, now: datetime, address: str) -> bool:
        """Tell whether a login that is recorded now is news: the first of a day (UTC), or from another address."""
        return (
            self.last_used_at is None
            or self.last_used_address != address
            or self.last_used_at.date() != now.date()
        )

    def has_expired(self, now: datetime) -> bool:
        """Tell whether its time is over. More time revives it."""
        return self.expires_at is not None and now >= self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRobot:
    """What somebody wants a new robot to be. The name is the short one; without a namespace it is the registry's."""

    name: str
    namespace: str = ""
    description: str = ""
    permits: tuple[Permit, ...]
    life_days: int | None = DEFAULT_LIFE_DAYS
    """None: for ever."""
    secret: str | None = None
    """None: generate one."""

    def check(self) -> None:
        """Raise Invalid for what no robot can be."""
        if _SHORT_NAME.fullmatch(self.name) is None:
            raise Invalid(
                "a robot's name has 2 to 64 lower-case letters, digits, dots, underscores and dashes",
                given=self.name[:64],
            )
        check_permits(self.permits, self.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotChanges:
    """New values; None leaves a value as it is."""

    description: str | None = None
    permits: tuple[Permit, ...] | None = None
    is_active: bool | None = None
    life: "Life | None" = None


@dataclass(frozen=True, slots=True)
class Life:
    """How long a robot lives from now on: a number of days, or None for ever."""

    days: int | None

    def ends_at(self, now: datetime) -> datetime | None:
        """Return when a life that starts at `now` ends. Raises Invalid for an unreasonable number of days."""
        if self.days is None:
            return None
        if not 1 <= self.days <= MAX_LIFE_DAYS:
            raise Invalid(said("a robot lives 1 to %(count)s days, or for ever", count=MAX_LIFE_DAYS))
        return now + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """A robot with its secret in clear: shown once, to whoever made or rotated it."""

    robot: Robot
    secret: str


def full_name(namespace: str, name: str) -> str:
    """Return what a robot logs in as: `robot+<namespace>+<name>`, or `robot+<name>` for one of the registry."""
    return f"{NAME_PREFIX}{namespace}+{name}" if namespace else f"{NAME_PREFIX}{name}"


def is_robot_name(name: str) -> bool:
    """Tell whether somebody who calls themselves so claims to be a robot."""
    return name.startswith(NAME_PREFIX)


def check_permits(permits: Sequence[Permit], namespace: str) -> None:
    """Raise Invalid unless these can be the permits of a robot: some, and all inside its namespace if it has one."""
    if not 1 <= len(permits) <= MAX_PERMITS:
        raise Invalid(said("a robot has 1 to %(count)s permits", count=MAX_PERMITS))
    outside = [each.pattern for each in permits if namespace and each.namespace != namespace]
    if outside:
        raise Invalid(
            said(
                "the permits of a robot of %(namespace)s begin with %(namespace)s/, all of them",
                namespace=namespace,
            ),
            given=outside[:5],
        )


def check_description(text: str) -> None:
    """Raise Invalid for a description that is too long."""
    if len(text) > MAX_DESCRIPTION_LENGTH:
        raise Invalid(said("a description has at most %(count)s characters", count=MAX_DESCRIPTION_LENGTH))


def overlap(hours: int) -> timedelta:
    """Return how long an old secret still counts. Raises Invalid for an unreasonable number of hours."""
    if not 0 <= hours <= MAX_OVERLAP_HOURS:
        raise Invalid(said("an old secret may count for 0 to %(count)s more hours", count=MAX_OVERLAP_HOURS))
    return timedelta(hours=hours)


def new_robot_secret() -> str:
    """Return a new secret of 256 random bits."""
    return SECRET_PREFIX + new_secret()


def fast_hash(secret: str) -> str:
    """Return what is stored of a secret that we generated."""
    return FAST_HASH_PREFIX + hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def matches_fast_hash(hashes: Iterable[str], secret: str) -> bool:
    """Tell whether a secret is one that we generated and that has one of the hashes."""
    presented = fast_hash(secret)
    return any(hmac.compare_digest(each, presented) for each in hashes)


def slow_hashes(hashes: Iterable[str]) -> list[str]:
    """Return those that are of secrets which somebody chose."""
    return [each for each in hashes if not each.startswith(FAST_HASH_PREFIX)]


def lost_rights(before: Robot, after: Robot) -> bool:
    """Tell whether a change may have taken something away, so that what was issued must not count any more."""
    return (before.is_active and not after.is_active) or before.permits != after.permits
