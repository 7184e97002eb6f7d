"""What the forms of these pages do: deletion, undelete, roll-back."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dtr.core.errors import Conflict, Denied, Invalid
from dtr.core.messages import as_message, said
from dtr.features.images.api.tags import TagInPath
from dtr.features.images.model import TagRemoval
from dtr.features.images.pages.lists import tags_page
from dtr.features.images.pages.room import MANIFEST, TAGS, DigestInPath, Rights, Room
from dtr.features.images.pages.single import manifest_page
from dtr.features.images.pages.views import manifest_view
from dtr.features.repositories.pages import address_of
from dtr.oci.digest import Digest
from dtr.oci.names import RepositoryName
from dtr.plumbing.api import RepositoryInPath
from dtr.plumbing.web.flash import Mood
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.lists import MAX_PAGE_SIZE
from dtr.plumbing.web.pages import signed_in_reader

MOST_AT_ONCE: Final = MAX_PAGE_SIZE
"""Tags that one form deletes at most: those of the longest page."""

CONFIRMED: Final = "confirmed"
"""The field that the page with the question sets."""


def actions(room: Room) -> APIRouter:
    """Return the routes of the forms."""
    router = APIRouter(include_in_schema=False)
    _add_deletion(router, room)
    _add_manifest_deletion(router, room)
    _add_restoring(router, room)
    return router


def _add_deletion(router: APIRouter, room: Room) -> None:
    @router.post(f"{TAGS}/delete")
    async def delete_tags(request: Request, name: RepositoryInPath, form: FormBody) -> Response:
        wanted = list(dict.fromkeys(form.all("tag")))
        try:
            _check(wanted)
            if not form.checked(CONFIRMED):
                return await _ask_about_tags(room, request, name, wanted)
            removals = await room.tags.delete_many(signed_in_reader(request), name, wanted)
        except (Invalid, Denied) as error:
            return await tags_page(room, request, name, error=error)
        return _deleted(room, request, name, removals)


def _add_manifest_deletion(router: APIRouter, room: Room) -> None:
    @router.post(f"{MANIFEST}/delete")
    async def delete_manifest(
        request: Request, name: RepositoryInPath, digest: DigestInPath, form: FormBody
    ) -> Response:
        try:
            if not form.checked(CONFIRMED):
                return await _ask_about_manifest(room, request, name, digest)
            await room.tags.delete_manifest(signed_in_reader(request), name, digest)
        except (Conflict, Denied) as error:
            return await manifest_page(room, request, name, digest, error=error)
        text = room.web.translate(request, "Deleted the manifest %(digest)s", digest=_short(digest))
        return room.web.send_on(request, _tags_address(name), text)


def _add_restoring(router: APIRouter, room: Room) -> None:
    @router.post(f"{TAGS}/{{tag}}/restore")
    async def restore(request: Request, name: RepositoryInPath, tag: TagInPath, form: FormBody) -> Response:
        """Bring a deleted tag back; with a digest, let a tag name again what it named before."""
        digest = Digest.parse(form.text("digest")) if form.text("digest") else None
        try:
            await room.history.restore(signed_in_reader(request), name, tag, digest)
        except (Conflict, Denied) as error:
            if digest is None:
                return await tags_page(room, request, name, error=error)
            return await manifest_page(room, request, name, tag, error=error)
        if digest is None:
            text = room.web.translate(request, "The tag %(name)s is back", name=tag)
        else:
            text = room.web.translate(
                request, "The tag %(name)s names %(digest)s now", name=tag, digest=_short(digest)
            )
        return room.web.send_on(request, f"{_tags_address(name)}/{tag}", text)


async def _ask_about_tags(
    room: Room, request: Request, name: RepositoryName, wanted: Sequence[str]
) -> Response:
    """Show which tags would go, and ask."""
    view = await room.repositories.get(signed_in_reader(request), name)
    if not Rights.of(view).may_delete:
        raise Denied("you may not delete tags of this repository", name=view.repository.path)
    return room.web.page(request, "images/deletion.html", view=view, tags=wanted, image=None)


async def _ask_about_manifest(room: Room, request: Request, name: RepositoryName, digest: Digest) -> Response:
    """Show which tags would go with a manifest, and ask."""
    caller = signed_in_reader(request)
    view = await room.repositories.get(caller, name)
    if not Rights.of(view).may_delete:
        raise Denied("you may not delete manifests of this repository", name=view.repository.path)
    image = manifest_view(await room.inspection.inspect(caller, name, digest))
    return room.web.page(request, "images/deletion.html", view=view, tags=image.tags, image=image)


def _check(wanted: Sequence[str]) -> None:
    if not wanted:
        raise Invalid("choose the tags to delete first")
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid(said("one form deletes at most %(count)s tags", count=MOST_AT_ONCE))


def _deleted(room: Room, request: Request, name: RepositoryName, removals: Sequence[TagRemoval]) -> Response:
    """Tell what became of the tags. What did not go is told first: the rest can be seen."""
    problems = [each.error for each in removals if each.error is not None]
    translate, to = room.web.translate, _tags_address(name)
    if problems:
        text = translate(
            request,
            "Deleted %(count)s of %(total)s tags: %(problem)s",
            count=len(removals) - len(problems),
            total=len(removals),
            problem=as_message(problems[0].message),
        )
        return room.web.send_on(request, to, text, Mood.BAD)
    if len(removals) == 1:
        text = translate(request, "Deleted the tag %(name)s", name=removals[0].tag)
    else:
        text = translate(request, "Deleted %(count)s tags", count=len(removals))
    return room.web.send_on(request, to, text)


def _tags_address(name: RepositoryName) -> str:
    return f"{address_of(name.path)}/tags"


def _short(digest: Digest) -> str:
    return f"{digest.algorithm}:{digest.hex[:12]}"
