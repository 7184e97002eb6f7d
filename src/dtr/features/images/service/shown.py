"""Manifests with their details, one by one or all of an index."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dtr.features.images.model import ListedManifest
from dtr.features.images.model.details import Child, Details
from dtr.features.images.service.details import DetailsReader
from dtr.features.images.store import tags as store
from dtr.plumbing.db import Database

MOST_CHILDREN = 200
"""Manifests of an index that are shown with their details."""


@dataclass(frozen=True, slots=True)
class ShownManifest:
    """A manifest with its details; `stored` is None for one that an index names and the repository does not hold."""

    digest: str
    stored: ListedManifest | None
    details: Details
    platform: Child | None = None
    """Of the manifest of an index: what the index says of it."""

    @property
    def os(self) -> str:
        """The operating system: what the index says goes before what the image says."""
        return (self.platform.os if self.platform else "") or self.details.os

    @property
    def architecture(self) -> str:
        """The architecture, found as the operating system is."""
        return (self.platform.architecture if self.platform else "") or self.details.architecture

    def runs_on(self, os: str, architecture: str) -> bool:
        """Tell whether this is for an operating system and architecture; empty ones are any."""
        return os in {"", self.os} and architecture in {"", self.architecture}


class ShownManifests:
    """Puts manifests and their details together."""

    def __init__(self, database: Database, details: DetailsReader) -> None:
        self._database = database
        self._details = details

    async def of(
        self, repository_id: int, manifests: Mapping[str, ListedManifest]
    ) -> dict[str, ShownManifest]:
        """Return manifests of a repository, given by digest, with their details."""
        media_types = {digest: each.media_type for digest, each in manifests.items()}
        details = await self._details.of(repository_id, media_types)
        return {digest: ShownManifest(digest, each, details[digest]) for digest, each in manifests.items()}

    async def children(
        self, repository_id: int, children: Iterable[Child], most: int = MOST_CHILDREN
    ) -> list[ShownManifest]:
        """Return up to `most` of the manifests that an index names, in its order, there or not."""
        listed = list(itertools.islice(children, most))
        if not listed:
            return []
        stored = await self._database.read(
            lambda tx: store.some_manifests(tx, repository_id, [each.digest for each in listed])
        )
        shown = await self.of(repository_id, stored)
        return [
            ShownManifest(
                each.digest,
                stored.get(each.digest),
                shown[each.digest].details if each.digest in shown else Details(),
                each,
            )
            for each in listed
        ]
