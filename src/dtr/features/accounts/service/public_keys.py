"""Public keys of users."""

from dtr.core.errors import Denied
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller
from dtr.features.access.model import may_administer
from dtr.features.accounts import events
from dtr.features.accounts.model.accounts import Account, no_such_user
from dtr.features.accounts.model.public_keys import (
    MAX_KEYS,
    LabelledCertificate,
    NoSuchPublicKey,
    PublicKey,
    PublicKeyChanges,
    PublicKeyExists,
    TooManyPublicKeys,
)
from dtr.features.accounts.pem import check_certificates, check_label, parse_public_key
from dtr.features.accounts.service import guard
from dtr.features.accounts.service.room import Room
from dtr.features.accounts.store import accounts
from dtr.features.accounts.store import public_keys as store
from dtr.plumbing.db import Transaction


class PublicKeys:
    """Lists, adds, changes and removes keys. Every method raises NoSuchUser, Unauthorized and Denied."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def list_page(self, caller: Caller, user_ref: str, page: ListPage) -> Page[PublicKey]:
        """Return a page of a user's keys, for all users."""

        def read(tx: Transaction) -> Page[PublicKey]:
            guard.user_of(tx, caller)
            return store.list_page(tx, guard.find_user(tx, user_ref).id, page)

        return await self._room.database.read(read)

    async def add(
        self,
        caller: Caller,
        user_ref: str,
        pem: str,
        label: str = "",
        certificates: tuple[LabelledCertificate, ...] = (),
    ) -> PublicKey:
        """Add a key. Raises Invalid, PublicKeyExists, TooManyPublicKeys."""
        await self._room.database.read(lambda tx: _writable(tx, caller, user_ref))  # before work on keys
        key_id, public_key = parse_public_key(pem)
        check_label(label)
        check_certificates(key_id, certificates)

        def write(tx: Transaction) -> PublicKey:
            user = accounts.lock(tx, _writable(tx, caller, user_ref).id)
            if user is None:
                raise no_such_user(user_ref)
            if store.count(tx, user.id) >= MAX_KEYS:
                raise TooManyPublicKeys(said("an account has at most %(count)s public keys", count=MAX_KEYS))
            key = PublicKey(key_id, user.id, label, public_key, certificates, self._room.clock.now())
            if not store.insert(tx, key):
                raise PublicKeyExists(said("%(name)s has this public key already", name=user.name), id=key_id)
            self._room.announce(tx, events.public_key_added(caller, user, key))
            return key

        return await self._room.database.write(write)

    async def change(
        self, caller: Caller, user_ref: str, key_id: str, changes: PublicKeyChanges
    ) -> PublicKey:
        """Change label or certificates of a key. Raises Invalid, NoSuchPublicKey."""
        check_label(changes.label or "")

        def write(tx: Transaction) -> PublicKey:
            user = _writable(tx, caller, user_ref)
            key = _find(tx, user, key_id)
            check_certificates(key.id, changes.certificates or ())
            changed = store.change(tx, key, changes)
            self._room.announce(tx, events.public_key_changed(caller, user, changed, self._room.clock.now()))
            return changed

        return await self._room.database.write(write)

    async def remove(self, caller: Caller, user_ref: str, key_id: str) -> None:
        """Remove a key: it proves nobody any more. Raises NoSuchPublicKey."""

        def write(tx: Transaction) -> None:
            user = _writable(tx, caller, user_ref)
            key = _find(tx, user, key_id)
            store.delete(tx, key)
            self._room.revoke_access(tx, [user.id])
            self._room.announce(tx, events.public_key_removed(caller, user, key, self._room.clock.now()))

        await self._room.database.write(write)


def _writable(tx: Transaction, caller: Caller, user_ref: str) -> Account:
    """Return the user whose keys the caller may change: their own, or anybody's as an administrator."""
    principal = guard.user_of(tx, caller)
    user = guard.find_user(tx, user_ref)
    if user.id != principal.account_id and not may_administer(principal):
        raise Denied(
            said("%(who)s may not change the keys of %(name)s", who=principal.name, name=user.name),
            name=user.name,
        )
    return user


def _find(tx: Transaction, user: Account, key_id: str) -> PublicKey:
    key = store.find(tx, user.id, key_id)
    if key is None:
        raise NoSuchPublicKey(said("%(name)s has no such public key", name=user.name), name=user.name)
    return key
