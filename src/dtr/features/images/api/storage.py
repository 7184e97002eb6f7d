"""What the stored blobs take."""

from datetime import date

from fastapi import APIRouter
from pydantic import Field

from dtr.features.images.model.usage import StorageUse
from dtr.features.images.service.usage import StorageUsage
from dtr.plumbing.api import Moment, Shape, SignedIn, documented


class TotalsShape(Shape):
    """All stored blobs, in bytes. The three parts together are `sizeBytes`."""

    blobs: int
    size_bytes: int
    sole_bytes: int = Field(description="Of blobs that a single namespace holds.")
    shared_bytes: int = Field(description="Of blobs that several namespaces hold: stored once.")
    unlinked_bytes: int = Field(description="Of blobs that no repository holds.")


class NamespaceUseShape(Shape):
    """What the repositories of a namespace hold."""

    name: str
    repositories: int = Field(description="Those that hold anything.")
    logical_bytes: int = Field(description="What its repositories would take if nothing was shared.")
    unique_bytes: int = Field(description="Of blobs that no other namespace holds.")


class RepositoryUseShape(Shape):
    """What a repository holds."""

    path: str = Field(examples=["acme/app"])
    blobs: int
    logical_bytes: int
    unique_bytes: int = Field(description="Of blobs that no other repository holds.")


class SnapshotShape(Shape):
    """What all blobs took on a day (UTC)."""

    day: date
    size_bytes: int
    blobs: int


class StorageUseDocument(Shape):
    """What the stored blobs take, by who holds them. Manifests are in the database and not counted."""

    measured_at: Moment
    totals: TotalsShape
    namespace_count: int
    namespaces: list[NamespaceUseShape] = Field(description="The largest 100, the largest first.")
    repository_count: int
    repositories: list[RepositoryUseShape] = Field(description="The largest 100, the largest first.")
    growth: list[SnapshotShape] = Field(
        description="One a day for a year, oldest first; the last is what was just measured."
    )

    @staticmethod
    def of(use: StorageUse) -> "StorageUseDocument":
        """Return the document of a measurement."""
        return StorageUseDocument.model_validate(use, from_attributes=True)


def router(usage: StorageUsage) -> APIRouter:
    """Return the route of the use of storage."""
    routes = APIRouter(tags=["meta"])

    @routes.get("/meta/storage_use", operation_id="getStorageUse", responses=documented())
    async def get_storage_use(caller: SignedIn) -> StorageUseDocument:
        """Show what the stored blobs take, to administrators and auditors. Measured at most once a minute."""
        return StorageUseDocument.of(await usage.measure(caller))

    return routes
