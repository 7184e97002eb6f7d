"""Details of images: from memory, from the database, or read off manifest and configuration, once for each digest."""

import asyncio
from collections.abc import Mapping

import structlog

from dtr.core.errors import Invalid, RegistryError, Unavailable
from dtr.core.messages import said
from dtr.features.images.model.details import MAX_CONFIG_BYTES, Details, image_config_of, read_details
from dtr.features.images.store import details as store
from dtr.features.images.store import manifests as manifest_store
from dtr.oci.digest import Digest
from dtr.oci.manifest import parse_manifest
from dtr.plumbing.blobs.driver import BlobDriver
from dtr.plumbing.blobs.errors import KeyMissing, ObjectTooLarge
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.cache import BoundedCache
from dtr.plumbing.db import Database

READS_AT_ONCE = 8
"""Configurations that a process reads at a time for this: pulls come first."""

CACHE_BYTES = 8 * 1024 * 1024

log = structlog.get_logger()


class DetailsReader:
    """Knows the details of manifests. What is of a digest is the same in every repository."""

    def __init__(self, database: Database, driver: BlobDriver) -> None:
        self._database = database
        self._driver = driver
        self._cache: BoundedCache[str, Details] = BoundedCache(CACHE_BYTES)
        self._reads = asyncio.Semaphore(READS_AT_ONCE)

    async def of(self, repository_id: int, media_types: Mapping[str, str]) -> dict[str, Details]:
        """Return the details of manifests of a repository, given as digests with their media types.

        Those that cannot be read at the moment are empty, and looked at again the next time.
        """
        found = {digest: kept for digest in media_types if (kept := self._cache.get(digest)) is not None}
        missing = [digest for digest in media_types if digest not in found]
        if missing:
            found |= await self._stored(missing)
        missing = [digest for digest in missing if digest not in found]
        if missing:
            found |= await self._read(repository_id, {digest: media_types[digest] for digest in missing})
        return {digest: found.get(digest, Details()) for digest in media_types}

    async def _stored(self, digests: list[str]) -> dict[str, Details]:
        rows = await self._database.read(lambda tx: store.find(tx, digests))
        found = {}
        for digest, text in rows.items():
            details = Details.from_json(text)
            if details is not None:
                found[digest] = details
                self._cache.put(digest, details, 2 * len(text))
        return found

    async def _read(self, repository_id: int, media_types: Mapping[str, str]) -> dict[str, Details]:
        """Look at manifests for the first time, and keep what was found."""
        results = await asyncio.gather(
            *(self._read_one(repository_id, digest, type_) for digest, type_ in media_types.items())
        )
        found = {digest: each for digest, each in zip(media_types, results, strict=True) if each is not None}
        texts = {digest: each.to_json() for digest, each in found.items()}
        try:
            await self._database.write(lambda tx: store.keep(tx, texts), durable=False)
        except RegistryError as error:  # it is a cache: whoever asks gets an answer, and the next reads again
            log.warning("details.not_kept", problem=error.message)
        for digest, text in texts.items():
            self._cache.put(digest, found[digest], 2 * len(text))
        return found

    async def _read_one(self, repository_id: int, digest: str, media_type: str) -> Details | None:
        async with self._reads:
            content = await self._database.read(
                lambda tx: manifest_store.content_of(tx, repository_id, digest)
            )
            if content is None:
                return None
            try:
                manifest = await asyncio.to_thread(parse_manifest, content, media_type)
            except Invalid:  # it was pushed when other rules held
                return Details()
            wanted = image_config_of(manifest)
            try:
                config = None if wanted is None else await self.config(wanted.digest)
            except (KeyMissing, RegistryError) as error:
                log.warning("details.config_unreadable", manifest=digest, problem=str(error))
                return None
            return await asyncio.to_thread(read_details, manifest, config)

    async def config(self, digest: Digest) -> bytes | None:
        """Read a configuration; None if it is too large. Raises KeyMissing, or Unavailable if it is damaged."""
        try:
            content = await self._driver.read_small(blob_key(digest), MAX_CONFIG_BYTES)
        except ObjectTooLarge:
            return None
        if Digest.of(content, digest.algorithm) != digest:
            raise Unavailable(said("the stored copy of %(digest)s is damaged", digest=digest))
        return content
