"""Upload sessions: begin, append, finish, cancel, expire.

A session is a row with a lease for its one writer, and an upload in the blob store. How far an upload has come is
what the store holds: after a crash the row may lag behind, and a client that asks is told the truth.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from dtr.core.clock import Clock, JumpWatch, to_micros
from dtr.core.errors import TooManyRequests
from dtr.core.ids import new_id
from dtr.core.principal import Caller
from dtr.features.images.model import UploadSession
from dtr.features.images.service.hashing import RunningHash, RunningHashes
from dtr.features.images.store import blobs as blob_store
from dtr.features.images.store import uploads as store
from dtr.features.repositories.service import creation
from dtr.oci.digest import Digest, new_hasher
from dtr.oci.errors import DigestInvalid, RangeInvalid, SizeInvalid, UploadUnknown
from dtr.oci.headers import parse_upload_range
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.errors import OffsetMismatch, UploadBusy, UploadMissing
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.db import Database, Transaction

LEASE = timedelta(seconds=60)
"""How long a silent writer keeps its upload. A living one renews long before."""

RENEW_AFTER_SECONDS = 15.0
SMALL_UPLOAD_BYTES = 1024 * 1024
"""A blob that comes whole in one request and is no larger goes to the store in a single step."""
EXPIRED_PER_TRANSACTION = 100
MAX_OPEN_UPLOADS = 1000
"""Of one repository. Each takes a row and, with its first byte, a place in the store until it is idle for too long."""
RETRY_START_AFTER_SECONDS = 60

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes on their way in, with the Content-Range and the Content-Length that announced them."""

    stream: AsyncIterator[bytes]
    content_range: str | None = None
    length: int | None = None

    def last_byte(self, received_bytes: int) -> int | None:
        """Return the offset that the Content-Range gives the last byte; `None` without one. Nothing is read yet.

        Raises RangeInvalid unless it starts where the upload stands, and SizeInvalid if it contradicts the length.
        """
        if self.content_range is None:
            return None
        try:
            first, last = parse_upload_range(self.content_range)
        except RangeInvalid as error:
            raise RangeInvalid(error.message, received_bytes=received_bytes) from error
        if self.length is not None and last - first + 1 != self.length:
            raise SizeInvalid("Content-Range and Content-Length disagree")
        if first != received_bytes:
            message = f"the chunk starts at byte {first}, the upload stands at byte {received_bytes}"
            raise RangeInvalid(message, received_bytes=received_bytes)
        return last


@dataclass(slots=True)
class _Lease:
    """A session while one request writes to it."""

    session: UploadSession
    writer: str
    running: RunningHash | None
    position: int
    renewed_at: float
    ended: bool = False


class Uploads:
    """Upload sessions of all repositories."""

    def __init__(  # noqa: PLR0913 - its parts, and two numbers by name
        self,
        database: Database,
        driver: BlobDriver,
        clock: Clock,
        announce: Announce,
        *,
        writer: str,
        idle_seconds: float,
    ) -> None:
        """Take the parts. `writer` names this process; a process that replaces it must use the same name."""
        self._database = database
        self._driver = driver
        self._clock = clock
        self._announce = announce
        self._writer = writer
        self._leases = itertools.count(1)
        self._idle = timedelta(seconds=idle_seconds)
        self._hashes = RunningHashes()
        self._jumps = JumpWatch(clock, self._idle)

    async def start(self, name: RepositoryName, algorithm: str = "sha256") -> UploadSession:
        """Begin a session. Raises DigestInvalid for an unsupported algorithm, TooManyRequests beyond the limit."""
        new_hasher(algorithm)
        session = UploadSession(new_id(), name.path, algorithm, 0, 0, None, self._clock.now())
        created = await self._database.write(
            lambda tx: store.create(tx, session, most=MAX_OPEN_UPLOADS), durable=False
        )
        if not created:
            raise TooManyRequests(
                f"{name} has {MAX_OPEN_UPLOADS} uploads under way; finish or cancel some",
                retry_after_seconds=RETRY_START_AFTER_SECONDS,
            )
        return session

    async def status(self, name: RepositoryName, upload_id: str) -> UploadSession:
        """Return a session as it stands. Raises UploadUnknown."""
        session = await self._database.quick_read(lambda tx: store.find(tx, upload_id, name.path))
        if session is None:
            raise _unknown(upload_id)
        return replace(session, received_bytes=await self._stored_bytes(upload_id))

    async def append(self, name: RepositoryName, upload_id: str, chunk: Chunk) -> UploadSession:
        """Append a chunk; what arrived before a failure stays.

        Raises UploadUnknown, SizeInvalid, or RangeInvalid when the chunk does not start where the upload stands or
        another request writes to it.
        """
        async with self._lease(name, upload_id) as lease:
            await self._receive(lease, chunk)
            return replace(lease.session, received_bytes=lease.position)

    async def finish(
        self, caller: Caller, name: RepositoryName, upload_id: str, digest: Digest, chunk: Chunk | None
    ) -> int:
        """Take the last chunk, if any, verify the digest and show the blob in the repository; return its size.

        The session ends with success and with a wrong digest (DigestInvalid). It stays after UploadUnknown,
        SizeInvalid, RangeInvalid and every failure of the store.
        """
        async with self._lease(name, upload_id) as lease:
            if chunk is not None:
                await self._receive(lease, chunk)
            elif _was_moved_before(lease, digest):
                lease.running, lease.position = None, lease.session.hashed_bytes
            if await self._digest(lease, digest.algorithm) != str(digest):
                await self._drop(lease)
                raise DigestInvalid("the content does not match the digest", given=str(digest))
            await self._commit(lease, digest)
            await self._show(caller, name, digest, lease.position, ended_upload=upload_id)
            lease.ended = True
            return lease.position

    async def cancel(self, name: RepositoryName, upload_id: str) -> None:
        """End a session and free its space. Raises UploadUnknown; RangeInvalid while a request writes to it."""
        now = to_micros(self._clock.now())
        deleted = await self._database.write(
            lambda tx: store.delete_unclaimed(tx, upload_id, name.path, now), durable=False
        )
        if not deleted:
            session = await self.status(name, upload_id)
            raise _busy(session.received_bytes)
        await self._driver.discard_upload(upload_id)

    async def push_whole(self, caller: Caller, name: RepositoryName, digest: Digest, chunk: Chunk) -> int:
        """Store a blob that comes in one request; return its size. Raises DigestInvalid and leaves nothing then."""
        chunk.last_byte(received_bytes=0)
        if chunk.length is not None and chunk.length <= SMALL_UPLOAD_BYTES:
            content = b"".join([piece async for piece in chunk.stream])
            if Digest.of(content, digest.algorithm) != digest:
                raise DigestInvalid("the content does not match the digest", given=str(digest))
            await self._driver.put(blob_key(digest), content)
            await self._show(caller, name, digest, len(content))
            return len(content)
        session = await self.start(name, digest.algorithm)
        try:
            return await self.finish(caller, name, session.id, digest, chunk)
        except BaseException:
            await self._forget(session.id)
            raise

    # -- the writer's lease ------------------------------------------------------------------

    @asynccontextmanager
    async def _lease(self, name: RepositoryName, upload_id: str) -> AsyncIterator[_Lease]:
        """Be the one writer of a session. Raises UploadUnknown, or RangeInvalid while somebody else is."""
        writer = f"{self._writer}{next(self._leases)}"
        session = await self._claim(name, upload_id, writer)
        try:
            position = await self._stored_bytes(upload_id)
        except BaseException:
            await self._release(_Lease(session, writer, None, 0, 0.0))
            raise
        if (
            0 < position < session.hashed_bytes
        ):  # a loss of power took bytes; what comes now may differ from them
            session = replace(session, hashed_bytes=0, digest_so_far=None)
        running = self._hashes.take(upload_id, session.algorithm, position)
        lease = _Lease(session, writer, running, position, self._clock.monotonic())
        try:
            yield lease
        finally:
            if not lease.ended:
                await self._release(lease)

    async def _claim(self, name: RepositoryName, upload_id: str, writer: str) -> UploadSession:
        now = self._clock.now()
        until = to_micros(now + LEASE)
        session = await self._database.write(
            lambda tx: store.claim(tx, upload_id, name.path, writer=writer, now=to_micros(now), until=until),
            durable=False,
        )
        if session is None:
            raise _busy((await self.status(name, upload_id)).received_bytes)
        return session

    async def _release(self, lease: _Lease) -> None:
        """Give the lease back, with the digest so far, so that any process can finish without reading again."""
        now = to_micros(self._clock.now())
        hashed, digest = lease.session.hashed_bytes, lease.session.digest_so_far
        if lease.running is not None:
            hashed, digest = lease.running.position, lease.running.digest()
            self._hashes.keep(lease.session.id, lease.running)
        await self._database.write(
            lambda tx: store.release(
                tx, lease.session.id, writer=lease.writer, now=now, hashed_bytes=hashed, digest_so_far=digest
            ),
            durable=False,
        )

    async def _renew(self, lease: _Lease) -> None:
        if self._clock.monotonic() - lease.renewed_at < RENEW_AFTER_SECONDS:
            return
        now = self._clock.now()
        until = to_micros(now + LEASE)
        kept = await self._database.write(
            lambda tx: store.renew(
                tx, lease.session.id, writer=lease.writer, now=to_micros(now), until=until
            ),
            durable=False,
        )
        if not kept:
            raise _busy(lease.position)
        lease.renewed_at = self._clock.monotonic()

    # -- bytes -------------------------------------------------------------------------------

    async def _stored_bytes(self, upload_id: str) -> int:
        try:
            return await self._driver.upload_size(upload_id)
        except UploadMissing:
            return 0

    async def _receive(self, lease: _Lease, chunk: Chunk) -> None:
        start = lease.position
        last_byte = chunk.last_byte(start)
        observe = lease.running.observe if lease.running is not None else None
        if start == 0:
            await self._driver.create_upload(lease.session.id)
        try:
            async with self._driver.write_upload(lease.session.id, start, observe) as writer:
                try:
                    async for piece in chunk.stream:
                        await writer.write(piece)
                        await self._renew(lease)
                finally:
                    lease.position = writer.position
        except (UploadBusy, OffsetMismatch) as error:
            raise _busy(start) from error
        if last_byte is not None and lease.position != last_byte + 1:
            await self._take_back(lease, start)

    async def _take_back(self, lease: _Lease, start: int) -> None:
        """Drop a chunk whose bytes are not as many as its Content-Range said."""
        async with self._driver.write_upload(lease.session.id, start):
            lease.position, lease.running = start, None
        raise SizeInvalid("the body is not as long as its Content-Range says")

    async def _digest(self, lease: _Lease, algorithm: str) -> str:
        """Return the digest of the whole upload, from what was hashed on the way in if that covers it."""
        running, session = lease.running, lease.session
        if running is not None and running.algorithm == algorithm and running.position == lease.position:
            return running.digest()
        covered = session.digest_so_far is not None and session.hashed_bytes == lease.position
        if covered and session.algorithm == algorithm and lease.running is None:
            return str(session.digest_so_far)
        fresh = RunningHash(algorithm, new_hasher(algorithm), 0)
        if lease.position:
            async with aclosing(self._driver.read_upload(session.id)) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(fresh.observe, piece)
        return fresh.digest()

    async def _commit(self, lease: _Lease, digest: Digest) -> None:
        if lease.position == 0:
            await self._driver.create_upload(lease.session.id)
        try:
            await self._driver.commit_upload(lease.session.id, blob_key(digest), lease.position)
        except (UploadMissing, OffsetMismatch) as error:
            raise _unknown(lease.session.id) from error
        except UploadBusy as error:
            raise _busy(lease.position) from error

    async def _show(
        self,
        caller: Caller,
        name: RepositoryName,
        digest: Digest,
        size_bytes: int,
        ended_upload: str | None = None,
    ) -> None:
        """Record a stored blob, show it in the repository and end its session: one flushed transaction."""
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            repository = creation.ensure(tx, self._announce, caller, name, now)
            blob_store.record_blob(tx, digest, size_bytes, to_micros(now))
            blob_store.link_blob(tx, repository.id, digest, to_micros(now))
            if ended_upload is not None:
                store.delete(tx, ended_upload)

        await self._database.write(write)

    # -- endings -----------------------------------------------------------------------------

    async def _drop(self, lease: _Lease) -> None:
        lease.ended = True
        await self._forget(lease.session.id)

    async def _forget(self, upload_id: str) -> None:
        await self._database.write(lambda tx: store.delete(tx, upload_id), durable=False)
        await self._driver.discard_upload(upload_id)

    async def free_leases_of_predecessor(self) -> None:
        """Give back the leases of a dead process whose name this one carries."""
        await self._database.write(lambda tx: store.release_all_of(tx, self._writer), durable=False)

    async def expire(self) -> int:
        """End sessions that were idle for too long, and remove what dead uploads left; return how many."""
        ended = 0
        now = self._clock.now()
        cutoff = now - self._idle - self._jumps.ahead()
        before = to_micros(cutoff)

        def end_idle(tx: Transaction) -> list[str]:
            return store.delete_idle(tx, before=before, now=to_micros(now), limit=EXPIRED_PER_TRANSACTION)

        while batch := await self._database.write(end_idle, durable=False):
            for upload_id in batch:
                await self._driver.discard_upload(upload_id)
            ended += len(batch)
        return ended + await self._remove_strays(cutoff)

    async def _remove_strays(self, before: datetime) -> int:
        """Remove uploads without a session: a process died between the store and the database."""
        removed = 0
        async with aclosing(self._driver.list_uploads()) as uploads:
            async for stored in uploads:
                upload_id = stored.upload_id
                if stored.modified_at < before and not await self._has_session(upload_id):
                    await self._driver.discard_upload(upload_id)
                    removed += 1
        return removed

    async def _has_session(self, upload_id: str) -> bool:
        return await self._database.quick_read(lambda tx: store.exists(tx, upload_id))


def _was_moved_before(lease: _Lease, digest: Digest) -> bool:
    """Tell whether an earlier attempt to finish brought the bytes into place, and failed only afterwards.

    The store then has no upload any more, while the session still knows the digest of all its bytes. Committing again
    is harmless, and fails if the bytes are not there after all.
    """
    return (
        lease.position == 0 and lease.session.hashed_bytes > 0 and lease.session.digest_so_far == str(digest)
    )


def _unknown(upload_id: str) -> UploadUnknown:
    return UploadUnknown("there is no such upload session in this repository", upload=upload_id[:100])


def _busy(received_bytes: int) -> RangeInvalid:
    return RangeInvalid("another request is writing to this upload", received_bytes=received_bytes)
