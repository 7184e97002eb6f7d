"""What the services of this room share: the database, the time, and what other rooms handed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from dtr.core.clock import Clock
from dtr.core.facts import Fact
from dtr.core.principal import Caller
from dtr.features.accounts.model.accounts import Account
from dtr.plumbing.announcements import Announce, announce_to_nobody
from dtr.plumbing.db import Database, Transaction

RevokeTokens: TypeAlias = Callable[[Transaction, str], None]
"""Revokes, in the given transaction, every token that stands for the password of the account with this id."""

RevokeAccess: TypeAlias = Callable[[Transaction, Sequence[str]], None]
"""Voids, in the given transaction, what was issued to the accounts with these ids: they have lost some right."""

DeletionGuard: TypeAlias = Callable[[Transaction, Account], None]
"""Raises Conflict, in the given transaction, if something stands in the way of deleting the account."""

DeletionStep: TypeAlias = Callable[[Transaction, Caller, Account], None]
"""Deletes, in the given transaction, what other rooms keep for an account that the caller is deleting."""


def revoke_nothing(tx: Transaction, account_ids: Sequence[str]) -> None:
    """Void nothing: for tools and tests in which nothing was issued."""


@dataclass(frozen=True, slots=True)
class Room:
    """The surroundings of a service."""

    database: Database
    clock: Clock
    revoke_tokens: RevokeTokens
    revoke_access: RevokeAccess = revoke_nothing
    announce: Announce = announce_to_nobody
    deletion_guards: Sequence[DeletionGuard] = field(default=())
    deletion_steps: Sequence[DeletionStep] = field(default=())

    def tell(self, tx: Transaction, fact: Fact | None) -> None:
        """Announce a fact; None is no change, of which nothing is told."""
        if fact is not None:
            self.announce(tx, fact)
