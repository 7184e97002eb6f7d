"""Whether a caller may do something with accounts: asked within the transaction that does it."""

from dataclasses import replace

from dtr.core.errors import Denied, Unauthorized
from dtr.core.messages import said
from dtr.core.principal import Caller, Principal, PrincipalKind
from dtr.features.access.model import NamespaceOperation, decide_namespace, may_administer
from dtr.features.accounts.model.accounts import (
    Account,
    no_such_account,
    no_such_organization,
    no_such_user,
)
from dtr.features.accounts.model.organizations import Team, no_such_team, rank_of
from dtr.features.accounts.store import accounts, organizations, teams
from dtr.plumbing.db import Transaction


def user_of(tx: Transaction, caller: Caller) -> Principal:
    """Return the caller with the rights that they have now, which may be fewer than when the request began.

    Raises Unauthorized for strangers and for accounts that are gone or disabled, and Denied for robots and limited
    access tokens: their permits are about repositories.
    """
    principal = caller.principal
    if principal.is_anonymous or principal.account_id is None:
        raise Unauthorized("log in first: with a password or access token, or in the browser")
    if principal.is_limited or principal.kind is PrincipalKind.ROBOT:
        raise Denied("robots and limited access tokens have no access to accounts")
    if principal.kind is PrincipalKind.OPERATOR:
        return principal
    account = accounts.find_by_id(tx, principal.account_id)
    if account is None or not account.is_active:
        raise Unauthorized("the account is disabled or gone")
    return replace(principal, is_admin=account.is_admin, is_auditor=account.is_auditor)


def admin_of(tx: Transaction, caller: Caller) -> Principal:
    """Return the caller, who administers the registry. Raises like `user_of`, and Denied for everybody else."""
    principal = user_of(tx, caller)
    require_admin(principal)
    return principal


def require_admin(principal: Principal) -> None:
    """Raise Denied unless the caller administers the registry."""
    if not may_administer(principal):
        raise Denied("only administrators of the registry may do this")


def find_account(tx: Transaction, ref: str) -> Account:
    """Return the account of this name or id. Raises NoSuchAccount."""
    account = accounts.find_by_ref(tx, ref)
    if account is None:
        raise no_such_account(ref)
    return account


def find_user(tx: Transaction, ref: str) -> Account:
    """Return the user of this name or id. Raises NoSuchUser."""
    account = accounts.find_by_ref(tx, ref)
    if account is None or account.is_org:
        raise no_such_user(ref)
    return account


def find_owner(tx: Transaction, principal: Principal, ref: str, *, may_others: bool) -> Account:
    """Return the user whose things are meant: the caller without a `ref`, or somebody else if that is allowed.

    Raises Denied, and NoSuchUser.
    """
    is_own = ref in {"", principal.name, principal.account_id}
    if not is_own and not may_others:
        raise Denied("what is others' own is for administrators")
    return find_user(tx, (principal.account_id or "") if is_own else ref)


def find_organization(tx: Transaction, ref: str) -> Account:
    """Return the organization of this name or id. Raises NoSuchAccount."""
    account = accounts.find_by_ref(tx, ref)
    if account is None or not account.is_org:
        raise no_such_organization(ref)
    return account


def lock_organization(tx: Transaction, ref: str) -> Account:
    """Return the organization of this name or id, and let nobody else change its members and teams meanwhile.

    Raises NoSuchAccount. To be called before anything else of it is read.
    """
    found = accounts.lock(tx, find_organization(tx, ref).id)
    if found is None:
        raise no_such_organization(ref)
    return found


def find_team(tx: Transaction, org: Account, ref: str) -> Team:
    """Return the team of this name or id. Raises NoSuchTeam, also for teams of other organizations."""
    team = teams.find_by_ref(tx, org.id, ref)
    if team is None:
        raise no_such_team(ref)
    return team


def may(tx: Transaction, principal: Principal, org: Account, operation: NamespaceOperation) -> bool:
    """Tell whether the caller may do something in an organization."""
    rank = rank_of(organizations.find_rank(tx, org.id, principal.account_id))
    return operation in decide_namespace(principal, org.name, rank)


def require(tx: Transaction, principal: Principal, org: Account, operation: NamespaceOperation) -> None:
    """Raise Denied unless the caller may do something in an organization."""
    if not may(tx, principal, org, operation):
        raise Denied(
            said(
                "%(who)s may not %(operation)s of %(organization)s",
                who=principal.name,
                operation=operation.words,
                organization=org.name,
            ),
            name=org.name,
        )


def require_team(
    tx: Transaction, principal: Principal, org: Account, team: Team, operation: NamespaceOperation
) -> None:
    """Raise Denied unless the caller may do something with a team: by a rank in the organization or in the team."""
    if not teams.find_rank(tx, team.id, principal.account_id):
        require(tx, principal, org, operation)
