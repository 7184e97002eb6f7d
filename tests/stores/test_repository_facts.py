"""What becomes known of changes to repositories, and what happens when several change one at once."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import Denied, Invalid
from dtr.core.facts import Fact
from dtr.core.principal import OPERATOR, Caller
from dtr.features.accounts.model import NoSuchAccount
from dtr.features.accounts.model.accounts import Account, AccountOwnsRepositories
from dtr.features.accounts.store import accounts
from dtr.features.images.store import blobs, uploads
from dtr.features.repositories.model import (
    Repository,
    RepositoryChanges,
    RepositoryExists,
    Visibility,
)
from dtr.features.repositories.service import Management, Renaming, creation
from dtr.features.repositories.service.management import keep_owners
from dtr.features.repositories.store import redirects
from dtr.features.repositories.store import repositories as store
from dtr.oci.digest import Digest
from dtr.oci.errors import NameInvalid, NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import grant_to_team, grant_to_user, organization_row, team_row, user_row

APP, WEB = RepositoryName.parse("alice/app"), RepositoryName.parse("alice/web")


class Room:
    """The services of the room, and what they told."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.facts: list[Fact] = []
        self.revoked: list[str] = []
        self.management = Management(
            database,
            self.clock,
            self.announce,
            revoke=lambda _tx, names: self.revoked.extend(names),
            drop_uploads=uploads.delete_all_of,
            delete_account=lambda tx, _caller, name: accounts.delete(tx, _id_of(tx, name)),
        )
        self.renaming = Renaming(
            database, self.clock, self.announce, lambda _tx, names: self.revoked.extend(names)
        )

    def announce(self, _tx: Transaction, fact: Fact) -> None:
        self.facts.append(fact)

    def told(self) -> list[tuple[str, bool]]:
        return [(fact.name, fact.is_security) for fact in self.facts]

    async def push(self, name: RepositoryName, caller: Caller = OPERATOR) -> Repository:
        """Do what a push does first."""

        def write(tx: Transaction) -> Repository:
            return creation.ensure_and_hold(tx, self.announce, caller, name, self.clock.now())

        return await self.database.write(write)

    async def paths(self) -> list[str]:
        return [each.path for each in await self.database.read(store.list_all)]


def _id_of(tx: Transaction, name: str) -> str:
    found = accounts.find(tx, name)
    assert found is not None
    return found.id


@pytest.fixture
async def room(database: Database) -> Room:
    def fill(tx: Transaction) -> None:
        user_row(tx, "alice")
        user_row(tx, "bob")

    await database.write(fill)
    return Room(database)


async def test_each_change_is_told_once(room: Room) -> None:
    await room.management.create(OPERATOR, APP, RepositoryChanges(short_description="one"))
    await room.management.change(OPERATOR, APP, RepositoryChanges(short_description="two"))
    await room.management.change(OPERATOR, APP, RepositoryChanges(short_description="two"))
    await room.management.change(OPERATOR, APP, RepositoryChanges(visibility=Visibility.PUBLIC, tag_limit=2))
    await room.renaming.rename(OPERATOR, APP, WEB)
    await room.management.delete(OPERATOR, WEB)
    await room.management.delete(OPERATOR, WEB)

    assert room.told() == [
        ("RepositoryCreated", False),
        ("RepositoryChanged", False),
        ("RepositoryChanged", True),
        ("RepositoryRenamed", False),
        ("RepositoryDeleted", True),
    ]
    changed = room.facts[2]
    assert changed.details == {
        "changes": {
            "visibility": {"old": "private", "new": "public"},
            "tagLimit": {"old": 0, "new": 2},
        }
    }
    assert room.facts[3].details == {"oldName": "alice/app", "newName": "alice/web"}
    assert len({fact.repository.id for fact in room.facts if fact.repository is not None}) == 1


async def test_a_push_tells_who_made_the_repository_and_only_once(room: Room) -> None:
    caller = Caller(OPERATOR.principal, "192.0.2.1")

    first = await room.push(APP, caller)
    second = await room.push(APP)

    assert (first.id, first.pushes, second.pushes) == (second.id, 1, 2)
    assert room.told() == [("RepositoryCreated", False)]
    assert room.facts[0].caller == caller


async def test_many_first_pushes_at_once_make_one_repository(room: Room) -> None:
    pushed = await asyncio.gather(*(room.push(APP) for _ in range(12)))

    assert len({each.id for each in pushed}) == 1
    assert max(each.pushes for each in pushed) == 12
    assert await room.paths() == ["alice/app"]


@pytest.mark.parametrize(
    ("path", "error"), [("nobody/app", NoSuchAccount), ("nobody", NameInvalid), ("alice", NameInvalid)]
)
async def test_a_push_makes_no_repository_without_a_namespace(
    room: Room, path: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await room.push(RepositoryName.parse(path))

    assert await room.paths() == []
    assert room.facts == []


async def test_what_is_refused_is_not_told_and_changes_nothing(room: Room) -> None:
    with pytest.raises(Invalid):
        await room.management.create(OPERATOR, APP, RepositoryChanges(immutable_tags=True, tag_limit=1))
    assert (await room.paths(), room.facts) == ([], [])


async def test_a_push_to_an_old_name_names_the_new_one(room: Room) -> None:
    await room.push(APP)
    await room.renaming.rename(OPERATOR, APP, WEB)

    with pytest.raises(Denied, match="renamed to alice/web"):
        await room.push(APP)
    assert await room.paths() == ["alice/web"]


async def test_old_names_last_for_ninety_days(room: Room) -> None:
    await room.push(APP)
    await room.renaming.rename(OPERATOR, APP, WEB)

    room.clock.advance(timedelta(days=89).total_seconds())
    assert await room.renaming.forget_old_names() == 0
    assert await room.database.read(lambda tx: redirects.follow(tx, "alice/app")) is not None
    room.clock.advance(timedelta(days=2).total_seconds())

    assert await room.renaming.forget_old_names() == 1
    assert await room.database.read(lambda tx: redirects.follow(tx, "alice/app")) is None
    assert (await room.push(APP)).path == "alice/app"


async def test_moving_to_another_namespace_drops_teams(room: Room) -> None:
    def fill(tx: Transaction) -> None:
        owner, reader, guest = user_row(tx, "owner"), user_row(tx, "reader"), user_row(tx, "guest")
        org = organization_row(tx, "acme", owner)
        team = team_row(tx, org, "readers", reader)
        made = store.insert(tx, RepositoryName.parse("acme/app"), room.clock.now())
        assert made is not None
        grant_to_team(tx, team, made.id)
        grant_to_user(tx, guest, made.id)

    await room.database.write(fill)

    moved = await room.renaming.rename(OPERATOR, RepositoryName.parse("acme/app"), APP)

    assert room.revoked == ["acme/app"]
    assert room.told() == [("RepositoryRenamed", True)]

    def grants(tx: Transaction) -> tuple[int, int]:
        counted = [
            tx.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar_one()  # noqa: S608 - constants
            for table in ("repository_team_access", "repository_user_access")
        ]
        return counted[0], counted[1]

    assert await room.database.read(grants) == (0, 1)
    assert moved.repository.namespace == "alice"


@pytest.mark.parametrize("renamed", [False, True], ids=["deleted", "renamed"])
async def test_a_push_that_waits_for_a_change_of_the_repository_obeys_it(room: Room, renamed: bool) -> None:
    made = await room.push(APP)
    started = threading.Event()

    def change(tx: Transaction) -> None:
        if renamed:
            redirects.save(tx, APP.path, made.id, room.clock.now())
            store.move(tx, made.id, WEB)
        else:
            store.delete(tx, made.id)
        started.set()
        time.sleep(0.2)

    changing = asyncio.create_task(room.database.write(change))
    await asyncio.to_thread(started.wait)
    [answer] = await asyncio.gather(room.push(APP), return_exceptions=True)
    await changing

    if renamed:
        assert isinstance(answer, Denied)
        assert "renamed to alice/web" in str(answer)
    elif room.database.url.get_backend_name() == "postgresql":  # it saw the repository before
        assert isinstance(answer, NameUnknown)
    else:
        assert isinstance(answer, Repository)
        assert answer.id != made.id


async def test_a_blob_for_a_repository_that_goes_meanwhile_makes_it_anew(room: Room) -> None:
    made = await room.push(APP)
    seen, attempts = threading.Event(), []
    digest = Digest.of(b"layer")

    def write(tx: Transaction) -> None:
        repository = creation.ensure(tx, room.announce, OPERATOR, APP, room.clock.now())
        attempts.append(repository.id)
        seen.set()
        time.sleep(0.3)
        blobs.record_blob(tx, digest, 5, 0)
        blobs.link_blob(tx, repository.id, digest, 0)

    writing = asyncio.create_task(room.database.write(write))
    await asyncio.to_thread(seen.wait)
    await room.database.write(lambda tx: store.delete(tx, made.id))
    await writing

    is_postgresql = room.database.url.get_backend_name() == "postgresql"
    assert len(attempts) == 1 + is_postgresql
    assert len(await room.paths()) == is_postgresql  # on SQLite the deletion waited


async def test_renames_pushes_and_deletes_at_once_leave_sense(room: Room) -> None:
    others = [RepositoryName.parse(f"bob/r{number}") for number in range(4)]
    target = RepositoryName.parse("alice/target")
    await asyncio.gather(*(room.push(each) for each in [APP, *others]))

    results = await asyncio.gather(
        *(room.renaming.rename(OPERATOR, each, target) for each in others),
        *(room.push(APP) for _ in range(4)),
        room.renaming.rename(OPERATOR, APP, WEB),
        room.management.delete(OPERATOR, WEB),
        *(room.push(target) for _ in range(2)),
        return_exceptions=True,
    )

    unexpected = [
        each
        for each in results
        if isinstance(each, BaseException) and not isinstance(each, Denied | RepositoryExists | NameUnknown)
    ]
    assert unexpected == []
    found = await room.paths()
    assert len(found) == len(set(found))
    assert "alice/target" in found
    assert ("alice/app" in found) is False


async def test_an_account_with_repositories_stays_and_goes_with_them(room: Room) -> None:
    await room.push(APP)
    await room.push(RepositoryName.parse("bob/app"))

    def guarded(check: Callable[[Transaction, Account], None]) -> Callable[[Transaction], None]:
        def run(tx: Transaction) -> None:
            alice = accounts.find(tx, "alice")
            assert alice is not None
            check(tx, alice)

        return run

    with pytest.raises(AccountOwnsRepositories):
        await room.database.write(guarded(keep_owners))
    await room.management.delete_account(OPERATOR, "alice")

    assert await room.paths() == ["bob/app"]
    assert await room.database.read(lambda tx: accounts.find(tx, "alice")) is None
    assert room.told()[-1] == ("RepositoryDeleted", True)


async def test_an_account_does_not_go_while_a_repository_comes_to_it(room: Room) -> None:
    results = await asyncio.gather(
        room.push(APP), room.management.delete_account(OPERATOR, "alice"), return_exceptions=True
    )

    assert [
        each for each in results if isinstance(each, BaseException) and not isinstance(each, NoSuchAccount)
    ] == []
    assert await room.paths() == []
    assert await room.database.read(lambda tx: accounts.find(tx, "alice")) is None
