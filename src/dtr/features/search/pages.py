"""The page of what a search found."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from dtr.features.search.model import DEFAULT_LIMIT, MAX_PAGES, MAX_QUERY_LENGTH
from dtr.features.search.service import Search
from dtr.plumbing.web.pages import Web, reader_of


def pages(search: Search, web: Web) -> APIRouter:
    """Return the routes of this module."""
    router = APIRouter(include_in_schema=False)

    @router.get("/search")
    async def results(
        request: Request,
        q: Annotated[str, Query(max_length=MAX_QUERY_LENGTH)] = "",
        page: Annotated[int, Query(ge=1, le=MAX_PAGES)] = 1,
    ) -> Response:
        caller, query = reader_of(request).caller, q.strip()
        skip = (page - 1) * DEFAULT_LIMIT
        # One more than is shown tells whether there is a next page.
        found = await search.repositories(caller, query, DEFAULT_LIMIT + 1, skip=skip) if query else []
        accounts = await search.accounts(caller, query) if query and page == 1 else []
        has_more = len(found) > DEFAULT_LIMIT
        return web.page(
            request,
            "search/results.html",
            query=query,
            repositories=found[:DEFAULT_LIMIT],
            accounts=accounts,
            page=page,
            next_page=page + 1 if has_more and page < MAX_PAGES else None,
            is_cut_off=has_more and page == MAX_PAGES,
        )

    return router
