"""Long lists on pages: which part is wanted, from the address of the page."""

from typing import Annotated, Final

from fastapi import Depends, Query, Request

from dtr.core.paging import ListPage

PAGE_SIZE: Final = 25
MAX_PAGE_SIZE: Final = 100
MAX_START_LENGTH: Final = 1_024


def _shown_page(
    request: Request,
    start: Annotated[str, Query(max_length=MAX_START_LENGTH)] = "",
    size: Annotated[int, Query()] = PAGE_SIZE,
) -> ListPage:
    shown = min(max(size, 1), MAX_PAGE_SIZE)
    request.state.shown_size = shown
    return ListPage(start, shown, with_count=True)


ShownPage = Annotated[ListPage, Depends(_shown_page)]
"""The part of the list that a page shows: `start` as the last page named it, `size` up to 100 entries; counted."""


def smaller_size(request: Request) -> int | None:
    """Return the size to show a list with instead, where its entries turn out too long; None if it is small already."""
    size = getattr(request.state, "shown_size", PAGE_SIZE)
    return max(size // 2, PAGE_SIZE) if size > PAGE_SIZE else None
