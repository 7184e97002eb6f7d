"""What the pages about repositories are rendered with."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dtr.features.repositories.model import HeldSize
from dtr.plumbing.web.pages import Web

HeldSizes: TypeAlias = Callable[[Sequence[int]], Awaitable[Mapping[int, HeldSize]]]
"""Returns what the blobs of repositories take, by their ids: the room of images knows."""


@dataclass(frozen=True, slots=True)
class Kit:
    """Templates, and what another room tells about repositories."""

    web: Web
    sizes: HeldSizes
