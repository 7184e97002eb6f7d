"""The API of search."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from dtr.features.accounts.api.shapes import AccountShape
from dtr.features.repositories.api import RepositoryShape, repository_shape
from dtr.features.search.model import DEFAULT_LIMIT, MAX_LIMIT, docker_document
from dtr.features.search.service import Search
from dtr.plumbing.api import AnyCaller, Shape, documented

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Results of each kind at most.")]


class Suggestions(Shape):
    """What matches, best first: exact names, then names that start so, namespaces that start so, and others."""

    repository_results: list[RepositoryShape]
    account_results: list[AccountShape] = Field(description="Empty for callers who are not logged in.")


class DockerResult(Shape):
    """One repository, as `docker search` shows it."""

    name: str
    description: str
    star_count: int = Field(alias="star_count")
    is_official: bool = Field(alias="is_official")
    is_automated: bool = Field(alias="is_automated")
    is_trusted: bool = Field(alias="is_trusted")


class DockerResults(Shape):
    """An answer to `docker search`."""

    query: str
    num_results: int = Field(alias="num_results", description="In this answer.")
    results: list[DockerResult]


def router(search: Search) -> APIRouter:
    """Return the routes of search."""
    routes = APIRouter(prefix="/index", tags=["search"])

    @routes.get("/autocomplete", operation_id="autocomplete", responses=documented())
    async def autocomplete(  # noqa: PLR0913 - one argument a parameter
        caller: AnyCaller,
        query: Annotated[str, Query(description="Part of a name. Upper and lower case are the same.")] = "",
        namespace: Annotated[str, Query(description="Look only for repositories of this account.")] = "",
        limit: Limit = DEFAULT_LIMIT,
        *,
        include_repositories: Annotated[bool, Query(alias="includeRepositories")] = True,
        include_accounts: Annotated[bool, Query(alias="includeAccounts")] = True,
    ) -> Suggestions:
        """Find repositories that the caller may see, and accounts, by part of their names."""
        found = await search.repositories(
            caller, query, limit if include_repositories else 0, namespace=namespace
        )
        accounts = await search.accounts(caller, query, limit if include_accounts else 0)
        return Suggestions(
            repository_results=[repository_shape(each) for each in found],
            account_results=[AccountShape.of(*each) for each in accounts],
        )

    @routes.get("/dockersearch", operation_id="dockerSearch", responses=documented())
    async def dockersearch(
        caller: AnyCaller,
        q: Annotated[str, Query(description="Part of a name.")] = "",
        n: Limit = DEFAULT_LIMIT,
        limit: Annotated[int | None, Query(ge=1, le=MAX_LIMIT, description="The same as `n`.")] = None,
    ) -> DockerResults:
        """Find repositories that the caller may see, in the shape that `docker search` reads."""
        found = await search.repositories(caller, q, limit or n)
        return DockerResults.model_validate(docker_document(q, found))

    return routes
