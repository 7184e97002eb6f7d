"""One tag or manifest from all sides."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from dtr.core.errors import RegistryError
from dtr.core.paging import ListPage
from dtr.core.principal import Caller
from dtr.features.images.api.tags import TagInPath
from dtr.features.images.model import ListedTag
from dtr.features.images.pages.room import MANIFEST, TAGS, DigestInPath, Rights, Room
from dtr.features.images.pages.views import HistoryRow, documents, history_rows, manifest_view
from dtr.features.repositories.pages import present_address
from dtr.oci.digest import Digest
from dtr.oci.names import RepositoryName
from dtr.plumbing.api import RepositoryInPath
from dtr.plumbing.web.pages import reader_of

MOVES_SHOWN: Final = 20
MAX_MARKER_LENGTH: Final = 20


def pages(room: Room) -> APIRouter:
    """Return the routes of a tag and of a manifest."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"{TAGS}/{{tag}}")
    async def show_tag(
        request: Request,
        name: RepositoryInPath,
        tag: TagInPath,
        history: Annotated[str, Query(max_length=MAX_MARKER_LENGTH)] = "",
    ) -> Response:
        return await manifest_page(room, request, name, tag, history_from=history)

    @router.get(MANIFEST)
    async def show_manifest(request: Request, name: RepositoryInPath, digest: DigestInPath) -> Response:
        return await manifest_page(room, request, name, digest)

    return router


async def manifest_page(  # noqa: PLR0913 - what one page shows
    room: Room,
    request: Request,
    name: RepositoryName,
    reference: str | Digest,
    *,
    history_from: str = "",
    error: RegistryError | None = None,
) -> Response:
    """Show what a tag names, or a manifest by its digest. Raises what `Inspection.inspect` does."""
    caller = reader_of(request).caller
    view = await room.repositories.get(caller, name)
    moved = present_address(request, name, view)
    if moved is not None:
        return moved
    rights = Rights.of(view)
    inspected = await room.inspection.inspect(caller, name, reference)
    shown = None
    if rights.may_pull:
        shown = await documents(inspected, await room.inspection.config(caller, name, inspected))
    history: Sequence[HistoryRow] = ()
    earlier = None
    if inspected.tag is not None and rights.may_see_activity:
        history, earlier = await _history(room, caller, name, inspected.tag, history_from)
    return room.web.page(
        request,
        "images/manifest.html",
        error=error,
        view=view,
        rights=rights,
        tag=inspected.tag,
        image=manifest_view(inspected),
        documents=shown,
        history=history,
        history_from=history_from,
        earlier=earlier,
    )


async def _history(
    room: Room, caller: Caller, name: RepositoryName, tag: ListedTag, start: str
) -> tuple[Sequence[HistoryRow], str | None]:
    """Return a page of the moves of a tag, and where the next page starts."""
    moves = await room.history.moves(caller, name, tag.name, ListPage(start, MOVES_SHOWN))
    present = await room.history.still_there(caller, name, moves.items)
    return history_rows(moves.items, tag.manifest.digest, present), moves.next_start
