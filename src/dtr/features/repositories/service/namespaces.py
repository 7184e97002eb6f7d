"""Whether a caller may do something in a namespace: asked within the transaction that does it.

A namespace is an account, of a user or an organization, under which repositories are kept.
"""

from typing import Final

from dtr.core.errors import Denied, Unauthorized
from dtr.core.messages import said
from dtr.core.principal import Principal, PrincipalKind
from dtr.features.access.model import (
    AccessPolicy,
    NamespaceOperation,
    NamespaceRank,
    Operation,
    decide_namespace,
)
from dtr.features.accounts.model import Account, no_such_account
from dtr.features.accounts.store import accounts
from dtr.features.repositories.service.guard import standing
from dtr.features.repositories.store import grants
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Transaction

MAY_CREATE: Final = AccessPolicy(create_on_push=True)
"""Whoever asks the API for a new repository means it, whatever pushes may do."""


def rank_in(tx: Transaction, principal: Principal, namespace: str) -> NamespaceRank | None:
    """Return how a user stands in the namespace of the account `namespace`; None for strangers and robots.

    Being an administrator of the registry, or an auditor, is no rank: `decide_namespace` regards that.
    """
    if principal.kind is not PrincipalKind.USER or principal.account_id is None:
        return None
    if principal.name == namespace:
        return NamespaceRank.OWNER
    return grants.rank_in_organization(tx, principal.account_id, namespace)


def require_namespace(
    tx: Transaction, principal: Principal, namespace: str, operation: NamespaceOperation
) -> Account:
    """Return the account of a namespace if the caller may do `operation` there.

    Raises Unauthorized for callers who are not logged in, NoSuchAccount if there is none of the name (which is no
    secret among users), and Denied.
    """
    account = _account(tx, principal, namespace)
    if operation not in decide_namespace(principal, namespace, rank_in(tx, principal, namespace)):
        raise Denied(
            said(
                "%(who)s may not %(operation)s in %(namespace)s",
                who=principal.name,
                operation=operation.words,
                namespace=namespace,
            ),
            namespace=namespace,
        )
    return account


def require_creation(tx: Transaction, principal: Principal, name: RepositoryName) -> Account:
    """Return the account of the namespace if the caller may create the repository `name` there with all it has.

    Robots and limited access tokens need the permit `admin` for the name; whoever a token stands for needs the right
    as well. Raises like `require_namespace`. Whether the repository exists already is not looked at.
    """
    if not principal.is_limited:
        return require_namespace(tx, principal, name.namespace, NamespaceOperation.CREATE_REPOSITORY)
    account = _account(tx, principal, name.namespace)
    if not standing(tx, principal, name, MAY_CREATE).decision.allows(Operation.CONFIGURE):
        raise Denied(
            said("the permits of %(who)s do not cover creating %(name)s", who=principal.name, name=name),
            name=name.path,
        )
    return account


def _account(tx: Transaction, principal: Principal, namespace: str) -> Account:
    if principal.is_anonymous:
        raise Unauthorized("log in first: with a password or access token, or in the browser")
    account = accounts.find(tx, namespace)
    if account is None:
        raise no_such_account(namespace)
    return account
