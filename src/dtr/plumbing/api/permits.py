"""Permits in requests and answers."""

from pydantic import Field

from dtr.core.permits import MAX_PATTERN_LENGTH, Permit
from dtr.plumbing.api.shapes import Shape


class PermitShape(Shape):
    """Actions on the repositories that match a pattern."""

    pattern: str = Field(
        max_length=MAX_PATTERN_LENGTH,
        description="`*`: part of a component; `**`: any components.",
        examples=["team/**"],
    )
    actions: list[str] = Field(max_length=10, description="Some of `pull`, `push`, `delete`, `admin`.")

    @staticmethod
    def of(permit: Permit) -> "PermitShape":
        """Return what an answer says of a permit."""
        return PermitShape(pattern=permit.pattern, actions=sorted(permit.actions))

    def parsed(self) -> Permit:
        """Return the permit. Raises Invalid for one that makes no sense."""
        return Permit.parse(self.pattern, self.actions)
