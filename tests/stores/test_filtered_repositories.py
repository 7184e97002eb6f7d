"""Lists of visible repositories narrowed by text and visibility, and where somebody may create, on both databases."""

import pytest
from sqlalchemy import insert

from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, Principal, PrincipalKind
from dtr.features.repositories.model import RepositoryFilter, Visibility
from dtr.features.repositories.store import creatable, filtered, visible
from dtr.features.repositories.store.tables import repository_table
from dtr.features.repositories.store.visible import Range
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import (
    NOW,
    grant_namespace,
    grant_to_team,
    grant_to_user,
    organization_row,
    team_row,
    user_row,
)

ROWS = 60


def seed(tx: Transaction) -> dict[str, Principal]:
    """Make repositories of two organizations and a user, and people who see them for every reason that there is."""
    people = {name: user_row(tx, name) for name in ("owner", "member", "single", "reader", "outsider")}
    people["admin"] = user_row(tx, "root", is_admin=True)
    org = organization_row(tx, "acme", people["owner"], members=(people["member"], people["reader"]))
    organization_row(tx, "other", members=(people["member"],))
    rows = [
        {
            "id": number,
            "path": f"{namespace}/{'web' if number % 3 else 'db'}_{number:03}",
            "namespace": namespace,
            "visibility": "public" if number % 4 == 0 else "private",
            "created_at": NOW,
            "uuid": str(number),
        }
        for number in range(1, ROWS + 1)
        for namespace in [("acme", "other", "single")[number % 3]]
    ]
    tx.execute(insert(repository_table), rows)
    grant_namespace(tx, team_row(tx, org, "readers", people["reader"]), "read-only")
    team = team_row(tx, org, "some", people["member"])
    for number in (3, 4, 8, 9):
        grant_to_team(tx, team, number)
    for number in (1, 4, 6):
        grant_to_user(tx, people["outsider"], number)
    people["anonymous"] = ANONYMOUS
    people["robot"] = Principal(
        "r", "robot+acme+ci", kind=PrincipalKind.ROBOT, permits=(Permit.parse("acme/web*", ["pull"]),)
    )
    return people


@pytest.mark.parametrize("visibility", [None, *Visibility])
@pytest.mark.parametrize("text", ["", "web", "WEB_0", "_", "%", "acme/", "e/d", "nowhere", "\0"])
async def test_a_filtered_list_is_what_is_visible_without_what_is_not_wanted(
    database: Database, text: str, visibility: Visibility | None
) -> None:
    wanted = RepositoryFilter(text=text, visibility=visibility)
    public = {
        f"{('acme', 'other', 'single')[n % 3]}/{'web' if n % 3 else 'db'}_{n:03}"
        for n in range(4, ROWS + 1, 4)
    }

    def matches(path: str) -> bool:
        fits = visibility is None or (path in public) == (visibility is Visibility.PUBLIC)
        return text.lower() in path and fits

    def compare(tx: Transaction) -> None:
        for name, principal in seed(tx).items():
            for within in (Range(), Range.of_namespace("acme"), Range().from_("other/web_020")):
                everything = visible.paths(tx, principal, within, visible.NO_LIMIT)
                expected = [path for path in everything if matches(path)]
                assert filtered.paths(tx, principal, within, wanted, 1_000) == expected, name
                assert filtered.paths(tx, principal, within, wanted, 3) == expected[:3], name

    await database.write(compare)


async def test_who_may_create_where(database: Database) -> None:
    def look(tx: Transaction) -> None:
        people = seed(tx)
        promoted = user_row(tx, "promoted")
        org = organization_row(tx, "third", members=(promoted, people["member"]))
        grant_namespace(tx, team_row(tx, org, "leads", promoted), "admin")
        grant_namespace(tx, team_row(tx, org, "writers", people["member"]), "read-write")
        found = {
            name: creatable.of_member(tx, each.account_id or "")
            for name, each in {**people, "promoted": promoted}.items()
        }
        assert {name: names for name, names in found.items() if names} == {
            "owner": ["acme"],
            "promoted": ["third"],
        }
        assert creatable.organizations(tx) == ["acme", "other", "third"]

    await database.write(look)
