"""The table of roles: every operation, every kind of caller, every kind of repository."""

from dataclasses import dataclass

import pytest

from dtr.core.actions import Action
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, OPERATOR, Principal, PrincipalKind
from dtr.features.access.model import (
    AccessPolicy,
    Decision,
    Grant,
    Level,
    Operation,
    RepositoryFacts,
    Situation,
    Source,
    decide,
    may_list_catalog,
)
from dtr.oci.names import RepositoryName

PRIVATE = RepositoryFacts(is_public=False)
PUBLIC = RepositoryFacts(is_public=True)
MOVED = RepositoryFacts(is_public=False, was_moved=True)
PUBLIC_MOVED = RepositoryFacts(is_public=True, was_moved=True)
ABSENT = None

CREATES = AccessPolicy(create_on_push=True)
CREATES_NOTHING = AccessPolicy(create_on_push=False)

# The operations of the reference's table, a letter each.
LETTERS = {
    "v": Operation.VIEW,
    "p": Operation.PULL,
    "a": Operation.VIEW_ACTIVITY,
    "w": Operation.PUSH,
    "s": Operation.START_SCAN,
    "d": Operation.DELETE_TAGS,
    "e": Operation.EDIT_DESCRIPTION,
    "c": Operation.CONFIGURE,
    "r": Operation.VIEW_ACCESS,
    "m": Operation.MANAGE_ACCESS,
    "o": Operation.MANAGE_POLICIES,
    "l": Operation.VIEW_ALL_ACTIVITY,
    "x": Operation.DELETE_REPOSITORY,
}
NOTHING = ""
LOOKING = "vp"
READING = "vpa"
WRITING = "vpawsd"
EVERYTHING = "".join(LETTERS)
AUDITING = "vrla"
AUDITING_PUBLIC = "vparl"


@dataclass(frozen=True)
class Who:
    """A caller and what was granted to them."""

    principal: Principal
    grants: tuple[Grant, ...] = ()


def user(name: str = "bob", **more: object) -> Principal:
    return Principal(f"id of {name}", name, **more)  # type: ignore[arg-type]


def granted(source: Source, level: Level) -> Who:
    return Who(user(), (Grant.of_level(source, level, "developers"),))


def robot(*permits: str) -> Who:
    parsed = tuple(Permit.parse(pattern, actions.split("+")) for pattern, actions in map(str.split, permits))
    return Who(Principal("id of robot", "robot+team+ci", kind=PrincipalKind.ROBOT, permits=parsed))


def limited(who: Who, *permits: str) -> Who:
    """Return the same caller with an access token that is good for less."""
    found = who.principal
    return Who(
        Principal(
            found.account_id,
            found.name,
            is_admin=found.is_admin,
            is_auditor=found.is_auditor,
            permits=robot(*permits).principal.permits,
            token_id="t1",
        ),
        who.grants,
    )


NOBODY = Who(ANONYMOUS)
STRANGER = Who(user())
MEMBER = Who(user())  # being a member grants nothing on repositories
OWN = Who(user("team"))
OWNER = granted(Source.ORGANIZATION_OWNER, Level.ADMIN)
ADMIN = Who(user("root", is_admin=True))
AUDITOR = Who(user("eve", is_auditor=True))

MATRIX = {
    # caller: private, public, absent, moved and private
    "anonymous": (NOBODY, NOTHING, LOOKING, NOTHING, NOTHING),
    "unrelated user": (STRANGER, NOTHING, READING, NOTHING, NOTHING),
    "member of the organization": (MEMBER, NOTHING, READING, NOTHING, NOTHING),
    "team RO": (granted(Source.REPOSITORY_TEAM, Level.READ_ONLY), READING, READING, NOTHING, READING),
    "team RW": (granted(Source.REPOSITORY_TEAM, Level.READ_WRITE), WRITING, WRITING, NOTHING, READING),
    "team AD": (granted(Source.REPOSITORY_TEAM, Level.ADMIN), EVERYTHING, EVERYTHING, NOTHING, READING),
    "user RO": (granted(Source.REPOSITORY_USER, Level.READ_ONLY), READING, READING, NOTHING, READING),
    "user RW": (granted(Source.REPOSITORY_USER, Level.READ_WRITE), WRITING, WRITING, NOTHING, READING),
    "user AD": (granted(Source.REPOSITORY_USER, Level.ADMIN), EVERYTHING, EVERYTHING, NOTHING, READING),
    "namespace RO": (granted(Source.NAMESPACE_TEAM, Level.READ_ONLY), READING, READING, LOOKING, READING),
    "namespace RW": (granted(Source.NAMESPACE_TEAM, Level.READ_WRITE), WRITING, WRITING, LOOKING, READING),
    "namespace AD": (
        granted(Source.NAMESPACE_TEAM, Level.ADMIN),
        EVERYTHING,
        EVERYTHING,
        EVERYTHING,
        READING,
    ),
    "owner of the organization": (OWNER, EVERYTHING, EVERYTHING, EVERYTHING, READING),
    "own namespace": (OWN, EVERYTHING, EVERYTHING, EVERYTHING, READING),
    "robot that pulls": (robot("team/* pull"), READING, READING, LOOKING, READING),
    "robot that pushes": (robot("team/* push"), "vpaws", "vpaws", "vpaws", READING),
    "robot that deletes": (robot("team/* delete"), "vd", "vpd", NOTHING, "v"),
    "robot that administers": (robot("team/* admin"), EVERYTHING, EVERYTHING, EVERYTHING, READING),
    "robot of another namespace": (robot("other/** admin"), NOTHING, LOOKING, NOTHING, NOTHING),
    "robot without permits": (robot(), NOTHING, LOOKING, NOTHING, NOTHING),
    "own namespace, token that pulls": (limited(OWN, "** pull"), READING, READING, READING, READING),
    "own namespace, token that pushes": (limited(OWN, "** push"), "vpaws", "vpaws", "vpaws", READING),
    "own namespace, token for others": (limited(OWN, "other/** admin"), NOTHING, LOOKING, NOTHING, NOTHING),
    "unrelated user, token for all": (limited(STRANGER, "** admin"), NOTHING, READING, NOTHING, NOTHING),
    "administrator, token that pulls": (limited(ADMIN, "** pull"), READING, READING, READING, READING),
    "auditor": (AUDITOR, AUDITING, AUDITING_PUBLIC, NOTHING, "va"),
    "auditor, token that pulls": (limited(AUDITOR, "** pull"), "va", READING, NOTHING, "va"),
    "administrator": (ADMIN, EVERYTHING, EVERYTHING, EVERYTHING, READING),
    "operator": (Who(OPERATOR.principal), EVERYTHING, EVERYTHING, EVERYTHING, READING),
}
KINDS = {"private": PRIVATE, "public": PUBLIC, "absent": ABSENT, "moved": MOVED}
ROWS = [
    pytest.param(who, KINDS[kind], operation, letter in row[index], id=f"{caller}: {operation} {kind}")
    for caller, (who, *row) in MATRIX.items()
    for index, kind in enumerate(KINDS)
    for letter, operation in LETTERS.items()
]


def decision(who: Who, repository: RepositoryFacts | None, policy: AccessPolicy = CREATES) -> Decision:
    # Grants on single repositories do not exist where the repository does not.
    single = (Source.REPOSITORY_TEAM, Source.REPOSITORY_USER)
    grants = tuple(each for each in who.grants if repository is not None or each.source not in single)
    situation = Situation(RepositoryName.parse("team/app"), repository, has_namespace=True, grants=grants)
    return decide(who.principal, situation, policy)


def test_the_table_names_every_operation() -> None:
    assert set(LETTERS.values()) == set(Operation)


@pytest.mark.parametrize(("who", "repository", "operation", "expected"), ROWS)
def test_who_may_do_what(
    who: Who, repository: RepositoryFacts | None, operation: Operation, expected: bool
) -> None:
    assert decision(who, repository).allows(operation) is expected


@pytest.mark.parametrize("caller", MATRIX)
@pytest.mark.parametrize("kind", KINDS)
def test_every_decision_can_be_explained(caller: str, kind: str) -> None:
    found = decision(MATRIX[caller][0], KINDS[kind])
    for operation in Operation:
        reasons = found.reasons(operation)
        assert reasons
        assert any(each.speaks_for for each in reasons) or not found.allows(operation)
        assert found.explain(operation)


@pytest.mark.parametrize("caller", MATRIX)
def test_pushes_create_nothing_where_the_operator_says_so(caller: str) -> None:
    found = decision(MATRIX[caller][0], ABSENT, CREATES_NOTHING)
    assert found.operations <= {Operation.VIEW, Operation.PULL}


@pytest.mark.parametrize("caller", MATRIX)
def test_nobody_creates_a_repository_where_there_is_no_account(caller: str) -> None:
    who = MATRIX[caller][0]
    situation = Situation(RepositoryName.parse("team/app"), None, has_namespace=False, grants=who.grants)
    assert not decide(who.principal, situation, CREATES).allows(Operation.PUSH)


def test_grants_add_up_and_never_take_away() -> None:
    grants = tuple(Grant.of_level(Source.REPOSITORY_TEAM, level) for level in Level)
    assert decision(Who(user(), grants), PRIVATE).operations == set(Operation)
    assert decision(Who(user(), grants[::-1]), PRIVATE).operations == set(Operation)


def test_an_old_name_of_a_public_repository_is_good_for_pulls_by_everybody() -> None:
    assert decision(NOBODY, PUBLIC_MOVED).operations == {Operation.VIEW, Operation.PULL}


@pytest.mark.parametrize(
    ("who", "repository", "actions"),
    [
        (NOBODY, PUBLIC, {Action.PULL}),
        (STRANGER, PRIVATE, set()),
        (OWN, PRIVATE, {Action.PULL, Action.PUSH, Action.DELETE}),
        (ADMIN, PRIVATE, {Action.PULL, Action.PUSH, Action.DELETE, Action.ALL}),
        (ADMIN, MOVED, {Action.PULL}),
        (limited(ADMIN, "** admin"), PRIVATE, {Action.PULL, Action.PUSH, Action.DELETE}),
        (robot("** admin"), PRIVATE, {Action.PULL, Action.PUSH, Action.DELETE}),
        (AUDITOR, PRIVATE, set()),
    ],
)
def test_scopes_get_the_actions_that_the_operations_allow(
    who: Who, repository: RepositoryFacts | None, actions: set[Action]
) -> None:
    assert decision(who, repository).actions == actions


def test_a_namespace_is_the_whole_first_component() -> None:
    for own in ("tea", "teams", "te.am", "app"):
        situation = Situation(RepositoryName.parse("team/app"), PRIVATE, has_namespace=True)
        assert not decide(user(own), situation, CREATES).operations, own


def test_a_robot_owns_no_namespace_of_its_name() -> None:
    named = Principal("id", "team", kind=PrincipalKind.ROBOT, permits=())
    assert not decision(Who(named), PRIVATE).operations


def test_reasons_name_the_source_the_level_and_the_team() -> None:
    found = decision(granted(Source.REPOSITORY_TEAM, Level.READ_WRITE), PRIVATE)
    assert found.explain(Operation.PUSH) == [
        "is in the team developers, which has the level read-write on the repository"
    ]
    [reason] = found.reasons(Operation.MANAGE_ACCESS)
    assert not reason.speaks_for
    assert reason.sentence.endswith("not enough for manage access")
    assert reason.grant is not None
    assert reason.grant.level is Level.READ_WRITE


def test_reasons_tell_grants_from_what_takes_them_away() -> None:
    found = decision(limited(OWN, "** pull"), PRIVATE)
    assert found.explain(Operation.PUSH) == ["the permits of the access token do not cover it"]
    assert [each.speaks_for for each in found.reasons(Operation.PUSH)] == [True, False]
    assert decision(STRANGER, PRIVATE).explain(Operation.PULL) == ["nothing was granted"]
    assert "old name" in decision(OWN, MOVED).explain(Operation.PUSH)[-1]


def test_everybody_who_is_logged_in_may_list_the_catalog() -> None:
    assert not may_list_catalog(ANONYMOUS)
    assert may_list_catalog(user())
