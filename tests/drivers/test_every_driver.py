"""What every blob driver promises of objects. A new driver joins in `conftest.py`, by one line."""

from contextlib import aclosing

import pytest

from dtr.core.clock import SystemClock
from dtr.oci.digest import Digest
from dtr.plumbing.blobs.driver import PIECE_BYTES, BlobDriver
from dtr.plumbing.blobs.errors import KeyMissing, ObjectTooLarge
from dtr.plumbing.blobs.layout import blob_key
from tests.drivers.steps import HELLO, content_of, key_of, keys, upload_ids, uploaded, ways_to_read

ABSENT = key_of(b"never stored")


async def test_put_content_is_readable_and_leaves_no_upload(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), memoryview(HELLO))
    assert await content_of(driver, key_of(HELLO)) == HELLO
    assert await upload_ids(driver) == []


@pytest.mark.item("53")
async def test_sha512_blob_has_its_own_key(driver: BlobDriver) -> None:
    key = blob_key(Digest.of(HELLO, "sha512"))
    await driver.commit_upload(await uploaded(driver, HELLO), key, len(HELLO))
    assert await content_of(driver, key) == HELLO
    assert await keys(driver, "blobs/sha512/") == [key]
    assert await keys(driver, "blobs/sha256/") == []


@pytest.mark.item("E4")
async def test_put_onto_a_truncated_object_heals_it(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO[:5])
    await driver.put(key_of(HELLO), HELLO)
    assert await content_of(driver, key_of(HELLO)) == HELLO


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, None),
        (0, 1),
        (3, 9),
        (14, 15),
        (14, None),
        (9, 400),
        (15, None),
        (400, 500),
        (5, 5),
        (9, 3),
        (0, 0),
    ],
)
async def test_range_of_a_blob_is_the_slice_of_its_bytes(
    driver: BlobDriver, start: int, stop: int | None
) -> None:
    await driver.put(key_of(HELLO), HELLO)
    pieces = [piece async for piece in driver.read(key_of(HELLO), start, stop)]
    assert b"".join(pieces) == HELLO[start:stop]
    assert all(pieces)


@pytest.mark.item("B9")
@pytest.mark.parametrize("size_bytes", [PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
async def test_large_blob_arrives_in_pieces(driver: BlobDriver, size_bytes: int) -> None:
    content = bytes(range(256)) * (size_bytes // 256) + b"x" * (size_bytes % 256)
    await driver.put(key_of(content), content)
    pieces = [piece async for piece in driver.read(key_of(content))]
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert b"".join(pieces) == content


async def test_blob_deleted_while_it_is_read_is_read_to_its_end(driver: BlobDriver) -> None:
    content = b"0123456789abcdef" * (PIECE_BYTES // 8)
    await driver.put(key_of(content), content)
    received = bytearray()
    async with aclosing(driver.read(key_of(content))) as pieces:
        async for piece in pieces:
            received += piece
            await driver.delete(key_of(content))
    assert bytes(received) == content


async def test_small_blob_is_read_whole_and_a_larger_one_refused(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO)
    assert await driver.read_small(key_of(HELLO), len(HELLO)) == HELLO
    with pytest.raises(ObjectTooLarge):
        await driver.read_small(key_of(HELLO), len(HELLO) - 1)


async def test_opened_file_has_the_blobs_bytes_or_the_driver_has_no_files(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO)
    opened = await driver.open_file(key_of(HELLO))
    if opened is None:
        assert driver.name != "filesystem"
        return
    with opened as blob:
        assert blob.size_bytes == len(HELLO)
        assert blob.file.read() == HELLO


@pytest.mark.item("B7")
async def test_deleted_blob_is_missing_for_every_use(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO)
    await driver.delete(key_of(HELLO))
    await driver.delete(key_of(HELLO))
    for use in ways_to_read(driver):
        with pytest.raises(KeyMissing):
            await use(key_of(HELLO))
    assert await keys(driver) == []


@pytest.mark.item("E4")
async def test_damaged_blob_set_aside_makes_room_for_the_next_push(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO[::-1])
    await driver.set_aside(key_of(HELLO))
    await driver.set_aside(key_of(HELLO))
    assert await keys(driver) == []
    await driver.put(key_of(HELLO), HELLO)
    assert await content_of(driver, key_of(HELLO)) == HELLO


async def test_listing_gives_size_time_and_key_of_what_the_prefix_selects(driver: BlobDriver) -> None:
    started = SystemClock().now()
    contents = [b"content %d" % number for number in range(600)]
    for content in contents:
        await driver.put(key_of(content), content)
    everything = [stored async for stored in driver.list_keys()]
    assert sorted(stored.key for stored in everything) == sorted(map(key_of, contents))
    assert {stored.key: stored.size_bytes for stored in everything}[key_of(contents[0])] == len(contents[0])
    assert all(abs((stored.modified_at - started).total_seconds()) < 60 for stored in everything)
    for length in (len("blobs/sha256/a"), len("blobs/sha256/ab/"), 40, len(key_of(HELLO))):
        prefix = key_of(contents[0])[:length]
        expected = sorted(key for key in map(key_of, contents) if key.startswith(prefix))
        assert await keys(driver, prefix) == expected
    assert await keys(driver, "elsewhere/") == []


async def test_listing_can_be_left_early(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO)
    async with aclosing(driver.list_keys()) as found:
        async for stored in found:
            assert stored.key == key_of(HELLO)
            break


@pytest.mark.item("13")
@pytest.mark.parametrize(
    "key",
    [
        "",
        "blobs/",
        "blobs/../../etc/passwd",
        "uploads/x",
        ABSENT.upper(),
        ABSENT + "0",
        ABSENT + "\n",
        "/" + ABSENT,
        ABSENT.replace("/sha256/", "/sha512/"),
        f"blobs/sha256/00/{'1' * 64}",
    ],
)
async def test_text_that_is_no_key_names_nothing(driver: BlobDriver, key: str) -> None:
    upload_id = await uploaded(driver, HELLO)
    for use in (*ways_to_read(driver), driver.delete):
        with pytest.raises(KeyMissing):
            await use(key)
    with pytest.raises(KeyMissing):
        await driver.put(key, HELLO)
    with pytest.raises(KeyMissing):
        await driver.commit_upload(upload_id, key, len(HELLO))
    with pytest.raises(KeyMissing):
        await driver.signed_url(key, 60)
    assert await keys(driver) == []


async def test_starting_again_keeps_everything(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO)
    upload_id = await uploaded(driver, HELLO)
    await driver.start()
    assert await keys(driver) == [key_of(HELLO)]
    assert await upload_ids(driver) == [upload_id]
