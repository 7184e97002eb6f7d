"""Whether a caller may do something with a repository: asked within the transaction that does it.

The one place where the rules of `access` meet what is stored; this room and all to its right go through it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dtr.core.errors import Denied, Unauthorized
from dtr.core.messages import said, said_together
from dtr.core.principal import Principal, PrincipalKind
from dtr.features.access.model import (
    AccessPolicy,
    Decision,
    Grant,
    Operation,
    RepositoryFacts,
    Situation,
    decide,
)
from dtr.features.repositories.model import Repository, Visibility, no_such_repository
from dtr.features.repositories.store import grants, redirects, repositories
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Transaction

NOTHING_BY_PUSH = AccessPolicy(create_on_push=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands to a name: the repository, if there is one, and what is allowed."""

    repository: Repository | None
    decision: Decision


def standings(
    tx: Transaction,
    principal: Principal,
    names: Iterable[RepositoryName],
    policy: AccessPolicy = NOTHING_BY_PUSH,
) -> dict[RepositoryName, Standing]:
    """Return how `principal` stands to each name, by a handful of queries however many names there are.

    An old name of a renamed repository leads to that repository, with less allowed.
    """
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return {}
    found = _found(tx, wanted)
    namespaces = {_namespace(name, found.get(name)) for name in wanted}
    given = _Given.load(tx, principal, namespaces, [each.id for each in found.values()])
    absent = {name.namespace for name in wanted if name not in found}
    present = grants.present_namespaces(tx, absent) if absent else set[str]()
    return {
        name: Standing(
            repository := found.get(name),
            decide(principal, _situation(name, repository, given, present), policy),
        )
        for name in wanted
    }


def standing(
    tx: Transaction, principal: Principal, name: RepositoryName, policy: AccessPolicy = NOTHING_BY_PUSH
) -> Standing:
    """Return how `principal` stands to one name."""
    return standings(tx, principal, [name], policy)[name]


def require(tx: Transaction, principal: Principal, name: RepositoryName, operation: Operation) -> Repository:
    """Return the repository if the caller may do `operation` with it.

    Raises NameUnknown if it does not exist or the caller may not know of it, Unauthorized if somebody who logged in
    might, and Denied if the caller sees it but may not do this.
    """
    found = standing(tx, principal, name)
    if found.repository is None or not found.decision.allows(Operation.VIEW):
        raise no_such_repository(name.path)
    if not found.decision.allows(operation):
        if principal.is_anonymous:
            raise Unauthorized("log in first: with a password or access token, or in the browser")
        raise Denied(
            said(
                "%(who)s may not %(operation)s %(name)s: %(reasons)s",
                who=principal.name,
                operation=operation.words,
                name=found.repository.path,
                reasons=said_together(found.decision.explain(operation)),
            ),
            name=found.repository.path,
        )
    return found.repository


@dataclass(frozen=True, slots=True)
class _Given:
    """What the caller was granted in the namespaces and on the repositories in question."""

    in_namespaces: dict[str, list[Grant]]
    on_repositories: dict[int, list[Grant]]

    @staticmethod
    def load(
        tx: Transaction, principal: Principal, namespaces: Iterable[str], repository_ids: list[int]
    ) -> "_Given":
        if principal.kind is not PrincipalKind.USER or principal.account_id is None:
            return _Given({}, {})
        return _Given(
            grants.in_namespaces(tx, principal.account_id, namespaces),
            grants.on_repositories(tx, principal.account_id, repository_ids) if repository_ids else {},
        )


def _found(tx: Transaction, names: list[RepositoryName]) -> dict[RepositoryName, Repository]:
    by_path = {each.path: each for each in repositories.find_many(tx, [name.path for name in names])}
    missing = [name.path for name in names if name.path not in by_path]
    moved = redirects.find(tx, missing) if missing else {}
    if moved:
        targets = {each.path: each for each in repositories.find_many(tx, list(moved.values()))}
        by_path |= {old: targets[new] for old, new in moved.items() if new in targets}
    return {name: by_path[name.path] for name in names if name.path in by_path}


def _namespace(name: RepositoryName, repository: Repository | None) -> str:
    return name.namespace if repository is None else repository.namespace


def _situation(
    name: RepositoryName, repository: Repository | None, given: _Given, present_namespaces: set[str]
) -> Situation:
    if repository is None:
        inherited = given.in_namespaces.get(name.namespace, [])
        return Situation(name, None, name.namespace in present_namespaces, tuple(inherited))
    facts = RepositoryFacts(
        is_public=repository.visibility is Visibility.PUBLIC, was_moved=repository.path != name.path
    )
    inherited = given.in_namespaces.get(repository.namespace, [])
    own = given.on_repositories.get(repository.id, [])
    # The rules look at the namespace of the name: of an old name that is where the repository is now.
    target = RepositoryName.parse(repository.path)
    return Situation(target, facts, has_namespace=True, grants=(*inherited, *own))
