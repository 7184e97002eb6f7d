"""The filesystem driver when the operating system refuses: typed errors, nothing half-done, no restart.

`FaultyOs` takes the place of `os` inside the driver, so each system call can be made to fail in turn.
"""

import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dtr.core.errors import RegistryError, StorageFull, Unavailable
from dtr.plumbing.blobs.errors import KeyMissing, UploadMissing
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from tests.drivers.faulty_os import FaultyOs
from tests.drivers.steps import key_of, push, uploaded

REFUSALS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.EACCES]
Way = Callable[[FilesystemDriver, bytes], Awaitable[None]]
OpenFiles = Callable[[], list[str]]
PlainFiles = Callable[[Path], list[Path]]


def expected_error(error: int) -> type[RegistryError]:
    return StorageFull if error in {errno.ENOSPC, errno.EDQUOT} else Unavailable


async def push_again(driver: FilesystemDriver, content: bytes) -> None:
    """Push what is there; the first time it is put there."""
    await push(driver, content)
    await push(driver, content)


async def put(driver: FilesystemDriver, content: bytes) -> None:
    await driver.put(key_of(content), content)


async def put_and_delete(driver: FilesystemDriver, content: bytes) -> None:
    await driver.put(key_of(content), content)
    await driver.delete(key_of(content))
    await driver.put(key_of(content), content)


async def assert_nothing_half_done(driver: FilesystemDriver, content: bytes) -> None:
    try:
        stored = await driver.read_small(key_of(content), 1000)
    except KeyMissing:
        return
    assert stored == content


async def read(driver: FilesystemDriver, content: bytes) -> None:
    assert [piece async for piece in driver.read(key_of(content))] == [content]


async def read_small(driver: FilesystemDriver, content: bytes) -> None:
    assert await driver.read_small(key_of(content), 1000) == content


async def open_file(driver: FilesystemDriver, content: bytes) -> None:
    with await driver.open_file(key_of(content)) as blob:
        assert blob.file.read() == content


async def ask_size(driver: FilesystemDriver, content: bytes) -> None:
    assert await driver.size(key_of(content)) == len(content)


async def list_keys(driver: FilesystemDriver, content: bytes) -> None:
    assert [stored.key async for stored in driver.list_keys()] == [key_of(content)]


@pytest.mark.item("E3", "59")
@pytest.mark.parametrize("error", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("way", [push, push_again, put, put_and_delete])
async def test_push_survives_the_failure_of_any_single_system_call(
    faulty_driver: FilesystemDriver,
    faulty_os: FaultyOs,
    root: Path,
    way: Way,
    error: int,
    open_files: OpenFiles,
) -> None:
    await way(faulty_driver, b"counting the calls")
    for number in range(len(faulty_os.calls)):
        content = b"content number %d" % number
        faulty_os.fail_call(number, error)
        with pytest.raises(expected_error(error)) as caught:
            await way(faulty_driver, content)
        assert isinstance(caught.value.__cause__, OSError)
        assert str(root) not in caught.value.message
        faulty_os.heal()
        assert open_files() == []
        await assert_nothing_half_done(faulty_driver, content)
        await way(faulty_driver, content)
        await read_small(faulty_driver, content)
        faulty_os.heal()


@pytest.mark.item("E3")
@pytest.mark.parametrize("error", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize("way", [read, read_small, open_file, ask_size, list_keys])
async def test_reading_survives_the_failure_of_any_single_system_call(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs, way: Way, error: int, open_files: OpenFiles
) -> None:
    await faulty_driver.put(key_of(b"content"), b"content")
    faulty_os.heal()
    await way(faulty_driver, b"content")
    for number in range(min(len(faulty_os.calls), 20)):
        faulty_os.fail_call(number, error)
        with pytest.raises(expected_error(error)):
            await way(faulty_driver, b"content")
        faulty_os.heal()
        assert open_files() == []
        await way(faulty_driver, b"content")


@pytest.mark.item("E3")
@pytest.mark.parametrize("error", REFUSALS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    "call", ["mkdir", "open", "pwrite", "fdatasync", "rename", "fsync", "close", "unlink"]
)
async def test_start_names_the_place_and_the_reason_and_can_be_repeated(
    root: Path, faulty_os: FaultyOs, call: str, error: int, open_files: OpenFiles
) -> None:
    driver = FilesystemDriver(root)
    faulty_os.fail_on(call, error)
    with pytest.raises(expected_error(error)) as caught:
        await driver.start()
    assert caught.value.message.startswith(str(root))
    faulty_os.heal()
    assert open_files() == []
    await driver.start()
    await push(driver, b"content")
    await driver.close()


@pytest.mark.item("E3")
async def test_failed_pushes_leave_only_uploads_that_can_be_discarded(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs, root: Path, plain_files: PlainFiles
) -> None:
    faulty_os.fail_on("rename", errno.EIO)
    with pytest.raises(Unavailable):
        await push(faulty_driver, b"content")
    with pytest.raises(Unavailable):
        await put(faulty_driver, b"content")
    faulty_os.heal()
    left = [upload.upload_id async for upload in faulty_driver.list_uploads()]
    assert len(left) == 1
    await faulty_driver.discard_upload(left[0])
    assert plain_files(root) == []


@pytest.mark.item("B2")
async def test_upload_whose_flush_failed_is_given_up(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs
) -> None:
    upload_id = await uploaded(faulty_driver, b"content")
    faulty_os.fail_on("fdatasync", errno.EIO)
    with pytest.raises(Unavailable):
        await faulty_driver.commit_upload(upload_id, key_of(b"content"), 7)
    faulty_os.heal()
    with pytest.raises(UploadMissing):
        await faulty_driver.commit_upload(upload_id, key_of(b"content"), 7)


@pytest.mark.parametrize("call", ["rename", "fsync"])
async def test_commit_that_failed_after_the_flush_can_be_repeated(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs, call: str
) -> None:
    upload_id = await uploaded(faulty_driver, b"content")
    faulty_os.fail_on(call, errno.EIO)
    with pytest.raises(Unavailable):
        await faulty_driver.commit_upload(upload_id, key_of(b"content"), 7)
    faulty_os.heal()
    await faulty_driver.commit_upload(upload_id, key_of(b"content"), 7)
    assert len(faulty_os.of("fsync")) == 1
    await read_small(faulty_driver, b"content")


async def test_refused_chunk_counts_neither_for_the_upload_nor_for_the_observer(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs
) -> None:
    seen: list[bytes | memoryview] = []
    upload_id = await uploaded(faulty_driver, b"")
    async with faulty_driver.write_upload(upload_id, 0, seen.append) as writer:
        await writer.write(b"first")
        faulty_os.fail_on("pwrite", errno.ENOSPC)
        with pytest.raises(StorageFull):
            await writer.write(b"second", b"and more")
        assert writer.position == len(b"first")
        faulty_os.heal()
        await writer.write(b"third")
    assert seen == [b"first", b"third"]
    assert await faulty_driver.upload_size(upload_id) == len(b"firstthird")


async def test_short_writes_are_completed(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_three_bytes(fd: int, content: bytes | memoryview, offset: int) -> int:
        return os.pwrite(fd, content[:3], offset)

    monkeypatch.setattr(faulty_os, "pwrite", write_three_bytes, raising=False)
    await push(faulty_driver, b"written in many small steps")
    await read_small(faulty_driver, b"written in many small steps")


async def test_error_of_the_body_is_not_hidden_by_a_failing_close(
    faulty_driver: FilesystemDriver, faulty_os: FaultyOs
) -> None:
    async def write_until_the_connection_breaks() -> None:
        async with faulty_driver.write_upload(upload_id, 0):
            faulty_os.fail_on("close", errno.EIO)
            raise ConnectionResetError

    upload_id = await uploaded(faulty_driver, b"")
    with pytest.raises(ConnectionResetError):
        await write_until_the_connection_breaks()
