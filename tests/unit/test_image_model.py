"""Pure rules of the images room: conditions of a tag push, and tags that do not move."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from dtr.core.errors import PreconditionFailed
from dtr.core.principal import ANONYMOUS, Caller
from dtr.features.images.model import ImmutableTags, ManifestPush, Preconditions
from dtr.features.repositories.model import Repository, Visibility
from dtr.oci.digest import Digest
from dtr.oci.errors import TagImmutable, answer_for
from dtr.oci.manifest import parse_manifest
from tests.support.registry import image_manifest

CONTENT = image_manifest(b"config")
DIGEST = Digest.of(CONTENT)
OTHER = str(Digest.of(b"other"))
SAME_TAG, OTHER_TAG = {"v1": str(DIGEST)}, {"v1": OTHER}
NO_TRANSACTION: Any = None


def holds(conditions: Preconditions, current: dict[str, str]) -> bool:
    try:
        conditions.check(current)
    except PreconditionFailed:
        return False
    return True


@pytest.mark.item("78")
@pytest.mark.parametrize(
    ("header", "current", "expected"),
    [
        (f'"{DIGEST}"', SAME_TAG, True),
        (str(DIGEST), SAME_TAG, True),
        (f'"{OTHER}", "{DIGEST}"', SAME_TAG, True),
        (f'"{OTHER}"', SAME_TAG, False),
        ("*", SAME_TAG, True),
        ("*", {}, False),
        (f'"{DIGEST}"', {}, False),
        ('"sha256:nonsense"', SAME_TAG, False),
        ("", SAME_TAG, False),
    ],
)
def test_if_match_wants_the_tag_as_the_client_knows_it(
    header: str, current: dict[str, str], expected: bool
) -> None:
    assert holds(Preconditions(if_match=header), current) is expected


@pytest.mark.item("78")
@pytest.mark.parametrize(
    ("header", "current", "expected"),
    [
        ("*", {}, True),
        ("*", SAME_TAG, False),
        (f'"{DIGEST}"', SAME_TAG, False),
        (f'"{OTHER}"', SAME_TAG, True),
        (f'"{OTHER}", "{DIGEST}"', SAME_TAG, False),
    ],
)
def test_if_none_match_excludes_what_is_there(header: str, current: dict[str, str], expected: bool) -> None:
    assert holds(Preconditions(if_none_match=header), current) is expected


@pytest.mark.parametrize("current", [{}, SAME_TAG])
def test_without_conditions_everything_holds(current: dict[str, str]) -> None:
    assert holds(Preconditions(), current)


def test_both_conditions_must_hold() -> None:
    assert not holds(Preconditions(if_match="*", if_none_match="*"), SAME_TAG)
    assert holds(Preconditions(if_match="*", if_none_match=f'"{OTHER}"'), SAME_TAG)


def test_conditions_of_several_tags_must_hold_for_each() -> None:
    both = {**SAME_TAG, "v2": OTHER}

    assert not holds(Preconditions(if_match=f'"{DIGEST}"'), both)
    assert not holds(Preconditions(if_none_match=f'"{DIGEST}"'), both)


def test_a_condition_that_fails_is_answered_with_412() -> None:
    with pytest.raises(PreconditionFailed) as caught:
        Preconditions(if_match="*").check({})

    assert answer_for(caught.value)[0] == 412


REPOSITORY = Repository(
    id=1,
    path="alice/app",
    namespace="alice",
    visibility=Visibility.PRIVATE,
    immutable_tags=True,
    strict_sizes=False,
    allow_missing_children=False,
    created_at=datetime(2030, 1, 1, tzinfo=UTC),
    pulls=0,
    pushes=0,
    last_pulled_at=None,
    last_pushed_at=None,
    uuid="7d5b1f5e-0000-4000-8000-000000000001",
)


def push(repository: Repository, current: dict[str, str]) -> ManifestPush:
    manifest = parse_manifest(CONTENT, None)
    return ManifestPush(repository, Caller(ANONYMOUS), DIGEST, manifest, CONTENT, ("v1", "v2"), current)


@pytest.mark.item("78")
@pytest.mark.parametrize("current", [{}, SAME_TAG])
def test_an_immutable_tag_may_be_new_or_stay_where_it_is(current: dict[str, str]) -> None:
    ImmutableTags().check(NO_TRANSACTION, push(REPOSITORY, current))


@pytest.mark.item("78")
@pytest.mark.parametrize("current", [OTHER_TAG, {**SAME_TAG, "v2": OTHER}])
def test_an_immutable_tag_does_not_move(current: dict[str, str]) -> None:
    with pytest.raises(TagImmutable) as caught:
        ImmutableTags().check(NO_TRANSACTION, push(REPOSITORY, current))

    assert answer_for(caught.value) == (403, "DENIED")
    assert "of alice/app is immutable" in caught.value.message
    assert current[str(caught.value.detail["tag"])] == OTHER


def test_tags_move_where_nothing_forbids_it() -> None:
    ImmutableTags().check(NO_TRANSACTION, push(replace(REPOSITORY, immutable_tags=False), OTHER_TAG))
