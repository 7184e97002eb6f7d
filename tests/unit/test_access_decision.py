"""The access rules as one table: every kind of caller, every kind of repository."""

import pytest

from dtr.core.actions import Action
from dtr.core.principal import ANONYMOUS, Principal
from dtr.features.access.model import (
    AccessPolicy,
    Reason,
    RepositoryFacts,
    decide,
    granted_actions,
    may_list_catalog,
)
from dtr.oci.names import RepositoryName

ADMIN = Principal("1", "admin", is_admin=True)
OWNER = Principal("2", "alice")
STRANGER = Principal("3", "bob")

PRIVATE = RepositoryFacts(is_public=False)
PUBLIC = RepositoryFacts(is_public=True)
ABSENT = None

CREATES = AccessPolicy(create_on_push=True)
CREATES_NOTHING = AccessPolicy(create_on_push=False)

EVERYTHING = "pull push delete *"

MATRIX = [
    # caller, repository, policy, granted, why
    (ADMIN, PRIVATE, CREATES, EVERYTHING, Reason.ADMINISTRATOR),
    (ADMIN, PUBLIC, CREATES, EVERYTHING, Reason.ADMINISTRATOR),
    (ADMIN, ABSENT, CREATES, EVERYTHING, Reason.ADMINISTRATOR),
    (ADMIN, PRIVATE, CREATES_NOTHING, EVERYTHING, Reason.ADMINISTRATOR),
    (ADMIN, ABSENT, CREATES_NOTHING, "pull", Reason.NOT_CREATED_BY_PUSH),
    (OWNER, PRIVATE, CREATES, "pull push delete", Reason.OWNER),
    (OWNER, PUBLIC, CREATES, "pull push delete", Reason.OWNER),
    (OWNER, ABSENT, CREATES, "pull push delete", Reason.OWNER),
    (OWNER, PRIVATE, CREATES_NOTHING, "pull push delete", Reason.OWNER),
    (OWNER, ABSENT, CREATES_NOTHING, "pull", Reason.NOT_CREATED_BY_PUSH),
    (STRANGER, PRIVATE, CREATES, "", Reason.NO_RIGHT),
    (STRANGER, PUBLIC, CREATES, "pull", Reason.PUBLIC),
    (STRANGER, ABSENT, CREATES, "", Reason.NO_RIGHT),
    (STRANGER, ABSENT, CREATES_NOTHING, "", Reason.NO_RIGHT),
    (ANONYMOUS, PRIVATE, CREATES, "", Reason.NO_RIGHT),
    (ANONYMOUS, PUBLIC, CREATES, "pull", Reason.PUBLIC),
    (ANONYMOUS, ABSENT, CREATES, "", Reason.NO_RIGHT),
    (ANONYMOUS, ABSENT, CREATES_NOTHING, "", Reason.NO_RIGHT),
]


@pytest.mark.parametrize(("caller", "repository", "policy", "granted", "why"), MATRIX)
def test_every_caller_gets_what_the_matrix_says(
    caller: Principal, repository: RepositoryFacts | None, policy: AccessPolicy, granted: str, why: Reason
) -> None:
    name = RepositoryName.parse("alice/app")

    decision = decide(caller, name, repository, policy)

    assert decision.actions == {Action(word) for word in granted.split()}
    assert decision.reason is why
    assert granted_actions(caller, name, repository, policy) == decision.actions


@pytest.mark.parametrize("path", ["alicea/app", "alic/app", "bob/alice", "alice-x/app"])
def test_a_namespace_that_only_looks_like_the_callers_gives_no_right(path: str) -> None:
    assert granted_actions(OWNER, RepositoryName.parse(path), ABSENT, CREATES) == frozenset()


@pytest.mark.parametrize("path", ["alice", "alice/app", "alice/team/app"])
def test_everything_below_the_own_name_belongs_to_the_caller(path: str) -> None:
    assert Action.PUSH in granted_actions(OWNER, RepositoryName.parse(path), ABSENT, CREATES)


def test_private_and_absent_look_the_same_to_a_stranger() -> None:
    name = RepositoryName.parse("alice/app")

    assert decide(STRANGER, name, PRIVATE, CREATES) == decide(STRANGER, name, ABSENT, CREATES)


def test_the_catalog_is_for_callers_with_a_name() -> None:
    assert may_list_catalog(ADMIN)
    assert may_list_catalog(STRANGER)
    assert not may_list_catalog(ANONYMOUS)
