"""Tags come, move and go: rows, history and facts together, on both databases."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from dtr.core.errors import Denied, Invalid
from dtr.core.paging import ListPage
from dtr.core.principal import Caller, Principal
from dtr.features.images.model import ManifestGone, ManifestPush, NoSuchTag, Preconditions, TagExists
from dtr.features.images.service.history import MOST_FORGOTTEN
from dtr.features.images.store import history as history_store
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.store import repositories
from dtr.oci.digest import Digest
from dtr.oci.errors import ManifestUnknown, NameUnknown, TagImmutable
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import user_row
from tests.support.registry import image_index
from tests.support.tagging import NAME, UNDELETE_DAYS, Tagging, digest_of, index_of

EVERYTHING = ListPage(size=1000, with_count=True)


@pytest.fixture
async def tagging(database: Database) -> Tagging:
    return await Tagging.begin(database)


async def tags_of(tagging: Tagging) -> list[str]:
    return await tagging.database.read(lambda tx: tag_store.tags_after(tx, 1, "", 1000))


async def moves_of(tagging: Tagging, tag: str = "v1") -> list[tuple[str | None, str | None, str]]:
    page = await tagging.history.moves(tagging.caller, NAME, tag, EVERYTHING)
    return [(each.digest, each.previous_digest, each.cause.value) for each in page.items]


# -- facts


async def test_a_push_tells_of_a_new_manifest_and_of_tags_that_came_or_moved(tagging: Tagging) -> None:
    first = await tagging.push(1, "v1", "latest")

    assert [fact.name for fact in tagging.facts if fact.object.type == "repository"] == ["RepositoryCreated"]
    told = [fact for fact in tagging.facts if fact.object.type != "repository"]
    assert [
        (each.name, each.verb, each.object.type, each.object.name, each.object.content) for each in told
    ] == [
        ("ManifestPushed", "CREATE", "manifest", "", first),
        ("TagPushed", "CREATE", "tag", "v1", first),
        ("TagPushed", "CREATE", "tag", "latest", first),
    ]
    assert told[0].details["tags"] == ["v1", "latest"]
    assert told[0].caller == tagging.caller
    assert told[0].repository is not None
    assert told[0].repository.path == "alice/app"

    tagging.facts.clear()
    second = await tagging.push(2, "v1")
    assert tagging.heard() == [("ManifestPushed", "CREATE", second), ("TagPushed", "UPDATE", "v1")]


async def test_pushing_again_what_is_there_is_no_news(tagging: Tagging) -> None:
    await tagging.push(1, "v1")
    tagging.facts.clear()

    await tagging.push(1, "v1")

    assert tagging.heard() == []
    assert len(await moves_of(tagging)) == 1


async def test_a_deletion_tells_of_each_tag_and_of_the_manifest(tagging: Tagging) -> None:
    digest = await tagging.push(1, "v1", "v2")
    await tagging.push(2, "v3")
    tagging.facts.clear()

    await tagging.manifests.delete(tagging.caller, NAME, "v3")
    await tagging.manifests.delete(tagging.caller, NAME, Digest.parse(digest))

    assert tagging.heard() == [
        ("TagDeleted", "DELETE", "v3"),
        ("TagDeleted", "DELETE", "v1"),
        ("TagDeleted", "DELETE", "v2"),
        ("ManifestDeleted", "DELETE", digest),
    ]
    assert (await moves_of(tagging))[0] == (None, digest, "manifest-delete")
    assert (await moves_of(tagging, "v3"))[0] == (None, digest_of(2), "delete")


async def test_a_change_that_fails_leaves_no_history(tagging: Tagging) -> None:
    await tagging.push(1, "v1")
    with pytest.raises(ManifestUnknown):
        await tagging.manifests.delete(tagging.caller, NAME, "v2")
    with pytest.raises(NoSuchTag):
        await tagging.history.moves(tagging.caller, NAME, "v2", EVERYTHING)

    assert len(await moves_of(tagging)) == 1


# -- tag.created_at


async def test_a_tag_keeps_the_moment_it_came_to_be_when_it_moves(tagging: Tagging) -> None:
    await tagging.push(1, "v1")
    came = tagging.clock.now()
    await tagging.push(2, "v1")

    [found] = (await tagging.tags.tags(tagging.caller, NAME, EVERYTHING)).items

    assert (found.tag.created_at, found.tag.tagged_at) == (came, tagging.clock.now())
    assert found.tag.manifest.digest == digest_of(2)


# -- tag limit


async def test_the_tags_pushed_longest_ago_make_room(tagging: Tagging) -> None:
    await tagging.push(1, "a")
    await tagging.push(2, "b")
    await tagging.push(3, "c")
    await tagging.push(1, "a")  # pushed again: not the oldest any more
    await tagging.change(tag_limit=2)
    tagging.facts.clear()

    await tagging.push(4, "d")

    assert await tags_of(tagging) == ["a", "d"]
    assert [(fact.name, fact.object.name, fact.details.get("cause")) for fact in tagging.facts[1:]] == [
        ("TagPushed", "d", "push"),
        ("TagDeleted", "b", "tag-limit"),
        ("TagDeleted", "c", "tag-limit"),
    ]
    assert (await moves_of(tagging, "b"))[0] == (None, digest_of(2), "tag-limit")
    assert (await tagging.manifests.resolve(NAME, Digest.parse(digest_of(2)))).content == index_of(2)


async def test_tags_of_one_push_all_stay_though_they_exceed_the_limit(tagging: Tagging) -> None:
    await tagging.push(1, "old")
    await tagging.change(tag_limit=1)

    await tagging.push(2, "x", "y", "z")

    assert await tags_of(tagging) == ["x", "y", "z"]


async def test_equally_old_tags_go_by_name(tagging: Tagging) -> None:
    await tagging.push(1, "c", "b", "a")
    await tagging.change(tag_limit=2)

    await tagging.push(2, "d")

    assert await tags_of(tagging) == ["c", "d"]


async def test_immutable_tags_do_not_make_room(tagging: Tagging) -> None:
    await tagging.push(1, "a")
    await tagging.change(tag_limit=1, immutable=True)

    await tagging.push(2, "b")

    assert await tags_of(tagging) == ["a", "b"]


async def test_pushes_at_once_never_leave_more_tags_than_the_limit(tagging: Tagging) -> None:
    await tagging.push(0, "t0")
    await tagging.change(tag_limit=3)

    await asyncio.gather(*(tagging.push(number, f"t{number}") for number in range(1, 12)))

    assert len(await tags_of(tagging)) == 3


# -- immutable


async def test_of_many_pushes_of_one_new_immutable_tag_exactly_one_wins(tagging: Tagging) -> None:
    await tagging.push(0)
    await tagging.change(immutable=True)

    done = await asyncio.gather(
        *(tagging.push(number, "v1") for number in range(1, 9)), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in done) == ["TagImmutable"] * 7 + ["str"]
    assert len(await moves_of(tagging)) == 1


async def test_a_child_of_a_tagged_index_does_not_go_where_tags_are_immutable(tagging: Tagging) -> None:
    child = await tagging.push(1)
    await tagging.manifests.push(
        tagging.caller,
        NAME,
        image_index(index_of(1), media_type="application/vnd.oci.image.index.v1+json"),
        content_type=None,
        digest=None,
        tags=("v1",),
        preconditions=Preconditions(),
    )
    await tagging.change(immutable=True)

    with pytest.raises(TagImmutable, match="v1"):
        await tagging.manifests.delete(tagging.caller, NAME, Digest.parse(child))
    with pytest.raises(TagImmutable, match="v1"):
        await tagging.tags.delete_manifest(tagging.caller, NAME, Digest.parse(child))

    await tagging.change(immutable=False)
    await tagging.manifests.delete(tagging.caller, NAME, Digest.parse(child))


# -- restore


async def test_a_deleted_tag_comes_back_as_it_was(tagging: Tagging) -> None:
    await tagging.push(1, "v1")
    await tagging.push(2, "v1")
    await tagging.manifests.delete(tagging.caller, NAME, "v1")
    [deleted] = (await tagging.history.deleted(tagging.caller, NAME, EVERYTHING)).items
    tagging.facts.clear()

    restored = await tagging.history.restore(tagging.caller, NAME, "v1")

    assert (deleted.name, deleted.digest, deleted.deleted_by) == ("v1", digest_of(2), "alice")
    assert deleted.restorable_until == tagging.clock.now() + timedelta(days=UNDELETE_DAYS)
    assert restored.manifest.digest == digest_of(2)
    assert tagging.heard() == [("TagRestored", "CREATE", "v1")]
    assert (await moves_of(tagging))[0] == (digest_of(2), None, "restore")
    assert (await tagging.history.deleted(tagging.caller, NAME, EVERYTHING)).items == []


async def test_a_tag_is_rolled_back_and_forward_within_its_history(tagging: Tagging) -> None:
    first, second = await tagging.push(1, "v1"), await tagging.push(2, "v1")
    tagging.facts.clear()

    for digest in (first, second, second):
        await tagging.history.restore(tagging.caller, NAME, "v1", Digest.parse(digest))

    assert tagging.heard() == [("TagRestored", "UPDATE", "v1")] * 2
    assert [each[0] for each in await moves_of(tagging)] == [second, first, second, first]


async def test_what_a_tag_never_named_is_no_place_to_go_back_to(tagging: Tagging) -> None:
    await tagging.push(1, "v1")
    other = await tagging.push(2, "v2")

    with pytest.raises(ManifestUnknown):
        await tagging.history.restore(tagging.caller, NAME, "v1", Digest.parse(other))
    with pytest.raises(NoSuchTag):
        await tagging.history.restore(tagging.caller, NAME, "v3", Digest.parse(other))
    with pytest.raises(NoSuchTag):
        await tagging.history.restore(tagging.caller, NAME, "v3")
    with pytest.raises(TagExists):
        await tagging.history.restore(tagging.caller, NAME, "v1")


async def test_a_manifest_that_is_gone_is_not_named_again(tagging: Tagging) -> None:
    first = await tagging.push(1, "v1", "v2")
    await tagging.push(2, "v1")
    await tagging.manifests.delete(tagging.caller, NAME, Digest.parse(first))

    with pytest.raises(ManifestGone):
        await tagging.history.restore(tagging.caller, NAME, "v1", Digest.parse(first))
    with pytest.raises(ManifestGone):
        await tagging.history.restore(tagging.caller, NAME, "v2")
    assert (await tagging.history.deleted(tagging.caller, NAME, EVERYTHING)).items == []

    await tagging.push(1)
    assert (await tagging.history.restore(tagging.caller, NAME, "v2")).manifest.digest == first


async def test_after_the_window_only_a_digest_brings_a_tag_back(tagging: Tagging) -> None:
    digest = await tagging.push(1, "v1")
    await tagging.manifests.delete(tagging.caller, NAME, "v1")
    tagging.clock.advance(timedelta(days=UNDELETE_DAYS).total_seconds() + 1)

    with pytest.raises(NoSuchTag):
        await tagging.history.restore(tagging.caller, NAME, "v1")
    assert (await tagging.history.deleted(tagging.caller, NAME, EVERYTHING)).total == 0

    await tagging.history.restore(tagging.caller, NAME, "v1", Digest.parse(digest))


async def test_an_immutable_tag_comes_back_but_does_not_move_back(tagging: Tagging) -> None:
    first = await tagging.push(1, "v1", "v2")
    await tagging.push(2, "v1")
    await tagging.manifests.delete(tagging.caller, NAME, "v2")
    await tagging.change(immutable=True)

    with pytest.raises(TagImmutable):
        await tagging.history.restore(tagging.caller, NAME, "v1", Digest.parse(first))
    await tagging.history.restore(tagging.caller, NAME, "v2")

    assert await tags_of(tagging) == ["v1", "v2"]


class NoWayBack:
    """A policy against one manifest, made after it was pushed."""

    def __init__(self) -> None:
        self.refused = ""
        self.asked: list[ManifestPush] = []

    def check(self, tx: Transaction, push: ManifestPush) -> None:
        assert tx.in_transaction()
        self.asked.append(push)
        if str(push.digest) == self.refused:
            raise Denied("not this one")


async def test_a_tag_comes_back_only_where_the_gates_would_let_it_be_pushed(database: Database) -> None:
    policy = NoWayBack()
    tagging = await Tagging.begin(database, policy)
    first, second = await tagging.push(1, "v1", "v2"), await tagging.push(2, "v1")
    await tagging.manifests.delete(tagging.caller, NAME, "v2")
    policy.refused = first
    tagging.facts.clear()

    with pytest.raises(Denied, match="not this one"):
        await tagging.history.restore(tagging.caller, NAME, "v1", Digest.parse(first))
    with pytest.raises(Denied, match="not this one"):
        await tagging.history.restore(tagging.caller, NAME, "v2")

    seen = policy.asked[-2]
    assert (seen.tags, seen.current_tags, seen.content) == (("v1",), {"v1": second}, index_of(1))
    assert (seen.caller, seen.repository.path) == (tagging.caller, NAME.path)
    assert await tags_of(tagging) == ["v1"]
    assert tagging.heard() == []
    assert (await tagging.history.deleted(tagging.caller, NAME, EVERYTHING)).total == 1
    policy.refused = ""
    assert (await tagging.history.restore(tagging.caller, NAME, "v2")).manifest.digest == first


async def test_a_restored_tag_counts_as_pushed_for_the_limit(tagging: Tagging) -> None:
    await tagging.push(1, "a")
    await tagging.manifests.delete(tagging.caller, NAME, "a")
    await tagging.push(2, "b")
    await tagging.change(tag_limit=1)

    tagging.clock.advance(1)
    await tagging.history.restore(tagging.caller, NAME, "a")

    assert await tags_of(tagging) == ["a"]
    assert (await moves_of(tagging, "b"))[0][2] == "tag-limit"


async def test_restoring_needs_the_right_to_push(tagging: Tagging, database: Database) -> None:
    await tagging.push(1, "v1")
    await tagging.manifests.delete(tagging.caller, NAME, "v1")
    stranger = await database.write(lambda tx: user_row(tx, "bob"))
    auditor = Principal("an id", "eve", is_auditor=True)

    with pytest.raises(NameUnknown):
        await tagging.history.restore(Caller(stranger), NAME, "v1")
    with pytest.raises(Denied):
        await tagging.history.restore(Caller(auditor), NAME, "v1")

    assert await tags_of(tagging) == []


async def test_of_two_restores_at_once_one_moves_the_tag_and_the_other_finds_it_there(
    tagging: Tagging,
) -> None:
    await tagging.push(1, "v1")
    await tagging.manifests.delete(tagging.caller, NAME, "v1")

    done = await asyncio.gather(
        *(tagging.history.restore(tagging.caller, NAME, "v1") for _ in range(4)), return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in done) == ["ListedTag"] + ["TagExists"] * 3
    assert len(await moves_of(tagging)) == 3


async def test_a_restore_and_pushes_at_once_leave_a_history_without_gaps(tagging: Tagging) -> None:
    first = Digest.parse(await tagging.push(1, "v1"))
    await tagging.push(2, "v1")

    await asyncio.gather(
        *(tagging.push(number, "v1") for number in range(3, 8)),
        *(tagging.history.restore(tagging.caller, NAME, "v1", first) for _ in range(3)),
    )

    moves = await moves_of(tagging)
    assert [each[1] for each in moves] == [*(each[0] for each in moves[1:]), None]
    assert (await tagging.manifests.resolve(NAME, "v1")).digest == moves[0][0]


# -- pages and pruning


async def test_the_history_comes_in_pages_newest_first(tagging: Tagging) -> None:
    for number in range(5):
        await tagging.push(number, "v1")
    seen, start = [], ""
    while True:
        page = await tagging.history.moves(tagging.caller, NAME, "v1", ListPage(start, 2, with_count=True))
        seen += [each.digest for each in page.items]
        assert page.total == 5
        if page.next_start is None:
            break
        start = page.next_start

    assert seen == [digest_of(number) for number in reversed(range(5))]


@pytest.mark.parametrize("start", ["x", "-1", "1.5", "٣", "9" * 30, "0x1"])
async def test_a_start_that_no_answer_gave_is_refused(tagging: Tagging, start: str) -> None:
    await tagging.push(1, "v1")

    with pytest.raises(Invalid):
        await tagging.history.moves(tagging.caller, NAME, "v1", ListPage(start, 2))


async def test_of_each_tag_the_newest_hundred_moves_are_kept(
    tagging: Tagging, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert history_store.MOVES_KEPT == 100
    monkeypatch.setattr(history_store, "MOVES_KEPT", 3)
    for number in range(6):
        await tagging.push(number, "v1")
    await tagging.push(0, "v2")

    assert [each[0] for each in await moves_of(tagging)] == [digest_of(number) for number in (5, 4, 3)]
    assert len(await moves_of(tagging, "v2")) == 1


async def test_what_is_too_old_is_forgotten_piece_by_piece(
    tagging: Tagging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dtr.features.images.service.history.MOST_FORGOTTEN", 2)
    assert MOST_FORGOTTEN > 2
    for number in range(3):
        await tagging.push(number, "v1")
    tagging.clock.advance(timedelta(days=400).total_seconds())
    await tagging.push(9, "v1")

    forgotten = [await tagging.history.prune() for _ in range(3)]

    assert forgotten == [2, 1, 0]
    assert len(await moves_of(tagging)) == 1


async def test_the_history_stays_when_the_repository_is_renamed_and_goes_with_it(
    tagging: Tagging, database: Database
) -> None:
    await tagging.push(1, "v1")
    await database.write(lambda tx: tx.execute(text("UPDATE repository SET path = 'alice/new'")))

    page = await tagging.history.moves(tagging.caller, RepositoryName.parse("alice/new"), "v1", EVERYTHING)
    assert len(page.items) == 1

    def delete(tx: Transaction) -> int:
        found = repositories.find(tx, "alice/new")
        assert found is not None
        tx.execute(text("DELETE FROM repository WHERE id = :id"), {"id": found.id})
        return int(tx.execute(text("SELECT COUNT(*) FROM tag_history")).scalar_one())

    assert await database.write(delete) == 0


async def test_many_tags_go_at_once_and_each_is_answered_for(tagging: Tagging) -> None:
    await tagging.push(1, *(f"t{number}" for number in range(600)))
    names = [f"t{number}" for number in range(600)]

    removals = await tagging.tags.delete_many(tagging.caller, NAME, ["absent", *names, "t1", "T1"])

    assert [each.tag for each in removals if each.error is not None] == ["absent", "T1"]
    assert await tags_of(tagging) == []
    page = await tagging.history.deleted(tagging.caller, NAME, ListPage("t5", 10, with_count=True))
    assert (page.items[0].name, page.total, page.next_start) == ("t5", 600, "t508")
