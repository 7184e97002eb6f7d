"""The rows of accounts and of failed logins: all SQL of this room."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Row,
    Table,
    Text,
    false,
    text,
    true,
)

from dtr.core.clock import from_micros, to_micros
from dtr.features.accounts.model import (
    FAILURE_WINDOW,
    KNOWN_FOR,
    Account,
    FailureCount,
    FailureCounter,
    LoginAttempt,
)
from dtr.plumbing.db import ByteOrderedText, Transaction, metadata

account_table: Final = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", ByteOrderedText, nullable=False, unique=True),
    Column("full_name", Text, nullable=False, server_default=""),
    Column("password_hash", Text, nullable=False),
    Column("is_admin", Boolean, nullable=False, server_default=false()),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("credentials_version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", BigInteger, nullable=False),
)

login_failure_table: Final = Table(
    "login_failure",
    metadata,
    Column("counter", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last_failed_at", BigInteger, nullable=False),
    Column("window_ends_at", BigInteger, nullable=False),
    Index(None, "window_ends_at"),
)

login_success_table: Final = Table(
    "login_success",
    metadata,
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("succeeded_at", BigInteger, nullable=False),
    Index(None, "succeeded_at"),
)

# One row by the unique index on name.
FIND = text("SELECT * FROM account WHERE name = :name")

# A disabled account has no credentials: to a login it looks like one that never was.
# One row by the unique index on name, and one by primary key.
FIND_CREDENTIALS = text("""
SELECT a.*, s.succeeded_at
  FROM account a
  LEFT JOIN login_success s ON s.account_id = a.id AND s.address = :address
 WHERE a.name = :name AND a.is_active = TRUE
""")

LIST_ALL = text("SELECT * FROM account ORDER BY name")

# Returns no row when the name is taken.
INSERT = text("""
INSERT INTO account (id, name, full_name, password_hash, is_admin, created_at)
VALUES (:id, :name, :full_name, :password_hash, :is_admin, :created_at)
    ON CONFLICT (name) DO NOTHING
RETURNING id
""")

SET_ACTIVE = text("""
UPDATE account SET is_active = :is_active, credentials_version = credentials_version + 1
 WHERE name = :name
RETURNING id
""")

SET_PASSWORD_HASH = text("""
UPDATE account SET password_hash = :password_hash, credentials_version = credentials_version + 1
 WHERE name = :name
RETURNING id
""")

# Only if nobody set another password in the meantime. The password stays, and with it the version.
REPLACE_PASSWORD_HASH = text("""
UPDATE account SET password_hash = :new WHERE id = :id AND password_hash = :old
""")

# Three rows at most, each by primary key.
FIND_FAILURES = text("""
SELECT counter, failures, last_failed_at, window_ends_at
  FROM login_failure
 WHERE window_ends_at > :now
   AND ((counter = :counter_0 AND name = :name_0 AND address = :address_0)
     OR (counter = :counter_1 AND name = :name_1 AND address = :address_1)
     OR (counter = :counter_2 AND name = :name_2 AND address = :address_2))
""")

# Counts up, or starts a new window where the old one has ended.
COUNT_FAILURE = text("""
INSERT INTO login_failure (counter, name, address, failures, last_failed_at, window_ends_at)
VALUES (:counter, :name, :address, 1, :now, :window_ends_at)
    ON CONFLICT (counter, name, address) DO UPDATE
   SET failures = CASE WHEN login_failure.window_ends_at > :now THEN login_failure.failures + 1 ELSE 1 END,
       window_ends_at = CASE WHEN login_failure.window_ends_at > :now
                             THEN login_failure.window_ends_at ELSE :window_ends_at END,
       last_failed_at = :now
""")

FORGET_FAILURES = text("""
DELETE FROM login_failure WHERE counter = :counter AND name = :name AND address = :address
""")

# Both by the first columns of the primary key.
FORGET_ALL_FAILURES = text("""
DELETE FROM login_failure WHERE counter IN (:account, :account_and_address) AND name = :name
""")

# Index: login_failure(window_ends_at).
DROP_ENDED_WINDOWS = text("DELETE FROM login_failure WHERE window_ends_at <= :now")

NOTE_SUCCESS = text("""
INSERT INTO login_success (account_id, address, succeeded_at)
VALUES (:account_id, :address, :now)
    ON CONFLICT (account_id, address) DO UPDATE SET succeeded_at = :now
""")

# Index: login_success(succeeded_at).
DROP_OLD_SUCCESSES = text("DELETE FROM login_success WHERE succeeded_at <= :known_since")


@dataclass(frozen=True, slots=True)
class Credentials:
    """An active account with what proves it, as one address tries it."""

    account: Account
    password_hash: str
    version: int
    succeeded_at: datetime | None
    """The last recorded login at the address."""


def find(tx: Transaction, name: str) -> Account | None:
    """Return the account `name`, active or not."""
    row = tx.execute(FIND, {"name": name}).one_or_none()
    return None if row is None else _account(row)


def find_credentials(tx: Transaction, attempt: LoginAttempt) -> Credentials | None:
    """Return the account that is tried with its password hash; None if there is none or it is disabled."""
    row = tx.execute(FIND_CREDENTIALS, {"name": attempt.name, "address": attempt.address}).one_or_none()
    if row is None:
        return None
    succeeded_at = None if row.succeeded_at is None else from_micros(row.succeeded_at)
    return Credentials(_account(row), row.password_hash, row.credentials_version, succeeded_at)


def list_all(tx: Transaction) -> list[Account]:
    """Return every account, ordered by name."""
    return [_account(row) for row in tx.execute(LIST_ALL)]


def insert(tx: Transaction, account: Account, password_hash: str) -> bool:
    """Add an account; return False if the name is taken."""
    parameters = {
        "id": account.id,
        "name": account.name,
        "full_name": account.full_name,
        "password_hash": password_hash,
        "is_admin": account.is_admin,
        "created_at": to_micros(account.created_at),
    }
    return tx.execute(INSERT, parameters).scalar() is not None


def set_active(tx: Transaction, name: str, *, is_active: bool) -> str | None:
    """Enable or disable an account; return its id, None if there is none.

    Either way a login proven before counts no more.
    """
    id_: str | None = tx.execute(SET_ACTIVE, {"name": name, "is_active": is_active}).scalar()
    return id_


def set_password_hash(tx: Transaction, name: str, password_hash: str) -> str | None:
    """Set a new password; return the account's id, None if there is none.

    A login proven by the old one counts no more.
    """
    parameters = {"name": name, "password_hash": password_hash}
    id_: str | None = tx.execute(SET_PASSWORD_HASH, parameters).scalar()
    return id_


def replace_password_hash(tx: Transaction, account_id: str, old: str, new: str) -> None:
    """Keep the same password under a stronger hash."""
    tx.execute(REPLACE_PASSWORD_HASH, {"id": account_id, "old": old, "new": new})


def find_failures(tx: Transaction, attempt: LoginAttempt, now: datetime) -> list[FailureCount]:
    """Return the counters of earlier failures that concern an attempt."""
    parameters: dict[str, object] = {"now": to_micros(now)}
    for number, (counter, (name, address)) in enumerate(attempt.subjects.items()):
        parameters |= {f"counter_{number}": counter, f"name_{number}": name, f"address_{number}": address}
    return [
        FailureCount(
            FailureCounter(row.counter),
            row.failures,
            from_micros(row.last_failed_at),
            from_micros(row.window_ends_at),
        )
        for row in tx.execute(FIND_FAILURES, parameters)
    ]


def count_failure(tx: Transaction, attempt: LoginAttempt, now: datetime) -> None:
    """Count a failed attempt, and drop counters whose time is over."""
    moments = {"now": to_micros(now), "window_ends_at": to_micros(now + FAILURE_WINDOW)}
    tx.execute(DROP_ENDED_WINDOWS, {"now": moments["now"]})
    tx.execute(
        COUNT_FAILURE,
        [
            {"counter": counter, "name": name, "address": address, **moments}
            for counter, (name, address) in attempt.subjects.items()
        ],
    )


def note_success(tx: Transaction, attempt: LoginAttempt, account_id: str, now: datetime) -> None:
    """Make the account known at the address, and forget its failures there; drop successes of long ago."""
    counter = FailureCounter.ACCOUNT_AND_ADDRESS
    name, address = attempt.subjects[counter]
    tx.execute(FORGET_FAILURES, {"counter": counter, "name": name, "address": address})
    tx.execute(DROP_OLD_SUCCESSES, {"known_since": to_micros(now - KNOWN_FOR)})
    tx.execute(NOTE_SUCCESS, {"account_id": account_id, "address": address, "now": to_micros(now)})


def forget_all_failures(tx: Transaction, name: str) -> None:
    """Forget the failures of an account, at every address."""
    counters = {
        "account": FailureCounter.ACCOUNT,
        "account_and_address": FailureCounter.ACCOUNT_AND_ADDRESS,
    }
    tx.execute(FORGET_ALL_FAILURES, {"name": name, **counters})


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        full_name=row.full_name,
        is_admin=bool(row.is_admin),
        is_active=bool(row.is_active),
        created_at=from_micros(row.created_at),
    )
