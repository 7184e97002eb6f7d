"""The rows of the audit chain. Entries are added and pruned only while its head is locked."""

from typing import Any, Final

from sqlalchemy import Row, text

from dtr.features.events.model import Entry, EntryFilter, Head, Place
from dtr.features.events.store import ranges
from dtr.features.events.store.ranges import Range, Source
from dtr.plumbing.db import Transaction

ENTRIES: Final = Source("audit_entry", "at", "position")

READ_HEAD = text(
    "SELECT first_position, anchor_hash, last_position, last_hash, seal FROM audit_head WHERE id = 1"
)

# Changes nothing, but locks the row until the transaction ends: SQLite has no SELECT ... FOR UPDATE.
LOCK_HEAD = text("""
UPDATE audit_head SET last_position = last_position WHERE id = 1
RETURNING first_position, anchor_hash, last_position, last_hash, seal
""")

SET_HEAD = text("""
UPDATE audit_head
   SET first_position = :first_position, anchor_hash = :anchor_hash,
       last_position = :last_position, last_hash = :last_hash, seal = :seal
 WHERE id = 1
""")

INSERT = text("""
INSERT INTO audit_entry (position, at, name, actor_id, namespace, outcome, object_type, content, hash)
VALUES (:position, :at, :name, :actor_id, :namespace, :outcome, :object_type, :content, :hash)
""")

# Primary key.
IN_ORDER = text("SELECT * FROM audit_entry WHERE position > :after ORDER BY position LIMIT :limit")

# Primary key, backwards.
LAST = text("SELECT * FROM audit_entry ORDER BY position DESC LIMIT :limit")

# One statement, so that nothing is added between two looks.
BEYOND_HEAD = text("""
SELECT min(e.position) FROM audit_entry e WHERE e.position > (SELECT last_position FROM audit_head WHERE id = 1)
""")

DELETE_UP_TO = text("DELETE FROM audit_entry WHERE position <= :position")


def read_head(tx: Transaction) -> Head:
    """Return where the chain begins and ends."""
    return _head(tx.execute(READ_HEAD).one())


def lock_head(tx: Transaction) -> Head:
    """Return where the chain begins and ends, and let nobody else change that until the transaction ends."""
    return _head(tx.execute(LOCK_HEAD).one())


def set_head(tx: Transaction, head: Head) -> None:
    """Replace the head."""
    tx.execute(
        SET_HEAD,
        {
            "first_position": head.first_position,
            "anchor_hash": head.anchor_hash,
            "last_position": head.last_position,
            "last_hash": head.last_hash,
            "seal": head.seal,
        },
    )


def insert(tx: Transaction, entry: Entry) -> None:
    """Add an entry."""
    tx.execute(
        INSERT,
        {
            "position": entry.position,
            "at": entry.at,
            "name": entry.name,
            "actor_id": entry.actor_id,
            "namespace": entry.namespace,
            "outcome": entry.outcome,
            "object_type": entry.object_type,
            "content": entry.content,
            "hash": entry.hash,
        },
    )


def in_order(tx: Transaction, after: int, limit: int) -> list[Entry]:
    """Return the next `limit` entries after a position."""
    return [_entry(row) for row in tx.execute(IN_ORDER, {"after": after, "limit": limit})]


def last(tx: Transaction, limit: int) -> list[Entry]:
    """Return the last `limit` entries in the order of their positions."""
    return [_entry(row) for row in tx.execute(LAST, {"limit": limit})][::-1]


def first_beyond_head(tx: Transaction) -> int | None:
    """Return the position of the first entry that the head knows nothing of."""
    position: int | None = tx.execute(BEYOND_HEAD).scalar_one()
    return position


def delete_up_to(tx: Transaction, position: int) -> None:
    """Remove the beginning of the chain."""
    tx.execute(DELETE_UP_TO, {"position": position})


def everywhere(wanted: EntryFilter) -> list[Range]:
    """Return the range of all entries that are wanted. Each column has an index that goes on with at, position."""
    return [_range(wanted.columns)]


def of_actor(actor_id: str, wanted: EntryFilter) -> list[Range]:
    """Return the range of what an actor did, none if another actor is wanted."""
    if wanted.actor_id not in ("", actor_id):
        return []
    return [_range({"actor_id": actor_id, **wanted.columns})]


def in_namespace(namespace: str, wanted: EntryFilter) -> list[Range]:
    """Return the range of what concerns a namespace. Index: audit_entry(namespace, at, position)."""
    return [_range({"namespace": namespace, **wanted.columns})]


def page(
    tx: Transaction, found_in: list[Range], wanted: EntryFilter, place: Place, limit: int
) -> list[Entry]:
    """Return the newest `limit` entries in these ranges, from `place` on."""
    return [_entry(row) for row in ranges.page(tx, ENTRIES, found_in, wanted.period.window(place), limit)]


def count(tx: Transaction, found_in: list[Range], wanted: EntryFilter, most: int) -> int:
    """Return how many entries these ranges hold; `most` if there are as many or more."""
    return ranges.count(tx, ENTRIES, found_in, wanted.period.window(), most)


def _range(columns: dict[str, str]) -> Range:
    """Return the range where the first of the columns, which has an index, narrows down the most."""
    first = dict(list(columns.items())[:1])
    return Range(first, {column: value for column, value in columns.items() if column not in first})


def _head(row: Row[Any]) -> Head:
    return Head(row.first_position, row.anchor_hash, row.last_position, row.last_hash, row.seal)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        position=row.position,
        at=row.at,
        name=row.name,
        actor_id=row.actor_id,
        namespace=row.namespace,
        outcome=row.outcome,
        object_type=row.object_type,
        content=row.content,
        hash=row.hash,
    )
