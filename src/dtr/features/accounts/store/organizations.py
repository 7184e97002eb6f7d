"""The rows of organizations' members."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text

from dtr.core.clock import to_micros
from dtr.core.paging import ListPage, Page
from dtr.features.accounts.model.organizations import Member, MemberFilter, Membership
from dtr.features.accounts.store.accounts import account_of, pattern_of
from dtr.plumbing.db import Transaction, list_of_texts

# One row by primary key.
FIND_RANK = text(
    "SELECT is_admin FROM organization_member WHERE org_id = :org_id AND account_id = :account_id"
)

ANYBODY: Final = "%"
"""The pattern of all names."""

OF_MEMBERS: Final = r"""
  FROM {table} m CROSS JOIN account a
 WHERE m.{group} = :group_id AND a.id = m.account_id
   AND m.is_admin = COALESCE(CAST(:is_admin AS BOOLEAN), m.is_admin)
   AND (CAST(:pattern AS TEXT) = '%'
        OR LOWER(a.name) LIKE :pattern ESCAPE '\' OR LOWER(a.full_name) LIKE :pattern ESCAPE '\')
"""


class MemberLists:
    """The members of organizations, or of teams.

    A page reads the members of one group (the first column of the primary key) and sorts them by name: its cost depends
    on the size of the group, not of the registry. CROSS JOIN keeps SQLite from reading all accounts.
    """

    def __init__(self, table: str, group: str) -> None:
        """Take the table and its column that names the group."""
        matching = OF_MEMBERS.format(table=table, group=group)
        self.list = text(f"""
            SELECT a.*, m.is_admin AS is_member_admin {matching} AND a.name >= :start ORDER BY a.name LIMIT :limit
        """)
        self.count = text(f"""
            SELECT COUNT(*) FROM {table}
             WHERE {group} = :group_id AND is_admin = COALESCE(CAST(:is_admin AS BOOLEAN), is_admin)
        """)  # noqa: S608 - constants
        self.count_matching = text(f"SELECT COUNT(*) {matching}")

    def page(
        self, tx: Transaction, group_id: str, wanted: MemberFilter, page: ListPage, contains: str
    ) -> Page[Member]:
        """Return a page of a group's members, by name; with `contains` in a name, if given."""
        parameters = {
            "group_id": group_id,
            "is_admin": RANK_OF_FILTER[wanted],
            "pattern": pattern_of(contains) if contains else ANYBODY,
        }
        rows = tx.execute(self.list, {**parameters, "start": page.start, "limit": page.size + 1}).all()
        count = self.count_matching if contains else self.count
        total = tx.execute(count, parameters).scalar_one() if page.with_count else None
        return Page([member_of(row) for row in rows[: page.size]], next_name(rows, page), total)


MEMBERS: Final = MemberLists("organization_member", "org_id")

# Index: organization_member(account_id). What the pattern does not let through is read and dropped.
LIST_ORGANIZATIONS = text(r"""
SELECT a.*, m.is_admin AS is_member_admin
  FROM organization_member m CROSS JOIN account a
 WHERE m.account_id = :account_id AND a.id = m.org_id AND a.name >= :start
   AND (LOWER(a.name) LIKE :pattern ESCAPE '\' OR LOWER(a.full_name) LIKE :pattern ESCAPE '\')
 ORDER BY a.name
 LIMIT :limit
""")

COUNT_ORGANIZATIONS = text(r"""
SELECT COUNT(*)
  FROM organization_member m CROSS JOIN account a
 WHERE m.account_id = :account_id AND a.id = m.org_id
   AND (LOWER(a.name) LIKE :pattern ESCAPE '\' OR LOWER(a.full_name) LIKE :pattern ESCAPE '\')
""")

# By primary key, one row for each organization.
FIND_RANKS = text("""
SELECT org_id, is_admin FROM organization_member WHERE org_id IN :ids AND account_id = :account_id
""").bindparams(list_of_texts("ids"))

LIST_MEMBER_IDS = text("SELECT account_id FROM organization_member WHERE org_id = :org_id")

# A rank that is NULL leaves that of a member as it is, and makes a plain member of somebody new.
PUT_MEMBER = text("""
INSERT INTO organization_member (org_id, account_id, is_admin, created_at)
VALUES (:org_id, :account_id, COALESCE(CAST(:is_admin AS BOOLEAN), FALSE), :now)
    ON CONFLICT (org_id, account_id) DO UPDATE
   SET is_admin = COALESCE(CAST(:is_admin AS BOOLEAN), organization_member.is_admin)
""")

REMOVE_MEMBER = text("""
DELETE FROM organization_member WHERE org_id = :org_id AND account_id = :account_id RETURNING is_admin
""")

# Index: team_member(account_id).
LEAVE_TEAMS = text("""
DELETE FROM team_member
 WHERE account_id = :account_id AND team_id IN (SELECT id FROM team WHERE org_id = :org_id)
""")

# Disabled owners cannot act, so they do not count.
COUNT_OTHER_OWNERS = text("""
SELECT COUNT(*)
  FROM organization_member m CROSS JOIN account a
 WHERE m.org_id = :org_id AND m.is_admin = TRUE AND m.account_id <> :account_id
   AND a.id = m.account_id AND a.is_active = TRUE
""")

RANK_OF_FILTER: Final[dict[MemberFilter, bool | None]] = {
    MemberFilter.ALL: None,
    MemberFilter.ADMINS: True,
    MemberFilter.NON_ADMINS: False,
}


def find_rank(tx: Transaction, org_id: str, account_id: str | None) -> bool | None:
    """Return whether a member owns the organization; None for who is no member."""
    is_admin = tx.execute(FIND_RANK, {"org_id": org_id, "account_id": account_id or ""}).scalar()
    return None if is_admin is None else bool(is_admin)


def find_ranks(tx: Transaction, org_ids: Iterable[str], account_id: str | None) -> dict[str, bool]:
    """Return whether a member owns each of some organizations; those that they do not belong to are left out."""
    rows = tx.execute(FIND_RANKS, {"ids": list(org_ids), "account_id": account_id or ""})
    return {row.org_id: bool(row.is_admin) for row in rows}


def list_members(
    tx: Transaction, org_id: str, wanted: MemberFilter, page: ListPage, contains: str = ""
) -> Page[Member]:
    """Return a page of an organization's members, by name; with `contains` in a name, if given."""
    return MEMBERS.page(tx, org_id, wanted, page, contains)


def list_organizations(
    tx: Transaction, account_id: str, page: ListPage, contains: str = ""
) -> Page[Membership]:
    """Return a page of the organizations that a user belongs to, by name; with `contains` in a name, if given."""
    parameters = {"account_id": account_id, "pattern": pattern_of(contains)}
    rows = tx.execute(LIST_ORGANIZATIONS, {**parameters, "start": page.start, "limit": page.size + 1}).all()
    total = tx.execute(COUNT_ORGANIZATIONS, parameters).scalar_one() if page.with_count else None
    found = [Membership(account_of(row), bool(row.is_member_admin)) for row in rows[: page.size]]
    return Page(found, next_name(rows, page), total)


def list_member_ids(tx: Transaction, org_id: str) -> list[str]:
    """Return the ids of all members of an organization."""
    return list(tx.execute(LIST_MEMBER_IDS, {"org_id": org_id}).scalars())


def put_member(
    tx: Transaction, org_id: str, account_id: str, now: datetime, *, is_admin: bool | None
) -> None:
    """Make somebody a member, or change their rank; None leaves the rank of a member as it is."""
    parameters = {"org_id": org_id, "account_id": account_id, "is_admin": is_admin, "now": to_micros(now)}
    tx.execute(PUT_MEMBER, parameters)


def remove_member(tx: Transaction, org_id: str, account_id: str) -> bool:
    """Take somebody out of an organization and all its teams; return False if they were not in it."""
    parameters = {"org_id": org_id, "account_id": account_id}
    tx.execute(LEAVE_TEAMS, parameters)
    return tx.execute(REMOVE_MEMBER, parameters).scalar() is not None


def has_other_owner(tx: Transaction, org_id: str, account_id: str) -> bool:
    """Tell whether somebody else owns the organization who can log in."""
    count: int = tx.execute(COUNT_OTHER_OWNERS, {"org_id": org_id, "account_id": account_id}).scalar_one()
    return count > 0


def member_of(row: Row[Any]) -> Member:
    """Return the member in a row that holds all columns of the account beside `is_member_admin`."""
    return Member(account_of(row), bool(row.is_member_admin))


def next_name(rows: Sequence[Row[Any]], page: ListPage) -> str | None:
    """Return where the next page begins, of rows that were read one further than the page."""
    name: str | None = rows[page.size].name if len(rows) > page.size else None
    return name
