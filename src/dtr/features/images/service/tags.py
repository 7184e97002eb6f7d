"""Tags and manifests as the API shows and deletes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dtr.core.clock import Clock, to_micros
from dtr.core.errors import Invalid, RegistryError
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller
from dtr.features.access.model import Operation
from dtr.features.images.model import (
    Cause,
    Change,
    ListedManifest,
    ListedTag,
    TagFilter,
    TagOrder,
    TagRemoval,
    immutable,
    no_such_manifest,
    no_such_tag,
)
from dtr.features.images.service.access import required_and_locked
from dtr.features.images.service.details import DetailsReader
from dtr.features.images.service.moves import TagMoves, keep_immutable_manifest
from dtr.features.images.service.shown import ShownManifest, ShownManifests
from dtr.features.images.store import manifests as manifest_store
from dtr.features.images.store import tags as store
from dtr.features.repositories.model import Repository
from dtr.features.repositories.service.guard import require
from dtr.oci.digest import Digest
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

MOST_WITH_DETAILS = 1_000
"""Entries of a page that shows the details of manifests: a client that asks for more is told where to go on."""

MOST_TAGS_OF_DIGEST = 1_000

ALL_TAGS = TagFilter()

AFTER_ALL = 2**62
"""A moment in microseconds that comes after all others."""

MOST_MOMENT_DIGITS = 18
"""Of a moment in microseconds, for 30,000 years to come."""


@dataclass(frozen=True, slots=True)
class ShownTag:
    """A tag, and the manifest behind it where that was asked for."""

    tag: ListedTag
    manifest: ShownManifest | None


class Tags:
    """The tags and manifests of repositories, for callers of the API."""

    def __init__(self, database: Database, clock: Clock, announce: Announce, details: DetailsReader) -> None:
        self._database = database
        self._clock = clock
        self._moves = TagMoves(announce)
        self._shown = ShownManifests(database, details)

    async def tags(
        self,
        caller: Caller,
        name: RepositoryName,
        page: ListPage,
        wanted: TagFilter = ALL_TAGS,
        *,
        with_manifests: bool = False,
    ) -> Page[ShownTag]:
        """Return a page of tags, each with its manifest if that is asked for.

        Raises NameUnknown, or Invalid for a start that no page named.
        """
        size = min(page.size, MOST_WITH_DETAILS) if with_manifests else page.size

        def read(tx: Transaction) -> tuple[int, list[ListedTag], int | None]:
            repository = require(tx, caller.principal, name, Operation.VIEW)
            found = _tags_from(tx, repository.id, wanted, page.start, size + 1)
            total = store.count_tags(tx, repository.id, wanted.text) if page.with_count else None
            return repository.id, found, total

        repository_id, found, total = await self._database.read(read)
        shown = found[:size]
        manifests: Mapping[str, ShownManifest] = {}
        if with_manifests:
            manifests = await self._shown.of(
                repository_id, {each.manifest.digest: each.manifest for each in shown}
            )
        items = [ShownTag(each, manifests.get(each.manifest.digest)) for each in shown]
        return Page(items, _marker(found[size], wanted.order) if len(found) > size else None, total)

    async def find(
        self, caller: Caller, name: RepositoryName, reference: str | Digest, *, os: str = "", arch: str = ""
    ) -> Sequence[ShownTag]:
        """Return what a tag names, each manifest of an index by itself; or all tags that name a digest.

        Only manifests for `os` and `arch`, where those are not empty. Raises NoSuchTag, ManifestUnknown, NameUnknown.
        """
        if isinstance(reference, Digest):
            found = await self._of_digest(caller, name, str(reference))
        else:
            found = await self._of_tag(caller, name, reference)
        return [each for each in found if each.manifest is None or each.manifest.runs_on(os, arch)]

    async def manifests(self, caller: Caller, name: RepositoryName, page: ListPage) -> Page[ShownManifest]:
        """Return a page of manifests, ordered by digest. Raises NameUnknown."""
        size = min(page.size, MOST_WITH_DETAILS)

        def read(tx: Transaction) -> tuple[int, list[ListedManifest], int | None]:
            repository = require(tx, caller.principal, name, Operation.VIEW)
            found = store.manifests_from(tx, repository.id, page.start, size + 1)
            total = store.count_manifests(tx, repository.id) if page.with_count else None
            return repository.id, found, total

        repository_id, found, total = await self._database.read(read)
        shown = await self._shown.of(repository_id, {each.digest: each for each in found[:size]})
        return Page(list(shown.values()), found[size].digest if len(found) > size else None, total)

    async def delete(self, caller: Caller, name: RepositoryName, tag: str) -> None:
        """Delete a tag. Raises NoSuchTag, NameUnknown, Denied, or TagImmutable where tags must stay."""
        [removal] = await self.delete_many(caller, name, [tag])
        if removal.error is not None:
            raise removal.error

    async def delete_many(
        self, caller: Caller, name: RepositoryName, tags: Sequence[str]
    ) -> Sequence[TagRemoval]:
        """Delete those of the tags that exist and may go; tell of each what became of it. Raises as `delete` does."""
        now = self._clock.now()
        wanted = list(dict.fromkeys(tags))

        def write(tx: Transaction) -> list[TagRemoval]:
            repository = required_and_locked(tx, caller, name, Operation.DELETE_TAGS)
            current = store.current_tags(tx, repository.id, wanted)
            removals = [TagRemoval(tag, _obstacle(repository, tag, current)) for tag in wanted]
            going = {each.tag: current[each.tag] for each in removals if each.error is None}
            self._moves.remove(tx, Change(repository, caller, now, Cause.DELETE), going)
            return removals

        return await self._database.write(write)

    async def delete_manifest(self, caller: Caller, name: RepositoryName, digest: Digest) -> None:
        """Delete a manifest with the tags on it. Raises ManifestUnknown, NameUnknown, Denied or TagImmutable."""
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            repository = required_and_locked(tx, caller, name, Operation.DELETE_TAGS)
            keep_immutable_manifest(tx, repository, str(digest))
            change = Change(repository, caller, now, Cause.MANIFEST_DELETE)
            if not self._moves.remove_manifest(tx, change, str(digest)):
                raise no_such_manifest(repository.path, str(digest))

        await self._database.write(write)

    async def _of_digest(self, caller: Caller, name: RepositoryName, digest: str) -> list[ShownTag]:
        def read(tx: Transaction) -> tuple[int, list[ListedTag]]:
            repository = require(tx, caller.principal, name, Operation.VIEW)
            if not manifest_store.present_manifests(tx, repository.id, [digest]):
                raise no_such_manifest(repository.path, digest)
            return repository.id, store.tags_on(tx, repository.id, digest, MOST_TAGS_OF_DIGEST)

        repository_id, found = await self._database.read(read)
        manifests = await self._shown.of(
            repository_id, {each.manifest.digest: each.manifest for each in found}
        )
        return [ShownTag(each, manifests[digest]) for each in found]

    async def _of_tag(self, caller: Caller, name: RepositoryName, tag: str) -> list[ShownTag]:
        def read(tx: Transaction) -> tuple[int, ListedTag]:
            repository = require(tx, caller.principal, name, Operation.VIEW)
            found = store.one_tag(tx, repository.id, tag)
            if found is None:
                raise no_such_tag(repository.path, tag)
            return repository.id, found

        repository_id, found = await self._database.read(read)
        own = (await self._shown.of(repository_id, {found.manifest.digest: found.manifest}))[
            found.manifest.digest
        ]
        children = await self._shown.children(repository_id, own.details.children)
        return [ShownTag(found, each) for each in children or [own]]


def _obstacle(repository: Repository, tag: str, current: Mapping[str, str]) -> RegistryError | None:
    """Return why a tag cannot be deleted, if it cannot."""
    if tag not in current:
        return no_such_tag(repository.path, tag)
    return immutable(tag, repository) if repository.immutable_tags else None


def _tags_from(
    tx: Transaction, repository_id: int, wanted: TagFilter, start: str, limit: int
) -> list[ListedTag]:
    """Return part of a list. Raises Invalid for a start that no page named."""
    if wanted.order is TagOrder.NAME:
        return store.tags_from(tx, repository_id, start, limit, wanted.text)
    return store.newest_tags_from(tx, repository_id, _newest_start(start), limit, wanted.text)


def _marker(tag: ListedTag, order: TagOrder) -> str:
    """Return what names the start of the page that begins with a tag; the tag itself may be gone by then."""
    return tag.name if order is TagOrder.NAME else f"{to_micros(tag.tagged_at)}.{tag.name}"


def _newest_start(marker: str) -> tuple[int, str]:
    """Return the moment and the name that a page begins with; without a marker, those before all others."""
    if not marker:
        return AFTER_ALL, ""
    moment, dot, name = marker.partition(".")
    if not (dot and moment.isascii() and moment.isdigit() and len(moment) <= MOST_MOMENT_DIGITS):
        raise Invalid("there is no such page")
    return int(moment), name
