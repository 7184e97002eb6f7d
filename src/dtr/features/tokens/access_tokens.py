"""What can be done with users' access tokens."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from dtr.core.clock import Clock, rfc3339
from dtr.core.errors import Denied, Unauthorized
from dtr.core.ids import new_id
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import ANONYMOUS, Caller, Principal
from dtr.features.access.model import may_administer, may_audit
from dtr.features.accounts.service import guard
from dtr.features.accounts.store import accounts as account_store
from dtr.features.tokens import events
from dtr.features.tokens.access_token_model import (
    TELL_STEP,
    USE_STEP,
    AccessToken,
    AccessTokenRules,
    NoSuchAccessToken,
    TooManyAccessTokens,
    Wish,
    check_label,
    expiry_of,
    is_access_token,
    new_access_token,
)
from dtr.features.tokens.model import GeneratedBy, hash_of_token, label_of
from dtr.features.tokens.store import access_tokens as store
from dtr.features.tokens.store.access_tokens import Proof
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

VoidTokens: TypeAlias = Callable[[Transaction, Sequence[str]], None]
"""Makes void, in the given transaction, what was got with the tokens that have these ids."""

REMEMBERED_USES: Final = 4096
"""Uses of which this process knows that they were told; the oldest makes room."""


class UnknownAccessToken(Unauthorized):
    """Nobody has, or had of late, such a token: perhaps a guess."""


class AccessTokens:
    """The access tokens of all users, and what is told of the refresh tokens beside them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        announce: Announce,
        void_tokens: VoidTokens,
        rules: AccessTokenRules,
    ) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce
        self._void_tokens = void_tokens
        self._rules = rules
        self._told: dict[tuple[str, str], float] = {}

    async def create(self, caller: Caller, owner: str, wish: Wish) -> tuple[str, AccessToken]:
        """Make a token for `owner` (a name or an id; empty for the caller) and return it, for the only time.

        Raises Denied for somebody else's unless the caller administers the registry, NotFound, Invalid, and
        TooManyAccessTokens.
        """
        label, now = check_label(wish.label), self._clock.now()
        expires_at = expiry_of(wish, self._rules, now, caller.principal.expires_at)
        secret, token_id = new_access_token(), new_id()

        def write(tx: Transaction) -> AccessToken:
            principal = guard.user_of(tx, caller)
            found = guard.find_owner(tx, principal, owner, may_others=may_administer(principal))
            account_store.lock(tx, found.id)  # so that two new tokens at once keep to the limit
            if store.count_manual(tx, found.id) >= self._rules.per_user:
                raise TooManyAccessTokens(
                    said("a user has at most %(count)s access tokens", count=self._rules.per_user)
                )
            token = AccessToken(
                id=token_id,
                token_hash=hash_of_token(secret),
                owner_id=found.id,
                owner=found.name,
                label=label,
                generated_by=GeneratedBy.MANUAL,
                is_active=True,
                created_at=now,
                last_used_at=None,
                last_used_address="",
                creator_user_agent=label_of(caller.user_agent),
                permits=wish.permits,
                expires_at=expires_at,
            )
            store.insert_access_token(tx, token)
            self._announce(tx, events.access_token_created(caller, token))
            return token

        return secret, await self._database.write(write)

    async def list(self, caller: Caller, owner: str, page: ListPage) -> Page[AccessToken]:
        """Return tokens of `owner`, refresh tokens among them; without one the caller's, of an administrator all.

        Raises Denied for those of others unless the caller administers or audits the registry; NotFound.
        """
        now = self._clock.now()

        def read(tx: Transaction) -> Page[AccessToken]:
            principal = guard.user_of(tx, caller)
            sees_all = may_audit(principal)
            account_id = None
            if owner or not sees_all:
                account_id = guard.find_owner(tx, principal, owner, may_others=sees_all).id
            found = store.list_access_tokens(tx, account_id, page, now)
            total = store.count_access_tokens(tx, account_id, now) if page.with_count else None
            next_start = found[page.size].token_hash if len(found) > page.size else None
            return Page(found[: page.size], next_start, total)

        return await self._database.read(read)

    async def get(self, caller: Caller, token_hash: str) -> AccessToken:
        """Return one token. Raises NoSuchAccessToken, also where the caller may not know of it."""
        return await self._database.read(lambda tx: self._visible(tx, guard.user_of(tx, caller), token_hash))

    async def change(
        self, caller: Caller, token_hash: str, *, label: str | None = None, is_active: bool | None = None
    ) -> AccessToken:
        """Change label or activity of a token; disabled it counts no more, at once. None keeps what is.

        Raises NoSuchAccessToken, Denied, Invalid.
        """
        if label is not None:
            check_label(label)
        now = self._clock.now()

        def write(tx: Transaction) -> AccessToken:
            before = self._changeable(tx, caller, token_hash)
            after = replace(
                before,
                label=before.label if label is None else label,
                is_active=before.is_active if is_active is None else is_active,
            )
            if after != before:
                store.change_access_token(tx, token_hash, label, is_active)
                if not after.is_active:
                    self._void_tokens(tx, [after.id])
                self._announce(tx, events.access_token_changed(caller, before, after, now))
            return after

        return await self._database.write(write)

    async def delete(self, caller: Caller, token_hash: str) -> None:
        """Delete a token; it counts no more, at once. Raises NoSuchAccessToken or Denied."""
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            token = self._changeable(tx, caller, token_hash)
            store.delete_access_token(tx, token_hash)
            self._void_tokens(tx, [token.id])
            self._announce(tx, events.access_token_deleted(caller, token, now))

        await self._database.write(write)

    async def clean_up(
        self, caller: Caller, owner: str, generated_by: GeneratedBy, used_before: datetime | None
    ) -> int:
        """Delete the tokens of one kind that `owner` (empty: the caller) last used before a moment (None: all).

        Returns how many. Raises Denied for those of others unless the caller administers the registry; NotFound.
        """
        now = self._clock.now()

        def write(tx: Transaction) -> int:
            principal = guard.user_of(tx, caller)
            found = guard.find_owner(tx, principal, owner, may_others=may_administer(principal))
            deleted = store.clean_up(tx, found.id, generated_by, used_before)
            if deleted:
                self._void_tokens(tx, deleted)
                self._announce(
                    tx, events.access_tokens_cleaned_up(caller, found.name, generated_by, len(deleted), now)
                )
            return len(deleted)

        return await self._database.write(write)

    async def authenticate(self, secret: str, caller: Caller, name: str = "") -> Principal:
        """Return the owner of an access token, within its limits. `name` is the login name that was sent along.

        The token alone says whose it is; only the name of another user is refused. Raises UnknownAccessToken for
        what may be a guess, Unauthorized for a token that is disabled or expired.
        """
        now, token_hash = self._clock.now(), hash_of_token(secret)
        found = await self._database.quick_read(lambda tx: store.find_proof(tx, token_hash, name))
        if found is None or not is_access_token(secret):
            raise UnknownAccessToken("the access token is unknown")
        if not found.is_good:
            raise Unauthorized("the access token or its owner is disabled")
        if found.expires_at is not None and now >= found.expires_at:
            raise Unauthorized(
                said("the access token expired at %(moment)s", moment=rfc3339(found.expires_at))
            )
        if found.is_of_another:
            raise Unauthorized("the access token belongs to another user")
        await self._note_use(found, replace(caller, principal=found.principal), now)
        return found.principal

    async def limited(self, principal: Principal, token_id: str) -> Principal:
        """Return `principal` as an access or refresh token lets them act now; anonymous if that counts no more."""
        counts, permits = await self._database.quick_read(lambda tx: store.find_limits(tx, token_id))
        return replace(principal, permits=permits, token_id=token_id) if counts else ANONYMOUS

    async def _note_use(self, found: Proof, caller: Caller, now: datetime) -> None:
        use = (found.token_id, caller.address)
        is_told = self._clock.monotonic() - self._told.get(use, float("-inf")) < TELL_STEP.total_seconds()
        if is_told and now - found.last_used_at < USE_STEP:
            return

        def write(tx: Transaction) -> None:
            if store.note_use(tx, found.token_id, caller.address, now):
                self._announce(tx, events.access_token_used(caller, found.token_id, now))

        # What tells a fact must last; the time of the last use alone need not.
        await self._database.write(write, durable=not is_told)
        if not is_told:
            self._remember(use)

    def _remember(self, use: tuple[str, str]) -> None:
        self._told.pop(use, None)
        self._told[use] = self._clock.monotonic()
        if len(self._told) > REMEMBERED_USES:
            del self._told[next(iter(self._told))]

    @staticmethod
    def _visible(tx: Transaction, principal: Principal, token_hash: str) -> AccessToken:
        found = store.find_access_token(tx, token_hash)
        if found is None or (found.owner_id != principal.account_id and not may_audit(principal)):
            raise NoSuchAccessToken("there is no such access token")
        return found

    def _changeable(self, tx: Transaction, caller: Caller, token_hash: str) -> AccessToken:
        principal = guard.user_of(tx, caller)
        found = self._visible(tx, principal, token_hash)
        if found.owner_id != principal.account_id and not may_administer(principal):
            raise Denied("the access tokens of others are for administrators")
        return found
