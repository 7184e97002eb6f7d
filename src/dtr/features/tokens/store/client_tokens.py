"""The rows of refresh tokens."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Text, bindparam, insert, select, text, true

from dtr.core.clock import from_micros, to_micros
from dtr.core.ids import new_id
from dtr.core.principal import Principal
from dtr.features.accounts.model import ProvenLogin
from dtr.features.accounts.store.tables import account_table
from dtr.features.tokens.model import REFRESH_IDLE, REFRESH_KEPT, GeneratedBy
from dtr.features.tokens.store.tables import client_token_table
from dtr.plumbing.db import Transaction

# Inserts only where the credentials that proved the login still count. Not text, because only PostgreSQL has and
# needs the lock (FOR SHARE): it makes the insert wait for a change of the account that is under way and then
# look again, and a later change wait for the insert, so that its revocation finds the row.
INSERT_TOKEN = (
    insert(client_token_table)
    .from_select(
        ["id", "account_id", "token_hash", "generated_by", "label", "created_at", "last_used_at"],
        select(
            bindparam("id", type_=Text),
            account_table.c.id,
            bindparam("token_hash", type_=Text),
            bindparam("generated_by", type_=Text),
            bindparam("label", type_=Text),
            bindparam("now", type_=BigInteger),
            bindparam("now", type_=BigInteger),
        )
        .where(
            account_table.c.id == bindparam("account_id"),
            account_table.c.credentials_version == bindparam("credentials_version"),
            account_table.c.is_active == true(),
        )
        .with_for_update(read=True),
    )
    .returning(client_token_table.c.id)
)

# The token's row by its unique hash, the account by primary key; both must be active.
FIND_TOKEN = text("""
SELECT t.id AS token_id, t.last_used_at, a.id AS account_id, a.name, a.is_admin, a.is_auditor
  FROM client_token t
  JOIN account a ON a.id = t.account_id
 WHERE t.token_hash = :token_hash
   AND t.generated_by = 'auto'
   AND t.is_active = TRUE
   AND t.last_used_at > :idle_since
   AND a.is_active = TRUE
""")

NOTE_USE = text("UPDATE client_token SET last_used_at = :now WHERE id = :id")

# What nobody uses any more, and what is too much.
# Index: client_token(account_id, generated_by, last_used_at).
DROP_UNUSED = text("""
DELETE FROM client_token
 WHERE account_id = :account_id AND generated_by = :generated_by
   AND (last_used_at <= :idle_since
        OR last_used_at < (SELECT last_used_at FROM client_token
                            WHERE account_id = :account_id AND generated_by = :generated_by
                            ORDER BY last_used_at DESC LIMIT 1 OFFSET :kept))
""")

# Index: client_token(account_id, generated_by, last_used_at).
REVOKE_TOKENS = text(
    "DELETE FROM client_token WHERE account_id = :account_id AND generated_by = :generated_by"
)

# Index: client_token(account_id, generated_by, last_used_at).
LIST_TOKENS = text("""
SELECT id, label, created_at, last_used_at
  FROM client_token
 WHERE account_id = :account_id AND generated_by = :generated_by AND last_used_at > :idle_since
 ORDER BY last_used_at DESC, id
""")


@dataclass(frozen=True, slots=True)
class ClientToken:
    """A refresh token that is good, and the account that it stands for."""

    id: str
    principal: Principal
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What is known of a refresh token; not the token, of which only a hash is stored."""

    id: str
    label: str
    """What the client called itself."""
    created_at: datetime
    last_used_at: datetime
    """To within `LAST_USED_STEP`."""


def insert_refresh_token(
    tx: Transaction, login: ProvenLogin, token_hash: str, label: str, now: datetime
) -> bool:
    """Add a refresh token; drop those of the account that are unused for too long or too many.

    Returns False, and adds none, if the credentials that proved the login no longer count.
    """
    owner = {"account_id": login.account.id, "generated_by": GeneratedBy.AUTO}
    proof = {"credentials_version": login.credentials_version}
    token = {"id": new_id(), "token_hash": token_hash, "label": label, "now": to_micros(now)}
    if tx.execute(INSERT_TOKEN, owner | proof | token).scalar() is None:
        return False
    tx.execute(DROP_UNUSED, owner | {"idle_since": to_micros(now - REFRESH_IDLE), "kept": REFRESH_KEPT - 1})
    return True


def list_refresh_tokens(tx: Transaction, account_id: str, now: datetime) -> list[RefreshToken]:
    """Return the refresh tokens of an account that are good, the last used first."""
    parameters = {
        "account_id": account_id,
        "generated_by": GeneratedBy.AUTO,
        "idle_since": to_micros(now - REFRESH_IDLE),
    }
    return [
        RefreshToken(row.id, row.label, from_micros(row.created_at), from_micros(row.last_used_at))
        for row in tx.execute(LIST_TOKENS, parameters)
    ]


def find_token(tx: Transaction, token_hash: str, now: datetime) -> ClientToken | None:
    """Return the token with this hash if it and its account are active and it was used recently enough."""
    parameters = {"token_hash": token_hash, "idle_since": to_micros(now - REFRESH_IDLE)}
    row = tx.execute(FIND_TOKEN, parameters).one_or_none()
    if row is None:
        return None
    principal = Principal(
        row.account_id,
        row.name,
        is_admin=bool(row.is_admin),
        is_auditor=bool(row.is_auditor),
        token_id=row.token_id,
    )
    return ClientToken(row.token_id, principal, from_micros(row.last_used_at))


def note_use(tx: Transaction, token_id: str, now: datetime) -> None:
    """Record that a token was used."""
    tx.execute(NOTE_USE, {"id": token_id, "now": to_micros(now)})


def revoke_refresh_tokens(tx: Transaction, account_id: str) -> None:
    """Drop every refresh token of an account: its password changed, it was disabled, or an operator said so."""
    tx.execute(REVOKE_TOKENS, {"account_id": account_id, "generated_by": GeneratedBy.AUTO})
