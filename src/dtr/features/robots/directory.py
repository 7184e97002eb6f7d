"""What the rooms on the left, which know of no robots, may ask about them: who works where."""

import heapq
from collections.abc import Iterator
from typing import Final

from dtr.core.clock import Clock
from dtr.core.paging import ListPage
from dtr.core.principal import Principal
from dtr.features.repositories.model.access import KnownRobot
from dtr.features.robots import store
from dtr.features.robots.model import Robot
from dtr.plumbing.db import Transaction

REGISTRY_WIDE: Final = ""

AT_ONCE: Final = 100
"""Robots that one statement reads."""


class Directory:
    """The robots, as the explanations of access to repositories see them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def find(self, tx: Transaction, name: str) -> KnownRobot | None:
        """Return the robot of a full name."""
        found = store.find_login(tx, name)
        if found is None:
            return None
        return KnownRobot(found[0].principal, found[0].namespace, self._is_working(found[0]))

    def working_in(self, tx: Transaction, namespace: str, start: str = "") -> Iterator[Principal]:
        """Yield the robots of a namespace and of the registry that are neither disabled nor expired, by name.

        They are read as they are needed, from the name `start` on.
        """
        own = iter(()) if store.is_closed(tx, namespace) else self._of(tx, namespace, start)
        return heapq.merge(own, self._of(tx, REGISTRY_WIDE, start), key=lambda each: each.name or "")

    def _of(self, tx: Transaction, namespace: str, start: str) -> Iterator[Principal]:
        wanted: str | None = start
        while wanted is not None:
            page = store.list_page(tx, namespace, ListPage(wanted, AT_ONCE))
            yield from (each.principal for each in page.items if self._is_working(each))
            wanted = page.next_start

    def _is_working(self, robot: Robot) -> bool:
        return robot.is_active and not robot.has_expired(self._clock.now())
