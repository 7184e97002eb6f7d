"""What a caller may do with one repository, decided from what they were granted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dtr.core.actions import Action
from dtr.core.messages import Message, said
from dtr.core.permits import PermitAction, permitted_actions
from dtr.core.principal import Principal, PrincipalKind
from dtr.features.access.model.roles import (
    AUDITOR_OPERATIONS,
    MOVED_OPERATIONS,
    PERMIT_OF,
    PUBLIC_OPERATIONS,
    Level,
    Operation,
    operations_of,
)
from dtr.oci.names import RepositoryName

_EVERY_OPERATION: Final = frozenset(Operation)


class Source(StrEnum):
    """Where a grant comes from."""

    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    OWN_NAMESPACE = "own-namespace"
    ORGANIZATION_OWNER = "organization-owner"
    NAMESPACE_TEAM = "namespace-team"
    REPOSITORY_TEAM = "repository-team"
    REPOSITORY_USER = "repository-user"
    ROBOT = "robot"
    PUBLIC = "public"


CREATING_SOURCES: Final = frozenset(
    {
        Source.ADMINISTRATOR,
        Source.OWN_NAMESPACE,
        Source.ORGANIZATION_OWNER,
        Source.NAMESPACE_TEAM,
        Source.ROBOT,
    }
)
"""Grants that reach over a whole namespace, and so to repositories that do not exist yet."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One reason to be allowed something: what, from where, how far, and through which team or namespace."""

    source: Source
    operations: frozenset[Operation]
    level: Level | None = None
    through: str = ""

    @staticmethod
    def of_level(source: Source, level: Level, through: str = "") -> "Grant":
        """Make the grant of everything that a level allows."""
        return Grant(source, operations_of(level), level, through)

    def sentence(self) -> Message:
        """Say it to a person."""
        return _SENTENCES[self.source](self.through, "" if self.level is None else self.level.words)


_SENTENCES: Final[Mapping[Source, Callable[[str, str], Message]]] = {
    Source.ADMINISTRATOR: lambda _through, _level: said("administers the registry"),
    Source.AUDITOR: lambda _through, _level: said("is an auditor, who sees everything and pulls nothing"),
    Source.OWN_NAMESPACE: lambda through, _level: said("the namespace %(name)s is their own", name=through),
    Source.ORGANIZATION_OWNER: lambda through, _level: said("owns the organization %(name)s", name=through),
    Source.NAMESPACE_TEAM: lambda through, level: said(
        "is in the team %(name)s, which has the level %(level)s on the whole namespace",
        name=through,
        level=level,
    ),
    Source.REPOSITORY_TEAM: lambda through, level: said(
        "is in the team %(name)s, which has the level %(level)s on the repository", name=through, level=level
    ),
    Source.REPOSITORY_USER: lambda _through, level: said(
        "was granted the level %(level)s on the repository in person", level=level
    ),
    Source.ROBOT: lambda _through, _level: said("is a robot with a permit for it"),
    Source.PUBLIC: lambda _through, _level: said("the repository is public"),
}
"""What is said of a grant, given what it comes through and its level in words."""


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What the rules need to know of a repository that exists."""

    is_public: bool
    was_moved: bool = False
    """The name asked for is an old one, kept for pulls after a rename."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules need to know about a caller and a name."""

    name: RepositoryName
    repository: RepositoryFacts | None
    """None if it does not exist."""
    has_namespace: bool
    """Whether the account exists that the repository belongs or would belong to."""
    grants: tuple[Grant, ...] = ()
    """What was given to the caller through organizations, teams, or in person."""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What the operator decided for the whole registry."""

    create_on_push: bool
    """Whether a push may bring a repository into being."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One step on the way to a decision about an operation, as a sentence and in parts."""

    sentence: str
    speaks_for: bool
    """False for what would not do by itself, or stands in the way."""
    grant: Grant | None = None
    """None where the reason is no grant but what took one away."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a caller may do with a repository, and why."""

    operations: frozenset[Operation]
    grants: tuple[Grant, ...]
    """All that speaks for the caller, strongest first."""
    is_everything: bool = False
    """The caller administers the registry, without limits."""
    hindrances: tuple[str, ...] = ()
    """What took away something that the grants alone would allow."""

    def allows(self, operation: Operation) -> bool:
        """Tell whether the caller may do it."""
        return operation in self.operations

    @property
    def actions(self) -> frozenset[Action]:
        """The actions of token scopes that the caller may have."""
        found = {action for action, operation in _OPERATION_OF.items() if operation in self.operations}
        return frozenset(found | {Action.ALL}) if self.is_everything else frozenset(found)

    def reasons(self, operation: Operation) -> list[Reason]:
        """Return why the operation is or is not allowed."""
        speaking = [
            Reason(each.sentence(), speaks_for=True, grant=each)
            for each in self.grants
            if operation in each.operations
        ]
        if self.allows(operation):
            return speaking
        weak = [
            Reason(_weak(each, operation), speaks_for=False, grant=each)
            for each in self.grants
            if operation not in each.operations
        ]
        hindering = [Reason(each, speaks_for=False) for each in self.hindrances] if speaking else []
        return [*speaking, *weak, *hindering] or [Reason(said("nothing was granted"), speaks_for=False)]

    def explain(self, operation: Operation) -> list[str]:
        """Return why the operation is or is not allowed, a sentence a reason; if not, only what stands against it."""
        reasons = self.reasons(operation)
        return [each.sentence for each in reasons if each.speaks_for == self.allows(operation)]


def _weak(grant: Grant, operation: Operation) -> Message:
    return said("%(grant)s: not enough for %(operation)s", grant=grant.sentence(), operation=operation.words)


_OPERATION_OF: Final = {
    Action.PULL: Operation.PULL,
    Action.PUSH: Operation.PUSH,
    Action.DELETE: Operation.DELETE_TAGS,
}


def decide(principal: Principal, situation: Situation, policy: AccessPolicy) -> Decision:
    """Decide what `principal` may do to the repository that the situation describes.

    Absent and private look the same to somebody without rights. Whoever may create an absent repository may always
    pull from it, and so learns that it is absent.
    """
    grants = tuple(sorted(_grants(principal, situation), key=lambda each: -len(each.operations)))
    operations = frozenset[Operation]().union(*(each.operations for each in grants))
    hindrances: list[str] = []
    if situation.repository is None:
        operations, hindrance = _for_absent(grants, situation, policy)
        hindrances.append(hindrance)
    elif situation.repository.was_moved and not operations <= MOVED_OPERATIONS:
        hindrances.append(said("the repository was renamed; its old name is good for pulls only"))
        operations &= MOVED_OPERATIONS
    if principal.permits is not None:
        # What everybody may do needs no permit.
        permitted = operations_permitted(principal, situation.name) | _public_operations(situation)
        if not operations <= permitted:
            hindrances.append(said("the permits of the access token do not cover it"))
            operations &= permitted
    is_everything = principal.is_admin and not principal.is_limited and operations == _EVERY_OPERATION
    return Decision(operations, grants, is_everything, tuple(filter(None, hindrances)))


def operations_permitted(principal: Principal, name: RepositoryName) -> frozenset[Operation]:
    """Return what the permits of a limited principal let through in a repository."""
    actions = permitted_actions(principal.permits or (), name.path)
    operations = {each for each in Operation if PERMIT_OF.get(each, PermitAction.ADMIN) in actions}
    return frozenset(operations | {Operation.VIEW}) if operations else frozenset()


def _public_operations(situation: Situation) -> frozenset[Operation]:
    is_public = situation.repository is not None and situation.repository.is_public
    return PUBLIC_OPERATIONS if is_public else frozenset()


def _grants(principal: Principal, situation: Situation) -> Iterable[Grant]:
    public = _public_operations(situation)
    if public:
        yield Grant(Source.PUBLIC, public if principal.is_anonymous else public | {Operation.VIEW_ACTIVITY})
    if principal.is_anonymous:
        return
    if principal.is_admin:
        yield Grant(Source.ADMINISTRATOR, _EVERY_OPERATION, Level.ADMIN)
    if principal.is_auditor:
        yield Grant(Source.AUDITOR, AUDITOR_OPERATIONS)
    if principal.kind is PrincipalKind.ROBOT:
        permitted = operations_permitted(principal, situation.name)
        if permitted:
            yield Grant(Source.ROBOT, permitted)
    elif principal.name == situation.name.namespace:
        yield Grant.of_level(Source.OWN_NAMESPACE, Level.ADMIN, situation.name.namespace)
    yield from situation.grants


def _for_absent(
    grants: Sequence[Grant], situation: Situation, policy: AccessPolicy
) -> tuple[frozenset[Operation], str]:
    """Return what is possible where no repository is yet, and what stands in the way of more."""
    reaching = [
        each for each in grants if each.source in CREATING_SOURCES and Operation.PULL in each.operations
    ]
    creating = [each for each in reaching if _creates(each)]
    looking = frozenset({Operation.VIEW, Operation.PULL}) if reaching else frozenset[Operation]()
    if not creating:
        return looking, said("the repository does not exist") if grants else ""
    if not situation.has_namespace:
        return looking, said("there is no account of the namespace's name")
    if not policy.create_on_push:
        return looking, said("the repository does not exist and pushes create none")
    return frozenset[Operation]().union(*(each.operations for each in creating)), ""


def _creates(grant: Grant) -> bool:
    """Tell whether a grant lets its holder create repositories by pushing."""
    return Operation.PUSH in grant.operations and (grant.level is Level.ADMIN or grant.source is Source.ROBOT)
