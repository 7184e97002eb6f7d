"""Accounts, organizations, teams and what they were granted, as rows."""

from datetime import UTC, datetime

from sqlalchemy import insert

from dtr.core.clock import to_micros
from dtr.core.ids import new_id
from dtr.core.principal import Principal
from dtr.features.accounts.store import tables as accounts
from dtr.features.repositories.store import tables as repositories
from dtr.plumbing.db import Transaction

NOW = to_micros(datetime(2030, 1, 1, tzinfo=UTC))


def user_row(tx: Transaction, name: str, *, is_admin: bool = False, is_auditor: bool = False) -> Principal:
    """Make a user; return them as a caller."""
    id_ = new_id()
    values = {"id": id_, "name": name, "password_hash": "", "created_at": NOW}
    tx.execute(insert(accounts.account_table), {**values, "is_admin": is_admin, "is_auditor": is_auditor})
    return Principal(id_, name, is_admin=is_admin, is_auditor=is_auditor)


def organization_row(
    tx: Transaction, name: str, *owners: Principal, members: tuple[Principal, ...] = ()
) -> str:
    """Make an organization; return its id."""
    id_ = new_id()
    values = {"id": id_, "name": name, "password_hash": "", "created_at": NOW, "is_org": True}
    tx.execute(insert(accounts.account_table), values)
    for each in (*owners, *members):
        row = {"org_id": id_, "account_id": each.account_id, "is_admin": each in owners, "created_at": NOW}
        tx.execute(insert(accounts.organization_member_table), row)
    return id_


def team_row(tx: Transaction, org_id: str, name: str, *members: Principal) -> str:
    """Make a team; return its id."""
    id_ = new_id()
    tx.execute(insert(accounts.team_table), {"id": id_, "org_id": org_id, "name": name, "created_at": NOW})
    for each in members:
        row = {"team_id": id_, "account_id": each.account_id, "created_at": NOW}
        tx.execute(insert(accounts.team_member_table), row)
    return id_


def grant_namespace(tx: Transaction, team_id: str, level: str) -> None:
    """Give a team a level on the whole namespace of its organization."""
    tx.execute(insert(repositories.namespace_team_access_table), {"team_id": team_id, "level": level})


def grant_to_team(tx: Transaction, team_id: str, repository_id: int, level: str = "read-only") -> None:
    """Give a team a level on one repository."""
    row = {"team_id": team_id, "repository_id": repository_id, "level": level}
    tx.execute(insert(repositories.repository_team_access_table), row)


def grant_to_user(
    tx: Transaction, principal: Principal, repository_id: int, level: str = "read-only"
) -> None:
    """Give a user a level on one repository."""
    row = {"account_id": principal.account_id, "repository_id": repository_id, "level": level}
    tx.execute(insert(repositories.repository_user_access_table), row)
