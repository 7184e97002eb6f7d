"""Blobs in the memory of one process, for the tasks of one event loop: for tests and try-outs."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from dtr.core.clock import Clock
from dtr.plumbing.blobs.driver import PIECE_BYTES, Observer, StoredObject, StoredUpload
from dtr.plumbing.blobs.errors import KeyMissing, ObjectTooLarge, OffsetMismatch, UploadBusy, UploadMissing
from dtr.plumbing.blobs.layout import BLOBS, BlobKey, UploadId, checked_key, checked_upload


@dataclass(slots=True)
class _Upload:
    modified_at: datetime
    content: bytearray = field(default_factory=bytearray)
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class _Object:
    modified_at: datetime
    content: bytes


class MemoryWriter:
    """The writer of one upload; an `UploadWriter`. Made by `MemoryDriver.write_upload`."""

    def __init__(
        self, driver: "MemoryDriver", upload_id: UploadId, offset: int, observe: Observer | None
    ) -> None:
        self._driver = driver
        self._upload_id = upload_id
        self._offset = offset
        self._observe = observe
        self._upload: _Upload

    @property
    def position(self) -> int:
        """Bytes accepted so far, counted from the beginning of the upload."""
        return len(self._upload.content)

    async def __aenter__(self) -> Self:
        upload = self._driver.idle_upload(self._upload_id, self._offset)
        del upload.content[self._offset :]
        upload.is_busy = True
        self._upload = upload
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._upload.is_busy = False

    async def write(self, *chunks: bytes | memoryview) -> None:
        """Append a copy of the chunks."""
        if self._observe is not None:
            for chunk in chunks:
                self._observe(chunk)
        self._upload.content += b"".join(chunks)
        self._upload.modified_at = self._driver.clock.now()


class MemoryDriver:
    """A `BlobDriver` on two dictionaries; what each method promises is written in `BlobDriver`."""

    name = "memory"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._objects: dict[BlobKey, _Object] = {}
        self._uploads: dict[UploadId, _Upload] = {}

    async def start(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing; the content stays until the driver is gone."""

    async def create_upload(self, upload_id: UploadId) -> None:
        """Begin with an empty buffer."""
        self._uploads.setdefault(checked_upload(upload_id), _Upload(self.clock.now()))

    async def upload_size(self, upload_id: UploadId) -> int:
        """Count the bytes in the buffer."""
        return len(self._upload(upload_id).content)

    def write_upload(self, upload_id: UploadId, offset: int, observe: Observer | None = None) -> MemoryWriter:
        """Mark the upload as busy while the writer is open."""
        return MemoryWriter(self, checked_upload(upload_id), offset, observe)

    async def read_upload(self, upload_id: UploadId, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Copy the buffer piece by piece."""
        content = self._upload(upload_id).content
        for position in range(start, len(content), PIECE_BYTES):
            yield bytes(content[position : position + PIECE_BYTES])

    async def commit_upload(self, upload_id: UploadId, key: BlobKey, size_bytes: int) -> None:
        """Freeze the buffer."""
        checked_upload(upload_id)
        stored = self._objects.get(checked_key(key))
        if upload_id not in self._uploads and stored is not None and len(stored.content) == size_bytes:
            return
        content = self.idle_upload(upload_id, size_bytes).content
        await self.put(key, memoryview(content)[:size_bytes])
        del self._uploads[upload_id]

    async def discard_upload(self, upload_id: UploadId) -> None:
        """Forget the buffer."""
        self._uploads.pop(checked_upload(upload_id), None)

    async def list_uploads(self) -> AsyncGenerator[StoredUpload, None]:
        """List what is there at the first step."""
        for upload_id, upload in list(self._uploads.items()):
            size_bytes = len(upload.content)
            yield StoredUpload(upload_id=upload_id, size_bytes=size_bytes, modified_at=upload.modified_at)

    async def put(self, key: BlobKey, content: bytes | memoryview) -> None:
        """Keep a copy of the content."""
        self._objects[checked_key(key)] = _Object(self.clock.now(), bytes(content))

    async def size(self, key: BlobKey) -> int:
        """Count the bytes of the content."""
        return len(self._content(key))

    async def read(
        self, key: BlobKey, start: int = 0, stop: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Cut the content into pieces."""
        content = self._content(key)
        end = len(content) if stop is None else min(stop, len(content))
        for position in range(start, end, PIECE_BYTES):
            yield content[position : min(position + PIECE_BYTES, end)]

    async def read_small(self, key: BlobKey, limit_bytes: int) -> bytes:
        """Give the content itself."""
        content = self._content(key)
        if len(content) > limit_bytes:
            raise ObjectTooLarge("the blob is too large", size=len(content), limit=limit_bytes)
        return content

    async def open_file(self, key: BlobKey) -> None:
        """Give None: there is no file."""
        self._content(key)

    async def signed_url(self, key: BlobKey, lifetime_seconds: int) -> None:  # noqa: ARG002
        """Give None: there is no address."""
        checked_key(key)

    async def delete(self, key: BlobKey) -> None:
        """Forget the content."""
        self._objects.pop(checked_key(key), None)

    async def set_aside(self, key: BlobKey) -> None:
        """Forget the content: nobody could look at it later anyway."""
        await self.delete(key)

    async def list_keys(self, prefix: str = BLOBS) -> AsyncGenerator[StoredObject, None]:
        """List what is there at the first step."""
        for key, stored in list(self._objects.items()):
            if key.startswith(prefix):
                size_bytes = len(stored.content)
                yield StoredObject(key=key, size_bytes=size_bytes, modified_at=stored.modified_at)

    def idle_upload(self, upload_id: UploadId, offset: int) -> _Upload:
        """Find an upload for its only writer, with at least `offset` bytes."""
        upload = self._upload(upload_id)
        if upload.is_busy:
            raise UploadBusy("another request is writing to this upload")
        if len(upload.content) < offset:
            stored = len(upload.content)
            raise OffsetMismatch("the upload is shorter than expected", expected=offset, stored=stored)
        return upload

    def _upload(self, upload_id: UploadId) -> _Upload:
        upload = self._uploads.get(checked_upload(upload_id))
        if upload is None:
            raise UploadMissing("no such upload")
        return upload

    def _content(self, key: BlobKey) -> bytes:
        stored = self._objects.get(checked_key(key))
        if stored is None:
            raise KeyMissing("no such blob in the storage")
        return stored.content
