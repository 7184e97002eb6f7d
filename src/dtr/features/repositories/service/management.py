"""Making, changing and deleting repositories."""

from collections.abc import Callable
from typing import TypeAlias

from dtr.core.clock import Clock
from dtr.core.errors import Denied
from dtr.core.messages import said
from dtr.core.principal import Caller
from dtr.features.access.model import NamespaceOperation, Operation, may_administer
from dtr.features.accounts.model import Account, AccountOwnsRepositories
from dtr.features.repositories.events import repository_changed, repository_created, repository_deleted
from dtr.features.repositories.model import (
    Repository,
    RepositoryChanges,
    Visibility,
    check_changes,
    check_limits,
    no_such_repository,
)
from dtr.features.repositories.service import creation
from dtr.features.repositories.service.guard import require
from dtr.features.repositories.service.namespaces import require_creation, require_namespace
from dtr.features.repositories.service.repositories import RepositoryView, view
from dtr.features.repositories.store import redirects
from dtr.features.repositories.store import repositories as store
from dtr.oci.errors import NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

DropUploads: TypeAlias = Callable[[Transaction, str], None]
"""Ends the uploads under way in the repository at a path."""

DeleteAccount: TypeAlias = Callable[[Transaction, Caller, str], None]
"""Deletes an account whose namespace is empty."""


class Management:
    """Makes, changes and deletes repositories."""

    def __init__(  # noqa: PLR0913 - its parts, the callables named
        self,
        database: Database,
        clock: Clock,
        announce: Announce,
        *,
        revoke: creation.RevokeNames,
        drop_uploads: DropUploads,
        delete_account: DeleteAccount,
    ) -> None:
        """Take the parts. `drop_uploads` ends uploads into a repository that goes: they would bring it back."""
        self._database = database
        self._clock = clock
        self._announce = announce
        self._revoke = revoke
        self._drop_uploads = drop_uploads
        self._delete_account = delete_account

    async def create(
        self, caller: Caller, name: RepositoryName, settings: RepositoryChanges
    ) -> RepositoryView:
        """Make a repository. An old name of a renamed one stops leading to that.

        Raises RepositoryExists, NoSuchAccount, Denied, and Invalid for settings that do not go together.
        """
        check_changes(settings)
        now = self._clock.now()

        def write(tx: Transaction) -> RepositoryView:
            require_creation(tx, caller.principal, name)
            creation.hold_namespace(tx, name.namespace)
            creation.make(tx, self._revoke, name, now)
            made = _changed(tx, name.path, settings)
            self._announce(tx, repository_created(caller, made, now))
            return view(tx, caller.principal, name)

        return await self._database.write(write)

    async def change(
        self, caller: Caller, name: RepositoryName, changes: RepositoryChanges
    ) -> RepositoryView:
        """Set what `changes` names. Raises NameUnknown, Denied, and Invalid for settings that do not go together."""
        check_changes(changes)
        needed = Operation.EDIT_DESCRIPTION if changes.is_about_text_only else Operation.CONFIGURE
        now = self._clock.now()

        def write(tx: Transaction) -> RepositoryView:
            before = self._held(tx, caller, name, needed)
            after = _changed(tx, before.path, changes)
            if before.visibility is Visibility.PUBLIC and after.visibility is Visibility.PRIVATE:
                self._revoke(tx, creation.names_of(tx, after))
            fact = repository_changed(caller, before, after, now)
            if fact is not None:
                self._announce(tx, fact)
            return view(tx, caller.principal, name)

        return await self._database.write(write)

    async def delete(self, caller: Caller, name: RepositoryName) -> None:
        """Delete a repository with everything in it; without one that the caller sees do nothing. Raises Denied."""

        def write(tx: Transaction) -> None:
            try:
                repository = self._held(tx, caller, name, Operation.DELETE_REPOSITORY)
            except NameUnknown:
                return
            self._revoke(tx, creation.names_of(tx, repository))
            store.delete(tx, repository.id)
            self._note_deleted(tx, caller, repository)

        await self._database.write(write)

    async def delete_all_in(self, caller: Caller, namespace: str) -> None:
        """Delete all repositories of a namespace, for who owns it. Raises NoSuchAccount or Denied."""

        def write(tx: Transaction) -> None:
            require_namespace(tx, caller.principal, namespace, NamespaceOperation.MANAGE_MEMBERS)
            self._empty(tx, caller, namespace)

        await self._database.write(write)

    async def delete_account(self, caller: Caller, namespace: str) -> None:
        """Delete an account with all its repositories, both or neither.

        Raises NoSuchAccount, Denied, and Conflict for an account that must stay.
        """

        def write(tx: Transaction) -> None:
            if not may_administer(caller.principal):
                raise Denied("only administrators delete accounts")
            self._empty(tx, caller, namespace)
            self._delete_account(tx, caller, namespace)

        await self._database.write(write)

    def _empty(self, tx: Transaction, caller: Caller, namespace: str) -> None:
        creation.hold_namespace(tx, namespace)
        old_names = redirects.old_names_of_namespace(tx, namespace)
        deleted = store.delete_all_in(tx, namespace)
        self._revoke(tx, [*(each.path for each in deleted), *old_names])
        for repository in deleted:
            self._note_deleted(tx, caller, repository)

    def _held(
        self, tx: Transaction, caller: Caller, name: RepositoryName, operation: Operation
    ) -> Repository:
        """Return the repository as it stays until the transaction ends, if the caller may do `operation`."""
        repository = store.lock(tx, require(tx, caller.principal, name, operation).path)
        if repository is None:
            raise no_such_repository(name.path)
        return repository

    def _note_deleted(self, tx: Transaction, caller: Caller, repository: Repository) -> None:
        self._drop_uploads(tx, repository.path)
        self._announce(tx, repository_deleted(caller, repository, self._clock.now()))


def keep_owners(tx: Transaction, account: Account) -> None:
    """Raise AccountOwnsRepositories if there is a repository in an account's namespace; let none come meanwhile."""
    store.hold_namespace(tx, account.name)
    path = store.any_in(tx, account.name)
    if path is not None:
        raise AccountOwnsRepositories(
            said(
                "%(name)s has repositories, such as %(repository)s: delete or move them first",
                name=account.name,
                repository=path,
            ),
            name=account.name,
        )


def _changed(tx: Transaction, path: str, changes: RepositoryChanges) -> Repository:
    changed = store.change(tx, path, changes)
    if changed is None:
        raise no_such_repository(path)
    check_limits(changed)
    return changed
