"""Callers of the filesystem driver that are cancelled: no open file, nothing half-done."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from dtr.plumbing.blobs import files
from dtr.plumbing.blobs.driver import OpenBlob
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from tests.drivers.steps import HELLO, key_of, listed, uploaded

KEY = key_of(HELLO)

P = ParamSpec("P")
T = TypeVar("T")
OpenFiles = Callable[[], list[str]]


class Gate:
    """Holds up the calls of a function on its thread until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def before(self, call: Callable[P, T]) -> Callable[P, T]:
        def held_up(*args: P.args, **kwargs: P.kwargs) -> T:
            self.entered.set()
            assert self.open.wait(10)
            return call(*args, **kwargs)

        return held_up

    async def wait_until_entered(self) -> None:
        await asyncio.to_thread(self.entered.wait, 10)


async def test_cancelled_write_is_brought_to_its_end_and_counted(
    filesystem: FilesystemDriver, open_files: OpenFiles
) -> None:
    gate = Gate()
    upload_id = await uploaded(filesystem)

    async def write() -> None:
        async with filesystem.write_upload(upload_id, 0, gate.before(lambda _: None)) as writer:
            await writer.write(HELLO)

    task = asyncio.create_task(write())
    await gate.wait_until_entered()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    task.cancel()
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await filesystem.upload_size(upload_id) == len(HELLO)
    assert open_files() == []


async def test_cancelled_opening_closes_the_file_it_opened(
    filesystem: FilesystemDriver, monkeypatch: pytest.MonkeyPatch, open_files: OpenFiles
) -> None:
    await filesystem.put(KEY, HELLO)
    gate = Gate()
    monkeypatch.setattr(files, "open_object", gate.before(files.open_object))
    task = asyncio.create_task(filesystem.open_file(KEY))
    await gate.wait_until_entered()
    task.cancel()
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert open_files() == []


async def test_cancelled_commit_is_brought_to_its_end(
    filesystem: FilesystemDriver, monkeypatch: pytest.MonkeyPatch, open_files: OpenFiles
) -> None:
    upload_id = await uploaded(filesystem, HELLO)
    gate = Gate()
    monkeypatch.setattr(files, "commit", gate.before(files.commit))
    task = asyncio.create_task(filesystem.commit_upload(upload_id, KEY, len(HELLO)))
    await gate.wait_until_entered()
    task.cancel()
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await listed(filesystem) == ([KEY], [])
    assert open_files() == []


async def test_cancelled_reading_closes_the_file(
    filesystem: FilesystemDriver, monkeypatch: pytest.MonkeyPatch, open_files: OpenFiles
) -> None:
    await filesystem.put(KEY, HELLO)
    gate = Gate()
    monkeypatch.setattr(files, "read_exactly", gate.before(files.read_exactly))
    task = asyncio.create_task(anext(filesystem.read(KEY)))
    await gate.wait_until_entered()
    task.cancel()
    gate.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert open_files() == []


async def test_call_cancelled_while_all_threads_are_busy_never_begins(root: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        driver = FilesystemDriver(root, executor)
        await driver.start()
        upload_id = await uploaded(driver, HELLO)
        release = threading.Event()
        executor.submit(release.wait, 10)
        task = asyncio.create_task(driver.commit_upload(upload_id, KEY, len(HELLO)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        assert await listed(driver) == ([], [upload_id])
        await driver.close()


async def test_writer_cancelled_while_all_threads_are_busy_still_closes_its_file(
    root: Path, open_files: OpenFiles
) -> None:
    with ThreadPoolExecutor(1) as executor:
        driver = FilesystemDriver(root, executor)
        await driver.start()
        upload_id = await uploaded(driver)
        release, is_writing = threading.Event(), asyncio.Event()

        async def write() -> None:
            async with driver.write_upload(upload_id, 0) as writer:
                executor.submit(release.wait, 10)
                is_writing.set()
                await writer.write(HELLO)

        task = asyncio.create_task(write())
        await is_writing.wait()
        assert len(open_files()) == 1
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert open_files() == []


async def test_driver_leaves_a_borrowed_thread_pool_running(root: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        driver = FilesystemDriver(root, executor)
        await driver.start()
        await driver.close()
        assert executor.submit(lambda: 7).result() == 7


async def test_opened_blob_closes_itself_and_may_be_closed_twice(
    filesystem: FilesystemDriver, open_files: OpenFiles
) -> None:
    await filesystem.put(KEY, HELLO)
    blob = await filesystem.open_file(KEY)
    assert isinstance(blob, OpenBlob)
    blob.close()
    blob.close()
    assert open_files() == []
