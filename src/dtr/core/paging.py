"""Pages of long lists: how many, and where they start.

Two kinds: the registry protocol goes on after the last name (source: OCI distribution-spec, "Listing Tags"), the API
from the first entry of the next page on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from dtr.core.errors import Invalid, PageSizeInvalid

PAGE_CAP: Final = 1_000
"""The largest page that a client gets by asking for a size (items)."""

UNASKED_PAGE_CAP: Final = 10_000
"""The largest page when the client names no size (items)."""

DEFAULT_PAGE_SIZE: Final = 10
"""The size of an API page when the client names none (items)."""

MAX_PAGE_SIZE: Final = 10_000
"""The largest API page (items): clients ask for so many to get everything at once."""

T = TypeVar("T")

# More digits than any list has items: refused rather than capped, it is a mistake.
_PAGE_SIZE = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The wanted part of a list in byte order: at most `limit` names strictly after `last`.

    `limit` None means that the client named no size; `last` None means from the start.
    """

    limit: int | None
    last: str | None

    @property
    def size(self) -> int:
        """How many names to give: what was asked for, or the cap when nothing was."""
        return UNASKED_PAGE_CAP if self.limit is None else self.limit


@dataclass(frozen=True, slots=True)
class NamePage:
    """Names in byte order, and whether more follow the last one."""

    names: list[str]
    more: bool


def parse_page(n: str | None, last: str | None, cap: int = PAGE_CAP) -> PageRequest:
    """Parse the query parameters `n` and `last`; a larger `n` than `cap` is lowered to it.

    Raises PageSizeInvalid if `n` is not a sensible non-negative integer, and Invalid if `last` holds
    characters that no name can hold.
    """
    if last and not last.isprintable():
        raise Invalid("the parameter last holds characters that no name can hold")
    return PageRequest(limit=None if n is None else _parse_limit(n, cap), last=last or None)


def _parse_limit(n: str, cap: int) -> int:
    if _PAGE_SIZE.fullmatch(n) is None:
        raise PageSizeInvalid("the page size n must be a non-negative integer", given=n[:100])
    return min(int(n), cap)


@dataclass(frozen=True, slots=True)
class ListPage:
    """The wanted part of a list: at most `size` entries from the one that `start` names on.

    `start` is what an earlier answer named as the start of the next page; empty for the first. It need not exist any
    more: the list goes on where it would be.
    """

    start: str = ""
    size: int = DEFAULT_PAGE_SIZE
    with_count: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, where the next begins (None at the end), and how many there are if that was asked for."""

    items: Sequence[T]
    next_start: str | None = None
    total: int | None = None
