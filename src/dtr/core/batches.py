"""Long lists in short pieces."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
