"""The rules of access: a caller, a repository, the actions that follow."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dtr.core.actions import Action
from dtr.core.principal import Principal
from dtr.oci.names import RepositoryName

_EVERY_ACTION: Final = frozenset(Action)
_OWN_REPOSITORY: Final = frozenset({Action.PULL, Action.PUSH, Action.DELETE})
_PULL_ONLY: Final = frozenset({Action.PULL})


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What the rules need to know of a repository that exists."""

    is_public: bool


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What the operator decided for the whole registry."""

    create_on_push: bool
    """Whether a push may bring a repository into being."""


class Reason(StrEnum):
    """Why a decision came out as it did."""

    ADMINISTRATOR = "the caller administers the registry"
    OWNER = "the namespace belongs to the caller"
    PUBLIC = "the repository is public"
    NOT_CREATED_BY_PUSH = "the repository does not exist and pushes create none"
    NO_RIGHT = "the caller has no right to the repository"


@dataclass(frozen=True, slots=True)
class Decision:
    """The actions that a caller may take, and why these."""

    actions: frozenset[Action]
    reason: Reason


def decide(
    principal: Principal, name: RepositoryName, repository: RepositoryFacts | None, policy: AccessPolicy
) -> Decision:
    """Decide what `principal` may do to the repository `name`; `repository` is None if it does not exist.

    Whoever may create an absent repository may always pull from it, and so learns that it is absent.
    """
    reason = _standing(principal, name)
    if reason is None:
        return _decide_for_stranger(repository)
    if repository is None and not policy.create_on_push:
        return Decision(_PULL_ONLY, Reason.NOT_CREATED_BY_PUSH)
    if reason is Reason.ADMINISTRATOR:
        return Decision(_EVERY_ACTION, reason)
    return Decision(_OWN_REPOSITORY, reason)


def granted_actions(
    principal: Principal, name: RepositoryName, repository: RepositoryFacts | None, policy: AccessPolicy
) -> frozenset[Action]:
    """Return the actions of `decide`, for callers that need no reason."""
    return decide(principal, name, repository, policy).actions


def may_list_catalog(principal: Principal) -> bool:
    """Tell whether the caller may ask for the catalog. It shows only what they may pull."""
    return not principal.is_anonymous


def _standing(principal: Principal, name: RepositoryName) -> Reason | None:
    if principal.is_admin:
        return Reason.ADMINISTRATOR
    if principal.name == name.namespace:
        return Reason.OWNER
    return None


def _decide_for_stranger(repository: RepositoryFacts | None) -> Decision:
    """Absent and private look the same to somebody without rights."""
    if repository is not None and repository.is_public:
        return Decision(_PULL_ONLY, Reason.PUBLIC)
    return Decision(frozenset(), Reason.NO_RIGHT)
