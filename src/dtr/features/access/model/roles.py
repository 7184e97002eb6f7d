"""The words of the table of roles, and the table itself: which level or rank an operation needs."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from dtr.core.messages import Message, said
from dtr.core.permits import PermitAction


class Level(StrEnum):
    """How far a grant on a repository or namespace reaches; each includes the one before."""

    READ_ONLY = "read-only"
    READ_WRITE = "read-write"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """A number to compare levels by."""
        return _LEVELS.index(self)

    @property
    def words(self) -> Message:
        """The level as it is said to people."""
        return _LEVEL_WORDS[self]


class Operation(StrEnum):
    """What can be done with a repository."""

    VIEW = "view"
    """See that it exists, its description, its tags and manifests."""
    PULL = "pull"
    VIEW_ACTIVITY = "view-activity"
    """See pushes, scans and deletions, what scans found, and which policies there are."""
    PUSH = "push"
    START_SCAN = "start-scan"
    DELETE_TAGS = "delete-tags"
    EDIT_DESCRIPTION = "edit-description"
    CONFIGURE = "configure"
    """Visibility, immutability, tag limit, scanning mode."""
    VIEW_ACCESS = "view-access"
    """See who may do what with it."""
    MANAGE_ACCESS = "manage-access"
    MANAGE_POLICIES = "manage-policies"
    """Webhooks, promotion, mirroring, pruning."""
    VIEW_ALL_ACTIVITY = "view-all-activity"
    """See also who pulled, and what promotion and mirroring did."""
    DELETE_REPOSITORY = "delete-repository"

    @property
    def words(self) -> Message:
        """What somebody does, as it is said to people."""
        return _OPERATION_WORDS[self]


class NamespaceOperation(StrEnum):
    """What can be done with a namespace: a user's or an organization's."""

    VIEW_MEMBERS = "view-members"
    CREATE_REPOSITORY = "create-repository"
    MANAGE_NAMESPACE_ACCESS = "manage-namespace-access"
    MANAGE_NAMESPACE_WEBHOOKS = "manage-namespace-webhooks"
    MANAGE_ROBOTS = "manage-robots"
    MANAGE_TEAMS = "manage-teams"
    MANAGE_MEMBERS = "manage-members"

    @property
    def words(self) -> Message:
        """What somebody does, as it is said to people."""
        return _NAMESPACE_OPERATION_WORDS[self]


class NamespaceRank(StrEnum):
    """How somebody stands in a namespace; each includes the one before."""

    MEMBER = "member"
    ADMIN = "admin"
    """Through a team with the level admin on the namespace."""
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """A number to compare by."""
        return _RANKS.index(self)


_LEVELS: Final = list(Level)
_RANKS: Final = list(NamespaceRank)

_LEVEL_WORDS: Final[Mapping[Level, Message]] = {
    Level.READ_ONLY: said("read-only"),
    Level.READ_WRITE: said("read-write"),
    Level.ADMIN: said("admin"),
}

_OPERATION_WORDS: Final[Mapping[Operation, Message]] = {
    Operation.VIEW: said("view"),
    Operation.PULL: said("pull"),
    Operation.VIEW_ACTIVITY: said("view activity"),
    Operation.PUSH: said("push"),
    Operation.START_SCAN: said("start scan"),
    Operation.DELETE_TAGS: said("delete tags"),
    Operation.EDIT_DESCRIPTION: said("edit description"),
    Operation.CONFIGURE: said("configure"),
    Operation.VIEW_ACCESS: said("view access"),
    Operation.MANAGE_ACCESS: said("manage access"),
    Operation.MANAGE_POLICIES: said("manage policies"),
    Operation.VIEW_ALL_ACTIVITY: said("view all activity"),
    Operation.DELETE_REPOSITORY: said("delete repository"),
}

_NAMESPACE_OPERATION_WORDS: Final[Mapping[NamespaceOperation, Message]] = {
    NamespaceOperation.VIEW_MEMBERS: said("view members"),
    NamespaceOperation.CREATE_REPOSITORY: said("create repository"),
    NamespaceOperation.MANAGE_NAMESPACE_ACCESS: said("manage namespace access"),
    NamespaceOperation.MANAGE_NAMESPACE_WEBHOOKS: said("manage namespace webhooks"),
    NamespaceOperation.MANAGE_ROBOTS: said("manage robots"),
    NamespaceOperation.MANAGE_TEAMS: said("manage teams"),
    NamespaceOperation.MANAGE_MEMBERS: said("manage members"),
}

LEAST_LEVEL: Final[dict[Operation, Level]] = {
    Operation.VIEW: Level.READ_ONLY,
    Operation.PULL: Level.READ_ONLY,
    Operation.VIEW_ACTIVITY: Level.READ_ONLY,
    Operation.PUSH: Level.READ_WRITE,
    Operation.START_SCAN: Level.READ_WRITE,
    Operation.DELETE_TAGS: Level.READ_WRITE,
    Operation.EDIT_DESCRIPTION: Level.ADMIN,
    Operation.CONFIGURE: Level.ADMIN,
    Operation.VIEW_ACCESS: Level.ADMIN,
    Operation.MANAGE_ACCESS: Level.ADMIN,
    Operation.MANAGE_POLICIES: Level.ADMIN,
    Operation.VIEW_ALL_ACTIVITY: Level.ADMIN,
    Operation.DELETE_REPOSITORY: Level.ADMIN,
}
"""The least level on a repository that allows an operation."""

LEAST_RANK: Final[dict[NamespaceOperation, NamespaceRank]] = {
    NamespaceOperation.VIEW_MEMBERS: NamespaceRank.MEMBER,
    NamespaceOperation.CREATE_REPOSITORY: NamespaceRank.ADMIN,
    NamespaceOperation.MANAGE_NAMESPACE_ACCESS: NamespaceRank.ADMIN,
    NamespaceOperation.MANAGE_NAMESPACE_WEBHOOKS: NamespaceRank.ADMIN,
    NamespaceOperation.MANAGE_ROBOTS: NamespaceRank.ADMIN,
    NamespaceOperation.MANAGE_TEAMS: NamespaceRank.OWNER,
    NamespaceOperation.MANAGE_MEMBERS: NamespaceRank.OWNER,
}
"""The least rank in a namespace that allows an operation."""

PERMIT_OF: Final[dict[Operation, PermitAction]] = {
    Operation.VIEW: PermitAction.PULL,
    Operation.PULL: PermitAction.PULL,
    Operation.VIEW_ACTIVITY: PermitAction.PULL,
    Operation.PUSH: PermitAction.PUSH,
    Operation.START_SCAN: PermitAction.PUSH,
    Operation.DELETE_TAGS: PermitAction.DELETE,
}
"""The permit that a robot or a limited token needs for an operation; for those not listed it is ADMIN."""

PUBLIC_OPERATIONS: Final = frozenset({Operation.VIEW, Operation.PULL})
"""What everybody may do with a public repository; who is logged in sees its activity as well."""

AUDITOR_OPERATIONS: Final = frozenset(
    {Operation.VIEW, Operation.VIEW_ACTIVITY, Operation.VIEW_ALL_ACTIVITY, Operation.VIEW_ACCESS}
)
"""What an auditor may do everywhere: look, but not pull."""

MOVED_OPERATIONS: Final = frozenset({Operation.VIEW, Operation.PULL, Operation.VIEW_ACTIVITY})
"""What an old name of a renamed repository is still good for."""


def operations_of(level: Level) -> frozenset[Operation]:
    """Return everything that a level on a repository allows."""
    return _OPERATIONS_OF_LEVEL[level]


_OPERATIONS_OF_LEVEL: Final = {
    level: frozenset(each for each, least in LEAST_LEVEL.items() if least.rank <= level.rank)
    for level in Level
}
