"""Blobs and their links, on both databases."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from dtr.features.images.store import blobs
from dtr.features.images.store.tables import blob, blob_link
from dtr.features.repositories.model import Repository
from dtr.oci.digest import Digest
from dtr.plumbing.db import Database, Transaction
from tests.support.registry import image_manifest
from tests.support.rows import NOW_MICROS, blob_row, find_blob, manifest_row, repository_row

HELLO = b"hello"
HELLO_DIGEST = Digest.of(HELLO)
LATER = NOW_MICROS + 1


async def linked(database: Database, content: bytes = HELLO, path: str = "alice/app") -> Repository:
    def write(tx: Transaction) -> Repository:
        repository = repository_row(tx, path)
        blob_row(tx, content, repository)
        return repository

    return await database.write(write)


async def found_size(
    database: Database, path: str = "alice/app", digest: Digest = HELLO_DIGEST
) -> int | None:
    found = await database.read(lambda tx: find_blob(tx, path, digest))
    return None if found is None else found.size_bytes


async def quarantine(database: Database, *, seen_at: int = NOW_MICROS) -> bool:
    return await database.write(
        lambda tx: blobs.quarantine(tx, str(HELLO_DIGEST), seen_at=seen_at, now=LATER)
    )


async def test_a_linked_blob_is_found_with_its_size(database: Database) -> None:
    repository = await linked(database)

    found = await database.read(lambda tx: find_blob(tx, "alice/app", HELLO_DIGEST))

    assert found is not None
    assert (found.repository_id, found.digest, found.size_bytes) == (repository.id, HELLO_DIGEST, 5)
    assert found.manifest is None


@pytest.mark.item("B5", "22")
async def test_a_blob_is_not_found_in_a_repository_it_was_not_pushed_to(database: Database) -> None:
    await linked(database)
    await database.write(lambda tx: repository_row(tx, "bob/app"))

    assert await found_size(database, "bob/app") is None


async def test_a_blob_is_not_found_in_a_repository_that_is_not_there(database: Database) -> None:
    await linked(database)

    assert await found_size(database, "nobody/app") is None


@pytest.mark.item("32")
async def test_the_digest_of_a_manifest_finds_its_bytes_as_a_blob(database: Database) -> None:
    content = image_manifest(HELLO)
    digest = await database.write(lambda tx: manifest_row(tx, repository_row(tx), content))

    found = await database.read(lambda tx: find_blob(tx, "alice/app", digest))

    assert found is not None
    assert (found.manifest, found.size_bytes) == (content, len(content))


async def test_recording_and_linking_twice_leaves_one_row_each(database: Database) -> None:
    await linked(database)
    await linked(database)

    def count(tx: Transaction) -> list[int]:
        return [
            tx.execute(select(func.count()).select_from(table)).scalar_one() for table in (blob, blob_link)
        ]

    assert await database.read(count) == [1, 1]


async def test_a_link_needs_a_recorded_blob(database: Database) -> None:
    def write(tx: Transaction) -> None:
        blobs.link_blob(tx, repository_row(tx).id, HELLO_DIGEST, NOW_MICROS)

    with pytest.raises(IntegrityError):
        await database.write(write)


async def test_unlinking_tells_whether_the_blob_was_there(database: Database) -> None:
    repository = await linked(database)
    await linked(database, path="bob/app")

    gone = [
        await database.write(lambda tx: blobs.unlink_blob(tx, repository.id, HELLO_DIGEST)) for _ in range(2)
    ]

    assert gone == [True, False]
    assert await found_size(database) is None
    assert await found_size(database, "bob/app") == 5


async def test_linked_sizes_names_only_what_the_repository_holds(database: Database) -> None:
    repository = await linked(database)
    elsewhere = await database.write(lambda tx: blob_row(tx, b"elsewhere", repository_row(tx, "bob/app")))

    asked = [str(HELLO_DIGEST), str(elsewhere), str(Digest.of(b"nowhere")), str(HELLO_DIGEST)]
    sizes = await database.read(lambda tx: blobs.linked_sizes(tx, repository.id, asked))

    assert sizes == {str(HELLO_DIGEST): 5}


async def test_linked_sizes_of_nothing_is_nothing(database: Database) -> None:
    assert await database.read(lambda tx: blobs.linked_sizes(tx, 1, [])) == {}


async def test_linked_sizes_takes_more_digests_than_one_statement_can(database: Database) -> None:
    contents = [b"%d" % number for number in range(blobs.DIGESTS_PER_STATEMENT + 3)]

    def write(tx: Transaction) -> Repository:
        repository = repository_row(tx)
        for content in contents:
            blob_row(tx, content, repository)
        return repository

    repository = await database.write(write)
    digests = [str(Digest.of(content)) for content in contents]

    sizes = await database.read(lambda tx: blobs.linked_sizes(tx, repository.id, digests))

    assert sizes == {digest: len(content) for digest, content in zip(digests, contents, strict=True)}


@pytest.mark.item("57", "58")
async def test_a_mount_finds_the_blob_in_any_of_the_sources(database: Database) -> None:
    await linked(database)

    def sources(*paths: str) -> object:
        return database.read(lambda tx: blobs.mount_source(tx, paths, HELLO_DIGEST))

    assert await sources("bob/app", "alice/app") == 5  # type: ignore[misc]
    assert await sources("bob/app", "carol/app") is None  # type: ignore[misc]


@pytest.mark.item("E4")
async def test_a_quarantined_blob_is_shown_nowhere(database: Database) -> None:
    repository = await linked(database)

    assert await quarantine(database)

    assert await found_size(database) is None
    asked = [str(HELLO_DIGEST)]
    assert await database.read(lambda tx: blobs.linked_sizes(tx, repository.id, asked)) == {}
    assert await database.read(lambda tx: blobs.mount_source(tx, ["alice/app"], HELLO_DIGEST)) is None


@pytest.mark.item("E4")
async def test_pushing_a_quarantined_blob_again_shows_it_again(database: Database) -> None:
    await linked(database)
    await quarantine(database)

    await linked(database)

    assert await found_size(database) == 5


async def test_a_blob_stored_after_the_look_at_it_stays_out_of_quarantine(database: Database) -> None:
    await linked(database)

    assert not await quarantine(database, seen_at=NOW_MICROS - 1)
    assert await found_size(database) == 5


async def test_a_blob_that_is_right_after_all_leaves_quarantine(database: Database) -> None:
    await linked(database)
    await quarantine(database)

    await database.write(lambda tx: blobs.lift_quarantine(tx, str(HELLO_DIGEST)))

    assert await found_size(database) == 5


async def test_pages_of_all_blobs_join_to_the_whole_in_byte_order(database: Database) -> None:
    contents = [b"%d" % number for number in range(7)]
    await database.write(lambda tx: [blob_row(tx, content) for content in contents])
    pages: list[tuple[str, int, bool]] = []

    def next_page(tx: Transaction) -> list[tuple[str, int, bool]]:
        return blobs.blobs_after(tx, pages[-1][0] if pages else "", 3)

    while page := await database.read(next_page):
        pages += page

    assert pages == [(str(digest), 1, False) for digest in sorted(map(Digest.of, contents), key=str)]


async def test_totals_count_every_blob_once(database: Database) -> None:
    assert await database.read(blobs.totals) == (0, 0)

    await linked(database)
    await linked(database, path="bob/app")
    await linked(database, b"four")

    assert await database.read(blobs.totals) == (2, 9)


async def test_a_recorded_blob_is_known(database: Database) -> None:
    await linked(database)

    assert await database.read(lambda tx: blobs.is_known(tx, str(HELLO_DIGEST)))
    assert not await database.read(lambda tx: blobs.is_known(tx, "sha256:" + "0" * 64))


async def test_a_blob_larger_than_four_gib_keeps_its_size(database: Database) -> None:
    size = 5 * 1024**4

    def write(tx: Transaction) -> None:
        blobs.record_blob(tx, HELLO_DIGEST, size, NOW_MICROS)
        blobs.link_blob(tx, repository_row(tx).id, HELLO_DIGEST, NOW_MICROS)

    await database.write(write)

    assert await found_size(database) == size
    assert await database.read(blobs.totals) == (1, size)
