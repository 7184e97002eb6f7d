"""Reading, mounting and deleting blobs."""

from collections.abc import AsyncGenerator, Iterable

import structlog

from dtr.core.clock import Clock, to_micros
from dtr.core.errors import Unavailable
from dtr.core.messages import said
from dtr.core.principal import Caller
from dtr.features.images.cache import ValidatedCache
from dtr.features.images.model import StoredBlob
from dtr.features.images.store import blobs as store
from dtr.features.images.store import reads
from dtr.features.repositories.model import no_such_repository
from dtr.features.repositories.service import creation
from dtr.features.repositories.store import repositories
from dtr.oci.digest import Digest
from dtr.oci.errors import BlobUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.blobs.driver import PIECE_BYTES, BlobDriver, OpenBlob
from dtr.plumbing.blobs.errors import KeyMissing, ObjectTooLarge
from dtr.plumbing.blobs.files import read_exactly
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.blobs.threads import Threads
from dtr.plumbing.cache import BoundedCache
from dtr.plumbing.db import Database, Transaction

SMALL_BLOB_BYTES = 64 * 1024
"""Up to here a blob is read whole, checked against its digest and kept in memory: image configurations mostly."""

log = structlog.get_logger()


class MemorySource:
    """Bytes in memory as something to read in slices."""

    descriptor: int | None = None

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes [start, stop)."""
        yield self.content[start:stop]

    def close(self) -> None:
        """Hold nothing."""


class FileSource:
    """A stored blob as an open file: every slice is of the very bytes whose length was checked."""

    def __init__(self, opened: OpenBlob, threads: Threads) -> None:
        self._opened = opened
        self._threads = threads

    @property
    def descriptor(self) -> int:
        """The open file's descriptor."""
        return self._opened.file.fileno()

    async def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes [start, stop), a piece per thread hop. Raises Unavailable if the file ends before."""
        for first in range(start, stop, PIECE_BYTES):
            yield await self._threads.run(read_exactly, self._opened, first, min(first + PIECE_BYTES, stop))

    def close(self) -> None:
        """Close the file."""
        self._opened.close()


class DriverSource:
    """A blob in a store without files, as something to read in slices."""

    descriptor: int | None = None

    def __init__(self, driver: BlobDriver, key: str) -> None:
        self._driver = driver
        self._key = key

    def read(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes [start, stop)."""
        return self._driver.read(self._key, start, stop)

    def close(self) -> None:
        """Hold nothing."""


class Blobs:
    """Blobs as repositories show them."""

    def __init__(  # noqa: PLR0913 - its parts, and two numbers by name
        self,
        database: Database,
        driver: BlobDriver,
        clock: Clock,
        announce: Announce,
        *,
        answers_bytes: int,
        small_blob_bytes: int,
    ) -> None:
        self._database = database
        self._driver = driver
        self._threads = Threads()
        self._clock = clock
        self._announce = announce
        self._answers: ValidatedCache[tuple[str, str], StoredBlob] = ValidatedCache(
            database.generation, answers_bytes
        )
        self._small: BoundedCache[Digest, bytes] = BoundedCache(small_blob_bytes)

    def find_cached(self, path: str, digest: str, generation: int | None) -> StoredBlob | None:
        """Return a blob of a repository if memory knows it; `generation` was read from the database just now."""
        return self._answers.get_at((path, digest), generation)

    def small_content(self, digest: Digest) -> bytes | None:
        """Return a small blob's bytes if memory has them. The caller has checked that it may be shown."""
        return self._small.get(digest)

    async def find(self, name: RepositoryName, digest: Digest) -> StoredBlob:
        """Find a blob in a repository. Raises BlobUnknown, or NameUnknown when there is no such repository."""
        found = self._answers.get((name.path, str(digest)))
        if found is not None:
            return found
        generation = self._answers.generation()
        found = await self._database.quick_read(lambda tx: _find(tx, name, digest))
        self._answers.put((name.path, str(digest)), found, len(found.manifest or b""), generation)
        return found

    async def open(self, blob: StoredBlob) -> MemorySource | FileSource | DriverSource:
        """Open a found blob for reading. Raises Unavailable when what is stored is damaged or cannot be read."""
        content = blob.manifest if blob.manifest is not None else self.small_content(blob.digest)
        if content is None and blob.size_bytes <= SMALL_BLOB_BYTES:
            content = await self._read_small(blob)
        if content is not None:
            return MemorySource(content)
        key = blob_key(blob.digest)
        try:
            opened = await self._driver.open_file(key)
            size = opened.size_bytes if opened is not None else await self._driver.size(key)
        except KeyMissing as error:
            raise _damaged(blob, "is missing") from error
        if size != blob.size_bytes:
            if opened is not None:
                opened.close()
            raise _damaged(blob, f"has {size} bytes instead of {blob.size_bytes}")
        return FileSource(opened, self._threads) if opened is not None else DriverSource(self._driver, key)

    async def _read_small(self, blob: StoredBlob) -> bytes:
        try:
            content = await self._driver.read_small(blob_key(blob.digest), SMALL_BLOB_BYTES)
        except KeyMissing as error:
            raise _damaged(blob, "is missing") from error
        except ObjectTooLarge as error:
            raise _damaged(
                blob, f"has more than {SMALL_BLOB_BYTES} bytes instead of {blob.size_bytes}"
            ) from error
        if Digest.of(content, blob.digest.algorithm) != blob.digest:
            raise _damaged(blob, "does not match its digest")
        self._small.put(blob.digest, content, len(content))
        return content

    async def signed_url(self, blob: StoredBlob, lifetime_seconds: int) -> str | None:
        """Return an address where the client can fetch the blob directly, if the store has such a thing."""
        if blob.manifest is not None:
            return None
        return await self._driver.signed_url(blob_key(blob.digest), lifetime_seconds)

    async def mount(
        self, caller: Caller, name: RepositoryName, digest: Digest, sources: Iterable[str]
    ) -> bool:
        """Show a blob of one of the `sources` (paths the caller may pull) in `name` too; return whether one had it."""
        now = self._clock.now()
        paths = list(sources)

        def has_source(tx: Transaction) -> bool:
            return store.mount_source(tx, paths, digest) is not None

        if not paths or not await self._database.quick_read(has_source):
            return False

        def write(tx: Transaction) -> bool:
            if not has_source(tx):
                return False
            repository = creation.ensure(tx, self._announce, caller, name, now)
            store.link_blob(tx, repository.id, digest, to_micros(now))
            return True

        return await self._database.write(write)

    async def delete(self, name: RepositoryName, digest: Digest) -> None:
        """Take a blob out of a repository. Raises BlobUnknown or NameUnknown."""

        def write(tx: Transaction) -> None:
            # The lock keeps the link there for a manifest push under way, which may have counted on it.
            repository = repositories.lock(tx, name.path)
            if repository is None:
                raise no_such_repository(name.path)
            if not store.unlink_blob(tx, repository.id, digest):
                raise _blob_unknown(name, digest)

        await self._database.write(write)


def _find(tx: Transaction, name: RepositoryName, digest: Digest) -> StoredBlob:
    found = reads.resolve_blob(tx, name.path, digest)
    if found is None:
        raise _blob_unknown(name, digest)
    return found


def _blob_unknown(name: RepositoryName, digest: Digest) -> BlobUnknown:
    return BlobUnknown(said("%(name)s has no blob %(digest)s", name=name, digest=digest), digest=str(digest))


def _damaged(blob: StoredBlob, how: str) -> Unavailable:
    """Refuse to serve wrong bytes; `dtr check --repair` takes the blob out so that pushing it again heals it."""
    log.error("blob.damaged", digest=str(blob.digest), problem=how)
    return Unavailable(
        said("the stored copy of %(digest)s is damaged", digest=blob.digest), retry_after_seconds=60
    )
