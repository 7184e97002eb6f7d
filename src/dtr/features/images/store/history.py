"""The history of tags: one row for each move."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, to_micros
from dtr.features.images.model import Cause, Change, HistoryEntry, TagMove
from dtr.plumbing.db import Transaction

MOVES_KEPT = 100
"""Moves that are remembered of one tag; older ones are forgotten."""

RECORD = text(
    """
    INSERT INTO tag_history (repository_id, name, digest, previous_digest, at, actor_id, actor_name, cause)
    VALUES (:repository_id, :name, :digest, :previous_digest, :at, :actor_id, :actor_name, :cause)
    """
)

FORGET_OLDEST = text(
    """
    -- Of one tag all but the newest. Index: tag_history(repository_id, name, id).
    DELETE FROM tag_history
     WHERE repository_id = :repository_id AND name = :name
       AND id <= (SELECT id FROM tag_history
                   WHERE repository_id = :repository_id AND name = :name
                   ORDER BY id DESC LIMIT 1 OFFSET :kept)
    """
)

FORGET_BEFORE = text(
    """
    -- A bounded piece of what is too old, of all repositories. Index: tag_history(at).
    DELETE FROM tag_history
     WHERE id IN (SELECT id FROM tag_history WHERE at < :before ORDER BY at LIMIT :limit)
    """
)

MOVES_FROM = text(
    """
    -- Keyset page, newest first. Index: tag_history(repository_id, name, id).
    SELECT id, name, digest, previous_digest, at, actor_id, actor_name, cause
      FROM tag_history
     WHERE repository_id = :repository_id AND name = :name AND id <= :start
     ORDER BY id DESC LIMIT :limit
    """
)

COUNT_MOVES = text("SELECT COUNT(*) FROM tag_history WHERE repository_id = :repository_id AND name = :name")

EVER_NAMED = text(
    """
    -- Index: tag_history(repository_id, name, id); of a tag there are few rows.
    SELECT 1 FROM tag_history
     WHERE repository_id = :repository_id AND name = :name AND (digest = :digest OR previous_digest = :digest)
     LIMIT 1
    """
)

# Deletions that nothing followed, of tags whose manifest is still there. The LIMITs keep PostgreSQL from joining with
# all of the other tables: each is probed by an index.
DELETED = """
      FROM tag_history h
     WHERE h.repository_id = :repository_id AND h.digest IS NULL AND h.name >= :start AND h.at >= :since
       AND (SELECT 1 FROM tag_history n
             WHERE n.repository_id = h.repository_id AND n.name = h.name AND n.id > h.id LIMIT 1) IS NULL
       AND (SELECT 1 FROM tag t WHERE t.repository_id = h.repository_id AND t.name = h.name LIMIT 1) IS NULL
       AND (SELECT 1 FROM manifest m
             WHERE m.repository_id = h.repository_id AND m.digest = h.previous_digest LIMIT 1) = 1
    """

DELETED_FROM = text(
    f"""
    -- Keyset page in byte order. Indexes: ix_tag_history_deletions, which holds deletions only; primary keys.
    SELECT h.id, h.name, h.digest, h.previous_digest, h.at, h.actor_id, h.actor_name, h.cause
    {DELETED}
     ORDER BY h.name LIMIT :limit
    """
)

COUNT_DELETED = text(f"SELECT COUNT(*) {DELETED}")


def record(tx: Transaction, change: Change, moves: Sequence[TagMove]) -> None:
    """Remember moves, and forget the oldest ones of the same tags."""
    if not moves:
        return
    common = {
        "repository_id": change.repository.id,
        "at": to_micros(change.at),
        "actor_id": change.caller.principal.account_id or "",
        "actor_name": change.actor,
        "cause": change.cause.value,
    }
    tx.execute(
        RECORD,
        [
            {**common, "name": each.name, "digest": each.digest, "previous_digest": each.previous_digest}
            for each in moves
        ],
    )
    # A tag that comes into being has as few rows as when it went: nothing to forget.
    full = [each.name for each in moves if each.previous_digest is not None]
    if full:
        place = {"repository_id": change.repository.id, "kept": MOVES_KEPT}
        tx.execute(FORGET_OLDEST, [{**place, "name": name} for name in full])


def forget_before(tx: Transaction, before: int, limit: int) -> int:
    """Forget up to `limit` moves before a moment (microseconds); return how many there were."""
    return tx.execute(FORGET_BEFORE, {"before": before, "limit": limit}).rowcount


def moves_from(tx: Transaction, repository_id: int, name: str, start: int, limit: int) -> list[HistoryEntry]:
    """Return up to `limit` moves of a tag, newest first, from the number `start` on down."""
    values = {"repository_id": repository_id, "name": name, "start": start, "limit": limit}
    return [_entry(row) for row in tx.execute(MOVES_FROM, values)]


def count_moves(tx: Transaction, repository_id: int, name: str) -> int:
    """Return how many moves of a tag are remembered."""
    return int(tx.execute(COUNT_MOVES, {"repository_id": repository_id, "name": name}).scalar_one())


def ever_named(tx: Transaction, repository_id: int, name: str, digest: str) -> bool:
    """Tell whether a tag is known to have named a manifest once."""
    values = {"repository_id": repository_id, "name": name, "digest": digest}
    return tx.execute(EVER_NAMED, values).first() is not None


def deleted_from(
    tx: Transaction, repository_id: int, start: str, since: int, limit: int
) -> list[HistoryEntry]:
    """Return up to `limit` deletions since a moment (microseconds) that can be undone, by name from `start` on."""
    values = {"repository_id": repository_id, "start": start, "since": since, "limit": limit}
    return [_entry(row) for row in tx.execute(DELETED_FROM, values)]


def count_deleted(tx: Transaction, repository_id: int, since: int) -> int:
    """Return how many deletions since a moment (microseconds) can be undone."""
    values = {"repository_id": repository_id, "start": "", "since": since}
    return int(tx.execute(COUNT_DELETED, values).scalar_one())


def _entry(row: Row[Any]) -> HistoryEntry:
    return HistoryEntry(
        id=row.id,
        name=row.name,
        digest=row.digest,
        previous_digest=row.previous_digest,
        at=from_micros(row.at),
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        cause=Cause(row.cause),
    )
