"""Any order of chunks, crashes, resumes and mistakes: offsets are true, the digest is right, nothing is left over.

A hypothesis state machine drives the upload service of two worker processes on one database and one blob store, and
keeps its own book on what every session must hold.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from dtr.core.clock import Clock
from dtr.features.images.service.uploads import Chunk, Uploads
from dtr.oci.digest import Digest
from dtr.oci.errors import DigestInvalid, RangeInvalid, SizeInvalid, UploadUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.memory import MemoryDriver
from tests.support.mortal import Crash
from tests.support.rows import ALICE
from tests.support.upload_service import IDLE_SECONDS, ConnectionBroke, SmallRegistry, body

T = TypeVar("T")

SETTINGS = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # to shrink a failure can take many minutes: do that by hand
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

workers = st.integers(0, 1)
algorithms = st.sampled_from(["sha256", "sha512"])
parts_of_a_chunk = st.lists(st.binary(max_size=300), max_size=4)
moments_of_death = st.integers(0, 16)


@dataclass
class Book:
    """What a session must hold."""

    id: str
    name: RepositoryName
    content: bytes
    touched_at: datetime
    ended: bool = False

    def digest(self, algorithm: str, last: bytes = b"") -> Digest:
        return Digest(algorithm, hashlib.new(algorithm, self.content + last).hexdigest())


class UploadMachine(RuleBasedStateMachine):
    """See the module. Subclasses say where the bytes go."""

    sessions = Bundle("sessions")

    def make_driver(self, directory: Path, clock: Clock) -> BlobDriver:
        raise NotImplementedError

    @initialize()
    def start_registry(self) -> None:
        self.registry = SmallRegistry(self.make_driver)
        self.books: list[Book] = []
        self.pushed: dict[tuple[str, Digest], bytes] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.registry.run(work)

    def uploads(self, number: int) -> Uploads:
        return self.registry.workers[number].uploads

    # -- beginning ---------------------------------------------------------------------------

    @rule(target=sessions, number=workers, repository=st.sampled_from(["a/x", "a/y"]), algorithm=algorithms)
    def start(self, number: int, repository: str, algorithm: str) -> Book:
        name = RepositoryName.parse(repository)
        session = self.run(self.uploads(number).start(name, algorithm))
        book = Book(session.id, name, b"", self.registry.clock.now())
        self.books.append(book)
        return book

    # -- appending ---------------------------------------------------------------------------

    @rule(
        book=sessions,
        number=workers,
        parts=parts_of_a_chunk,
        has_span=st.booleans(),
        has_length=st.booleans(),
    )
    def append(self, book: Book, number: int, parts: list[bytes], has_span: bool, has_length: bool) -> None:
        chunk = self.chunk(book, parts, has_span=has_span, has_length=has_length)
        if self.is_gone(book, number, chunk):
            return
        session = self.run(self.uploads(number).append(book.name, book.id, chunk))
        self.received(book, parts)
        assert session.received_bytes == len(book.content)

    @rule(book=sessions, number=workers, parts=parts_of_a_chunk, has_span=st.booleans())
    def append_until_the_connection_breaks(
        self, book: Book, number: int, parts: list[bytes], has_span: bool
    ) -> None:
        span = f"{len(book.content)}-{len(book.content) + 5000}" if has_span else None
        chunk = Chunk(body(parts, ConnectionBroke()), span)
        if self.is_gone(book, number, chunk):
            return
        with pytest.raises(ConnectionBroke):
            self.run(self.uploads(number).append(book.name, book.id, chunk))
        self.received(book, parts)

    @rule(book=sessions, number=workers, parts=parts_of_a_chunk, start=st.integers(0, 2000))
    def append_in_the_wrong_place(self, book: Book, number: int, parts: list[bytes], start: int) -> None:
        length = sum(map(len, parts))
        if not length or start == len(book.content):
            return
        chunk = Chunk(body(parts), f"{start}-{start + length - 1}")
        if self.is_gone(book, number, chunk):
            return
        with pytest.raises(RangeInvalid) as refused:
            self.run(self.uploads(number).append(book.name, book.id, chunk))
        assert refused.value.detail["received_bytes"] == len(book.content)
        book.touched_at = self.registry.clock.now()

    @rule(book=sessions, number=workers, parts=parts_of_a_chunk, missing=st.integers(-9, 9).filter(bool))
    def append_with_a_span_that_is_not_that_of_the_body(
        self, book: Book, number: int, parts: list[bytes], missing: int
    ) -> None:
        start, length = len(book.content), sum(map(len, parts))
        if length + missing < 1:
            return
        chunk = Chunk(body(parts), f"{start}-{start + length + missing - 1}")
        if self.is_gone(book, number, chunk):
            return
        with pytest.raises(SizeInvalid):
            self.run(self.uploads(number).append(book.name, book.id, chunk))
        book.touched_at = self.registry.clock.now()

    @rule(book=sessions, number=workers, parts=parts_of_a_chunk, other=workers, does=st.integers(0, 3))
    def append_while_somebody_else_wants_the_session(
        self, book: Book, number: int, parts: list[bytes], other: int, does: int
    ) -> None:
        uploads, name, refused = self.uploads(other), book.name, []
        rivals: list[Callable[[], Awaitable[object]]] = [
            lambda: uploads.append(name, book.id, Chunk(body([b"mixed in"]))),
            lambda: uploads.finish(ALICE, name, book.id, book.digest("sha256"), None),
            lambda: uploads.cancel(name, book.id),
            uploads.expire,
        ]

        async def disturbed() -> AsyncIterator[bytes]:
            for part in parts:
                yield part
                try:
                    await rivals[does]()
                except RangeInvalid:
                    refused.append(part)

        if self.is_gone(book, number, Chunk(body(parts))):
            return
        self.run(self.uploads(number).append(name, book.id, Chunk(disturbed())))
        assert len(refused) == (0 if does == 3 else len(parts)), (
            "expiry spares it, the others are told that it is taken"
        )
        self.received(book, parts)
        self.forget_the_expired()

    # -- ending ------------------------------------------------------------------------------

    @rule(book=sessions, number=workers, parts=parts_of_a_chunk, algorithm=algorithms)
    def finish(self, book: Book, number: int, parts: list[bytes], algorithm: str) -> None:
        digest, whole = book.digest(algorithm, b"".join(parts)), book.content + b"".join(parts)
        chunk = self.chunk(book, parts, has_span=False, has_length=True) if parts else None
        if self.is_gone(book, number, chunk):
            return
        size = self.run(self.uploads(number).finish(ALICE, book.name, book.id, digest, chunk))
        assert size == len(whole)
        self.finished(book, digest, whole)

    @rule(book=sessions, number=workers, algorithm=algorithms)
    def finish_with_a_wrong_digest(self, book: Book, number: int, algorithm: str) -> None:
        wrong = book.digest(algorithm, b"something more")
        if self.is_gone(book, number, None):
            return
        with pytest.raises(DigestInvalid):
            self.run(self.uploads(number).finish(ALICE, book.name, book.id, wrong, None))
        book.ended = True
        assert self.registry.shows(book.name, wrong) == ((book.name.path, wrong) in self.pushed)

    @rule(book=sessions, number=workers)
    def cancel(self, book: Book, number: int) -> None:
        if self.is_gone(book, number, None):
            return
        self.run(self.uploads(number).cancel(book.name, book.id))
        book.ended = True

    @rule(seconds=st.sampled_from([1.0, IDLE_SECONDS / 2, IDLE_SECONDS + 1]), number=workers)
    def time_passes(self, seconds: float, number: int) -> None:
        self.registry.clock.advance(seconds)
        self.run(self.uploads(number).expire())
        self.forget_the_expired()

    # -- crashes -----------------------------------------------------------------------------

    @rule(number=workers)
    def crash_between_requests(self, number: int) -> None:
        self.registry.replace(number)

    @rule(book=sessions, number=workers, parts=parts_of_a_chunk, steps=moments_of_death)
    def crash_while_appending(self, book: Book, number: int, parts: list[bytes], steps: int) -> None:
        if self.is_gone(book, number, None):
            return
        uploads = self.uploads(number)
        self.run_until_death(number, steps, uploads.append(book.name, book.id, Chunk(body(parts))))
        self.find_out(book, book.content + b"".join(parts))

    @rule(book=sessions, number=workers, parts=parts_of_a_chunk, steps=moments_of_death, algorithm=algorithms)
    def crash_while_finishing(
        self, book: Book, number: int, parts: list[bytes], steps: int, algorithm: str
    ) -> None:
        if self.is_gone(book, number, None):
            return
        digest, whole = book.digest(algorithm, b"".join(parts)), book.content + b"".join(parts)
        uploads = self.uploads(number)
        self.run_until_death(
            number, steps, uploads.finish(ALICE, book.name, book.id, digest, Chunk(body(parts)))
        )
        if self.stored_bytes(book) is None:
            self.finished(book, digest, whole)
        elif self.stored_bytes(book) == 0 and self.registry.content(digest) == whole:
            book.content = b""  # the bytes have moved to their place already: the client begins again
            self.find_out(book, b"")
        else:
            self.find_out(book, whole)

    @rule(book=sessions, number=workers, steps=moments_of_death)
    def crash_while_cancelling(self, book: Book, number: int, steps: int) -> None:
        if self.is_gone(book, number, None):
            return
        self.run_until_death(number, steps, self.uploads(number).cancel(book.name, book.id))
        book.ended = self.stored_bytes(book) is None

    @rule(number=workers, steps=moments_of_death)
    def crash_while_expiring(self, number: int, steps: int) -> None:
        self.registry.clock.advance(IDLE_SECONDS / 2)
        self.run_until_death(number, steps, self.uploads(number).expire())
        for book in self.books:
            if not book.ended and self.stored_bytes(book) is None:
                assert self.is_overdue(book)
                book.ended = True

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def offsets_are_true(self) -> None:
        for book in getattr(self, "books", []):
            assert self.stored_bytes(book) == (None if book.ended else len(book.content))

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        try:
            self.end_all_sessions()
            self.nothing_is_left_over()
        finally:
            self.registry.close()

    def end_all_sessions(self) -> None:
        """Finish every second one; let the others expire."""
        for book in self.books[::2]:
            if not book.ended:
                self.finish_whatever_is_there(book)
        self.registry.clock.advance(IDLE_SECONDS + 1)
        self.run(self.uploads(0).expire())
        self.forget_the_expired()

    def finish_whatever_is_there(self, book: Book) -> None:
        digest = book.digest("sha256", b"the end")
        last = Chunk(body([b"the end"]))
        self.run(self.uploads(1).finish(ALICE, book.name, book.id, digest, last))
        self.finished(book, digest, book.content + b"the end")

    def nothing_is_left_over(self) -> None:
        assert self.registry.leftovers() == (0, [])
        for (path, digest), content in self.pushed.items():
            assert self.registry.shows(RepositoryName.parse(path), digest)
            assert self.registry.content(digest) == content

    # -- helpers -----------------------------------------------------------------------------

    def chunk(self, book: Book, parts: list[bytes], *, has_span: bool, has_length: bool) -> Chunk:
        length, start = sum(map(len, parts)), len(book.content)
        span = f"{start}-{start + length - 1}" if has_span and length else None
        return Chunk(body(parts), span, length if has_length else None)

    def is_gone(self, book: Book, number: int, chunk: Chunk | None) -> bool:
        """Expect that a session that has ended is unknown to every call; tell whether it has."""
        if book.ended:
            uploads = self.uploads(number)
            with pytest.raises(UploadUnknown):
                self.run(uploads.append(book.name, book.id, chunk or Chunk(body([]))))
            with pytest.raises(UploadUnknown):
                self.run(uploads.finish(ALICE, book.name, book.id, book.digest("sha256"), chunk))
            with pytest.raises(UploadUnknown):
                self.run(uploads.cancel(book.name, book.id))
        return book.ended

    def received(self, book: Book, parts: list[bytes]) -> None:
        book.content += b"".join(parts)
        book.touched_at = self.registry.clock.now()

    def finished(self, book: Book, digest: Digest, content: bytes) -> None:
        book.ended = True
        self.pushed[(book.name.path, digest)] = content
        assert self.registry.shows(book.name, digest)
        assert self.registry.content(digest) == content

    def is_overdue(self, book: Book) -> bool:
        return (self.registry.clock.now() - book.touched_at).total_seconds() > IDLE_SECONDS

    def forget_the_expired(self) -> None:
        for book in self.books:
            book.ended = book.ended or self.is_overdue(book)

    def stored_bytes(self, book: Book) -> int | None:
        return self.registry.stored_bytes(book.name, book.id)

    def run_until_death(self, number: int, steps: int, work: Coroutine[Any, Any, object]) -> None:
        """Let a worker die in the middle of its work, or right after it."""
        self.registry.workers[number].life.end_after(steps)
        with suppress(Crash):
            self.run(work)
        self.registry.replace(number)

    def find_out(self, book: Book, at_most: bytes) -> None:
        """Expect that a crash has left what there was, and perhaps some of what was coming, in order.

        An empty chunk shows that the dead process no longer holds the session.
        """
        stored = self.stored_bytes(book)
        assert stored is not None
        assert len(book.content) <= stored <= len(at_most)
        book.content = at_most[:stored]
        self.run(self.uploads(0).append(book.name, book.id, Chunk(body([]))))
        book.touched_at = self.registry.clock.now()


class MemoryMachine(UploadMachine):
    def make_driver(self, directory: Path, clock: Clock) -> BlobDriver:  # noqa: ARG002 - memory needs none
        return MemoryDriver(clock)


class FilesystemMachine(UploadMachine):
    def make_driver(self, directory: Path, clock: Clock) -> BlobDriver:  # noqa: ARG002 - files have the machine's time
        return FilesystemDriver(directory / "storage")


@pytest.mark.item("49", "50", "B1")
def test_uploads_in_memory_survive_any_order_of_chunks_crashes_and_mistakes() -> None:
    run_state_machine_as_test(MemoryMachine, settings=SETTINGS)


@pytest.mark.item("49", "50", "B1")
@pytest.mark.slow
def test_uploads_in_files_survive_any_order_of_chunks_crashes_and_mistakes() -> None:
    run_state_machine_as_test(FilesystemMachine, settings=SETTINGS)
