"""The bodies of the API of access, and how they are rendered."""

from pydantic import Field

from dtr.features.access.model import Level, Operation, Reason, Source
from dtr.features.accounts.api.shapes import AccountShape, TeamShape
from dtr.features.accounts.model import Account
from dtr.features.repositories.api.repositories import RepositoryShape
from dtr.features.repositories.model.access import AccessEntry, Explanation, TeamAccess, UserAccess
from dtr.plumbing.api import Shape


class LevelToGrant(Shape):
    """A level to give."""

    access_level: Level


class TeamAccessShape(Shape):
    """A team and its level."""

    access_level: Level
    team: TeamShape


class UserAccessShape(Shape):
    """A user and the level that they were given in person."""

    access_level: Level
    user: AccountShape


class RepositoryTeamAccess(TeamAccessShape):
    """The level of a team on a repository."""

    repository: RepositoryShape


class RepositoryTeamAccessList(Shape):
    """A page of the teams with a level on a repository, by name."""

    repository: RepositoryShape
    team_access_list: list[TeamAccessShape]


class RepositoryUserAccess(UserAccessShape):
    """The level of a user on a repository."""

    repository: RepositoryShape


class RepositoryUserAccessList(Shape):
    """A page of the users with a level on a repository in person, by name."""

    repository: RepositoryShape
    user_access_list: list[UserAccessShape]


class NamespaceTeamAccess(TeamAccessShape):
    """The level of a team on a namespace."""

    namespace: AccountShape


class NamespaceTeamAccessList(Shape):
    """A page of the teams with a level on a namespace, by name."""

    namespace: AccountShape
    team_access_list: list[TeamAccessShape]


class RepositoryAccessShape(Shape):
    """A repository and the level of a team on it."""

    access_level: Level
    repository: RepositoryShape


class TeamRepositoryAccessList(Shape):
    """A page of the repositories that a team has a level on, by name."""

    team: TeamShape
    repository_access_list: list[RepositoryAccessShape]


class EffectiveAccess(Shape):
    """The level that a user has on a repository by everything that was granted."""

    access_level: Level | None = Field(description="null: none.")
    user: AccountShape
    repository: RepositoryShape


class ReasonShape(Shape):
    """One reason for or against."""

    sentence: str
    speaks_for: bool = Field(description="False for what is not enough or stands in the way.")
    source: Source | None = Field(description="Where a grant comes from; null for what stands in the way.")
    level: Level | None
    through: str = Field(description="The team or namespace that the grant comes through; may be empty.")


class ExplanationShape(Shape):
    """Whether somebody may do something, and why."""

    account: str
    operation: Operation
    allowed: bool
    reasons: list[ReasonShape]


class ExplanationList(Shape):
    """Explanations, one an operation."""

    explanations: list[ExplanationShape]


class AccessEntryShape(Shape):
    """Somebody who may do something with the repository."""

    source: Source = Field(description="Says as well what the name is: a user's, a team's, a robot's.")
    name: str = Field(description="Empty for everybody, where the repository is public.")
    level: Level | None = Field(description="null where no level says it: of robots, auditors, everybody.")
    operations: list[Operation]


class AccessReview(Shape):
    """A page of all who may do something with a repository."""

    access: list[AccessEntryShape]


def team_access_shape(found: TeamAccess) -> TeamAccessShape:
    """Render a team's level."""
    return TeamAccessShape(access_level=found.level, team=TeamShape.of(found.team))


def user_access_shape(found: UserAccess) -> UserAccessShape:
    """Render a user's level."""
    return UserAccessShape(access_level=found.level, user=AccountShape.of(found.user))


def namespace_access_shape(owner: Account, found: TeamAccess) -> NamespaceTeamAccess:
    """Render a team's level on a namespace."""
    return NamespaceTeamAccess(
        namespace=AccountShape.of(owner), access_level=found.level, team=TeamShape.of(found.team)
    )


def explanation_shape(found: Explanation) -> ExplanationShape:
    """Render an explanation."""
    return ExplanationShape(
        account=found.account,
        operation=found.operation,
        allowed=found.allowed,
        reasons=[_reason(each) for each in found.reasons],
    )


def _reason(found: Reason) -> ReasonShape:
    grant = found.grant
    return ReasonShape(
        sentence=found.sentence,
        speaks_for=found.speaks_for,
        source=None if grant is None else grant.source,
        level=None if grant is None else grant.level,
        through="" if grant is None else grant.through,
    )


def entry_shape(found: AccessEntry) -> AccessEntryShape:
    """Render a line of an access review."""
    return AccessEntryShape(
        source=found.grant.source,
        name=found.name,
        level=found.grant.level,
        operations=[each for each in Operation if each in found.grant.operations],
    )
