"""What may be done, and to what: the words of token scopes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from dtr.core.errors import Invalid

# A name may hold colons (a host with its port): the type ends at the first, the actions start after the last.
_SCOPE = re.compile(r"([a-z0-9]+(?:\([a-z0-9]+\))?):([!-~]+):([a-z*]*(?:,[a-z*]*)*)")


class Action(StrEnum):
    """An action that the registry knows."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    ALL = "*"


@dataclass(frozen=True, slots=True)
class Scope:
    """A resource and the actions asked for or granted, e.g. `repository:team/app:pull,push`.

    `type` keeps the class of the resource, as in `repository(plugin)`. Actions are plain text, since a client
    may ask for ones that we do not know. Source: Docker registry v2 token scope documentation.
    """

    type: str
    name: str
    actions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse one scope. Raises Invalid if it is malformed."""
        match = _SCOPE.fullmatch(text)
        if match is None:
            raise Invalid("a scope looks like type:name:action,action", given=text[:100])
        resource_type, name, actions = match.groups()
        return cls(resource_type, name, frozenset(filter(None, actions.split(","))))

    def __str__(self) -> str:
        return f"{self.type}:{self.name}:{','.join(sorted(self.actions))}"


def parse_scopes(values: Iterable[str]) -> list[Scope]:
    """Parse the `scope` parameters of a token request; each may hold several scopes, separated by spaces.

    Malformed scopes are left out: asking for something that nobody can grant is not an error.
    """
    candidates = (text for value in values for text in value.split(" "))
    return [Scope.parse(text) for text in candidates if _SCOPE.fullmatch(text)]
