"""The history of tags, roll-back and undelete."""

from fastapi import APIRouter, Response

from dtr.features.images.api.shapes import DeletedTagShape, HistoryShape, RestoreRequest, TagShape
from dtr.features.images.api.tags import TagInPath
from dtr.features.images.service.history import TagHistory
from dtr.oci.digest import Digest
from dtr.plumbing.api import AnyCaller, PagedList, RepositoryInPath, SignedIn, documented, paged


def router(history: TagHistory) -> APIRouter:
    """Return the routes of the history of tags."""
    routes = APIRouter(prefix="/repositories/{namespace}/{reponame}", tags=["tags"])

    @routes.get("/tags/{tag}/history", operation_id="listTagHistory", responses=documented(404))
    async def list_history(
        caller: AnyCaller, repository: RepositoryInPath, tag: TagInPath, page: PagedList, response: Response
    ) -> list[HistoryShape]:
        """List what a tag named when, newest first: also of a tag that was deleted. The last 100 moves are kept."""
        found = await history.moves(caller, repository, tag, page)
        return [HistoryShape.of(each) for each in paged(response, found)]

    @routes.get("/deletedTags", operation_id="listDeletedTags", responses=documented(404))
    async def list_deleted(
        caller: AnyCaller, repository: RepositoryInPath, page: PagedList, response: Response
    ) -> list[DeletedTagShape]:
        """List the deleted tags that can be brought back, in the order of their bytes."""
        found = await history.deleted(caller, repository, page)
        return [DeletedTagShape.of(each) for each in paged(response, found)]

    @routes.post("/tags/{tag}/restore", operation_id="restoreTag", responses=documented(404, 409))
    async def restore(
        caller: SignedIn, repository: RepositoryInPath, tag: TagInPath, wanted: RestoreRequest | None = None
    ) -> TagShape:
        """Bring a deleted tag back, or with a digest let a tag name again what it named before."""
        digest = Digest.parse(wanted.digest) if wanted is not None and wanted.digest is not None else None
        return TagShape.of_listed(await history.restore(caller, repository, tag, digest))

    return routes
