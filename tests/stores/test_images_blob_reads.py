"""Reading blobs from files that are damaged, replaced or removed while somebody reads."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import Unavailable
from dtr.features.images.model import StoredBlob
from dtr.features.images.service import Blobs
from dtr.features.images.service import blobs as blobs_service
from dtr.features.images.service.blobs import SMALL_BLOB_BYTES
from dtr.oci.digest import Digest
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.blobs.driver import PIECE_BYTES
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.db import Database

SMALL = b"small"
LARGE = os.urandom(2 * PIECE_BYTES + 7)


class Store:
    """Blobs in files, and a look at those files."""

    def __init__(self, blobs: Blobs, driver: FilesystemDriver, root: Path) -> None:
        self.blobs = blobs
        self._driver = driver
        self._root = root

    async def put(self, content: bytes) -> StoredBlob:
        digest = Digest.of(content)
        await self._driver.put(blob_key(digest), content)
        return StoredBlob(1, digest, len(content))

    def file(self, blob: StoredBlob) -> Path:
        return self._root / blob_key(blob.digest)


@pytest.fixture
async def store(database: Database, tmp_path: Path) -> AsyncIterator[Store]:
    root, clock = tmp_path / "store", FakeClock()
    driver = FilesystemDriver(root)
    await driver.start()
    yield Store(
        Blobs(database, driver, clock, announce_to_nobody, answers_bytes=0, small_blob_bytes=0), driver, root
    )
    await driver.close()


@pytest.mark.item("E4", "B1")
async def test_a_small_blob_that_grew_is_damaged(store: Store) -> None:
    blob = await store.put(SMALL)
    store.file(blob).write_bytes(bytes(SMALL_BLOB_BYTES + 1))

    with pytest.raises(Unavailable, match="damaged"):
        await store.blobs.open(blob)


@pytest.mark.item("B1")
async def test_an_opened_blob_is_read_from_the_file_whose_length_was_checked(store: Store) -> None:
    blob = await store.put(LARGE)
    source = await store.blobs.open(blob)
    store.file(blob).unlink()
    store.file(blob).write_bytes(b"something else")

    with closing(source):
        async with aclosing(source.read(3, len(LARGE) - 1)) as pieces:
            read = [piece async for piece in pieces]

    assert b"".join(read) == LARGE[3:-1]
    assert max(map(len, read)) == PIECE_BYTES


@pytest.mark.item("E4")
async def test_an_opened_blob_that_is_cut_meanwhile_ends_with_an_error(store: Store) -> None:
    blob = await store.put(LARGE)
    source = await store.blobs.open(blob)
    os.truncate(store.file(blob), PIECE_BYTES)

    with closing(source):
        async with aclosing(source.read(0, len(LARGE))) as pieces:
            assert await anext(pieces) == LARGE[:PIECE_BYTES]
            with pytest.raises(Unavailable):
                await anext(pieces)


async def test_a_reader_that_is_given_up_leaves_when_its_file_is_no_longer_in_use(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await store.blobs.open(await store.put(LARGE))
    reading, go_on, finished = threading.Event(), threading.Event(), threading.Event()

    def slow(*_: object) -> bytes:
        reading.set()
        go_on.wait(10)
        finished.set()
        return b""

    monkeypatch.setattr(blobs_service, "read_exactly", slow)

    async def read() -> None:
        with closing(source):
            async with aclosing(source.read(0, 1)) as pieces:
                await anext(pieces)

    task = asyncio.create_task(read())
    await asyncio.to_thread(reading.wait, 10)
    task.cancel()
    await asyncio.sleep(0.05)
    still_open = not task.done()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert still_open
    assert finished.is_set()
