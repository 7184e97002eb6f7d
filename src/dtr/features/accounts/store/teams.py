"""The rows of teams and their members."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, to_micros
from dtr.core.paging import ListPage, Page
from dtr.features.accounts.model.accounts import is_id
from dtr.features.accounts.model.organizations import Member, MemberFilter, Team, TeamChanges, TeamMembership
from dtr.features.accounts.store.organizations import MemberLists, next_name
from dtr.plumbing.db import Transaction

# One row by primary key, or by the unique index on org_id and name.
FIND_BY_ID = text("""
SELECT t.*, (SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id) AS members
  FROM team t
 WHERE t.id = :id AND t.org_id = :org_id
""")
FIND = text("""
SELECT t.*, (SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id) AS members
  FROM team t
 WHERE t.org_id = :org_id AND t.name = :name
""")

# Keyset page on the unique index on org_id and name.
LIST = text("""
SELECT t.*, (SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id) AS members
  FROM team t
 WHERE t.org_id = :org_id AND t.name >= :start
 ORDER BY t.name
 LIMIT :limit
""")

COUNT = text("SELECT COUNT(*) FROM team WHERE org_id = :org_id")

# Returns no row when the organization has a team of the name.
INSERT = text("""
INSERT INTO team (id, org_id, name, description, created_at)
VALUES (:id, :org_id, :name, :description, :created_at)
    ON CONFLICT (org_id, name) DO NOTHING
RETURNING id
""")

# A parameter that is NULL leaves its column as it is.
CHANGE = text("""
UPDATE team SET name = COALESCE(:name, name), description = COALESCE(:description, description)
 WHERE id = :id
""")

DELETE = text("DELETE FROM team WHERE id = :id")

FIND_RANK = text("SELECT is_admin FROM team_member WHERE team_id = :team_id AND account_id = :account_id")

MEMBERS: Final = MemberLists("team_member", "team_id")

LIST_MEMBER_IDS = text("SELECT account_id FROM team_member WHERE team_id = :team_id")

# Index: team_member(account_id).
LIST_TEAMS_OF = text("""
SELECT t.*, m.is_admin AS is_member_admin,
       (SELECT COUNT(*) FROM team_member o WHERE o.team_id = t.id) AS members
  FROM team_member m CROSS JOIN team t
 WHERE m.account_id = :account_id AND t.id = m.team_id AND t.org_id = :org_id AND t.name >= :start
 ORDER BY t.name
 LIMIT :limit
""")

COUNT_TEAMS_OF = text("""
SELECT COUNT(*)
  FROM team_member m CROSS JOIN team t
 WHERE m.account_id = :account_id AND t.id = m.team_id AND t.org_id = :org_id
""")

# A rank that is NULL leaves that of a member as it is, and makes a plain member of somebody new.
PUT_MEMBER = text("""
INSERT INTO team_member (team_id, account_id, is_admin, created_at)
VALUES (:team_id, :account_id, COALESCE(CAST(:is_admin AS BOOLEAN), FALSE), :now)
    ON CONFLICT (team_id, account_id) DO UPDATE
   SET is_admin = COALESCE(CAST(:is_admin AS BOOLEAN), team_member.is_admin)
""")

REMOVE_MEMBER = text("""
DELETE FROM team_member WHERE team_id = :team_id AND account_id = :account_id RETURNING is_admin
""")


def find_by_ref(tx: Transaction, org_id: str, ref: str) -> Team | None:
    """Return the team of an organization that has this name, in any case, or this id."""
    if is_id(ref):
        row = tx.execute(FIND_BY_ID, {"id": ref, "org_id": org_id}).one_or_none()
    elif ref.isascii() and ref.isprintable():
        row = tx.execute(FIND, {"org_id": org_id, "name": ref.lower()}).one_or_none()
    else:
        row = None
    return None if row is None else team_of(row)


def list_page(tx: Transaction, org_id: str, page: ListPage) -> Page[Team]:
    """Return a page of an organization's teams, by name."""
    parameters = {"org_id": org_id, "start": page.start, "limit": page.size + 1}
    rows = tx.execute(LIST, parameters).all()
    total = tx.execute(COUNT, parameters).scalar_one() if page.with_count else None
    return Page([team_of(row) for row in rows[: page.size]], next_name(rows, page), total)


def insert(tx: Transaction, team: Team) -> bool:
    """Add a team; return False if the organization has one of the name."""
    parameters = {
        "id": team.id,
        "org_id": team.org_id,
        "name": team.name,
        "description": team.description,
        "created_at": to_micros(team.created_at),
    }
    return tx.execute(INSERT, parameters).scalar() is not None


def change(tx: Transaction, team_id: str, changes: TeamChanges) -> None:
    """Set what `changes` names. The name must be free."""
    tx.execute(CHANGE, {"id": team_id, "name": changes.name, "description": changes.description})


def delete(tx: Transaction, team_id: str) -> None:
    """Remove a team with its memberships and grants."""
    tx.execute(DELETE, {"id": team_id})


def find_rank(tx: Transaction, team_id: str, account_id: str | None) -> bool | None:
    """Return whether a member may manage the team's members; None for who is no member."""
    is_admin = tx.execute(FIND_RANK, {"team_id": team_id, "account_id": account_id or ""}).scalar()
    return None if is_admin is None else bool(is_admin)


def list_members(
    tx: Transaction, team_id: str, wanted: MemberFilter, page: ListPage, contains: str = ""
) -> Page[Member]:
    """Return a page of a team's members, by name; with `contains` in a name, if given."""
    return MEMBERS.page(tx, team_id, wanted, page, contains)


def list_member_ids(tx: Transaction, team_id: str) -> list[str]:
    """Return the ids of all members of a team."""
    return list(tx.execute(LIST_MEMBER_IDS, {"team_id": team_id}).scalars())


def list_teams_of(tx: Transaction, org_id: str, account_id: str, page: ListPage) -> Page[TeamMembership]:
    """Return a page of the teams of an organization that a user is in, by name."""
    parameters = {
        "org_id": org_id,
        "account_id": account_id,
        "start": page.start,
        "limit": page.size + 1,
    }
    rows = tx.execute(LIST_TEAMS_OF, parameters).all()
    total = tx.execute(COUNT_TEAMS_OF, parameters).scalar_one() if page.with_count else None
    found = [TeamMembership(team_of(row), bool(row.is_member_admin)) for row in rows[: page.size]]
    return Page(found, next_name(rows, page), total)


def put_member(
    tx: Transaction, team_id: str, account_id: str, now: datetime, *, is_admin: bool | None
) -> None:
    """Put somebody into a team, or change their rank; None leaves the rank of a member as it is."""
    parameters = {"team_id": team_id, "account_id": account_id, "is_admin": is_admin, "now": to_micros(now)}
    tx.execute(PUT_MEMBER, parameters)


def remove_member(tx: Transaction, team_id: str, account_id: str) -> bool:
    """Take somebody out of a team; return False if they were not in it."""
    return tx.execute(REMOVE_MEMBER, {"team_id": team_id, "account_id": account_id}).scalar() is not None


def team_of(row: Row[Any]) -> Team:
    """Return the team in a row that holds all columns of its table beside the number of `members`."""
    return Team(
        id=row.id,
        org_id=row.org_id,
        name=row.name,
        description=row.description,
        created_at=from_micros(row.created_at),
        members_count=row.members,
    )
