"""The rows that a login reads and writes: credentials, failures, successes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from dtr.core.clock import from_micros, from_micros_if_any, to_micros
from dtr.features.accounts.model.accounts import Account
from dtr.features.accounts.model.login import (
    FAILURE_WINDOW,
    KNOWN_FOR,
    FailureCount,
    FailureCounter,
    LoginAttempt,
)
from dtr.features.accounts.store.accounts import account_of
from dtr.plumbing.db import Transaction

# A disabled account has no credentials, nor has an organization: to a login both look like one that never was.
# One row by the unique index on name, and one by primary key.
FIND_CREDENTIALS = text("""
SELECT a.*, s.succeeded_at
  FROM account a
  LEFT JOIN login_success s ON s.account_id = a.id AND s.address = :address
 WHERE a.name = :name AND a.is_active = TRUE AND a.is_org = FALSE
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


def find_credentials(tx: Transaction, attempt: LoginAttempt) -> Credentials | None:
    """Return the account that is tried with its password hash; None if there is none or it is disabled."""
    row = tx.execute(FIND_CREDENTIALS, {"name": attempt.name, "address": attempt.address}).one_or_none()
    if row is None:
        return None
    succeeded_at = from_micros_if_any(row.succeeded_at)
    return Credentials(account_of(row), row.password_hash, row.credentials_version, succeeded_at)


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
