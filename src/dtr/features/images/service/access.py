"""A repository for a caller of the API: the right is checked in the transaction that needs it."""

from dtr.core.principal import Caller
from dtr.features.access.model import Operation
from dtr.features.repositories.model import Repository, no_such_repository
from dtr.features.repositories.service.guard import require
from dtr.features.repositories.store import repositories
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Transaction


def required_and_locked(
    tx: Transaction, caller: Caller, name: RepositoryName, operation: Operation
) -> Repository:
    """Return the repository if the caller may do `operation`; nobody else pushes to it or changes it meanwhile.

    Raises what `repositories.service.guard.require` does.
    """
    allowed = require(tx, caller.principal, name, operation)
    locked = repositories.lock(tx, allowed.path)
    if locked is None:
        raise no_such_repository(name.path)
    return locked
