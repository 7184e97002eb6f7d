"""Long lists on pages: which part is wanted, from the address of the page."""

from typing import Annotated, Final

from fastapi import Depends, Query

from dtr.core.paging import ListPage

PAGE_SIZE: Final = 25
MAX_PAGE_SIZE: Final = 100
MAX_START_LENGTH: Final = 1_024


def _shown_page(
    start: Annotated[str, Query(max_length=MAX_START_LENGTH)] = "",
    size: Annotated[int, Query()] = PAGE_SIZE,
) -> ListPage:
    return ListPage(start, min(max(size, 1), MAX_PAGE_SIZE), with_count=True)


ShownPage = Annotated[ListPage, Depends(_shown_page)]
"""The part of the list that a page shows: `start` as the last page named it, `size` up to 100 entries; counted."""
