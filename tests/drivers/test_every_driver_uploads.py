"""What every blob driver promises of uploads. A new driver joins in `conftest.py`, by one line."""

import asyncio
import hashlib
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtr.core.clock import SystemClock
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.errors import KeyMissing, OffsetMismatch, UploadBusy, UploadMissing
from tests.drivers.steps import (
    HELLO,
    content_of,
    key_of,
    keys,
    upload_content,
    upload_ids,
    uploaded,
)

UPLOAD_ID = "0c5eb4ff-7a3b-4b0e-9f5e-5a8f3f1d2c11"


async def test_committed_upload_is_readable_and_the_upload_is_gone(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO[:5], HELLO[5:])
    await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    assert await content_of(driver, key_of(HELLO)) == HELLO
    assert await driver.size(key_of(HELLO)) == len(HELLO)
    with pytest.raises(UploadMissing):
        await driver.upload_size(upload_id)
    assert await upload_ids(driver) == []


@pytest.mark.item("52")
async def test_empty_blob_is_stored_by_upload_and_by_put(driver: BlobDriver) -> None:
    await driver.commit_upload(await uploaded(driver), key_of(b""), 0)
    assert await driver.size(key_of(b"")) == 0
    await driver.delete(key_of(b""))
    await driver.put(key_of(b""), b"")
    assert await content_of(driver, key_of(b"")) == b""
    assert await driver.read_small(key_of(b""), 0) == b""


@pytest.mark.item("B3")
async def test_upload_is_invisible_under_its_key_until_it_is_committed(driver: BlobDriver) -> None:
    await uploaded(driver, HELLO)
    with pytest.raises(KeyMissing):
        await driver.size(key_of(HELLO))
    assert await keys(driver) == []


async def test_upload_continues_where_the_last_writer_stopped(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO[:5])
    async with driver.write_upload(upload_id, 5) as writer:
        await writer.write(HELLO[5:])
        assert writer.position == len(HELLO)
    assert await upload_content(driver, upload_id) == HELLO


async def test_writer_drops_what_lies_beyond_its_offset(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, b"good", b"torn")
    async with driver.write_upload(upload_id, 4) as writer:
        assert writer.position == 4
    assert await driver.upload_size(upload_id) == 4


async def test_writer_behind_the_end_is_refused_and_the_upload_stays(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, b"four")
    with pytest.raises(OffsetMismatch):
        async with driver.write_upload(upload_id, 5):
            pass
    assert await upload_content(driver, upload_id) == b"four"


async def test_observer_sees_each_chunk_once_and_in_order(driver: BlobDriver) -> None:
    hasher = hashlib.sha256()
    upload_id = str(uuid4())
    await driver.create_upload(upload_id)
    async with driver.write_upload(upload_id, 0, hasher.update) as writer:
        await writer.write(b"one")
        await writer.write(memoryview(b"two"), b"", b"three")
        assert writer.position == len(b"onetwothree")
    assert hasher.digest() == hashlib.sha256(b"onetwothree").digest()
    assert await upload_content(driver, upload_id) == b"onetwothree"


async def test_chunk_that_the_observer_refuses_does_not_count(driver: BlobDriver) -> None:
    def refuse_second(chunk: bytes | memoryview) -> None:
        if chunk == b"second":
            raise ZeroDivisionError

    upload_id = await uploaded(driver)
    async with driver.write_upload(upload_id, 0, refuse_second) as writer:
        await writer.write(b"first")
        with pytest.raises(ZeroDivisionError):
            await writer.write(b"second")
        assert writer.position == len(b"first")
    assert await upload_content(driver, upload_id) == b"first"


@pytest.mark.item("42", "49")
async def test_chunks_accepted_before_a_connection_broke_are_kept(driver: BlobDriver) -> None:
    async def write_until_the_connection_breaks() -> None:
        async with driver.write_upload(upload_id, 0) as writer:
            await writer.write(HELLO[:5])
            raise ConnectionResetError

    upload_id = await uploaded(driver)
    with pytest.raises(ConnectionResetError):
        await write_until_the_connection_breaks()
    assert await driver.upload_size(upload_id) == 5
    async with driver.write_upload(upload_id, 5) as writer:
        await writer.write(HELLO[5:])
    await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    assert await content_of(driver, key_of(HELLO)) == HELLO


@pytest.mark.item("49")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), breaks=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
async def test_any_sequence_of_broken_connections_gives_the_same_bytes(
    driver: BlobDriver, content: bytes, breaks: list[tuple[int, int]]
) -> None:
    """Each connection sends some bytes, of which the caller forgets the last ones, and breaks."""
    upload_id = await uploaded(driver)
    remembered = 0
    for sent, forgotten in [*breaks, (len(content), 0)]:
        async with driver.write_upload(upload_id, remembered) as writer:
            await writer.write(content[remembered : remembered + sent])
            remembered = max(remembered, writer.position - forgotten)
    await driver.commit_upload(upload_id, key_of(content), len(content))
    assert await content_of(driver, key_of(content)) == content
    await driver.delete(key_of(content))


@pytest.mark.item("50")
async def test_second_writer_is_refused_until_the_first_has_left(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver)
    async with driver.write_upload(upload_id, 0) as first:
        await first.write(b"first")
        with pytest.raises(UploadBusy):
            async with driver.write_upload(upload_id, 0):
                pass
    async with driver.write_upload(upload_id, 5) as second:
        await second.write(b"second")
    assert await upload_content(driver, upload_id) == b"firstsecond"


async def test_commit_is_refused_while_somebody_writes(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO)
    async with driver.write_upload(upload_id, len(HELLO)):
        with pytest.raises(UploadBusy):
            await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))


async def test_creating_an_upload_again_keeps_its_bytes(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO)
    await driver.create_upload(upload_id)
    assert await driver.upload_size(upload_id) == len(HELLO)


async def test_reading_an_upload_starts_where_it_is_told(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO)
    assert await upload_content(driver, upload_id, 7) == HELLO[7:]
    assert await upload_content(driver, upload_id, 1000) == b""


@pytest.mark.item("47")
async def test_unknown_upload_is_missing_for_every_use(driver: BlobDriver) -> None:
    unknown = str(uuid4())
    with pytest.raises(UploadMissing):
        await driver.upload_size(unknown)
    with pytest.raises(UploadMissing):
        await upload_content(driver, unknown)
    with pytest.raises(UploadMissing):
        async with driver.write_upload(unknown, 0):
            pass
    with pytest.raises(UploadMissing):
        await driver.commit_upload(unknown, key_of(HELLO), len(HELLO))


@pytest.mark.item("51")
async def test_discarded_upload_is_gone_and_discarding_again_is_harmless(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO)
    await driver.discard_upload(upload_id)
    await driver.discard_upload(upload_id)
    with pytest.raises(UploadMissing):
        await driver.upload_size(upload_id)


async def test_repeating_a_commit_is_harmless(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO)
    await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    assert await content_of(driver, key_of(HELLO)) == HELLO


async def test_repeating_a_commit_does_not_adopt_an_object_of_another_size(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO)
    await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    with pytest.raises(UploadMissing):
        await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO) + 1)


async def test_commit_of_too_few_bytes_is_refused_and_the_upload_stays(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO[:5])
    with pytest.raises(OffsetMismatch):
        await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    assert await driver.upload_size(upload_id) == 5
    assert await keys(driver) == []


async def test_commit_leaves_out_bytes_that_nobody_counted(driver: BlobDriver) -> None:
    upload_id = await uploaded(driver, HELLO, b"torn")
    await driver.commit_upload(upload_id, key_of(HELLO), len(HELLO))
    assert await content_of(driver, key_of(HELLO)) == HELLO


@pytest.mark.item("56")
async def test_commit_onto_the_same_object_drops_the_upload_and_makes_the_object_young(
    driver: BlobDriver,
) -> None:
    await driver.put(key_of(HELLO), HELLO)
    before = [stored.modified_at async for stored in driver.list_keys()]
    await asyncio.sleep(0.02)
    await driver.commit_upload(await uploaded(driver, HELLO), key_of(HELLO), len(HELLO))
    after = [stored.modified_at async for stored in driver.list_keys()]
    assert after > before
    assert await upload_ids(driver) == []


@pytest.mark.item("E4")
async def test_commit_onto_a_truncated_object_heals_it(driver: BlobDriver) -> None:
    await driver.put(key_of(HELLO), HELLO[:5])
    await driver.commit_upload(await uploaded(driver, HELLO), key_of(HELLO), len(HELLO))
    assert await content_of(driver, key_of(HELLO)) == HELLO


@pytest.mark.item("60a")
async def test_fifty_pushes_of_one_blob_leave_one_object_and_no_uploads(driver: BlobDriver) -> None:
    async def push() -> None:
        await driver.commit_upload(await uploaded(driver, HELLO), key_of(HELLO), len(HELLO))

    await asyncio.gather(*(push() for _ in range(50)))
    assert await keys(driver) == [key_of(HELLO)]
    assert await content_of(driver, key_of(HELLO)) == HELLO
    assert await upload_ids(driver) == []


@pytest.mark.item("60b")
async def test_running_uploads_are_listed_with_size_and_time(driver: BlobDriver) -> None:
    started = SystemClock().now()
    sizes = {await uploaded(driver, b"x" * number): number for number in range(300)}
    found = [upload async for upload in driver.list_uploads()]
    assert {upload.upload_id: upload.size_bytes for upload in found} == sizes
    assert all(abs((upload.modified_at - started).total_seconds()) < 60 for upload in found)


@pytest.mark.item("47")
@pytest.mark.parametrize(
    "upload_id", ["", "..", "../blobs", UPLOAD_ID.upper(), f"{UPLOAD_ID}/", f"{UPLOAD_ID}\n", "a" * 36]
)
async def test_text_that_is_no_upload_id_names_nothing(driver: BlobDriver, upload_id: str) -> None:
    for use in (driver.create_upload, driver.upload_size, driver.discard_upload):
        with pytest.raises(UploadMissing):
            await use(upload_id)
    with pytest.raises(UploadMissing):
        await upload_content(driver, upload_id)
    with pytest.raises(UploadMissing):
        async with driver.write_upload(upload_id, 0):
            pass
    with pytest.raises(UploadMissing):
        await driver.commit_upload(upload_id, key_of(HELLO), 0)
    assert await upload_ids(driver) == []
