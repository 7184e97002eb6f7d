"""Tags, referrers and the catalog, in pages."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson

from dtr.core.paging import UNASKED_PAGE_CAP, PageRequest
from dtr.core.principal import Principal
from dtr.features.images.model import NamePage, Referrer
from dtr.features.images.store import manifests as store
from dtr.features.repositories import store as repository_store
from dtr.features.repositories.service import Repositories
from dtr.oci.digest import Digest
from dtr.oci.errors import NameUnknown
from dtr.oci.manifest import MAX_MANIFEST_BYTES
from dtr.oci.mediatypes import OCI_INDEX
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction

REFERRERS_PER_PAGE = 1000
ENVELOPE_BYTES = 200
FIRST = (-1, "")

PrincipalOf = Callable[[str], Awaitable[Principal]]
"""Finds who carries a name; nobody in particular for the empty one or one that is gone."""


@dataclass(frozen=True, slots=True)
class ReferrersPage:
    """An image index of referrers as JSON, and where the next page starts (microseconds, digest)."""

    content: bytes
    next_after: tuple[int, str] | None


class Lists:
    """Lists of what repositories hold."""

    def __init__(self, database: Database, repositories: Repositories, principal_of: PrincipalOf) -> None:
        self._database = database
        self._repositories = repositories
        self._principal_of = principal_of

    async def tags(self, name: RepositoryName, page: PageRequest) -> NamePage:
        """Return a page of tags in byte order. Raises NameUnknown."""

        def read(tx: Transaction) -> NamePage:
            repository = repository_store.find(tx, name.path)
            if repository is None:
                raise NameUnknown(f"there is no repository {name}", name=name.path)
            limit = page_limit(page)
            names = store.tags_after(tx, repository.id, page.last or "", limit + 1) if limit else []
            return NamePage(names[:limit], len(names) > limit)

        return await self._database.quick_read(read)

    async def catalog(self, caller: str, page: PageRequest) -> NamePage:
        """Return a page of the repositories that the account `caller` may pull."""
        found = await self._repositories.catalog(await self._principal_of(caller), page)
        return NamePage(found.paths, found.has_more)

    async def referrers(
        self, name: RepositoryName, subject: Digest, types: Sequence[str], after: tuple[int, str] = FIRST
    ) -> ReferrersPage:
        """Return the manifests that name `subject`, oldest first, of all or of the given artifact types.

        An unknown repository or subject has none. A page holds at most 4 MiB.
        """

        def read(tx: Transaction) -> list[Referrer]:
            repository = repository_store.find(tx, name.path)
            if repository is None:
                return []
            limit = REFERRERS_PER_PAGE + 1
            return store.referrers_after(
                tx, repository.id, str(subject), types=types, after=after, limit=limit
            )

        return _referrers_page(await self._database.quick_read(read))


def page_limit(page: PageRequest) -> int:
    """Return how many names to give: what was asked for, or the cap when nothing was."""
    return UNASKED_PAGE_CAP if page.limit is None else page.limit


def _referrers_page(found: list[Referrer]) -> ReferrersPage:
    entries: list[bytes] = []
    size = ENVELOPE_BYTES
    last: Referrer | None = None
    for referrer in found[:REFERRERS_PER_PAGE]:
        entry = orjson.dumps(_descriptor(referrer))
        size += len(entry) + 1
        if entries and size > MAX_MANIFEST_BYTES:
            break
        entries.append(entry)
        last = referrer
    content = b'{"schemaVersion":2,"mediaType":"%b","manifests":[%b]}' % (
        OCI_INDEX.encode(),
        b",".join(entries),
    )
    more = len(entries) < len(found) and last is not None
    return ReferrersPage(content, (last.pushed_at_micros, last.digest) if more and last is not None else None)


def _descriptor(referrer: Referrer) -> dict[str, object]:
    """Describe one referrer. Source: OCI distribution-spec, "Listing Referrers"."""
    descriptor: dict[str, object] = {
        "mediaType": referrer.media_type,
        "digest": referrer.digest,
        "size": referrer.size_bytes,
    }
    if referrer.artifact_type:
        descriptor["artifactType"] = referrer.artifact_type
    if referrer.annotations:
        descriptor["annotations"] = dict(referrer.annotations)
    return descriptor
