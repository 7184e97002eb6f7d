"""The table of roles beyond single repositories: namespaces and the whole registry."""

import pytest

from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Principal, PrincipalKind
from dtr.features.access.model import (
    NamespaceOperation,
    NamespaceRank,
    decide_namespace,
    may_administer,
    may_audit,
)

PERMITS = (Permit.parse("**", ["admin"]),)
USER = Principal("1", "bob")
OWN = Principal("2", "team")
ADMIN = Principal("3", "root", is_admin=True)
AUDITOR = Principal("4", "eve", is_auditor=True)
ROBOT = Principal("5", "robot+team+ci", kind=PrincipalKind.ROBOT, permits=PERMITS)
LIMITED_ADMIN = Principal("3", "root", is_admin=True, permits=PERMITS)
LIMITED_AUDITOR = Principal("4", "eve", is_auditor=True, permits=PERMITS)

LOOKING = {NamespaceOperation.VIEW_MEMBERS}
ADMINISTERING = {
    *LOOKING,
    NamespaceOperation.CREATE_REPOSITORY,
    NamespaceOperation.MANAGE_NAMESPACE_ACCESS,
    NamespaceOperation.MANAGE_NAMESPACE_WEBHOOKS,
    NamespaceOperation.MANAGE_ROBOTS,
}
EVERYTHING = set(NamespaceOperation)


@pytest.mark.parametrize(
    ("principal", "rank", "allowed"),
    [
        (ANONYMOUS, None, set()),
        (USER, None, set()),
        (USER, NamespaceRank.MEMBER, LOOKING),
        (USER, NamespaceRank.ADMIN, ADMINISTERING),
        (USER, NamespaceRank.OWNER, EVERYTHING),
        (OWN, None, EVERYTHING),
        (ADMIN, None, EVERYTHING),
        (OPERATOR.principal, None, EVERYTHING),
        (AUDITOR, None, LOOKING),
        (AUDITOR, NamespaceRank.ADMIN, ADMINISTERING),
        (ROBOT, None, set()),
        (LIMITED_ADMIN, None, set()),
        (LIMITED_AUDITOR, NamespaceRank.OWNER, set()),
        (Principal("6", "team", permits=PERMITS), None, set()),
        (Principal("7", "team", kind=PrincipalKind.ROBOT), None, set()),
    ],
)
def test_what_somebody_may_do_in_a_namespace(
    principal: Principal, rank: NamespaceRank | None, allowed: set[NamespaceOperation]
) -> None:
    assert decide_namespace(principal, "team", rank) == allowed


@pytest.mark.parametrize(
    ("principal", "administers", "audits"),
    [
        (ANONYMOUS, False, False),
        (USER, False, False),
        (ADMIN, True, True),
        (OPERATOR.principal, True, True),
        (AUDITOR, False, True),
        (ROBOT, False, False),
        (LIMITED_ADMIN, False, False),
        (LIMITED_AUDITOR, False, False),
    ],
)
def test_who_administers_and_who_audits_the_registry(
    principal: Principal, administers: bool, audits: bool
) -> None:
    assert may_administer(principal) is administers
    assert may_audit(principal) is audits
