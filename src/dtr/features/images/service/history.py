"""Where tags pointed before, and the way back: roll-back and undelete."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from dtr.core.clock import Clock, to_micros
from dtr.core.errors import Invalid
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller
from dtr.features.access.model import Operation
from dtr.features.images.model import (
    Cause,
    Change,
    DeletedTag,
    HistoryEntry,
    ListedTag,
    ManifestGone,
    ManifestPush,
    PushGate,
    TagExists,
    no_such_manifest,
    no_such_tag,
)
from dtr.features.images.service.access import required_and_locked
from dtr.features.images.service.moves import TagMoves
from dtr.features.images.store import history as store
from dtr.features.images.store import manifests as manifest_store
from dtr.features.images.store import reads
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.model import Repository
from dtr.features.repositories.service.guard import require
from dtr.oci.digest import Digest
from dtr.oci.manifest import parse_manifest
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

NEWEST = 2**63 - 1
"""Above every number of a move."""

HISTORY_KEPT = timedelta(days=400)
"""Older moves are forgotten, unless tags can be undeleted for longer."""

MOST_FORGOTTEN = 1_000
"""Moves that one run of `prune` forgets at most."""


class TagHistory:
    """The history of tags, for callers of the API."""

    def __init__(  # noqa: PLR0913 - its parts, all of another type
        self,
        database: Database,
        clock: Clock,
        gates: Sequence[PushGate],
        announce: Announce,
        *,
        undelete_within: timedelta,
        kept: timedelta = HISTORY_KEPT,
    ) -> None:
        """Take the parts. A tag comes back only where the `gates` would let it be pushed.

        A deleted one can be brought back for as long as `undelete_within`.
        """
        self._database = database
        self._clock = clock
        self._gates = tuple(gates)
        self._moves = TagMoves(announce)
        self._undelete_within = undelete_within
        self._kept = max(kept, undelete_within)

    async def moves(
        self, caller: Caller, name: RepositoryName, tag: str, page: ListPage
    ) -> Page[HistoryEntry]:
        """Return a page of a tag's moves, newest first. Raises NameUnknown, NoSuchTag if there was never such a tag."""
        start = _number(page.start)

        def read(tx: Transaction) -> Page[HistoryEntry]:
            repository = require(tx, caller.principal, name, Operation.VIEW_ACTIVITY)
            found = store.moves_from(tx, repository.id, tag, start, page.size + 1)
            if not found and not self._is_known(tx, repository, tag):
                raise no_such_tag(repository.path, tag)
            total = store.count_moves(tx, repository.id, tag) if page.with_count else None
            following = str(found[page.size].id) if len(found) > page.size else None
            return Page(found[: page.size], following, total)

        return await self._database.read(read)

    async def still_there(
        self, caller: Caller, name: RepositoryName, entries: Sequence[HistoryEntry]
    ) -> set[str]:
        """Return the digests of moves whose manifests the repository holds: the tag can go back to them.

        Raises NameUnknown.
        """
        digests = {digest for each in entries for digest in (each.digest, each.previous_digest) if digest}

        def read(tx: Transaction) -> set[str]:
            repository = require(tx, caller.principal, name, Operation.VIEW_ACTIVITY)
            return manifest_store.present_manifests(tx, repository.id, sorted(digests))

        return await self._database.read(read)

    async def deleted(self, caller: Caller, name: RepositoryName, page: ListPage) -> Page[DeletedTag]:
        """Return a page of the tags that can be brought back, in byte order. Raises NameUnknown."""
        since = self._undeletable_since()

        def read(tx: Transaction) -> Page[DeletedTag]:
            repository = require(tx, caller.principal, name, Operation.VIEW_ACTIVITY)
            found = store.deleted_from(tx, repository.id, page.start, since, page.size + 1)
            total = store.count_deleted(tx, repository.id, since) if page.with_count else None
            following = found[page.size].name if len(found) > page.size else None
            return Page([self._deleted(each) for each in found[: page.size]], following, total)

        return await self._database.read(read)

    async def restore(
        self, caller: Caller, name: RepositoryName, tag: str, digest: Digest | None = None
    ) -> ListedTag:
        """Let a tag name a manifest again that it named before; return the tag.

        Without a digest a deleted tag comes back as it was, if it went lately enough. With one the tag is rolled back
        (or forward) to it, whether it exists or not. Raises NameUnknown, Denied, NoSuchTag, ManifestUnknown for a
        digest that the tag never named, TagExists, ManifestGone, and what the gates of a push raise.
        """
        now = self._clock.now()

        def write(tx: Transaction) -> ListedTag:
            repository = required_and_locked(tx, caller, name, Operation.PUSH)
            current = tag_store.current_tags(tx, repository.id, [tag])
            wanted = self._wanted(tx, repository, tag, digest, exists=tag in current)
            if current.get(tag) != wanted:
                push = _push(tx, repository, caller, tag, wanted, current)
                for gate in self._gates:
                    gate.check(tx, push)
                change = Change(repository, caller, now, Cause.RESTORE)
                self._moves.place(tx, change, wanted, [tag], current)
            restored = tag_store.one_tag(tx, repository.id, tag)
            if restored is None:
                raise no_such_tag(repository.path, tag)
            return restored

        return await self._database.write(write)

    async def prune(self) -> int:
        """Forget some of the moves that are too old; return how many. To be called again and again."""
        before = to_micros(self._clock.now() - self._kept)
        return await self._database.write(
            lambda tx: store.forget_before(tx, before, MOST_FORGOTTEN), durable=False
        )

    def _wanted(
        self, tx: Transaction, repository: Repository, tag: str, digest: Digest | None, *, exists: bool
    ) -> str:
        """Return the digest that a tag shall name again."""
        if digest is None:
            if exists:
                raise TagExists(
                    said("tag %(tag)s exists: name a digest of its history to move it there", tag=tag),
                    tag=tag,
                )
            return self._last_digest(tx, repository, tag)
        if not exists and not self._is_known(tx, repository, tag):
            raise no_such_tag(repository.path, tag)
        if not store.ever_named(tx, repository.id, tag, str(digest)) and tag_store.current_tags(
            tx, repository.id, [tag]
        ) != {tag: str(digest)}:
            raise no_such_manifest(f"the history of tag {tag}", str(digest))
        return str(digest)

    def _last_digest(self, tx: Transaction, repository: Repository, tag: str) -> str:
        """Return what a deleted tag named, if it may still come back."""
        last = store.moves_from(tx, repository.id, tag, NEWEST, 1)
        if not last or last[0].previous_digest is None or to_micros(last[0].at) < self._undeletable_since():
            raise no_such_tag(repository.path, tag)
        return last[0].previous_digest

    def _is_known(self, tx: Transaction, repository: Repository, tag: str) -> bool:
        return bool(
            tag_store.current_tags(tx, repository.id, [tag])
            or store.moves_from(tx, repository.id, tag, NEWEST, 1)
        )

    def _undeletable_since(self) -> int:
        return to_micros(self._clock.now() - self._undelete_within)

    def _deleted(self, entry: HistoryEntry) -> DeletedTag:
        return DeletedTag(
            name=entry.name,
            digest=entry.previous_digest or "",
            deleted_at=entry.at,
            deleted_by=entry.actor_name,
            cause=entry.cause,
            restorable_until=entry.at + self._undelete_within,
        )


def _push(  # noqa: PLR0913, PLR0917 - a push from all sides
    tx: Transaction, repository: Repository, caller: Caller, tag: str, digest: str, current: Mapping[str, str]
) -> ManifestPush:
    """Return the push that would let a tag name a manifest again. Raises ManifestGone."""
    stored = reads.resolve(tx, repository.path, digest)
    if stored is None:
        raise ManifestGone(
            said(
                "%(name)s no longer has the manifest %(digest)s: push it again",
                name=repository.path,
                digest=digest,
            ),
            digest=digest,
        )
    manifest = parse_manifest(stored.content, stored.media_type)
    return ManifestPush(repository, caller, Digest.parse(digest), manifest, stored.content, (tag,), current)


def _number(start: str) -> int:
    """Read the start of a page of moves. Raises Invalid for what no answer gave."""
    if not start:
        return NEWEST
    if not start.isascii() or not start.isdecimal() or int(start) > NEWEST:
        raise Invalid("pageStart is not one that an answer gave", given=start[:100])
    return int(start)
