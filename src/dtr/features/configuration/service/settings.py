"""Settings that administrators change while the registry runs."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from dtr.core.clock import Clock
from dtr.core.errors import Denied, Unauthorized
from dtr.core.principal import Caller
from dtr.features.access.model import AccessPolicy, may_administer, may_audit
from dtr.features.configuration.events import settings_changed
from dtr.features.configuration.model import RuntimeSettings, differences
from dtr.features.configuration.store import properties as store
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

RevokeCreation: TypeAlias = Callable[[Transaction], None]
"""Voids the tokens that may have been given to create repositories by pushes."""


class Configuration:
    """The settings as they are at the moment: a change counts from the next request on, in every process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        announce: Announce,
        revoke_creation: RevokeCreation,
        defaults: RuntimeSettings,
    ) -> None:
        """Take the parts. `defaults` are what the registry was started with; they count until somebody changes them."""
        self._database = database
        self._clock = clock
        self._announce = announce
        self._revoke_creation = revoke_creation
        self._defaults = defaults
        self._known: tuple[int, RuntimeSettings] | None = None

    async def current(self) -> RuntimeSettings:
        """Return the settings. From memory where the database tells cheaply that nothing was written since."""
        generation = self._database.generation()
        if self._known is not None and self._known[0] == generation:
            return self._known[1]
        settings = await self._database.quick_read(self.current_in)
        self._known = None if generation is None else (generation, settings)
        return settings

    def current_in(self, tx: Transaction) -> RuntimeSettings:
        """Return the settings as a transaction sees them."""
        return self._defaults.with_stored(store.read_all(tx))

    async def read(self, caller: Caller) -> RuntimeSettings:
        """Return the settings to a caller who may know them. Raises Unauthorized or Denied."""
        require_auditor(caller)
        return await self.current()

    async def change(self, caller: Caller, given: Mapping[str, Any]) -> RuntimeSettings:
        """Change the settings that `given` names; return them all.

        Raises Unauthorized, Denied, and InvalidSettings, after which nothing has changed.
        """
        require_administrator(caller)

        def write(tx: Transaction) -> RuntimeSettings:
            now = self._clock.now()
            store.lock(tx, now)
            before = self.current_in(tx)
            after = before.changed_by(given)
            changes = differences(before, after)
            if changes:
                values = {key: change["new"] for key, change in changes.items()}
                store.put(tx, values, caller.principal.account_id or "", now)
                if before.create_repository_on_push and not after.create_repository_on_push:
                    self._revoke_creation(tx)
                self._announce(tx, settings_changed(caller, changes, now))
            return after

        return await self._database.write(write)

    async def is_read_only(self) -> bool:
        """Tell whether pushes are refused at the moment."""
        return (await self.current()).read_only_registry

    async def access_policy(self) -> AccessPolicy:
        """Return what administrators decided about access for the whole registry."""
        return AccessPolicy(create_on_push=(await self.current()).create_repository_on_push)


def require_administrator(caller: Caller) -> None:
    """Raise Unauthorized or Denied unless the caller may change what concerns the whole registry."""
    _require_name(caller)
    if not may_administer(caller.principal):
        raise Denied("only administrators may do this")


def require_auditor(caller: Caller) -> None:
    """Raise Unauthorized or Denied unless the caller may read what concerns the whole registry."""
    _require_name(caller)
    if not may_audit(caller.principal):
        raise Denied("only administrators and auditors may see this")


def _require_name(caller: Caller) -> None:
    if caller.principal.is_anonymous:
        raise Unauthorized("log in first: with a password or access token, or in the browser")
