"""Who belongs to an organization and its teams."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from dtr.core.errors import Conflict, Invalid, NotFound
from dtr.core.messages import said
from dtr.features.access.model import NamespaceRank
from dtr.features.accounts.model.accounts import Account, is_id

MAX_TEAM_NAME_LENGTH: Final = 100
MAX_DESCRIPTION_LENGTH: Final = 1_000

_TEAM_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")


class NoSuchTeam(NotFound):
    """The organization has no team of the name."""

    api_code: ClassVar[str] = "NO_SUCH_TEAM"


class NoSuchMember(NotFound):
    """The user belongs neither to the organization nor to the team in question."""

    api_code: ClassVar[str] = "NO_SUCH_MEMBER"


class TeamExists(Conflict):
    """The organization has a team of the name already."""

    api_code: ClassVar[str] = "TEAM_EXISTS"


class LastOwner(Conflict):
    """Nobody would be left who owns the organization."""

    api_code: ClassVar[str] = "LAST_OWNER"


class MemberFilter(StrEnum):
    """Which members a list holds."""

    ALL = "all"
    ADMINS = "admins"
    NON_ADMINS = "non-admins"


@dataclass(frozen=True, slots=True)
class Member:
    """A user who belongs to an organization, or to a team."""

    account: Account
    is_admin: bool
    """Of an organization: owns it. Of a team: may manage its members."""


@dataclass(frozen=True, slots=True)
class Membership:
    """An organization that a user belongs to."""

    organization: Account
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Team:
    """A group of an organization's members that access is granted to."""

    id: str
    org_id: str
    name: str
    description: str
    created_at: datetime
    members_count: int = 0


@dataclass(frozen=True, slots=True)
class TeamMembership:
    """A team that a user belongs to."""

    team: Team
    is_admin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamChanges:
    """New values; None leaves a value as it is."""

    name: str | None = None
    description: str | None = None


def rank_of(is_owner: bool | None) -> NamespaceRank | None:  # noqa: FBT001 - a column as it is stored
    """Return the rank in an organization of somebody whose membership is ownership or not; None is no member."""
    if is_owner is None:
        return None
    return NamespaceRank.OWNER if is_owner else NamespaceRank.MEMBER


def team_name(text: str) -> str:
    """Return the name that a team gets which is called `text`: teams are the same in upper and lower case.

    Raises Invalid for a name of other characters, a longer one, or one that looks like an id.
    """
    name = text.lower()
    if (
        not text.isascii()
        or len(name) > MAX_TEAM_NAME_LENGTH
        or _TEAM_NAME.fullmatch(name) is None
        or is_id(name)
    ):
        raise Invalid(
            said(
                "a team's name has 1 to %(count)s letters and digits, with dots, underscores and dashes inside,"
                " and is no UUID",
                count=MAX_TEAM_NAME_LENGTH,
            ),
            given=text[:MAX_TEAM_NAME_LENGTH],
        )
    return name


def no_such_team(ref: str) -> NoSuchTeam:
    """Return the error for a team that does not exist, the same wherever it is missed."""
    shown = ascii(ref[:MAX_TEAM_NAME_LENGTH])[1:-1]
    return NoSuchTeam(said("there is no team %(name)s in the organization", name=shown), name=shown)
