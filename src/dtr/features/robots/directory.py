"""What the rooms on the left, which know of no robots, may ask about them: who works where."""

from collections.abc import Sequence

from dtr.core.clock import Clock
from dtr.core.paging import MAX_PAGE_SIZE, ListPage
from dtr.core.principal import Principal
from dtr.features.repositories.access_model import KnownRobot
from dtr.features.robots import store
from dtr.features.robots.model import Robot
from dtr.plumbing.db import Transaction

REGISTRY_WIDE = ""


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

    def working_in(self, tx: Transaction, namespace: str) -> Sequence[Principal]:
        """Return the robots of a namespace and of the registry that are neither disabled nor expired, by name."""
        page = ListPage(size=MAX_PAGE_SIZE)
        own = [] if store.is_closed(tx, namespace) else store.list_page(tx, namespace, page).items
        found = [*own, *store.list_page(tx, REGISTRY_WIDE, page).items]
        working = [each.principal for each in found if self._is_working(each)]
        return sorted(working, key=lambda each: each.name or "")

    def _is_working(self, robot: Robot) -> bool:
        return robot.is_active and not robot.has_expired(self._clock.now())
