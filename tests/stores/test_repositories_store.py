"""Repositories on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dtr.core.actions import Action
from dtr.core.clock import to_micros
from dtr.core.paging import PageRequest
from dtr.core.principal import ANONYMOUS, OPERATOR, Principal
from dtr.features.access.model import AccessPolicy
from dtr.features.accounts.model.accounts import is_id
from dtr.features.repositories.model import Repository, RepositoryChanges, Visibility
from dtr.features.repositories.service import Repositories
from dtr.features.repositories.store import repositories as store
from dtr.oci.errors import NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database
from tests.support.grants import user_row
from tests.support.rows import repository_row

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ADMIN = Principal("1", "admin", is_admin=True)
ALICE = Principal("2", "alice")


async def make(database: Database, *paths: str, public: bool = False) -> list[Repository]:
    made = await database.write(lambda tx: [repository_row(tx, path) for path in paths])
    if public:
        changes = RepositoryChanges(visibility=Visibility.PUBLIC)
        await database.write(lambda tx: [store.change(tx, path, changes) for path in paths])
    return made


async def test_a_new_repository_is_private_and_lenient(database: Database) -> None:
    [made] = await make(database, "alice/app")

    assert made == Repository(
        id=made.id,
        path="alice/app",
        namespace="alice",
        visibility=Visibility.PRIVATE,
        immutable_tags=False,
        strict_sizes=False,
        allow_missing_children=False,
        created_at=NOW,
        pulls=0,
        pushes=0,
        last_pulled_at=None,
        last_pushed_at=None,
        uuid=made.uuid,
    )
    assert is_id(made.uuid)
    assert await database.read(lambda tx: store.find(tx, "alice/app")) == made


async def test_a_name_is_given_once(database: Database) -> None:
    await make(database, "alice/app")

    name = RepositoryName.parse("alice/app")
    assert await database.write(lambda tx: store.insert(tx, name, NOW)) is None


async def test_an_unknown_repository_is_not_found(database: Database) -> None:
    name = RepositoryName.parse("alice/app")

    with pytest.raises(NameUnknown):
        await Repositories(database).get(OPERATOR, name)
    assert await database.write(lambda tx: store.change(tx, name.path, RepositoryChanges())) is None
    assert await database.write(lambda tx: store.lock(tx, name.path)) is None


async def test_a_change_leaves_alone_what_it_does_not_name(database: Database) -> None:
    await make(database, "alice/app", "alice/other")

    async def change(**values: Any) -> Repository | None:
        return await database.write(lambda tx: store.change(tx, "alice/app", RepositoryChanges(**values)))

    await change(visibility=Visibility.PUBLIC, strict_sizes=True, long_description="kept")
    changed = await change(immutable_tags=True, strict_sizes=False)

    assert changed is not None
    assert changed.visibility is Visibility.PUBLIC
    assert (changed.immutable_tags, changed.strict_sizes) == (True, False)
    assert changed.long_description == "kept"
    untouched = await database.read(lambda tx: store.find(tx, "alice/other"))
    assert untouched is not None
    assert (untouched.visibility, untouched.immutable_tags) == (Visibility.PRIVATE, False)


async def test_the_rights_to_a_hundred_names_take_a_handful_of_statements(database: Database) -> None:
    await make(database, "alice/app")
    await make(database, "bob/site", public=True)
    names = [RepositoryName.parse(f"alice/absent-{number}") for number in range(98)]
    names += [RepositoryName.parse("alice/app"), RepositoryName.parse("bob/site")]
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        found = await Repositories(database).decisions(ALICE, names, AccessPolicy(create_on_push=True))
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert len(found) == 100
    assert found[names[98]].actions == {Action.PULL, Action.PUSH, Action.DELETE}
    assert found[names[99]].actions == {Action.PULL}
    assert len([statement for statement in statements if "SELECT" in statement]) <= 6


async def test_the_rights_to_no_name_ask_nothing(database: Database) -> None:
    assert await Repositories(database).decisions(ALICE, [], AccessPolicy(create_on_push=True)) == {}


@pytest.mark.item("85")
async def test_the_catalog_shows_everybody_only_what_they_may_pull(database: Database) -> None:
    await database.write(lambda tx: user_row(tx, "alice"))
    await make(database, "alice/app", "bob/secret")
    await make(database, "alice/open", "bob/open", public=True)
    repositories = Repositories(database)
    page = PageRequest(limit=None, last=None)

    seen_by_admin = await repositories.catalog(ADMIN, page)
    seen_by_alice = await repositories.catalog(ALICE, page)
    seen_by_nobody = await repositories.catalog(ANONYMOUS, page)

    assert seen_by_admin.names == ["alice/app", "alice/open", "bob/open", "bob/secret"]
    assert seen_by_alice.names == ["alice/app", "alice/open", "bob/open"]
    assert seen_by_nobody.names == ["alice/open", "bob/open"]


@pytest.mark.item("82", "84", "85")
@pytest.mark.parametrize("caller", [ADMIN, ALICE])
async def test_joined_pages_of_the_catalog_are_the_list_in_byte_order(
    database: Database, caller: Principal
) -> None:
    # Byte order: '-' < '.' < '/' < digits < '_' < letters. Languages order these otherwise.
    paths = [
        "alice-b/a",
        "alice.b/a",
        "alice/a",
        "alice/a/b",
        "alice/a-b",
        "alice/a_b",
        "alice/ab",
        "alice0/a",
    ]
    await make(database, *paths, public=True)
    repositories = Repositories(database)
    seen: list[str] = []

    while True:
        page = await repositories.catalog(caller, PageRequest(limit=3, last=seen[-1] if seen else None))
        seen += page.names
        if not page.more:
            break

    assert seen == sorted(paths)


@pytest.mark.item("81", "83", "85")
async def test_a_page_says_whether_more_follow(database: Database) -> None:
    await database.write(lambda tx: user_row(tx, "alice"))
    await make(database, "alice/a", "alice/b")
    repositories = Repositories(database)

    exact = await repositories.catalog(ALICE, PageRequest(limit=2, last=None))
    short = await repositories.catalog(ALICE, PageRequest(limit=1, last=None))
    empty = await repositories.catalog(ALICE, PageRequest(limit=0, last=None))

    assert (exact.names, exact.more) == (["alice/a", "alice/b"], False)
    assert (short.names, short.more) == (["alice/a"], True)
    assert (empty.names, empty.more) == ([], False)


@pytest.mark.item("82")
async def test_the_name_a_page_starts_after_need_not_exist(database: Database) -> None:
    await database.write(lambda tx: user_row(tx, "alice"))
    await make(database, "alice/a", "alice/c")

    page = await Repositories(database).catalog(ALICE, PageRequest(limit=10, last="alice/b"))

    assert page.names == ["alice/c"]


async def test_pulls_add_up_and_the_last_moment_stays_the_latest(database: Database) -> None:
    first, second = await make(database, "alice/a", "alice/b")
    later = NOW + timedelta(seconds=5)

    await database.write(lambda tx: store.count_pulls(tx, {second.id: 2, first.id: 1}, to_micros(later)))
    await database.write(lambda tx: store.count_pulls(tx, {first.id: 40}, to_micros(NOW)), durable=False)
    await database.write(lambda tx: store.count_pulls(tx, {}, to_micros(NOW)), durable=False)

    found = {each.path: each for each in await Repositories(database).list_all()}
    assert (found["alice/a"].pulls, found["alice/a"].last_pulled_at) == (41, later)
    assert (found["alice/b"].pulls, found["alice/b"].last_pulled_at) == (2, later)


async def test_a_push_is_noted(database: Database) -> None:
    [made] = await make(database, "alice/app")

    returned = await database.write(lambda tx: store.note_push(tx, made.id, NOW))

    noted = await database.read(lambda tx: store.find(tx, "alice/app"))
    assert noted is not None
    assert (noted.pushes, noted.last_pushed_at) == (1, NOW)
    assert returned == noted


async def test_locking_a_repository_changes_nothing(database: Database) -> None:
    [made] = await make(database, "alice/app")

    found = await database.write(lambda tx: [store.lock(tx, path) for path in ("alice/app", "alice/none")])

    assert found == [made, None]
