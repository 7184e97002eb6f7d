"""Reasons for access, as many as fit on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dtr.features.access.model import Reason

MOST_GRANTS: Final = 10
"""Somebody may be in hundreds of teams that have a level; the strongest come first."""


@dataclass(frozen=True, slots=True)
class ShownReasons:
    """Reasons, and how many more grants there are."""

    reasons: Sequence[Reason]
    more: int


def shown(reasons: Sequence[Reason]) -> ShownReasons:
    """Return the first of what was granted, and all that stands against it."""
    grants = [each for each in reasons if each.grant is not None]
    others = [each for each in reasons if each.grant is None]
    return ShownReasons([*grants[:MOST_GRANTS], *others], max(0, len(grants) - MOST_GRANTS))
