"""The one way in which tags come, move and go: rows, history and facts in one transaction.

Whoever calls holds the lock on the repository's row, so that of changes at once each sees those before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dtr.features.images import events
from dtr.features.images.model import Cause, Change, TagMove, immutable
from dtr.features.images.store import details as details_store
from dtr.features.images.store import history
from dtr.features.images.store import manifests as manifest_store
from dtr.features.images.store import tags as store
from dtr.features.repositories.model import Repository
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Transaction

MOST_DROPPED = 1_000
"""Tags that make room at one push, where a limit was set on a repository with many: the next push goes on."""

MOST_TOLD = 1_000
"""Tags whose deletion is told one by one when a manifest goes; the fact about the manifest counts them all."""

FACTS = {Cause.PUSH: events.tag_pushed, Cause.RESTORE: events.tag_restored}
"""How a tag that came or moved is told; one that went is always `TagDeleted`."""


class TagMoves:
    """Changes tags and tells of it."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce

    def place(
        self,
        tx: Transaction,
        change: Change,
        digest: str,
        names: Sequence[str],
        current: Mapping[str, str],
    ) -> None:
        """Let tags name a manifest; `current` says what those that exist named before. Then the tag limit holds.

        What a tag names already is no move: it only counts as pushed again.
        """
        repository = change.repository
        store.set_tags(tx, change, names, digest)
        self._note(tx, change, [TagMove(name, digest, current.get(name)) for name in names])
        if names and repository.tag_limit > 0 and not repository.immutable_tags:
            self._make_room(tx, replace(change, cause=Cause.TAG_LIMIT), names)

    def remove(self, tx: Transaction, change: Change, tags: Mapping[str, str]) -> None:
        """Delete tags, given with the digest that each names. Their manifests stay."""
        store.delete_tags(tx, change.repository.id, tags)
        self._note(tx, change, [TagMove(name, None, digest) for name, digest in tags.items()])

    def remove_manifest(self, tx: Transaction, change: Change, digest: str) -> bool:
        """Delete a manifest with every tag on it; return whether it was there."""
        names = store.names_on(tx, change.repository.id, digest)
        self.remove(tx, change, dict.fromkeys(names, digest))
        if not manifest_store.delete_manifest(tx, change.repository.id, digest):
            return False
        details_store.forget(tx, digest)
        self._announce(tx, events.manifest_deleted(change, digest, names))
        return True

    def _make_room(self, tx: Transaction, change: Change, kept: Sequence[str]) -> None:
        """Drop the tags beyond the limit that were pushed longest ago, but none of `kept`."""
        repository = change.repository
        excess = store.count_tags(tx, repository.id) - repository.tag_limit
        if excess > 0:
            self.remove(tx, change, store.oldest(tx, repository.id, kept, min(excess, MOST_DROPPED)))

    def _note(self, tx: Transaction, change: Change, moves: Iterable[TagMove]) -> None:
        moved = [move for move in moves if move.digest != move.previous_digest]
        history.record(tx, change, moved)
        for move in moved[:MOST_TOLD]:
            tell = events.tag_deleted if move.digest is None else FACTS[change.cause]
            self._announce(tx, tell(change, move))


def keep_immutable_tag(repository: Repository, tag: str) -> None:
    """Raise TagImmutable if an existing tag would go or move where tags must stay."""
    if repository.immutable_tags:
        raise immutable(tag, repository)


def keep_immutable_manifest(tx: Transaction, repository: Repository, digest: str) -> None:
    """Raise TagImmutable if a manifest would go that an immutable tag needs: as its own, or below an index."""
    if repository.immutable_tags:
        tag = store.keeping_tag(tx, repository.id, digest)
        if tag is not None:
            raise immutable(tag, repository)
