"""Repositories on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dtr.core.clock import to_micros
from dtr.core.paging import PageRequest
from dtr.core.principal import ANONYMOUS, Principal
from dtr.features.access.model import RepositoryFacts
from dtr.features.repositories import store
from dtr.features.repositories.model import Repository, RepositoryChanges, Visibility
from dtr.features.repositories.service import Repositories
from dtr.oci.errors import NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ADMIN = Principal("1", "admin", is_admin=True)
ALICE = Principal("2", "alice")


async def make(database: Database, *paths: str, public: bool = False) -> list[Repository]:
    names = [RepositoryName.parse(path) for path in paths]
    made = await database.write(lambda tx: [store.ensure(tx, name, NOW) for name in names])
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
    )
    assert await database.read(lambda tx: store.find(tx, "alice/app")) == made


async def test_making_a_repository_again_gives_the_one_that_is_there(database: Database) -> None:
    [first] = await make(database, "alice/app")
    [second] = await make(database, "alice/app")

    assert second == first


async def test_many_who_make_one_repository_at_once_get_the_same(database: Database) -> None:
    made = await asyncio.gather(*(make(database, "alice/app") for _ in range(20)))

    assert len({repository.id for [repository] in made}) == 1


async def test_an_unknown_repository_is_not_found(database: Database) -> None:
    repositories = Repositories(database)

    with pytest.raises(NameUnknown):
        await repositories.get(RepositoryName.parse("alice/app"))
    with pytest.raises(NameUnknown):
        await repositories.change(RepositoryName.parse("alice/app"), RepositoryChanges(immutable_tags=True))


async def test_a_change_leaves_alone_what_it_does_not_name(database: Database) -> None:
    await make(database, "alice/app", "alice/other")
    repositories = Repositories(database)
    name = RepositoryName.parse("alice/app")

    await repositories.change(name, RepositoryChanges(visibility=Visibility.PUBLIC, strict_sizes=True))
    await repositories.change(name, RepositoryChanges(immutable_tags=True, strict_sizes=False))

    changed = await repositories.get(name)
    assert changed.visibility is Visibility.PUBLIC
    assert (changed.immutable_tags, changed.strict_sizes) == (True, False)
    untouched = await repositories.get(RepositoryName.parse("alice/other"))
    assert (untouched.visibility, untouched.immutable_tags) == (Visibility.PRIVATE, False)


async def test_facts_of_a_hundred_names_take_one_statement(database: Database) -> None:
    await make(database, "alice/app")
    await make(database, "bob/site", public=True)
    names = [RepositoryName.parse(f"alice/absent-{number}") for number in range(98)]
    names += [RepositoryName.parse("alice/app"), RepositoryName.parse("bob/site")]
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        facts = await Repositories(database).facts(names)
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert facts == {names[98]: RepositoryFacts(is_public=False), names[99]: RepositoryFacts(is_public=True)}
    assert len([statement for statement in statements if "FROM repository" in statement]) == 1


async def test_facts_of_no_name_ask_nothing(database: Database) -> None:
    assert await Repositories(database).facts([]) == {}


@pytest.mark.item("85")
async def test_the_catalog_shows_everybody_only_what_they_may_pull(database: Database) -> None:
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

    noted = await Repositories(database).get(RepositoryName.parse("alice/app"))
    assert (noted.pushes, noted.last_pushed_at) == (1, NOW)
    assert returned == noted


async def test_locking_a_repository_changes_nothing(database: Database) -> None:
    [made] = await make(database, "alice/app")

    found = await database.write(lambda tx: [store.lock(tx, path) for path in ("alice/app", "alice/none")])

    assert found == [made, None]
