"""Sessions: what a browser or a program gets for a password, and how long it counts."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from dtr.core.clock import Clock, to_micros
from dtr.core.errors import Denied, Invalid, NotFound, Unauthorized
from dtr.core.ids import new_secret
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import may_administer, may_audit
from dtr.features.accounts import events
from dtr.features.accounts.model import ProvenLogin
from dtr.features.accounts.service import guard
from dtr.features.accounts.store import sessions as store
from dtr.features.accounts.store.sessions import NewSession, SessionRow
from dtr.plumbing.announcements import Announce
from dtr.plumbing.db import Database, Transaction

SESSION_PREFIX: Final = "dtr_session_"
"""Starts every session token, so that scanners for leaked secrets can tell what they found."""

MAX_TOKEN_LENGTH: Final = 128
"""No token of ours is longer; a longer one is not looked up."""

MICROS_DIGITS: Final = 19
"""A moment in microseconds has no more digits."""

TOUCH_STEP: Final = timedelta(minutes=1)
"""How exactly the last use of a session is recorded: a write for every use would be too many."""


class CsrfTokenInvalid(Denied):
    """A change was asked for in a session, but perhaps by the page of another site."""

    api_code: ClassVar[str] = "CSRF_TOKEN_INVALID"


class NoSuchSession(NotFound):
    """There is no such session, or it has ended."""

    api_code: ClassVar[str] = "NO_SUCH_SESSION"


@dataclass(frozen=True, slots=True)
class SessionRules:
    """What the operator decided about sessions."""

    lifetime: timedelta
    """A session that nobody uses ends after this long."""
    renewal_threshold: timedelta
    """Use within this long of the end puts the end off by a whole lifetime."""
    longest: timedelta
    """A session ends after this long, however much it is used."""
    per_user: int
    """How many sessions a user may have at once; a new one ends the oldest."""

    def end_of(self, created_at: datetime, used_at: datetime) -> datetime:
        """Return when a session ends that was used just now."""
        return min(used_at + self.lifetime, created_at + self.longest)


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that is good now, with the present rights of its account."""

    principal: Principal
    id: str
    csrf_token: str


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A session that just began. The only place where its token exists in the clear."""

    token: str
    csrf_token: str
    id: str
    expires_at: datetime


class Sessions:
    """The sessions of all users."""

    def __init__(self, database: Database, clock: Clock, announce: Announce, rules: SessionRules) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce
        self._rules = rules

    async def start(self, login: ProvenLogin, caller: Caller, replaced_token: str = "") -> StartedSession:
        """Begin a session, always under a new token; end the one whose token the caller came with.

        Raises Unauthorized if the password changed, or the account was disabled, since the login was proven.
        """
        token, now = SESSION_PREFIX + new_secret(), self._clock.now()
        expires_at = self._rules.end_of(now, now)
        session = NewSession(_hash(token), now, expires_at, caller.address, caller.user_agent)
        row_id = session.token_hash[: store.ID_LENGTH]

        def write(tx: Transaction) -> None:
            if _is_possible(replaced_token):
                self._end(tx, _hash(replaced_token), caller, now)
            if not store.insert_session(tx, login, session, self._rules.per_user):
                raise Unauthorized("the credentials changed meanwhile; log in again")
            self._announce(tx, events.session_started(caller, row_id, now))

        await self._database.write(write)
        return StartedSession(token, csrf_token_of(token), row_id, expires_at)

    async def find(self, token: str) -> LiveSession | None:
        """Return the session of a token, and put off its end if that is near; None if it is not or no longer good."""
        if not _is_possible(token):
            return None
        token_hash, now = _hash(token), self._clock.now()
        row = await self._database.quick_read(lambda tx: store.find_session(tx, token_hash, now))
        if row is None:
            return None
        expires_at = self._expiry_after_use(row, now)
        if expires_at != row.expires_at or now - row.last_used_at >= TOUCH_STEP:
            await self._database.write(lambda tx: store.touch(tx, token_hash, now, expires_at), durable=False)
        principal = Principal(row.account_id, row.name, is_admin=row.is_admin, is_auditor=row.is_auditor)
        return LiveSession(principal, row.id, csrf_token_of(token))

    async def end(self, token: str, caller: Caller) -> bool:
        """End the session of a token; return False if there is none."""
        if not _is_possible(token):
            return False
        token_hash, now = _hash(token), self._clock.now()
        return await self._database.write(lambda tx: self._end(tx, token_hash, caller, now))

    async def list(self, caller: Caller, owner: str = "") -> list[SessionRow]:
        """Return the sessions of a user, the newest first: the caller's own, or of `owner` (a name or an id).

        Raises Denied for those of others, unless the caller administers or audits the registry; NotFound.
        """
        now = self._clock.now()

        def read(tx: Transaction) -> list[SessionRow]:
            principal = guard.user_of(tx, caller)
            account = guard.find_owner(tx, principal, owner, may_others=may_audit(principal))
            return store.list_sessions(tx, account.id, now)

        return await self._database.read(read)

    async def list_page(self, caller: Caller, page: ListPage) -> Page[SessionRow]:
        """Return a page of the caller's own sessions, the newest first. Raises Denied, and Invalid for a bad page."""
        return _part(await self.list(caller), page)

    async def end_by_id(self, caller: Caller, session_id: str, owner: str = "") -> None:
        """End one of the caller's own sessions, or as an administrator one of `owner`. Raises Denied or NotFound."""
        now = self._clock.now()

        def write(tx: Transaction) -> None:
            principal = guard.user_of(tx, caller)
            account = guard.find_owner(tx, principal, owner, may_others=may_administer(principal))
            if not store.delete_by_id(tx, account.id, session_id):
                raise NoSuchSession("there is no such session", id=session_id[:100])
            self._announce(tx, events.session_ended(caller, account.name, session_id, now))

        await self._database.write(write)

    async def check_csrf(self, caller: Caller, session: LiveSession, given: str, trouble: str = "") -> None:
        """Refuse a change unless the page that asked for it knows the session's CSRF token.

        `trouble` says what else speaks for a forgery, such as another site's origin. Raises CsrfTokenInvalid.
        """
        matches = hmac.compare_digest(session.csrf_token.encode(), given.encode())
        if matches and not trouble:
            return
        reason = trouble or (
            said("the header X-Csrf-Token is wrong") if given else said("the header X-Csrf-Token is missing")
        )
        now = self._clock.now()
        await self._database.write(
            lambda tx: self._announce(tx, events.csrf_refused(caller, session.id, reason, now))
        )
        raise CsrfTokenInvalid(
            said(
                "%(reason)s: a change in a session must come from a page of the registry itself",
                reason=reason,
            )
        )

    def _end(self, tx: Transaction, token_hash: str, caller: Caller, now: datetime) -> bool:
        account_id = store.delete_session(tx, token_hash)
        if account_id is None:
            return False
        account = guard.find_account(tx, account_id)
        self._announce(tx, events.session_ended(caller, account.name, token_hash[: store.ID_LENGTH], now))
        return True

    def _expiry_after_use(self, row: SessionRow, now: datetime) -> datetime:
        if row.expires_at - now > self._rules.renewal_threshold:
            return row.expires_at
        return max(row.expires_at, self._rules.end_of(row.created_at, now))


def csrf_token_of(token: str) -> str:
    """Return what a page has to send along with changes: derived from the session's secret, and not stored.

    Who has it learns nothing of the session token. Source: OWASP, "Cross-Site Request Forgery Prevention", HMAC
    based token pattern.
    """
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _is_possible(token: str) -> bool:
    return token.startswith(SESSION_PREFIX) and len(token) <= MAX_TOKEN_LENGTH


def _hash(token: str) -> str:
    """Return what is stored of a token. It is random, so that a fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _part(sessions: Sequence[SessionRow], page: ListPage) -> Page[SessionRow]:
    """Return a page of all sessions of an account: a setting keeps them few enough to be read at once."""
    start = _place_of(page.start) if page.start else None
    rest = [each for each in sessions if start is None or (-to_micros(each.created_at), each.id) >= start]
    following = rest[page.size : page.size + 1]
    next_start = f"{to_micros(following[0].created_at)}-{following[0].id}" if following else None
    return Page(rest[: page.size], next_start, len(sessions))


def _place_of(start: str) -> tuple[int, str]:
    """Read the start of a page: the moment in microseconds at which a session began, and its id. Raises Invalid."""
    micros, _, session_id = start.partition("-")
    if not (micros.isascii() and micros.isdigit() and len(micros) <= MICROS_DIGITS):
        raise Invalid("no page of this list starts there", given=ascii(start[:100]))
    return -int(micros), session_id
