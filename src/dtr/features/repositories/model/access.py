"""Who was granted what: the levels of teams and users on repositories and namespaces, and the review of all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from dtr.core.errors import Invalid, NotFound
from dtr.core.messages import said
from dtr.core.principal import Principal
from dtr.features.access.model import Grant, Level, Operation, Reason
from dtr.features.accounts.model import Account, Team
from dtr.features.repositories.model import Repository
from dtr.plumbing.db import Transaction


@dataclass(frozen=True, slots=True)
class TeamAccess:
    """The level of a team on a repository, or on the namespace of its organization."""

    team: Team
    level: Level


@dataclass(frozen=True, slots=True)
class UserAccess:
    """The level that one user was granted on a repository of somebody else."""

    user: Account
    level: Level


@dataclass(frozen=True, slots=True)
class RepositoryAccess:
    """A repository with the level that a team has on it."""

    repository: Repository
    level: Level


@dataclass(frozen=True, slots=True)
class TeamReach:
    """The level of a team on the namespace of its organization, and what the caller may do about its access."""

    level: Level | None
    may_change_level: bool
    may_see_repositories: bool


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One line of an access review: who it is about and what speaks for them.

    The name is an account's, a team's or a robot's; empty for everybody, where the repository is public.
    """

    name: str
    grant: Grant


class NoSuchNamespaceTeamAccess(NotFound):
    """The team has no level on the namespace."""

    api_code: ClassVar[str] = "NO_SUCH_NAMESPACE_TEAM_ACCESS"


def not_of_teams(namespace: str) -> Invalid:
    """Return the error for team access where the owner is a user."""
    return Invalid(
        said("%(namespace)s is a user, who has no teams; grant single users access", namespace=namespace),
        namespace=namespace,
    )


def team_of_another(team: str, namespace: str) -> Invalid:
    """Return the error for a team that belongs to another organization."""
    return Invalid(
        said("the team does not belong to the organization %(namespace)s", namespace=namespace), team=team
    )


@dataclass(frozen=True, slots=True)
class KnownRobot:
    """A robot, as far as access to repositories is concerned."""

    principal: Principal
    namespace: str
    """The account that it belongs to; empty for a robot of the whole registry."""
    is_active: bool
    """Neither disabled nor expired."""


class RobotDirectory(Protocol):
    """The robots that there are: a room further right knows them."""

    def find(self, tx: Transaction, name: str) -> KnownRobot | None:
        """Return the robot of a full name."""
        ...

    def working_in(self, tx: Transaction, namespace: str, start: str = "") -> Iterator[Principal]:
        """Yield the active robots of a namespace and those of the whole registry by name, from `start` on."""
        ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether somebody may do something with a repository, and why."""

    account: str
    """The name of a user or robot; `anonymous`."""
    operation: Operation
    allowed: bool
    reasons: Sequence[Reason]
