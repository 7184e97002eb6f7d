"""Paged lists, in the two ways of the API.

Repositories and what is in them: `pageStart`, `pageSize`, `count`; the next page and the total are in headers.
Accounts: `start` and `limit`; the next page and the total are in the body (and the next page in the header as well).
"""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Response

from dtr.core.paging import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, ListPage, Page

T = TypeVar("T")

NEXT_PAGE_HEADER = "X-Next-Page-Start"
COUNT_HEADER = "X-Resource-Count"
MAX_MARKER_LENGTH = 1024


def _list_page(
    page_start: Annotated[
        str,
        Query(
            alias="pageStart",
            max_length=MAX_MARKER_LENGTH,
            description="Start of the page, from the last one.",
        ),
    ] = "",
    page_size: Annotated[int, Query(alias="pageSize", ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE,
    *,
    count: Annotated[bool, Query(description="Whether to count all entries, into X-Resource-Count.")] = False,
) -> ListPage:
    return ListPage(page_start, page_size, with_count=count)


def _enzi_page(
    start: Annotated[str, Query(max_length=MAX_MARKER_LENGTH)] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)] = DEFAULT_PAGE_SIZE,
) -> ListPage:
    return ListPage(start, limit, with_count=True)


def is_page(dependency: object) -> bool:
    """Tell whether a dependency of a route is one of those that make its answer a page of a list."""
    return dependency in (_list_page, _enzi_page)


PagedList = Annotated[ListPage, Depends(_list_page)]
EnziPage = Annotated[ListPage, Depends(_enzi_page)]


def paged(response: Response, page: Page[T]) -> Sequence[T]:
    """Tell the next page and the total in the headers of `response`; return the entries."""
    if page.next_start:
        response.headers[NEXT_PAGE_HEADER] = page.next_start
    if page.total is not None:
        response.headers[COUNT_HEADER] = str(page.total)
    return page.items
