"""The tables in `docs/explanation/access.md` say what the rules do."""

import re
from pathlib import Path

import pytest

from dtr.core.permits import Permit, PermitAction
from dtr.core.principal import ANONYMOUS, Principal, PrincipalKind
from dtr.features.access.model import (
    AUDITOR_OPERATIONS,
    LEAST_LEVEL,
    LEAST_RANK,
    Level,
    NamespaceOperation,
    NamespaceRank,
    Operation,
    RepositoryFacts,
    Situation,
    decide,
    operations_permitted,
)
from dtr.features.repositories.service.guard import NOTHING_BY_PUSH
from dtr.oci.names import RepositoryName

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "access.md"
APP = RepositoryName.parse("team/app")


def table(name: str) -> list[list[str]]:
    """Return the rows of a marked table, without its heading."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert found, name
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()[2:]]


def crosses(*marks: str | bool) -> list[str]:
    return [mark if isinstance(mark, str) else "x" if mark else "" for mark in marks]


def test_what_levels_allow() -> None:
    public = Situation(APP, RepositoryFacts(is_public=True), has_namespace=True)
    strangers = decide(ANONYMOUS, public, NOTHING_BY_PUSH).operations
    users = decide(Principal("1", "bob"), public, NOTHING_BY_PUSH).operations
    assert table("operations") == [
        [
            each.value,
            *crosses(
                "x" if each in strangers else "(x)" if each in users else "",
                *(level.rank >= LEAST_LEVEL[each].rank for level in Level),
                each in AUDITOR_OPERATIONS,
            ),
        ]
        for each in Operation
    ]


def test_what_ranks_allow() -> None:
    assert table("namespaces") == [
        [each.value, *crosses(*(rank.rank >= LEAST_RANK[each].rank for rank in NamespaceRank))]
        for each in NamespaceOperation
    ]


@pytest.mark.parametrize("row", table("permits"), ids=lambda row: row[0])
def test_what_permits_allow(row: list[str]) -> None:
    action, operations = row
    robot = Principal("1", "robot+ci", kind=PrincipalKind.ROBOT, permits=(Permit.parse("**", [action]),))
    allowed = operations_permitted(robot, APP)
    assert operations == (
        "all" if allowed == set(Operation) else ", ".join(each for each in Operation if each in allowed)
    )


def test_every_permit_is_in_the_table() -> None:
    assert [row[0] for row in table("permits")] == [each.value for each in PermitAction]
