"""What is searched for, and in which order what is found is shown."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from dtr.core.errors import Invalid
from dtr.core.messages import said
from dtr.features.repositories.service import RepositoryView

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100
"""Results of one kind in one answer."""

MAX_PAGES: Final = 20
"""How far somebody may turn pages: whoever wants everything asks for a list."""

MAX_QUERY_LENGTH: Final = 255
"""Characters; no name is longer."""


class Rank(IntEnum):
    """How well a repository matches; lower is better."""

    EXACT = 0
    """The name, in full or without what stands before its last slashes."""
    NAME_PREFIX = 1
    """A component of the name after the namespace starts so."""
    NAMESPACE_PREFIX = 2
    """The namespace, or the full name, starts so."""
    PART = 3


def parse_query(text: str) -> str:
    """Return what to look for: names have no upper case. Raises Invalid for a text that is too long."""
    if len(text) > MAX_QUERY_LENGTH:
        raise Invalid(
            said("a search has at most %(count)s characters", count=MAX_QUERY_LENGTH), given=text[:100]
        )
    return text.strip().lower()


def rank(path: str, query: str) -> Rank:
    """Return how well a path that holds the query matches it."""
    if path == query or path.endswith(f"/{query}"):
        return Rank.EXACT
    if f"/{query}" in path:
        return Rank.NAME_PREFIX
    return Rank.NAMESPACE_PREFIX if path.startswith(query) else Rank.PART


def docker_document(query: str, found: Sequence[RepositoryView]) -> dict[str, object]:
    """Return what `docker search` reads. Nothing here is official, and stars are not given."""
    return {
        "query": query,
        "num_results": len(found),
        "results": [
            {
                "name": each.repository.path,
                "description": each.repository.short_description,
                "star_count": 0,
                "is_official": False,
                "is_automated": False,
                "is_trusted": False,
            }
            for each in found
        ],
    }
