"""The throttle for secrets too long to guess: by address only, so that nobody locks out other people's programs."""

from collections.abc import Callable

from dtr.core.clock import Clock
from dtr.core.errors import TooManyRequests
from dtr.features.accounts.model.login import FailureCounter, LoginAttempt
from dtr.features.accounts.store import login as store
from dtr.plumbing.db import Database, Transaction


def _nothing_more(tx: Transaction) -> None:
    """Do nothing."""


class AddressThrottle:
    """Counts wrong tokens and robots' secrets, together with failed logins under names that nobody has."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def admit(self, address: str) -> None:
        """Raise TooManyRequests if an IP address had too many wrong secrets: before one that people may have chosen.

        Right secrets of 256 random bits need not ask: nobody has guessed one.
        """
        attempt, now = LoginAttempt.of("", address), self._clock.now()
        failures = await self._database.quick_read(lambda tx: store.find_failures(tx, attempt, now))
        # The third counter is of all addresses together.
        own = [each for each in failures if each.counter is not FailureCounter.ACCOUNT]
        wait = max((each.wait_seconds(now) for each in own), default=0)
        if wait:
            raise TooManyRequests("too many failed logins; wait before the next", retry_after_seconds=wait)

    async def count_wrong_secret(
        self, address: str, also: Callable[[Transaction], None] = _nothing_more
    ) -> None:
        """Take note of a wrong secret from an IP address, and do something `also` in the same transaction.

        Raises TooManyRequests, and does neither, if there were too many before.
        """
        await self.admit(address)
        attempt, now = LoginAttempt.of("", address), self._clock.now()

        def write(tx: Transaction) -> None:
            store.count_failure(tx, attempt, now)
            also(tx)

        await self._database.write(write, durable=False)
