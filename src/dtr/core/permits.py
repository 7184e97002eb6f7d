"""Permits: what robots and limited access tokens may do, as patterns of repositories with actions."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from dtr.core.errors import Invalid
from dtr.core.messages import said

MAX_PERMITS: Final = 100
"""Permits that one robot or token may hold."""

MAX_PATTERN_LENGTH: Final = 255

_SEGMENT = r"(?:\*\*|[a-z0-9*](?:[a-z0-9._*-]*[a-z0-9*])?)"
_PATTERN = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


class PermitAction(StrEnum):
    """What a permit allows in the repositories that it names."""

    PULL = "pull"
    PUSH = "push"
    """Includes PULL: clients ask what is there already before they push."""
    DELETE = "delete"
    """Delete tags and manifests."""
    ADMIN = "admin"
    """Change the repository, its access and its policies, and delete it; includes all others."""


_INCLUDING: Final = {
    PermitAction.PULL: frozenset({PermitAction.PULL, PermitAction.PUSH, PermitAction.ADMIN}),
    PermitAction.PUSH: frozenset({PermitAction.PUSH, PermitAction.ADMIN}),
    PermitAction.DELETE: frozenset({PermitAction.DELETE, PermitAction.ADMIN}),
    PermitAction.ADMIN: frozenset({PermitAction.ADMIN}),
}
"""The actions that allow an action."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Actions on all repositories that match a pattern. Build with `parse`.

    In a pattern `*` stands for any characters of one path component and `**` for any number of components:
    `team/app`, `team/*`, `team/**`, `**`.
    """

    pattern: str
    actions: frozenset[PermitAction]

    @staticmethod
    def parse(pattern: str, actions: Iterable[str]) -> "Permit":
        """Check and build a permit. Raises Invalid for a malformed pattern, an unknown action, or no action."""
        if len(pattern) > MAX_PATTERN_LENGTH or _PATTERN.fullmatch(pattern) is None or _is_costly(pattern):
            raise Invalid(
                "a pattern is a repository name in which * stands for part of a component (once in each) and **"
                " for any components (at most twice)",
                given=pattern[:100],
            )
        known = [each.value for each in PermitAction]
        given = list(actions)
        unknown = [each for each in given if each not in known]
        if unknown or not given:
            raise Invalid(
                said("the actions of a permit are some of %(known)s", known=", ".join(known)),
                given=unknown[:5],
            )
        return Permit(pattern, frozenset(map(PermitAction, given)))

    def matches(self, path: str) -> bool:
        """Tell whether the permit is about the repository at `path`."""
        # Most patterns are about something else from the start: those need no regular expression.
        return path.startswith(self.pattern.partition("*")[0]) and bool(
            _compiled(self.pattern).fullmatch(path)
        )

    def allows(self, action: PermitAction) -> bool:
        """Tell whether the permit allows an action, by itself or with one that includes it."""
        return not _INCLUDING[action].isdisjoint(self.actions)

    def document(self) -> dict[str, object]:
        """Return what a JSON document holds of it."""
        return {"pattern": self.pattern, "actions": sorted(self.actions)}

    @property
    def namespace(self) -> str | None:
        """The one namespace that the pattern stays in; None if it reaches into several."""
        first, slash, _ = self.pattern.partition("/")
        return first if slash and "*" not in first else None


def permitted_actions(permits: Iterable[Permit], path: str) -> frozenset[PermitAction]:
    """Return what the permits together allow in the repository at `path`."""
    matching = [permit for permit in permits if permit.matches(path)]
    return frozenset(action for action in PermitAction if any(each.allows(action) for each in matching))


def permits_as_text(permits: Iterable[Permit]) -> str:
    """Return permits as they are stored: a JSON array."""
    return json.dumps([permit.document() for permit in permits])


def permits_from_text(text: str) -> tuple[Permit, ...]:
    """Return permits that were stored; they were checked then."""
    return tuple(
        Permit(entry["pattern"], frozenset(map(PermitAction, entry["actions"]))) for entry in json.loads(text)
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "re.Pattern[str]":
    """Translate a pattern to a regular expression. Few stars are allowed, so that it cannot backtrack for long."""
    parts = [_component(each) for each in pattern.split("/")]
    return re.compile("/".join(parts))


def _component(text: str) -> str:
    if text == "**":
        return ".+"
    return "[^/]*".join(map(re.escape, text.split("*")))


def _is_costly(pattern: str) -> bool:
    """Tell whether matching could take long: with many stars the ways to match multiply."""
    components = pattern.split("/")
    return components.count("**") > 2 or any(each.count("*") > 1 for each in components if each != "**")  # noqa: PLR2004 - stated in the message
