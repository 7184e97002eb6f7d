"""How a repository comes to be: by a push to a name that has none, or because somebody asks for it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from dtr.core.messages import said
from dtr.core.principal import Caller
from dtr.features.accounts.model import NoSuchAccount
from dtr.features.repositories.events import repository_created
from dtr.features.repositories.model import (
    Repository,
    check_new_name,
    moved_away,
    no_such_repository,
    repository_exists,
)
from dtr.features.repositories.store import redirects, repositories
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Transaction

RevokeNames: TypeAlias = Callable[[Transaction, Sequence[str]], None]
"""Voids the tokens that grant something on repositories of these names: they would be good for what has them next."""


def ensure(
    tx: Transaction, announce: Announce, caller: Caller, name: RepositoryName, now: datetime
) -> Repository:
    """Return the repository `name` for a push whose right was checked; make it, private, if it is absent.

    Raises NameInvalid for a name without a namespace, NoSuchAccount if the namespace is nobody's, and Denied if the
    name is the old one of a renamed repository.
    """
    found = repositories.find(tx, name.path)
    if found is not None:
        return found
    check_new_name(name)
    hold_namespace(tx, name.namespace)
    moved = redirects.follow(tx, name.path)
    if moved is not None:
        raise moved_away(name.path, moved.path)
    made = repositories.insert(tx, name, now)
    if made is None:  # another push was faster
        return ensure(tx, announce, caller, name, now)
    announce(tx, repository_created(caller, made, now))
    return made


def ensure_and_hold(
    tx: Transaction, announce: Announce, caller: Caller, name: RepositoryName, now: datetime
) -> Repository:
    """Do what `ensure` does, count a push, and let nobody else push to the repository or change it meanwhile.

    Raises also NameUnknown if the repository was deleted while this waited for it, and Denied if it was renamed.
    """
    held = repositories.note_push(tx, ensure(tx, announce, caller, name, now).id, now)
    if held is None:
        raise no_such_repository(name.path)
    if held.path != name.path:
        raise moved_away(name.path, held.path)
    return held


def make(tx: Transaction, revoke: RevokeNames, name: RepositoryName, now: datetime) -> Repository:
    """Make a repository that somebody asks for, in a namespace that the caller holds; an old name ends there.

    Raises RepositoryExists.
    """
    end_old_name(tx, revoke, name)
    made = repositories.insert(tx, name, now)
    if made is None:
        raise repository_exists(name.path)
    return made


def end_old_name(tx: Transaction, revoke: RevokeNames, name: RepositoryName) -> None:
    """Let a name no longer lead to the repository that once had it: another is to have it."""
    if redirects.delete(tx, name.path):
        revoke(tx, [name.path])


def names_of(tx: Transaction, repository: Repository) -> list[str]:
    """Return all names that lead to a repository: its own, and its old ones."""
    return [repository.path, *redirects.old_names(tx, repository.id)]


def hold_namespace(tx: Transaction, namespace: str) -> str:
    """Let nobody else give or take names in a namespace meanwhile; return its account's id. Raises NoSuchAccount."""
    account_id = repositories.hold_namespace(tx, namespace)
    if account_id is None:
        raise NoSuchAccount(
            said(
                "there is no account %(namespace)s: repositories live under a user or an organization",
                namespace=namespace,
            ),
            name=namespace,
        )
    return account_id
