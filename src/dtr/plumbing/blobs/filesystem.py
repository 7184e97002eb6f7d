"""Blobs in a directory of a local or network file system.

Every operation is one hop to a thread, where `files` makes the system calls. An upload is one file below
`uploads/`; committing flushes it, renames it to its key and flushes the folder, so a blob that can be seen
is whole and durable. Processes share the directory freely: what must not happen twice is guarded by the
kernel (locks, rename).

The folders are made once, by `start`, and never by a push: if the file system is unmounted while the
registry runs, pushes fail instead of filling the disk below.
"""

from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

from dtr.core.errors import RegistryError, StorageFull, Unavailable
from dtr.plumbing.blobs import files, folders
from dtr.plumbing.blobs.driver import Observer, OpenBlob, StoredObject, StoredUpload
from dtr.plumbing.blobs.errors import RETRY_AFTER_SECONDS
from dtr.plumbing.blobs.layout import BLOBS, UPLOADS, BlobKey, UploadId, checked_key, checked_upload
from dtr.plumbing.blobs.threads import Threads
from dtr.plumbing.blobs.writeback import Writeback

T = TypeVar("T")

LIST_BATCH = 256
"""How many listed items one thread hop fetches."""


class FilesystemWriter:
    """The writer of one upload; an `UploadWriter`. Made by `FilesystemDriver.write_upload`."""

    def __init__(self, threads: Threads, path: str, offset: int, observe: Observer | None) -> None:
        self._threads = threads
        self._path = path
        self._observe = observe
        self._fd = -1
        self._position = offset
        self._writeback = Writeback(offset)

    @property
    def position(self) -> int:
        """Bytes accepted so far, counted from the beginning of the upload."""
        return self._position

    async def __aenter__(self) -> Self:
        self._fd = await self._threads.run(files.open_writer, self._path, self._position, undo=files.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fd, self._fd = self._fd, -1
        try:
            await self._threads.run_to_end(files.close, fd)
        except RegistryError:
            # Of two errors the first one is the cause.
            if error is None:
                raise

    async def write(self, *chunks: bytes | memoryview) -> None:
        """Write and observe all chunks in one thread hop."""
        await self._threads.run(self._accept, chunks)

    def _accept(self, chunks: Sequence[bytes | memoryview]) -> None:
        try:
            end = self._store(chunks)
            self._show(chunks)
        except BaseException:
            files.cut_back(self._fd, self._position)
            raise
        self._position = end
        self._writeback.reached(self._fd, end)

    def _store(self, chunks: Sequence[bytes | memoryview]) -> int:
        position = self._position
        for chunk in chunks:
            files.write_all(self._fd, chunk, position)
            position += len(chunk)
        return position

    def _show(self, chunks: Sequence[bytes | memoryview]) -> None:
        if self._observe is not None:
            for chunk in chunks:
                self._observe(chunk)


class FilesystemDriver:
    """A `BlobDriver` on a directory, which `start` creates if it is absent.

    The docstrings here say how; what each method promises is written in `BlobDriver`.
    """

    name = "filesystem"

    def __init__(self, root: Path, executor: ThreadPoolExecutor | None = None) -> None:
        self._root = str(root.absolute())
        self._threads = Threads(executor)

    async def start(self) -> None:
        """Make all folders, then store and remove a probe."""
        try:
            await self._threads.run(folders.prepare, self._root)
        except StorageFull as error:
            raise StorageFull(f"{self._root}: {error}") from error
        except Unavailable as error:
            raise Unavailable(f"{self._root}: {error}", retry_after_seconds=RETRY_AFTER_SECONDS) from error

    async def close(self) -> None:
        """End the threads, if they are our own."""
        await self._threads.close()

    async def create_upload(self, upload_id: UploadId) -> None:
        """Create an empty file; not flushed."""
        await self._threads.run(files.create_upload, self._upload_path(upload_id))

    async def upload_size(self, upload_id: UploadId) -> int:
        """Ask for the file's size."""
        return await self._threads.run(files.upload_size, self._upload_path(upload_id))

    def write_upload(
        self, upload_id: UploadId, offset: int, observe: Observer | None = None
    ) -> FilesystemWriter:
        """Hold a lock on the file while the writer is open."""
        return FilesystemWriter(self._threads, self._upload_path(upload_id), offset, observe)

    def read_upload(self, upload_id: UploadId, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Read a piece per thread hop; the first one also opens the file."""
        opened = partial(files.open_upload, self._upload_path(upload_id))
        return self._pieces(files.pieces(opened, start, None))

    async def commit_upload(self, upload_id: UploadId, key: BlobKey, size_bytes: int) -> None:
        """Flush, rename and flush the folder in one thread hop."""
        upload, path = self._upload_path(upload_id), self._path(key)
        await self._threads.run(files.commit, upload, path, size_bytes)

    async def discard_upload(self, upload_id: UploadId) -> None:
        """Unlink the file. A writer still at work goes on writing to a file without a name."""
        await self._threads.run(files.remove, self._upload_path(upload_id))

    def list_uploads(self) -> AsyncGenerator[StoredUpload, None]:
        """Walk through one folder, some names per thread hop."""
        return self._batches(folders.walk_uploads(self._root))

    async def put(self, key: BlobKey, content: bytes | memoryview) -> None:
        """Create, write, flush, rename and flush the folder in one thread hop."""
        upload = self._upload_path(str(uuid4()))
        await self._threads.run(files.put, upload, self._path(key), content)

    async def size(self, key: BlobKey) -> int:
        """Ask for the file's size."""
        return await self._threads.run(files.object_size, self._path(key))

    def read(self, key: BlobKey, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """Read a piece per thread hop; the first one also opens the file."""
        opened = partial(files.open_object, self._path(key))
        return self._pieces(files.pieces(opened, start, stop))

    async def read_small(self, key: BlobKey, limit_bytes: int) -> bytes:
        """Open, read and close in one thread hop."""
        return await self._threads.run(files.read_whole, self._path(key), limit_bytes)

    async def open_file(self, key: BlobKey) -> OpenBlob:
        """Open the file; never None."""
        return await self._threads.run(files.open_object, self._path(key), undo=OpenBlob.close)

    async def signed_url(self, key: BlobKey, lifetime_seconds: int) -> None:  # noqa: ARG002
        """Give None: a file has no address of its own."""
        checked_key(key)

    async def delete(self, key: BlobKey) -> None:
        """Unlink the file; not flushed."""
        await self._threads.run(files.remove, self._path(key))

    async def set_aside(self, key: BlobKey) -> None:
        """Rename the file to a name that means nothing here; not flushed."""
        await self._threads.run(files.set_aside, self._path(key))

    def list_keys(self, prefix: str = BLOBS) -> AsyncGenerator[StoredObject, None]:
        """Walk through the fan-out folders one by one, some names per thread hop."""
        return self._batches(folders.walk_objects(self._root, prefix))

    def _path(self, key: BlobKey) -> str:
        return f"{self._root}/{checked_key(key)}"

    def _upload_path(self, upload_id: UploadId) -> str:
        return f"{self._root}/{UPLOADS}{checked_upload(upload_id)}"

    async def _pieces(self, pieces: Generator[tuple[bytes, bool], None, None]) -> AsyncGenerator[bytes, None]:
        follows = True
        try:
            while follows:
                piece, follows = await self._threads.run(_next_piece, pieces)
                if piece:
                    yield piece
        finally:
            pieces.close()

    async def _batches(self, items: Generator[T, None, None]) -> AsyncGenerator[T, None]:
        follows = True
        try:
            while follows:
                batch = await self._threads.run(_next_batch, items)
                follows = len(batch) == LIST_BATCH
                for item in batch:
                    yield item
        finally:
            items.close()


def _next_piece(pieces: Generator[tuple[bytes, bool], None, None]) -> tuple[bytes, bool]:
    return next(pieces)


def _next_batch(items: Generator[T, None, None]) -> list[T]:
    return list(islice(items, LIST_BATCH))
