"""The rows of users' access tokens, and of refresh tokens as their owners see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, from_micros_if_any, to_micros
from dtr.core.paging import ListPage
from dtr.core.permits import Permit, permits_as_text, permits_from_text
from dtr.core.principal import Principal
from dtr.features.tokens.access_token_model import TELL_STEP, AccessToken
from dtr.features.tokens.model import REFRESH_IDLE, GeneratedBy
from dtr.plumbing.db import Transaction

# Index: client_token(account_id, generated_by, last_used_at).
COUNT_MANUAL = text("""
SELECT count(*) FROM client_token WHERE account_id = :account_id AND generated_by = 'manual'
""")

INSERT = text("""
INSERT INTO client_token (id, account_id, token_hash, generated_by, label, created_at, last_used_at, permits,
                          expires_at, creator_user_agent)
VALUES (:id, :account_id, :token_hash, :generated_by, :label, :created_at, :created_at, :permits,
        :expires_at, :creator_user_agent)
""")

# The token's row by its unique hash, the account by primary key, another of the name by the unique index on names.
FIND_PROOF = text("""
SELECT t.id AS token_id, t.is_active, t.permits, t.expires_at, t.last_used_at, t.last_used_address,
       a.id AS account_id, a.name, a.is_admin, a.is_auditor, a.is_active AS is_owner_active,
       (SELECT count(*) FROM account o WHERE o.name = :name AND o.id <> a.id AND o.is_org = FALSE) AS others
  FROM client_token t
  JOIN account a ON a.id = t.account_id
 WHERE t.token_hash = :token_hash AND t.generated_by = 'manual'
""")

# One row by primary key.
FIND_LIMITS = text("SELECT permits FROM client_token WHERE id = :id AND is_active = TRUE")

COLUMNS = """
SELECT t.*, a.name AS owner
  FROM client_token t
  JOIN account a ON a.id = t.account_id
"""

# One row by the unique index on token_hash.
FIND = text(f"{COLUMNS} WHERE t.token_hash = :token_hash")

# A refresh token that was not used for too long is no longer good, though its row may still be there.
# Index: client_token(account_id, generated_by, last_used_at); an account has few enough tokens to sort them.
LIST_OF_ACCOUNT = text(f"""{COLUMNS}
 WHERE t.account_id = :account_id AND t.token_hash >= :start
   AND (t.generated_by <> 'auto' OR t.last_used_at > :idle_since)
 ORDER BY t.token_hash
 LIMIT :limit
""")

# Index: client_token(token_hash), unique.
LIST_ALL = text(f"""{COLUMNS}
 WHERE t.token_hash >= :start AND (t.generated_by <> 'auto' OR t.last_used_at > :idle_since)
 ORDER BY t.token_hash
 LIMIT :limit
""")

# Index: client_token(account_id, generated_by, last_used_at).
COUNT_OF_ACCOUNT = text("""
SELECT count(*) FROM client_token
 WHERE account_id = :account_id AND (generated_by <> 'auto' OR last_used_at > :idle_since)
""")

COUNT_ALL = text("""
SELECT count(*) FROM client_token WHERE generated_by <> 'auto' OR last_used_at > :idle_since
""")

CHANGE = text("""
UPDATE client_token
   SET label = COALESCE(CAST(:label AS TEXT), label), is_active = COALESCE(CAST(:is_active AS BOOLEAN), is_active)
 WHERE token_hash = :token_hash
""")

DELETE = text("DELETE FROM client_token WHERE token_hash = :token_hash")

# Index: client_token(account_id, generated_by, last_used_at).
CLEAN_UP = text("""
DELETE FROM client_token
 WHERE account_id = :account_id AND generated_by = :generated_by AND last_used_at < :before
RETURNING id
""")

NOTE_USE = text("""
UPDATE client_token SET last_used_at = :now, last_used_address = :address WHERE id = :id RETURNING id
""")

# Both by the primary key.
FORGET_USES = text("DELETE FROM client_token_use WHERE token_id = :id AND told_at <= :before")

TELL_USE = text("""
INSERT INTO client_token_use (token_id, address, told_at) VALUES (:id, :address, :now)
    ON CONFLICT (token_id, address) DO NOTHING
RETURNING token_id
""")

_LATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Proof:
    """What an access token that was sent stands for."""

    principal: Principal
    token_id: str
    is_good: bool
    """Neither the token nor its owner is disabled."""
    is_of_another: bool
    """Whether the name sent along is that of another user."""
    expires_at: datetime | None
    last_used_at: datetime
    last_used_address: str


def count_manual(tx: Transaction, account_id: str) -> int:
    """Return how many access tokens a user has."""
    return int(tx.execute(COUNT_MANUAL, {"account_id": account_id}).scalar_one())


def insert_access_token(tx: Transaction, token: AccessToken) -> None:
    """Add an access token."""
    tx.execute(
        INSERT,
        {
            "id": token.id,
            "account_id": token.owner_id,
            "token_hash": token.token_hash,
            "generated_by": token.generated_by,
            "label": token.label,
            "created_at": to_micros(token.created_at),
            "permits": None if token.permits is None else permits_as_text(token.permits),
            "expires_at": None if token.expires_at is None else to_micros(token.expires_at),
            "creator_user_agent": token.creator_user_agent,
        },
    )


def find_proof(tx: Transaction, token_hash: str, name: str) -> Proof | None:
    """Return what the access token with this hash stands for, sent along with a login name; None if unknown."""
    row = tx.execute(FIND_PROOF, {"token_hash": token_hash, "name": name}).one_or_none()
    if row is None:
        return None
    expires_at = from_micros_if_any(row.expires_at)
    principal = Principal(
        row.account_id,
        row.name,
        is_admin=bool(row.is_admin),
        is_auditor=bool(row.is_auditor),
        permits=None if row.permits is None else permits_from_text(row.permits),
        token_id=row.token_id,
        expires_at=expires_at,
    )
    return Proof(
        principal=principal,
        token_id=row.token_id,
        is_good=bool(row.is_active) and bool(row.is_owner_active),
        is_of_another=row.others > 0,
        expires_at=expires_at,
        last_used_at=from_micros(row.last_used_at),
        last_used_address=row.last_used_address,
    )


def find_limits(tx: Transaction, token_id: str) -> tuple[bool, tuple[Permit, ...] | None]:
    """Return whether the access or refresh token with this id still counts, and its permits (None: no limits)."""
    row = tx.execute(FIND_LIMITS, {"id": token_id}).one_or_none()
    if row is None:
        return False, None
    return True, None if row.permits is None else permits_from_text(row.permits)


def find_access_token(tx: Transaction, token_hash: str) -> AccessToken | None:
    """Return a token by its hash, whoever made it."""
    row = tx.execute(FIND, {"token_hash": token_hash}).one_or_none()
    return None if row is None else _access_token(row)


def list_access_tokens(
    tx: Transaction, account_id: str | None, page: ListPage, now: datetime
) -> list[AccessToken]:
    """Return one more token than the page holds, by hash: of an account, or with None of everybody."""
    parameters = {"start": page.start, "limit": page.size + 1, "idle_since": to_micros(now - REFRESH_IDLE)}
    rows = (
        tx.execute(LIST_ALL, parameters)
        if account_id is None
        else tx.execute(LIST_OF_ACCOUNT, {**parameters, "account_id": account_id})
    )
    return [_access_token(row) for row in rows]


def count_access_tokens(tx: Transaction, account_id: str | None, now: datetime) -> int:
    """Return how many tokens an account has, or with None everybody."""
    parameters = {"idle_since": to_micros(now - REFRESH_IDLE)}
    if account_id is None:
        return int(tx.execute(COUNT_ALL, parameters).scalar_one())
    return int(tx.execute(COUNT_OF_ACCOUNT, {**parameters, "account_id": account_id}).scalar_one())


def change_access_token(tx: Transaction, token_hash: str, label: str | None, is_active: bool | None) -> None:  # noqa: FBT001 - None keeps it
    """Set label and activity of a token; None keeps what is."""
    tx.execute(CHANGE, {"token_hash": token_hash, "label": label, "is_active": is_active})


def delete_access_token(tx: Transaction, token_hash: str) -> None:
    """Drop a token."""
    tx.execute(DELETE, {"token_hash": token_hash})


def clean_up(
    tx: Transaction, account_id: str, generated_by: GeneratedBy, used_before: datetime | None
) -> Sequence[str]:
    """Drop an account's tokens of one kind that were last used before a moment (None: all); return their ids."""
    before = _LATEST if used_before is None else to_micros(used_before)
    parameters = {"account_id": account_id, "generated_by": generated_by, "before": before}
    return list(tx.execute(CLEAN_UP, parameters).scalars())


def note_use(tx: Transaction, token_id: str, address: str, now: datetime) -> bool:
    """Record the use of a token; return whether it is the first from this address within `TELL_STEP`."""
    token = {"id": token_id, "address": address}
    if tx.execute(NOTE_USE, {**token, "now": to_micros(now)}).first() is None:
        return False  # deleted meanwhile
    tx.execute(FORGET_USES, {"id": token_id, "before": to_micros(now - TELL_STEP)})
    return tx.execute(TELL_USE, {**token, "now": to_micros(now)}).first() is not None


def _access_token(row: Row[Any]) -> AccessToken:
    was_used = row.generated_by == GeneratedBy.AUTO or row.last_used_at > row.created_at
    return AccessToken(
        id=row.id,
        token_hash=row.token_hash,
        owner_id=row.account_id,
        owner=row.owner,
        label=row.label,
        generated_by=GeneratedBy(row.generated_by),
        is_active=bool(row.is_active),
        created_at=from_micros(row.created_at),
        last_used_at=from_micros(row.last_used_at) if was_used else None,
        last_used_address=row.last_used_address,
        creator_user_agent=row.creator_user_agent,
        permits=None if row.permits is None else permits_from_text(row.permits),
        expires_at=from_micros_if_any(row.expires_at),
    )
