"""Tags, referrers and the catalog, in pages."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson

from dtr.core.paging import NamePage, PageRequest
from dtr.core.principal import Principal, TokenSubject
from dtr.features.images.model import Place, Referrer, WantedReferrers
from dtr.features.images.store import manifests as store
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.model import no_such_repository
from dtr.features.repositories.service import Repositories
from dtr.features.repositories.store import redirects
from dtr.oci.digest import Digest
from dtr.oci.manifest import MAX_MANIFEST_BYTES
from dtr.oci.mediatypes import OCI_INDEX
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction

REFERRERS_PER_PAGE = 1000
ENVELOPE_BYTES = 200
ENTRY_BYTES = 300
"""What an entry has beside texts of its manifest, at most: its digest, media type and size, and the fields' names."""
NO_ANNOTATIONS = "{}"
FIRST: Place = (-1, "")
"""Before every referrer."""

PrincipalOf = Callable[[TokenSubject], Awaitable[Principal]]
"""Finds the caller that a token was issued to, with present rights; nobody in particular for one that is gone."""


@dataclass(frozen=True, slots=True)
class ReferrersPage:
    """An image index of referrers as JSON, and the place after which the next page starts."""

    content: bytes
    next_after: Place | None


class Lists:
    """Lists of what repositories hold."""

    def __init__(self, database: Database, repositories: Repositories, principal_of: PrincipalOf) -> None:
        self._database = database
        self._repositories = repositories
        self._principal_of = principal_of

    async def tags(self, name: RepositoryName, page: PageRequest) -> NamePage:
        """Return a page of tags in byte order. Raises NameUnknown."""

        def read(tx: Transaction) -> NamePage:
            repository = redirects.find_or_follow(tx, name.path)
            if repository is None:
                raise no_such_repository(name.path)
            limit = page.size
            names = tag_store.tags_after(tx, repository.id, page.last or "", limit + 1) if limit else []
            return NamePage(names[:limit], len(names) > limit)

        return await self._database.quick_read(read)

    async def catalog(self, caller: TokenSubject, page: PageRequest) -> NamePage:
        """Return a page of the repositories that `caller` may see."""
        return await self._repositories.catalog(await self._principal_of(caller), page)

    async def referrers(
        self, name: RepositoryName, subject: Digest, types: Sequence[str], after: Place = FIRST
    ) -> ReferrersPage:
        """Return the manifests that name `subject`, oldest first, of all or of the given artifact types.

        An unknown repository or subject has none. A page ends before the one with which all its manifests together
        would be larger than a single one may be (4 MiB), but has one at least.
        """

        def read(tx: Transaction) -> ReferrersPage:
            repository = redirects.find_or_follow(tx, name.path)
            if repository is None:
                return _page_of([], None)
            return _read_referrers(tx, WantedReferrers(repository.id, str(subject), tuple(types)), after)

        return await self._database.quick_read(read)


def _read_referrers(tx: Transaction, wanted: WantedReferrers, after: Place) -> ReferrersPage:
    """Find out first how many fit: what does not is never read."""
    following = store.referrer_sizes(tx, wanted, after, REFERRERS_PER_PAGE + 1)
    if not following:
        return _page_of([], None)
    fitting = _fitting([size for _, size in following])
    end = following[fitting - 1][0]
    return _page_of(store.referrers(tx, wanted, after, end), end if fitting < len(following) else None)


def _fitting(sizes: Sequence[int]) -> int:
    """Return how many manifests of these sizes in bytes share a page. Their annotations are part of them."""
    ends = itertools.accumulate((size + ENTRY_BYTES for size in sizes), initial=ENVELOPE_BYTES)
    fitting = sum(end <= MAX_MANIFEST_BYTES for end in itertools.islice(ends, 1, REFERRERS_PER_PAGE + 1))
    return max(fitting, 1)


def _page_of(found: Sequence[Referrer], next_after: Place | None) -> ReferrersPage:
    entries = b",".join(orjson.dumps(_descriptor(each)) for each in found)
    content = b'{"schemaVersion":2,"mediaType":"%b","manifests":[%b]}' % (OCI_INDEX.encode(), entries)
    return ReferrersPage(content, next_after)


def _descriptor(referrer: Referrer) -> dict[str, object]:
    """Describe one referrer. Source: OCI distribution-spec, "Listing Referrers"."""
    descriptor: dict[str, object] = {
        "mediaType": referrer.media_type,
        "digest": referrer.digest,
        "size": referrer.size_bytes,
    }
    if referrer.artifact_type:
        descriptor["artifactType"] = referrer.artifact_type
    if referrer.annotations_json != NO_ANNOTATIONS:
        descriptor["annotations"] = orjson.Fragment(referrer.annotations_json)
    return descriptor
