"""The contract of blob storage, and the small values that cross it.

Every driver keeps it to the letter; `tests/drivers/test_every_driver.py` holds each one to it. Metrics,
throttling and fault injection are wrappers around a driver, not methods of it.
"""

import io
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from dtr.plumbing.blobs.layout import BLOBS, BlobKey, UploadId

PIECE_BYTES = 1024 * 1024
"""The largest piece that reads give."""

Observer: TypeAlias = Callable[[bytes | memoryview], None]
"""Sees each accepted chunk once, in order; typically a hasher's `update`. Runs on the thread that writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A finished object. `modified_at` (aware, UTC) is when it was last committed or adopted."""

    key: BlobKey
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpload:
    """A running upload. `modified_at` (aware, UTC) is when it last received bytes."""

    upload_id: UploadId
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """A blob as an open file, for a sender that works on descriptors.

    Use it with `with`, or `close` it: it owns the descriptor. It stays readable when the key is deleted
    meanwhile.
    """

    file: io.FileIO
    size_bytes: int

    def close(self) -> None:
        """Close the file. Repeating it is harmless."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class UploadWriter(Protocol):
    """Appends to one upload. One `write` at a time."""

    @property
    def position(self) -> int:
        """Bytes accepted so far, counted from the beginning of the upload."""

    async def write(self, *chunks: bytes | memoryview) -> None:
        """Append chunks of bytes, in order, and show each to the observer: all of them or none.

        Each call costs a hop to a thread or a request to a store: hand over small chunks several at a time.
        They are not copied if the store can help it; do not change their bytes before this returns. A caller
        that is cancelled waits until the store has finished with them; `position` then tells whether they
        counted. Raises StorageFull or Unavailable: no chunk counted, and the observer has seen none.
        """


class BlobDriver(Protocol):
    """Bytes by key, and uploads by id. Safe for concurrent use, by many tasks, processes and machines.

    *Uploads and objects.* Bytes arrive in an upload and become an object by `commit_upload`: visible whole,
    or not at all. A store that renames (filesystem) writes the upload as one file and renames it. A store
    that cannot (S3, GCS, Azure, Swift) collects parts below `uploads/<id>/`, holds back what is too short
    for a part until the writer is left, completes them on commit and copies the result inside the store to
    its key, since the key is known only at the end. Allow for a commit that takes time in proportion to the
    size there.

    *Names.* Keys and upload ids are those of `layout`. Any other text names nothing: every method raises
    KeyMissing or UploadMissing for it before the store is touched.

    *One writer.* Callers guard an upload by a lease. Drivers that can tell also raise UploadBusy when a
    second writer, or a commit, meets a first one, in whatever process it is.

    *Trouble.* Every method may raise StorageFull or Unavailable for the store's own trouble. Nothing
    half-done is ever visible under a key then, and the same call may succeed later.

    *Cancellation.* A cancelled caller leaves no descriptor open and nothing half-done. What the store was
    doing at that moment is first brought to its end.

    *Reads in pieces.* They are generators: leave one early with `contextlib.aclosing`, so that its file
    closes at once.
    """

    name: str

    async def start(self) -> None:
        """Make the layout and check that the store can be written. Repeating it is harmless.

        Raises StorageFull or Unavailable with a message for the operator, naming the place.
        """

    async def close(self) -> None:
        """Release threads and connections. No other call may follow or be running."""

    async def create_upload(self, upload_id: UploadId) -> None:
        """Begin an upload, empty. One that exists already keeps its bytes.

        Survives the end of the process; after a loss of power the upload may be missing or shorter.
        """

    async def upload_size(self, upload_id: UploadId) -> int:
        """Count the bytes that the upload holds. Raises UploadMissing."""

    def write_upload(
        self, upload_id: UploadId, offset: int, observe: Observer | None = None
    ) -> AbstractAsyncContextManager[UploadWriter]:
        """Continue an upload at `offset` (bytes). Whatever it holds beyond is dropped first.

        Entering raises UploadMissing, OffsetMismatch (the upload is shorter than `offset`) or UploadBusy. On
        leaving, also by an exception, every accepted chunk is stored and a later writer may continue there.
        If it is not, because the store failed only now, leaving raises StorageFull or Unavailable.
        """

    def read_upload(self, upload_id: UploadId, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of an upload from `start` on. Raises UploadMissing before the first piece."""

    async def commit_upload(self, upload_id: UploadId, key: BlobKey, size_bytes: int) -> None:
        """Turn the first `size_bytes` bytes of an upload into the object `key`, and end the upload.

        On return the object is readable and survives a loss of power. If the key exists with that size
        already, the existing object stays, counts as modified now, and the upload is dropped; with any other
        size it is replaced. Repeating a commit is harmless.

        Raises UploadMissing, OffsetMismatch (fewer bytes than `size_bytes`) or UploadBusy. After StorageFull
        or Unavailable repeat the commit; it raises UploadMissing if the store had to give the upload up,
        because a failed flush may have lost bytes that were accepted before. Begin a new upload then.
        """

    async def discard_upload(self, upload_id: UploadId) -> None:
        """Drop an upload and free its space. Harmless if it is gone."""

    def list_uploads(self) -> AsyncGenerator[StoredUpload, None]:
        """Yield the running uploads in no order, among them what a dead process left behind.

        Memory does not grow with their number. One that comes or goes meanwhile may be listed or not.
        """

    async def put(self, key: BlobKey, content: bytes | memoryview) -> None:
        """Store a small object in one step, with the same promises as an upload and its commit.

        Meant for content that is in memory anyway. A process that dies in the middle may leave an upload
        behind.
        """

    async def size(self, key: BlobKey) -> int:
        """Count the bytes of an object. Raises KeyMissing."""

    def read(self, key: BlobKey, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` up to, not including, `stop` (None: the end), in pieces.

        A `stop` behind the end means the end; a `start` at or behind the end gives nothing. Raises
        KeyMissing before the first piece, never after: an object deleted meanwhile is read to its end, or
        Unavailable is raised. The bytes given are as many as promised or an error is raised.
        """

    async def read_small(self, key: BlobKey, limit_bytes: int) -> bytes:
        """Read a whole object at once. Raises KeyMissing, or ObjectTooLarge above `limit_bytes`."""

    async def open_file(self, key: BlobKey) -> OpenBlob | None:
        """Open the object as a local file; None if the store has no such thing. Raises KeyMissing."""

    async def signed_url(self, key: BlobKey, lifetime_seconds: int) -> str | None:
        """Give a URL that lets anybody read the object for a while; None if the store has no such thing.

        The caller has checked that the object exists: a store may sign without looking.
        """

    async def delete(self, key: BlobKey) -> None:
        """Remove an object; the next read, by anybody, does not find it. Harmless if it is gone.

        After a loss of power it may be back.
        """

    async def set_aside(self, key: BlobKey) -> None:
        """Take a damaged object out of use: like `delete`, but the bytes stay under another name if possible.

        An object of the right size stays when it is pushed again, so pushing alone would never mend it.
        """

    def list_keys(self, prefix: str = BLOBS) -> AsyncGenerator[StoredObject, None]:
        """Yield the objects whose keys begin with `prefix`, in no order.

        Memory does not grow with their number. One that comes or goes meanwhile may be listed or not.
        """
