"""Tags and manifests: lists, details, deletion."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response, status

from dtr.core.errors import RegistryError
from dtr.features.images.api.shapes import ManifestShape, RemovalProblem, RemovalShape, TagNames, TagShape
from dtr.features.images.model import NoSuchTag, TagRemoval
from dtr.features.images.service.tags import Tags
from dtr.oci.digest import Digest
from dtr.oci.errors import TagInvalid
from dtr.oci.names import parse_reference, parse_tag
from dtr.plumbing.api import AnyCaller, PagedList, RepositoryInPath, SignedIn, documented, paged

CodeOf = Callable[[RegistryError], str]
"""Gives the code that the API has for an error."""

MAX_PLATFORM_LENGTH = 100


def _domain(
    domain: Annotated[
        str,
        Query(
            description="The registry's host as images are pushed to it. Accepted for the sake of older clients, and"
            " not used: signatures are not kept here."
        ),
    ] = "",
) -> None:
    del domain


def tag_in_path(tag: Annotated[str, Path(description="The name of a tag.")]) -> str:
    """Return the tag of a path. Raises NoSuchTag for what can be none."""
    try:
        return parse_tag(tag)
    except TagInvalid as error:
        raise NoSuchTag("there is no tag of such a name", tag=tag[:128]) from error


def _reference_in_path(
    tag: Annotated[str, Path(description="The name of a tag, or a digest.")],
) -> str | Digest:
    try:
        return parse_reference(tag)
    except TagInvalid as error:
        raise NoSuchTag("there is no tag of such a name", tag=tag[:128]) from error


TagInPath = Annotated[str, Depends(tag_in_path)]


def router(tags: Tags, code_of: CodeOf) -> APIRouter:
    """Return the routes of tags and manifests."""
    routes = APIRouter(prefix="/repositories/{namespace}/{reponame}", tags=["tags"])
    _add_tag_reads(routes, tags)
    _add_tag_deletes(routes, tags, code_of)
    _add_manifests(routes, tags)
    return routes


def _add_tag_reads(routes: APIRouter, tags: Tags) -> None:
    @routes.get(
        "/tags",
        operation_id="listTags",
        responses=documented(404),
        dependencies=[Depends(_domain)],
    )
    async def list_tags(
        caller: AnyCaller,
        repository: RepositoryInPath,
        page: PagedList,
        response: Response,
        include_manifests: Annotated[  # noqa: FBT002 - a query parameter
            bool,
            Query(
                alias="includeManifests",
                description="Whether each tag comes with its manifest. A page has at most 1,000 tags then.",
            ),
        ] = False,
    ) -> list[TagShape]:
        """List the tags of a repository, in the order of their bytes."""
        found = await tags.tags(caller, repository, page, with_manifests=include_manifests)
        return [TagShape.of(each) for each in paged(response, found)]

    @routes.get(
        "/tags/{tag}",
        operation_id="getTag",
        responses=documented(404),
        dependencies=[Depends(_domain)],
    )
    async def get_tag(
        caller: AnyCaller,
        repository: RepositoryInPath,
        reference: Annotated[str | Digest, Depends(_reference_in_path)],
        os: Annotated[str, Query(max_length=MAX_PLATFORM_LENGTH)] = "",
        arch: Annotated[str, Query(max_length=MAX_PLATFORM_LENGTH)] = "",
    ) -> list[TagShape]:
        """Show what a tag names: one entry, or one for each manifest of an index (200 at most).

        A digest gives one entry for each tag that names it (1,000 at most), and none for a manifest without tags.
        `os` and `arch` leave only manifests for that platform.
        """
        found = await tags.find(caller, repository, reference, os=os, arch=arch)
        return [TagShape.of(each) for each in found]


def _add_tag_deletes(routes: APIRouter, tags: Tags, code_of: CodeOf) -> None:
    @routes.delete(
        "/tags/{tag}",
        operation_id="deleteTag",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=documented(404, 409),
        dependencies=[Depends(_domain)],
    )
    async def delete_tag(caller: SignedIn, repository: RepositoryInPath, tag: TagInPath) -> None:
        """Delete a tag. The manifest stays, and for some days the tag can be brought back."""
        await tags.delete(caller, repository, tag)

    @routes.post("/tags/delete", operation_id="deleteTags", responses=documented(404))
    async def delete_tags(
        caller: SignedIn, repository: RepositoryInPath, wanted: TagNames
    ) -> list[RemovalShape]:
        """Delete up to 1,000 tags at once. The answer tells of each what became of it; doubles are named once."""
        removals = await tags.delete_many(caller, repository, wanted.tags)
        return [_removal(each, code_of) for each in removals]


def _add_manifests(routes: APIRouter, tags: Tags) -> None:
    @routes.get("/manifests", operation_id="listManifests", responses=documented(404))
    async def list_manifests(
        caller: AnyCaller, repository: RepositoryInPath, page: PagedList, response: Response
    ) -> list[ManifestShape]:
        """List the manifests of a repository by digest, tagged or not. A page has at most 1,000."""
        found = await tags.manifests(caller, repository, page)
        return [ManifestShape.of(each) for each in paged(response, found)]

    @routes.delete(
        "/manifests/{digest}",
        operation_id="deleteManifest",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=documented(404, 409),
        deprecated=True,
    )
    async def delete_manifest(caller: SignedIn, repository: RepositoryInPath, digest: str) -> None:
        """Delete a manifest with all tags on it. They cannot be brought back; delete tags instead."""
        await tags.delete_manifest(caller, repository, Digest.parse(digest))


def _removal(removal: TagRemoval, code_of: CodeOf) -> RemovalShape:
    problem = None
    if removal.error is not None:
        problem = RemovalProblem(code=code_of(removal.error), message=removal.error.message)
    return RemovalShape(tag=removal.tag, deleted=problem is None, error=problem)
