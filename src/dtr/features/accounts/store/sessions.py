"""The rows of sessions: who is logged in, in which browser or program."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Row, Text, bindparam, insert, select, text, true

from dtr.core.clock import from_micros, to_micros
from dtr.features.accounts.model import ProvenLogin
from dtr.features.accounts.store.tables import account_table, session_table
from dtr.plumbing.db import Transaction

DROPPED_AT_ONCE: Final = 100
"""Expired sessions that one new session clears away: a bound on the work of a login."""

ID_LENGTH: Final = 16
"""Characters of a token's hash (hex) that name its session to people: enough to tell it from others, too few to use."""

# Inserts only where the credentials that proved the login still count. Not text, because only PostgreSQL has and
# needs the lock (FOR NO KEY UPDATE): logins of one account go one after the other, so that the limit holds, and a
# new password waits for the insert or is seen by it.
INSERT = (
    insert(session_table)
    .from_select(
        [
            "token_hash",
            "account_id",
            "credentials_version",
            "created_at",
            "last_used_at",
            "expires_at",
            "address",
            "user_agent",
        ],
        select(
            bindparam("token_hash", type_=Text),
            account_table.c.id,
            account_table.c.credentials_version,
            bindparam("now", type_=BigInteger),
            bindparam("now", type_=BigInteger),
            bindparam("expires_at", type_=BigInteger),
            bindparam("address", type_=Text),
            bindparam("user_agent", type_=Text),
        )
        .where(
            account_table.c.id == bindparam("account_id"),
            account_table.c.credentials_version == bindparam("credentials_version"),
            account_table.c.is_active == true(),
        )
        .with_for_update(key_share=True),
    )
    .returning(session_table.c.token_hash)
)

# Index: session(account_id, created_at).
DROP_OLDEST = text("""
DELETE FROM session
 WHERE account_id = :account_id
   AND token_hash IN (SELECT token_hash FROM session
                       WHERE account_id = :account_id
                       ORDER BY created_at DESC, token_hash
                       LIMIT 1000 OFFSET :kept)
""")

# Index: session(expires_at).
DROP_EXPIRED = text("""
DELETE FROM session
 WHERE token_hash IN (SELECT token_hash FROM session WHERE expires_at <= :now ORDER BY expires_at LIMIT :most)
""")

# The session and its account, each by primary key. A session is over when the account's credentials changed.
FIND = text("""
SELECT s.token_hash, s.created_at, s.last_used_at, s.expires_at, s.address, s.user_agent,
       a.id AS account_id, a.name, a.is_admin, a.is_auditor
  FROM session s
  JOIN account a ON a.id = s.account_id
 WHERE s.token_hash = :token_hash
   AND s.expires_at > :now
   AND a.is_active = TRUE
   AND a.credentials_version = s.credentials_version
""")

# Index: session(account_id, created_at). An account has a handful of sessions.
LIST = text("""
SELECT s.token_hash, s.created_at, s.last_used_at, s.expires_at, s.address, s.user_agent,
       a.id AS account_id, a.name, a.is_admin, a.is_auditor
  FROM session s
  JOIN account a ON a.id = s.account_id
 WHERE s.account_id = :account_id
   AND s.expires_at > :now
   AND a.is_active = TRUE
   AND a.credentials_version = s.credentials_version
 ORDER BY s.created_at DESC, s.token_hash
""")

TOUCH = text("""
UPDATE session SET last_used_at = :now, expires_at = :expires_at WHERE token_hash = :token_hash
""")

DELETE = text("DELETE FROM session WHERE token_hash = :token_hash RETURNING account_id")

# Index: session(account_id, created_at).
DELETE_BY_ID = text("""
DELETE FROM session
 WHERE account_id = :account_id AND substr(token_hash, 1, 16) = :id
RETURNING token_hash
""")

# Index: session(account_id, created_at).
RENEW = text("""
UPDATE session
   SET credentials_version = (SELECT credentials_version FROM account WHERE id = :account_id)
 WHERE account_id = :account_id AND substr(token_hash, 1, 16) = :id
""")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that is good, and whose it is. The token itself is not stored, only its hash."""

    token_hash: str
    account_id: str
    name: str
    is_admin: bool
    is_auditor: bool
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str

    @property
    def id(self) -> str:
        """What names the session to people."""
        return self.token_hash[:ID_LENGTH]


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be stored."""

    token_hash: str
    created_at: datetime
    expires_at: datetime
    address: str
    user_agent: str


def insert_session(tx: Transaction, login: ProvenLogin, session: NewSession, limit: int) -> bool:
    """Add a session; drop the account's oldest beyond `limit`, and some that expired.

    Returns False, and adds none, if the credentials that proved the login no longer count.
    """
    parameters = {
        "token_hash": session.token_hash,
        "account_id": login.account.id,
        "credentials_version": login.credentials_version,
        "now": to_micros(session.created_at),
        "expires_at": to_micros(session.expires_at),
        "address": session.address,
        "user_agent": session.user_agent,
    }
    if tx.execute(INSERT, parameters).scalar() is None:
        return False
    tx.execute(DROP_EXPIRED, {"now": to_micros(session.created_at), "most": DROPPED_AT_ONCE})
    tx.execute(DROP_OLDEST, {"account_id": login.account.id, "kept": limit})
    return True


def find_session(tx: Transaction, token_hash: str, now: datetime) -> SessionRow | None:
    """Return the session with this hash if it is good: not expired, and the account's credentials unchanged."""
    row = tx.execute(FIND, {"token_hash": token_hash, "now": to_micros(now)}).one_or_none()
    return None if row is None else _session(row)


def list_sessions(tx: Transaction, account_id: str, now: datetime) -> list[SessionRow]:
    """Return the good sessions of an account, the newest first."""
    return [_session(row) for row in tx.execute(LIST, {"account_id": account_id, "now": to_micros(now)})]


def touch(tx: Transaction, token_hash: str, now: datetime, expires_at: datetime) -> None:
    """Record that a session was used, and until when it is good from now on."""
    parameters = {"token_hash": token_hash, "now": to_micros(now), "expires_at": to_micros(expires_at)}
    tx.execute(TOUCH, parameters)


def delete_session(tx: Transaction, token_hash: str) -> str | None:
    """End a session; return whose it was (the account's id), None if there was none."""
    account_id: str | None = tx.execute(DELETE, {"token_hash": token_hash}).scalar()
    return account_id


def delete_by_id(tx: Transaction, account_id: str, session_id: str) -> bool:
    """End the session of an account that has this id; return False if there is none."""
    return tx.execute(DELETE_BY_ID, {"account_id": account_id, "id": session_id}).first() is not None


def renew(tx: Transaction, account_id: str, session_id: str) -> None:
    """Keep a session across a change of the account's credentials that was made in it."""
    tx.execute(RENEW, {"account_id": account_id, "id": session_id})


def _session(row: Row[Any]) -> SessionRow:
    return SessionRow(
        token_hash=row.token_hash,
        account_id=row.account_id,
        name=row.name,
        is_admin=bool(row.is_admin),
        is_auditor=bool(row.is_auditor),
        created_at=from_micros(row.created_at),
        last_used_at=from_micros(row.last_used_at),
        expires_at=from_micros(row.expires_at),
        address=row.address,
        user_agent=row.user_agent,
    )
