"""One manifest from all sides, for people who look at it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from dtr.core.errors import Invalid, RegistryError
from dtr.core.principal import Caller
from dtr.features.access.model import Operation
from dtr.features.images.model import ListedManifest, ListedTag, no_such_manifest, no_such_tag
from dtr.features.images.service.details import DetailsReader
from dtr.features.images.service.shown import ShownManifest, ShownManifests
from dtr.features.images.store import manifests as manifest_store
from dtr.features.images.store import tags as store
from dtr.features.repositories.model import Repository
from dtr.features.repositories.service.guard import require
from dtr.oci.digest import Digest
from dtr.oci.manifest import Manifest, parse_manifest
from dtr.oci.mediatypes import OCI_MANIFEST
from dtr.oci.names import RepositoryName
from dtr.plumbing.blobs.errors import KeyMissing
from dtr.plumbing.db import Database, Transaction

MOST_CHILDREN: Final = 100
MOST_TAGS: Final = 50
MOST_REFERRERS: Final = 25
"""Of children, tags and referrers so many are shown; that there are more is told."""

COMPANION_ENDINGS: Final = ("sig", "att", "sbom")
"""How tags end that clients give to signatures, attestations and SBOMs where a registry knows no referrers.

Source: sigstore cosign, "Signature Specification": the tag is the digest with a dash, then the ending.
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Inspected:
    """A manifest with what it consists of and what belongs to it."""

    manifest: ShownManifest
    stored: ListedManifest
    parsed: Manifest
    """Empty where the stored document was pushed under other rules and is none today."""
    content: bytes
    tag: ListedTag | None
    """The tag that was asked for."""
    tags: Sequence[str]
    """Tags on it, in byte order: `MOST_TAGS` and one more at most."""
    children: Sequence[ShownManifest]
    referrers: Sequence[ListedManifest]
    """Manifests with this one as their subject, oldest first: `MOST_REFERRERS` and one more at most."""
    companions: Mapping[str, str]
    """Tags with their digests that belong to it by their names."""


@dataclass(frozen=True, slots=True)
class _Found:
    repository_id: int
    stored: ListedManifest
    content: bytes
    tag: ListedTag | None
    tags: Sequence[str]
    referrers: Sequence[ListedManifest]
    companions: Mapping[str, str]


class Inspection:
    """Shows single manifests."""

    def __init__(self, database: Database, details: DetailsReader) -> None:
        self._database = database
        self._details = details
        self._shown = ShownManifests(database, details)

    async def inspect(self, caller: Caller, name: RepositoryName, reference: str | Digest) -> Inspected:
        """Return what a tag names, or a manifest by its digest. Raises NoSuchTag, ManifestUnknown, NameUnknown."""

        def read(tx: Transaction) -> _Found:
            repository = require(tx, caller.principal, name, Operation.VIEW)
            return _find(tx, repository, reference)

        found = await self._database.read(read)
        digest = found.stored.digest
        shown = await self._shown.of(found.repository_id, {digest: found.stored})
        children = shown[digest].details.children
        return Inspected(
            manifest=shown[digest],
            stored=found.stored,
            parsed=await asyncio.to_thread(_parsed, found.content, found.stored.media_type),
            content=found.content,
            tag=found.tag,
            tags=found.tags,
            children=await self._shown.children(found.repository_id, children, MOST_CHILDREN),
            referrers=found.referrers,
            companions=found.companions,
        )

    async def config(self, caller: Caller, name: RepositoryName, inspected: Inspected) -> bytes | None:
        """Return the configuration of an inspected manifest; None without one that is there and not too large.

        Raises NameUnknown, or Denied for who may not pull.
        """
        await self._database.read(lambda tx: require(tx, caller.principal, name, Operation.PULL))
        if inspected.parsed.config is None:
            return None
        try:
            return await self._details.config(inspected.parsed.config.digest)
        except (KeyMissing, RegistryError) as error:
            log.warning("inspection.config_unreadable", manifest=inspected.stored.digest, problem=str(error))
            return None


def _find(tx: Transaction, repository: Repository, reference: str | Digest) -> _Found:
    tag = None
    if isinstance(reference, Digest):
        stored = store.some_manifests(tx, repository.id, [str(reference)]).get(str(reference))
    else:
        tag = store.one_tag(tx, repository.id, reference)
        if tag is None:
            raise no_such_tag(repository.path, reference)
        stored = tag.manifest
    content = None if stored is None else manifest_store.content_of(tx, repository.id, stored.digest)
    if stored is None or content is None:
        raise no_such_manifest(repository.path, str(reference))
    digest = stored.digest
    return _Found(
        repository.id,
        stored,
        content,
        tag,
        store.some_names_on(tx, repository.id, digest, MOST_TAGS + 1),
        store.manifests_about(tx, repository.id, digest, MOST_REFERRERS + 1),
        store.current_tags(
            tx, repository.id, [f"{digest.replace(':', '-')}.{each}" for each in COMPANION_ENDINGS]
        ),
    )


def _parsed(content: bytes, media_type: str) -> Manifest:
    try:
        return parse_manifest(content, media_type)
    except Invalid:
        return Manifest(OCI_MANIFEST)
