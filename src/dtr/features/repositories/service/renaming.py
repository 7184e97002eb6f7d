"""Renaming repositories, within a namespace or into another. Only names change: no content is copied.

The old name is good for pulls until somebody makes a repository of that name, or for `REDIRECTS_KEPT_FOR`. It leads to
the repository and not to a name, so after several renames every old name still leads there.
"""

from dtr.core.clock import Clock, JumpWatch
from dtr.core.principal import Caller
from dtr.features.access.model import Operation
from dtr.features.repositories.events import repository_renamed
from dtr.features.repositories.model import (
    REDIRECTS_KEPT_FOR,
    check_new_name,
    no_such_repository,
    repository_exists,
)
from dtr.features.repositories.service import creation
from dtr.features.repositories.service.guard import require
from dtr.features.repositories.service.namespaces import require_creation
from dtr.features.repositories.service.repositories import RepositoryView, view
from dtr.features.repositories.store import grants, redirects
from dtr.features.repositories.store import repositories as store
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction


class Renaming:
    """Gives repositories other names."""

    def __init__(
        self, database: Database, clock: Clock, announce: Announce, revoke: creation.RevokeNames
    ) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce
        self._revoke = revoke
        self._jumps = JumpWatch(clock, REDIRECTS_KEPT_FOR)

    async def rename(self, caller: Caller, name: RepositoryName, new: RepositoryName) -> RepositoryView:
        """Give a repository the name `new`; the old one goes on serving pulls.

        Whoever does it may delete the repository here and create one there. In another namespace other people have a
        say: grants to teams of the old organization end, grants to single users stay.

        Raises NameUnknown, NameInvalid, NoSuchAccount, Denied, and RepositoryExists if there is a repository of the new
        name.
        """
        check_new_name(new)
        now = self._clock.now()

        def write(tx: Transaction) -> RepositoryView:
            require(tx, caller.principal, name, Operation.DELETE_REPOSITORY)
            require_creation(tx, caller.principal, new)
            # In one order, so that two renames never wait for each other in a circle.
            owners = {
                each: creation.hold_namespace(tx, each) for each in sorted({name.namespace, new.namespace})
            }
            before = store.lock(tx, name.path)
            if before is None:
                raise no_such_repository(name.path)
            if store.find(tx, new.path) is not None:
                raise repository_exists(new.path)
            creation.end_old_name(tx, self._revoke, new)
            self._revoke(tx, creation.names_of(tx, before))
            after = store.move(tx, before.id, new)
            redirects.save(tx, name.path, before.id, now)
            if before.namespace != after.namespace:
                grants.drop_team_grants(tx, before.id, kept_org_id=owners[after.namespace])
            self._announce(tx, repository_renamed(caller, before, after, now))
            return view(tx, caller.principal, new)

        return await self._database.write(write)

    async def forget_old_names(self) -> int:
        """Let old names go that were given up long ago; return how many. To be called now and then."""
        before = self._clock.now() - REDIRECTS_KEPT_FOR - self._jumps.ahead()
        return await self._database.write(lambda tx: redirects.delete_older(tx, before), durable=False)
