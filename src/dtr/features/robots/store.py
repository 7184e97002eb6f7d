"""The rows of robots."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, from_micros_if_any, to_micros
from dtr.core.paging import ListPage, Page
from dtr.core.permits import permits_as_text, permits_from_text
from dtr.features.robots.model import Robot, SecretSlots
from dtr.plumbing.db import Transaction

# One row by the unique index on name, or by primary key: no name looks like an id.
FIND = text("SELECT * FROM robot WHERE name = :name OR id = :name")

# One row by the unique index on name.
IS_CLOSED = text("SELECT name FROM account WHERE name = :namespace AND is_active = FALSE")

# Index: robot(namespace, name).
IDS_OF_NAMESPACE = text("""
SELECT id FROM robot WHERE namespace = (SELECT name FROM account WHERE id = :account_id)
""")

# Changes nothing, but nobody else changes the robot until the transaction ends: SQLite has no SELECT ... FOR UPDATE.
LOCK = text("UPDATE robot SET name = name WHERE name = :name OR id = :name RETURNING *")

# Returns no row when the name is taken.
INSERT = text("""
INSERT INTO robot (id, name, namespace, description, permits, is_active, created_at, created_by, expires_at,
                   secret_hash, secret_set_at)
VALUES (:id, :name, :namespace, :description, :permits, :is_active, :created_at, :created_by, :expires_at,
        :secret_hash, :secret_set_at)
    ON CONFLICT (name) DO NOTHING
RETURNING *
""")

CHANGE = text("""
UPDATE robot
   SET description = :description, permits = :permits, is_active = :is_active, expires_at = :expires_at
 WHERE id = :id
RETURNING *
""")

# What is the present secret becomes the previous one, unless that ends at once.
ROTATE = text("""
UPDATE robot
   SET previous_secret_hash = CASE WHEN :previous_expires_at > :now THEN secret_hash END,
       previous_secret_expires_at = CASE WHEN :previous_expires_at > :now
                                         THEN CAST(:previous_expires_at AS BIGINT) END,
       secret_hash = :secret_hash,
       secret_set_at = :now
 WHERE id = :id
RETURNING *
""")

NOTE_USE = text("UPDATE robot SET last_used_at = :now, last_used_address = :address WHERE id = :id")

DELETE = text("DELETE FROM robot WHERE id = :id")

# Index: robot(namespace, name).
DELETE_OF_NAMESPACE = text("DELETE FROM robot WHERE namespace = :namespace RETURNING *")

# Index: robot(namespace, name).
LIST_OF_NAMESPACE = text("""
SELECT * FROM robot WHERE namespace = :namespace AND name >= :start ORDER BY name LIMIT :limit
""")
COUNT_OF_NAMESPACE = text("SELECT COUNT(*) FROM robot WHERE namespace = :namespace")

# The unique index on name.
LIST_ALL = text("SELECT * FROM robot WHERE name >= :start ORDER BY name LIMIT :limit")
COUNT_ALL = text("SELECT COUNT(*) FROM robot")


def find(tx: Transaction, name_or_id: str) -> tuple[Robot, SecretSlots] | None:
    """Return a robot and the hashes of its secrets."""
    row = tx.execute(FIND, {"name": name_or_id}).one_or_none()
    return None if row is None else (_robot(row), _slots(row))


def find_login(tx: Transaction, name_or_id: str) -> tuple[Robot, SecretSlots] | None:
    """Return a robot as it may log in now: disabled as well while the user is whose namespace it belongs to."""
    found = find(tx, name_or_id)
    if found is None or not is_closed(tx, found[0].namespace):
        return found
    return replace(found[0], is_active=False), found[1]


def is_closed(tx: Transaction, namespace: str) -> bool:
    """Tell whether the account of a namespace is disabled. The registry itself (empty) never is."""
    return tx.execute(IS_CLOSED, {"namespace": namespace}).first() is not None


def ids_of_account(tx: Transaction, account_id: str) -> list[str]:
    """Return the ids of the robots in the namespace of an account."""
    return list(tx.execute(IDS_OF_NAMESPACE, {"account_id": account_id}).scalars())


def lock(tx: Transaction, name_or_id: str) -> Robot | None:
    """Return a robot, and let nobody else change it meanwhile."""
    row = tx.execute(LOCK, {"name": name_or_id}).one_or_none()
    return None if row is None else _robot(row)


def insert(tx: Transaction, robot: Robot, secret_hash: str) -> Robot | None:
    """Add a robot; None if its name is taken."""
    parameters = {
        **_changeable(robot),
        "name": robot.name,
        "namespace": robot.namespace,
        "created_at": to_micros(robot.created_at),
        "created_by": robot.created_by,
        "secret_hash": secret_hash,
        "secret_set_at": to_micros(robot.secret_set_at),
    }
    row = tx.execute(INSERT, parameters).one_or_none()
    return None if row is None else _robot(row)


def count(tx: Transaction, namespace: str) -> int:
    """Return how many robots a namespace has, or the registry itself (empty)."""
    number: int = tx.execute(COUNT_OF_NAMESPACE, {"namespace": namespace}).scalar_one()
    return number


def change(tx: Transaction, robot: Robot) -> Robot:
    """Store the description, permits, activity and expiry of a robot that exists."""
    return _robot(tx.execute(CHANGE, _changeable(robot)).one())


def rotate(
    tx: Transaction, robot_id: str, secret_hash: str, now: datetime, previous_expires_at: datetime
) -> Robot:
    """Set a new secret; the one before counts until a moment, and the one before that no more."""
    parameters = {
        "id": robot_id,
        "secret_hash": secret_hash,
        "now": to_micros(now),
        "previous_expires_at": to_micros(previous_expires_at),
    }
    return _robot(tx.execute(ROTATE, parameters).one())


def note_use(tx: Transaction, robot_id: str, now: datetime, address: str) -> None:
    """Record that a robot logged in."""
    tx.execute(NOTE_USE, {"id": robot_id, "now": to_micros(now), "address": address})


def delete(tx: Transaction, robot_id: str) -> None:
    """Drop a robot."""
    tx.execute(DELETE, {"id": robot_id})


def delete_of_namespace(tx: Transaction, namespace: str) -> list[Robot]:
    """Drop the robots of a namespace; return them."""
    rows = tx.execute(DELETE_OF_NAMESPACE, {"namespace": namespace})
    return sorted(map(_robot, rows), key=lambda each: each.name)


def list_page(tx: Transaction, namespace: str | None, page: ListPage) -> Page[Robot]:
    """Return a page of robots, ordered by name: of a namespace, of the registry itself (empty), or all (None)."""
    scope = {} if namespace is None else {"namespace": namespace}
    statement = LIST_ALL if namespace is None else LIST_OF_NAMESPACE
    rows = tx.execute(statement, {**scope, "start": page.start, "limit": page.size + 1})
    robots = [_robot(row) for row in rows]
    more = robots[page.size].name if len(robots) > page.size else None
    total = None
    if page.with_count:
        total = tx.execute(COUNT_ALL if namespace is None else COUNT_OF_NAMESPACE, scope).scalar_one()
    return Page(robots[: page.size], more, total)


def _changeable(robot: Robot) -> dict[str, object]:
    return {
        "id": robot.id,
        "description": robot.description,
        "permits": permits_as_text(robot.permits),
        "is_active": robot.is_active,
        "expires_at": None if robot.expires_at is None else to_micros(robot.expires_at),
    }


def _robot(row: Row[Any]) -> Robot:
    return Robot(
        id=row.id,
        name=row.name,
        namespace=row.namespace,
        description=row.description,
        permits=permits_from_text(row.permits),
        is_active=bool(row.is_active),
        created_at=from_micros(row.created_at),
        created_by=row.created_by,
        expires_at=from_micros_if_any(row.expires_at),
        secret_set_at=from_micros(row.secret_set_at),
        previous_secret_expires_at=from_micros_if_any(row.previous_secret_expires_at),
        last_used_at=from_micros_if_any(row.last_used_at),
        last_used_address=row.last_used_address,
    )


def _slots(row: Row[Any]) -> SecretSlots:
    return SecretSlots(
        row.secret_hash, row.previous_secret_hash, from_micros_if_any(row.previous_secret_expires_at)
    )
