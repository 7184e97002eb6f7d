"""The tags of a repository."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from dtr.core.errors import RegistryError
from dtr.core.paging import ListPage
from dtr.features.images.model import TagFilter, TagOrder
from dtr.features.images.pages.room import TAGS, Rights, Room
from dtr.features.images.pages.views import tag_row
from dtr.features.repositories.pages import present_address
from dtr.oci.names import RepositoryName
from dtr.plumbing.api import RepositoryInPath
from dtr.plumbing.web.lists import PAGE_SIZE, ShownPage
from dtr.plumbing.web.pages import reader_of

MAX_TAG_LENGTH: Final = 128

ALL_TAGS: Final = TagFilter()

FIRST: Final = ListPage(size=PAGE_SIZE, with_count=True)


def _wanted_tags(
    q: Annotated[str, Query(max_length=MAX_TAG_LENGTH)] = "", sort: str = TagOrder.NAME
) -> TagFilter:
    return TagFilter(q.strip(), TagOrder.NEWEST if sort == TagOrder.NEWEST else TagOrder.NAME)


WantedTags = Annotated[TagFilter, Depends(_wanted_tags)]
"""The filter and the order in the address of the list."""


def pages(room: Room) -> APIRouter:
    """Return the route of the list."""
    router = APIRouter(include_in_schema=False)

    @router.get(TAGS)
    async def list_tags(
        request: Request,
        name: RepositoryInPath,
        page: ShownPage,
        wanted: WantedTags,
        deleted: Annotated[str, Query(max_length=MAX_TAG_LENGTH)] = "",
    ) -> Response:
        return await tags_page(room, request, name, page, wanted, deleted_from=deleted)

    return router


async def tags_page(  # noqa: PLR0913 - what one page shows
    room: Room,
    request: Request,
    name: RepositoryName,
    page: ListPage = FIRST,
    wanted: TagFilter = ALL_TAGS,
    *,
    deleted_from: str = "",
    error: RegistryError | None = None,
) -> Response:
    """Show the wanted tags, and the deleted ones from `deleted_from` on."""
    caller = reader_of(request).caller
    view = await room.repositories.get(caller, name)
    moved = present_address(request, name, view)
    if moved is not None:
        return moved
    rights = Rights.of(view)
    found = await room.tags.tags(caller, name, page, wanted, with_manifests=True)
    deleted = None
    if rights.may_see_activity:
        deleted = await room.history.deleted(caller, name, ListPage(deleted_from, PAGE_SIZE, with_count=True))
    return room.web.page(
        request,
        "images/tags.html",
        error=error,
        view=view,
        rights=rights,
        found=found,
        rows=[tag_row(each) for each in found.items],
        page=page,
        wanted=wanted,
        deleted=deleted,
        deleted_from=deleted_from,
    )
