"""What the registry says of itself: whether it is well, and what administrators should look at."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from dtr.core.clock import Clock
from dtr.core.principal import Caller
from dtr.features.configuration.model import Alert, Replica, RuntimeSettings, Severity
from dtr.features.configuration.service.settings import Configuration, require_auditor

Check = Callable[[], Awaitable[str]]
"""Returns what is wrong with something, an empty text if nothing."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """How the answering replica is."""

    replica: Replica
    problem: str
    """Empty if it is well."""
    reported_at: datetime
    is_read_only: bool


class Status:
    """The state of the registry."""

    def __init__(
        self, configuration: Configuration, replica: Replica, clock: Clock, health: Check, audit: Check
    ) -> None:
        """Take the parts. `health` looks at database, storage and keys; `audit` at the end of the audit chain."""
        self.replica = replica
        self._configuration = configuration
        self._clock = clock
        self._health = health
        self._audit = audit

    def version(self, caller: Caller) -> str:
        """Return the version of the registry. Raises Unauthorized or Denied."""
        require_auditor(caller)
        return self.replica.version

    async def of_replica(self, caller: Caller) -> ReplicaStatus:
        """Return how this replica is. Raises Unauthorized or Denied."""
        require_auditor(caller)
        return ReplicaStatus(
            self.replica,
            await self._health(),
            self._clock.now(),
            await self._configuration.is_read_only(),
        )

    async def alerts(self, caller: Caller) -> list[Alert]:
        """Return what administrators should look at, the gravest first. Raises Unauthorized or Denied."""
        require_auditor(caller)
        settings = await self._configuration.current()
        found = [
            *_when(await self._health(), "unhealthy", Severity.ERROR, "This replica is not well: {}"),
            *_when(
                await self._audit(), "audit-chain", Severity.ERROR, "The audit chain was tampered with: {}"
            ),
        ]
        if self.replica.is_open_plain_http:
            message = "Passwords and images travel unencrypted: serve with TLS, or behind a proxy that does."
            found.append(Alert("plain-http", Severity.WARNING, message))
        return [*found, *_about_settings(settings)]


def _about_settings(settings: RuntimeSettings) -> list[Alert]:
    found = []
    if not settings.disable_backup_warning:
        message = "There is no record of a backup. Copy the database first, then the data directory."
        found.append(Alert("no-backup", Severity.WARNING, message))
    return [*found, *about_read_only(settings)]


def about_read_only(settings: RuntimeSettings) -> list[Alert]:
    """Return the alert that pushes are refused at the moment, if they are."""
    if not settings.read_only_registry:
        return []
    return [Alert("read-only", Severity.INFO, "The registry is read-only: pushes are refused.")]


def _when(problem: str, name: str, severity: str, message: str) -> list[Alert]:
    return [Alert(name, severity, message.format(problem), problem)] if problem else []
