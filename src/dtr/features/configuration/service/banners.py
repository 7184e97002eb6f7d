"""What stands on top of every page: alerts for administrators; for others only that nothing can be pushed."""

import asyncio
from collections.abc import Sequence
from typing import Final

from dtr.core.clock import Clock
from dtr.core.principal import Caller
from dtr.features.access.model import may_administer
from dtr.features.configuration.model import Alert, RuntimeSettings
from dtr.features.configuration.service.settings import Configuration
from dtr.features.configuration.service.status import Status, about_read_only

KEPT_SECONDS: Final = 30.0
"""A look at health and audit chain writes to the storage and reads a hundred rows: not for every page."""


class Banners:
    """Knows the present alerts."""

    def __init__(self, status: Status, configuration: Configuration, clock: Clock) -> None:
        self._status = status
        self._configuration = configuration
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._kept: tuple[float, RuntimeSettings, Sequence[Alert]] | None = None

    async def shown_to(self, caller: Caller) -> Sequence[Alert]:
        """Return what a caller should see on every page, the gravest first.

        What comes from settings is as they are now, the rest at most half a minute old.
        """
        settings = await self._configuration.current()
        if not may_administer(caller.principal):
            return about_read_only(settings)
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            if self._kept is None or self._kept[1] != settings or now - self._kept[0] >= KEPT_SECONDS:
                self._kept = (now, settings, await self._status.alerts(caller))
            return self._kept[2]
