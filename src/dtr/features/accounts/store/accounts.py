"""The rows of users and organizations."""

import base64
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Row, TextClause, text

from dtr.core.clock import from_micros, to_micros
from dtr.core.errors import Invalid
from dtr.core.paging import ListPage, Page
from dtr.features.accounts.model.accounts import (
    Account,
    AccountChanges,
    AccountCounts,
    AccountFilter,
    AccountOrder,
    AccountQuery,
    is_account_name,
    is_id,
)
from dtr.plumbing.db import Transaction, list_of_texts

# One row by the unique index on name, or by primary key.
FIND = text("SELECT * FROM account WHERE name = :name")
FIND_BY_ID = text("SELECT * FROM account WHERE id = :id")

# Changes nothing: SQLite has no SELECT ... FOR UPDATE.
LOCK = text("UPDATE account SET is_org = is_org WHERE id = :id RETURNING *")

# Of several transactions that would each take an administrator away, the second waits here, and then sees what the
# first has left. There are few rows. Index: account(is_org, is_admin, name).
LOCK_ADMINS = text("""
UPDATE account SET is_admin = is_admin
 WHERE is_org = FALSE AND is_admin = TRUE AND is_active = TRUE
RETURNING id
""")

LIST_USERS = text("SELECT * FROM account WHERE is_org = FALSE ORDER BY name")
LIST_ORGANIZATIONS = text("SELECT * FROM account WHERE is_org = TRUE ORDER BY name")

# Returns no row when the name is taken.
INSERT = text("""
INSERT INTO account (id, name, full_name, password_hash, is_org, is_admin, is_auditor, is_active, created_at)
VALUES (:id, :name, :full_name, :password_hash, :is_org, :is_admin, :is_auditor, :is_active, :created_at)
    ON CONFLICT (name) DO NOTHING
RETURNING id
""")

# A parameter that is NULL leaves its column as it is. Enabling and disabling end logins that were proven before.
CHANGE = text("""
UPDATE account
   SET full_name = COALESCE(:full_name, full_name),
       is_active = COALESCE(:is_active, is_active),
       is_admin = COALESCE(:is_admin, is_admin),
       is_auditor = COALESCE(:is_auditor, is_auditor),
       credentials_version = credentials_version
           + CASE WHEN is_active = COALESCE(:is_active, is_active) THEN 0 ELSE 1 END
 WHERE id = :id
RETURNING *
""")

# Only while the credentials count that the caller has proven; a version that is NULL means that none were needed.
SET_PASSWORD_HASH = text("""
UPDATE account SET password_hash = :password_hash, credentials_version = credentials_version + 1
 WHERE id = :id AND credentials_version = COALESCE(CAST(:version AS BIGINT), credentials_version)
RETURNING id
""")

# What belongs to the account goes with it: memberships, teams, keys, sessions, tokens (foreign keys).
DELETE = text("DELETE FROM account WHERE id = :id")

# Index only: account(is_org, name). Reads all entries; some ten milliseconds for 100,000 accounts.
COUNT_BY_KIND = text("SELECT is_org, COUNT(*) AS number FROM account GROUP BY is_org")

# By the first columns of primary key and unique index.
COUNT_OF_ORGANIZATIONS = text("""
SELECT a.id,
       (SELECT COUNT(*) FROM organization_member m WHERE m.org_id = a.id) AS members,
       (SELECT COUNT(*) FROM team t WHERE t.org_id = a.id) AS teams
  FROM account a
 WHERE a.id IN :ids AND a.is_org = TRUE
""").bindparams(list_of_texts("ids"))

CONDITIONS: Final[Mapping[AccountFilter, str]] = {
    AccountFilter.ALL: "TRUE",
    AccountFilter.USERS: "is_org = FALSE",
    AccountFilter.ORGANIZATIONS: "is_org = TRUE",
    AccountFilter.ADMINS: "is_org = FALSE AND is_admin = TRUE",
    AccountFilter.NON_ADMINS: "is_org = FALSE AND is_admin = FALSE",
    AccountFilter.AUDITORS: "is_org = FALSE AND is_auditor = TRUE",
    AccountFilter.ACTIVE_USERS: "is_org = FALSE AND is_active = TRUE",
    AccountFilter.INACTIVE_USERS: "is_org = FALSE AND is_active = FALSE",
}
"""Each has an index for each order: what is compared here comes first in it."""

CONTAINS: Final = r" AND (LOWER(name) LIKE :pattern ESCAPE '\' OR LOWER(full_name) LIKE :pattern ESCAPE '\')"
"""Looks at entries in order until a page is full; at all of them when few match, or to count."""


@lru_cache(maxsize=64)
def page_statement(
    wanted: AccountFilter, order: AccountOrder, *, has_pattern: bool, has_start: bool
) -> TextClause:
    """Return the statement that reads a page: one range of one index, whatever the page and the total."""
    columns = ("full_name", "name") if order.by_full_name else ("name",)
    compared, direction = ("<=", " DESC") if order.is_descending else (">=", "")
    condition = CONDITIONS[wanted] + (CONTAINS if has_pattern else "")
    if has_start:
        values = ", ".join(f":start_{column}" for column in columns)
        condition += f" AND ({', '.join(columns)}) {compared} ({values})"
    sorting = ", ".join(f"{column}{direction}" for column in columns)
    return text(f"SELECT * FROM account WHERE {condition} ORDER BY {sorting} LIMIT :limit")  # noqa: S608 - constants


@lru_cache(maxsize=16)
def count_statement(wanted: AccountFilter, *, has_pattern: bool) -> TextClause:
    """Return the statement that counts what a filter lets through, on the filter's index."""
    condition = CONDITIONS[wanted] + (CONTAINS if has_pattern else "")
    return text(f"SELECT COUNT(*) FROM account WHERE {condition}")  # noqa: S608 - constants


def find(tx: Transaction, name: str) -> Account | None:
    """Return the account `name`, active or not."""
    row = tx.execute(FIND, {"name": name}).one_or_none() if is_account_name(name) else None
    return None if row is None else account_of(row)


def find_by_ref(tx: Transaction, ref: str) -> Account | None:
    """Return the account of this name or id."""
    return find_by_id(tx, ref) if is_id(ref) else find(tx, ref)


def find_by_id(tx: Transaction, account_id: str) -> Account | None:
    """Return the account of this id, active or not."""
    row = tx.execute(FIND_BY_ID, {"id": account_id}).one_or_none()
    return None if row is None else account_of(row)


def lock(tx: Transaction, account_id: str) -> Account | None:
    """Return the account as it is now, and let nobody else change it or its members meanwhile."""
    row = tx.execute(LOCK, {"id": account_id}).one_or_none()
    return None if row is None else account_of(row)


def lock_admins(tx: Transaction) -> set[str]:
    """Return the ids of the active administrators, and let nobody else change who they are meanwhile."""
    return set(tx.execute(LOCK_ADMINS).scalars())


def list_users(tx: Transaction) -> list[Account]:
    """Return every user, ordered by name."""
    return [account_of(row) for row in tx.execute(LIST_USERS)]


def list_organizations(tx: Transaction) -> list[Account]:
    """Return every organization, ordered by name."""
    return [account_of(row) for row in tx.execute(LIST_ORGANIZATIONS)]


def list_page(tx: Transaction, query: AccountQuery, page: ListPage) -> Page[Account]:
    """Return a page of accounts, with the number of all that the query finds if that is wanted.

    Raises Invalid for a start that no page has named.
    """
    parameters = _pattern(query.contains)
    statement = page_statement(
        query.filter, query.order, has_pattern=bool(parameters), has_start=bool(page.start)
    )
    start = _parse_marker(page.start, query.order) if page.start else {}
    rows = tx.execute(statement, {**parameters, **start, "limit": page.size + 1}).all()
    found = [account_of(row) for row in rows]
    total = None
    if page.with_count:
        total = tx.execute(
            count_statement(query.filter, has_pattern=bool(parameters)), parameters
        ).scalar_one()
    after = found[page.size :]
    return Page(found[: page.size], _marker(after[0], query.order) if after else None, total)


def count_by_kind(tx: Transaction) -> tuple[int, int]:
    """Return how many users and how many organizations there are."""
    counted = {bool(row.is_org): row.number for row in tx.execute(COUNT_BY_KIND)}
    return counted.get(False, 0), counted.get(True, 0)


def count_of_organizations(tx: Transaction, account_ids: Iterable[str]) -> dict[str, AccountCounts]:
    """Return what belongs to those of the accounts that are organizations."""
    rows = tx.execute(COUNT_OF_ORGANIZATIONS, {"ids": list(account_ids)})
    return {row.id: AccountCounts(row.members, row.teams) for row in rows}


def insert(tx: Transaction, account: Account, password_hash: str) -> bool:
    """Add an account; return False if the name is taken."""
    parameters = {
        "id": account.id,
        "name": account.name,
        "full_name": account.full_name,
        "password_hash": password_hash,
        "is_org": account.is_org,
        "is_admin": account.is_admin,
        "is_auditor": account.is_auditor,
        "is_active": account.is_active,
        "created_at": to_micros(account.created_at),
    }
    return tx.execute(INSERT, parameters).scalar() is not None


def change(tx: Transaction, account_id: str, changes: AccountChanges) -> Account:
    """Set what `changes` names; return the account as it then is. It must be there."""
    parameters = {
        "id": account_id,
        "full_name": changes.full_name,
        "is_active": changes.is_active,
        "is_admin": changes.is_admin,
        "is_auditor": changes.is_auditor,
    }
    return account_of(tx.execute(CHANGE, parameters).one())


def set_password_hash(tx: Transaction, account_id: str, password_hash: str, version: int | None) -> bool:
    """Set a new password; a login proven by the old one counts no more.

    Return False if there is no such account, or its credentials are no longer those of `version`.
    """
    parameters = {"id": account_id, "password_hash": password_hash, "version": version}
    return tx.execute(SET_PASSWORD_HASH, parameters).scalar() is not None


def delete(tx: Transaction, account_id: str) -> None:
    """Remove an account with everything that belongs to it."""
    tx.execute(DELETE, {"id": account_id})


def account_of(row: Row[Any]) -> Account:
    """Return the account in a row that holds all columns of its table."""
    return Account(
        id=row.id,
        name=row.name,
        full_name=row.full_name,
        is_admin=bool(row.is_admin),
        is_active=bool(row.is_active),
        created_at=from_micros(row.created_at),
        is_org=bool(row.is_org),
        is_auditor=bool(row.is_auditor),
    )


def pattern_of(contains: str) -> str:
    """Return the pattern, for names in lower case, of all that contain a text."""
    escaped = contains.translate({ord(each): f"\\{each}" for each in "\\%_"})
    # The engines agree on lower case in ASCII only.
    lowered = "".join(each.lower() if each.isascii() else each for each in escaped)
    return f"%{lowered}%"


def _pattern(contains: str) -> dict[str, str]:
    return {"pattern": pattern_of(contains)} if contains else {}


def _marker(account: Account, order: AccountOrder) -> str:
    """Name the place of an account in a list, so that it is found again when the account is gone."""
    if not order.by_full_name:
        return account.name
    return base64.urlsafe_b64encode(f"{account.name}/{account.full_name}".encode()).decode()


def _parse_marker(marker: str, order: AccountOrder) -> dict[str, str]:
    if not order.by_full_name:
        name, full_name = marker, ""
    else:
        try:
            name, _, full_name = base64.urlsafe_b64decode(marker).decode().partition("/")
        except ValueError:
            raise Invalid("no page of this list starts there", given=marker[:100]) from None
    if not (name + full_name).isprintable():
        raise Invalid("no page of this list starts there", given=ascii(marker[:100]))
    return {"start_name": name, "start_full_name": full_name} if order.by_full_name else {"start_name": name}
