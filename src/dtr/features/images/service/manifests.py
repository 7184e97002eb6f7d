"""Resolving, pushing and deleting manifests and tags."""

import asyncio
import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dtr.core.clock import Clock, to_micros
from dtr.core.principal import Caller
from dtr.features.images import events
from dtr.features.images.cache import ValidatedCache
from dtr.features.images.model import (
    Cause,
    Change,
    ManifestPush,
    Preconditions,
    PushedManifest,
    PushGate,
    StoredManifest,
    no_such_manifest,
)
from dtr.features.images.service.moves import TagMoves, keep_immutable_manifest, keep_immutable_tag
from dtr.features.images.store import blobs as blob_store
from dtr.features.images.store import manifests as store
from dtr.features.images.store import reads
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.model import Repository, no_such_repository
from dtr.features.repositories.service import creation
from dtr.features.repositories.store import repositories
from dtr.oci.digest import Digest
from dtr.oci.errors import DigestInvalid, ManifestBlobUnknown, ManifestInvalid, ManifestUnknown
from dtr.oci.manifest import Manifest, blobs_required, parse_manifest
from dtr.oci.mediatypes import MANIFEST_TYPES
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

INLINE_PARSE_BYTES = 64 * 1024
LARGE_PARSES_AT_ONCE = 2
"""So many manifests above that size are taken apart at a time: each may take 100 MB while that lasts."""


class Manifests:
    """Manifests and tags of all repositories."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        gates: Sequence[PushGate],
        announce: Announce,
        *,
        answers_bytes: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce
        self._moves = TagMoves(announce)
        self._gates = tuple(gates)
        self._answers: ValidatedCache[tuple[str, str], StoredManifest] = ValidatedCache(
            database.generation, answers_bytes
        )
        self._parsers = ThreadPoolExecutor(LARGE_PARSES_AT_ONCE, thread_name_prefix="dtr-manifest")

    def resolve_cached(self, path: str, reference: str, generation: int | None) -> StoredManifest | None:
        """Return a manifest by tag or digest if memory knows it; `generation` was read from the database just now."""
        return self._answers.get_at((path, reference), generation)

    async def resolve(self, name: RepositoryName, reference: str | Digest) -> StoredManifest:
        """Find a manifest by tag or digest. Raises ManifestUnknown, or NameUnknown without such a repository."""
        wanted = str(reference)
        found = self._answers.get((name.path, wanted))
        if found is not None:
            return found
        generation = self._answers.generation()
        found = await self._database.quick_read(lambda tx: _resolve(tx, name, wanted))
        self._answers.put((name.path, wanted), found, len(found.content), generation)
        return found

    async def default_child(self, name: RepositoryName, index: StoredManifest) -> StoredManifest | None:
        """Return the image that stands for an index, if it names one for the default platform that is still there."""
        if index.default_child_digest is None:
            return None
        with contextlib.suppress(ManifestUnknown):
            return await self.resolve(name, index.default_child_digest)
        return None

    async def push(  # noqa: PLR0913 - one manifest PUT, spelled out
        self,
        caller: Caller,
        name: RepositoryName,
        content: bytes,
        *,
        content_type: str | None,
        digest: Digest | None,
        tags: tuple[str, ...],
        preconditions: Preconditions,
    ) -> PushedManifest:
        """Store a manifest under its digest and set tags on it, all or nothing.

        `digest` is what the address named; without one it is SHA-256. Raises DigestInvalid when the content does not
        match it, ManifestInvalid, ManifestBlobUnknown, PreconditionFailed, and whatever a gate denies with.
        """
        manifest = await self._parse(content, content_type)
        found = Digest.of(content, digest.algorithm if digest is not None else "sha256")
        if digest is not None and found != digest:
            raise DigestInvalid("the manifest does not match the digest in the address", given=str(digest))
        now = self._clock.now()

        def write(tx: Transaction) -> tuple[str, ...]:
            # First, because it locks the repository's row: of pushes at once, each sees the tags of those before.
            repository = creation.ensure_and_hold(tx, self._announce, caller, name, now)
            current = tag_store.current_tags(tx, repository.id, tags)
            preconditions.check(current)
            push = ManifestPush(repository, caller, found, manifest, content, tags, current)
            warnings = _check_references(tx, repository, manifest)
            for gate in self._gates:
                gate.check(tx, push)
            if store.save_manifest(tx, push, to_micros(now)):
                self._announce(tx, events.manifest_pushed(push, now))
            self._moves.place(tx, Change(repository, caller, now, Cause.PUSH), str(found), tags, current)
            return warnings

        warnings = await self._database.write(write)
        subject = str(manifest.subject.digest) if manifest.subject is not None else None
        return PushedManifest(found, tags, subject, warnings)

    async def delete(self, caller: Caller, name: RepositoryName, reference: str | Digest) -> None:
        """Delete a tag, or a manifest with every tag on it, for a caller whose token allows it.

        Raises ManifestUnknown, NameUnknown, or TagImmutable when something would go that an immutable tag needs.
        """
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            repository = repositories.lock(tx, name.path)
            if repository is None:
                raise no_such_repository(name.path)
            if isinstance(reference, Digest):
                keep_immutable_manifest(tx, repository, str(reference))
                change = Change(repository, caller, now, Cause.MANIFEST_DELETE)
                if not self._moves.remove_manifest(tx, change, str(reference)):
                    raise no_such_manifest(name.path, str(reference))
                return
            current = tag_store.current_tags(tx, repository.id, [reference])
            if not current:
                raise no_such_manifest(name.path, reference)
            keep_immutable_tag(repository, reference)
            self._moves.remove(tx, Change(repository, caller, now, Cause.DELETE), current)

        await self._database.write(write)

    async def _parse(self, content: bytes, content_type: str | None) -> Manifest:
        """Parse a manifest; a large one, perhaps made to be slow, on one of a few threads.

        Threads of our own and not a semaphore: a request that is given up leaves its parsing running.
        """
        if len(content) <= INLINE_PARSE_BYTES:
            return parse_manifest(content, content_type)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._parsers, parse_manifest, content, content_type)


def _resolve(tx: Transaction, name: RepositoryName, reference: str) -> StoredManifest:
    found = reads.resolve(tx, name.path, reference)
    if found is None:
        raise no_such_manifest(name.path, reference)
    return found


def _check_references(tx: Transaction, repository: Repository, manifest: Manifest) -> tuple[str, ...]:
    """Check that everything the manifest needs is in the repository; return advice about sizes that differ."""
    blobs = blobs_required(manifest)
    sizes = blob_store.linked_sizes(tx, repository.id, (str(blob.digest) for blob in blobs))
    missing = [str(blob.digest) for blob in blobs if str(blob.digest) not in sizes]
    if not repository.allow_missing_children:
        missing += _missing_children(tx, repository, manifest)
    if missing:
        raise ManifestBlobUnknown(digests=list(dict.fromkeys(missing)))
    differing = [blob for blob in blobs if sizes[str(blob.digest)] != blob.size_bytes]
    if differing and repository.strict_sizes:
        raise ManifestInvalid(f"the size of {differing[0].digest} is not that of the stored blob")
    return tuple(
        f"{blob.digest} has {sizes[str(blob.digest)]} bytes, the manifest says {blob.size_bytes}"
        for blob in differing
    )


def _missing_children(tx: Transaction, repository: Repository, index: Manifest) -> list[str]:
    """Return the children of an index that the repository lacks.

    Children are manifests, but for those that say to be something else: BuildKit's caches list blobs.
    """
    children = {str(child.digest): child.media_type for child in index.manifests}
    present = store.present_manifests(tx, repository.id, children)
    blobs = [digest for digest, media_type in children.items() if media_type not in MANIFEST_TYPES]
    present |= blob_store.linked_sizes(tx, repository.id, blobs).keys()
    return [digest for digest in children if digest not in present]
