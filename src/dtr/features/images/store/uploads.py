"""Upload sessions. All writes here are bookkeeping: the bytes themselves decide what an upload holds."""

from typing import Any

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, to_micros
from dtr.features.images.model import UploadSession
from dtr.plumbing.db import Transaction

CREATE = text(
    """
    -- Counts as far as it must and no further. Index: upload(repository).
    INSERT INTO upload (id, repository, algorithm, hashed_bytes, started_at, touched_at)
    SELECT :id, :repository, :algorithm, 0, :now, :now
     WHERE (SELECT COUNT(*)
              FROM (SELECT 1 FROM upload WHERE repository = :repository LIMIT :most) AS open) < :most
    """
)

FIND = text(
    """
    SELECT id, repository, algorithm, hashed_bytes, digest_so_far, touched_at
      FROM upload WHERE id = :id AND repository = :repository
    """
)

CLAIM = text(
    """
    -- One writer at a time: succeeds only when nobody holds an unexpired lease.
    UPDATE upload SET writer = :writer, writer_until = :until, touched_at = :now
     WHERE id = :id AND repository = :repository AND (writer IS NULL OR writer_until < :now)
    RETURNING id, repository, algorithm, hashed_bytes, digest_so_far, touched_at
    """
)

RENEW = text("UPDATE upload SET writer_until = :until, touched_at = :now WHERE id = :id AND writer = :writer")

RELEASE = text(
    """
    UPDATE upload
       SET writer = NULL, writer_until = NULL, touched_at = :now,
           hashed_bytes = :hashed_bytes, digest_so_far = :digest_so_far
     WHERE id = :id AND writer = :writer
    """
)

RELEASE_ALL_OF = text("UPDATE upload SET writer = NULL, writer_until = NULL WHERE writer LIKE :prefix")

DELETE = text("DELETE FROM upload WHERE id = :id")

DELETE_ALL_OF = text(
    """
    -- Index: upload(repository). What is stored of them is removed as uploads without a session are.
    DELETE FROM upload WHERE repository = :repository
    """
)

DELETE_UNCLAIMED = text(
    """
    DELETE FROM upload
     WHERE id = :id AND repository = :repository AND (writer IS NULL OR writer_until < :now)
    """
)

DELETE_IDLE = text(
    """
    -- Asks again when it deletes: a session that was continued meanwhile stays. Index: upload(touched_at).
    DELETE FROM upload
     WHERE id IN (SELECT id FROM upload
                   WHERE touched_at < :before AND (writer IS NULL OR writer_until < :now)
                   ORDER BY touched_at LIMIT :limit)
       AND touched_at < :before AND (writer IS NULL OR writer_until < :now)
    RETURNING id
    """
)

EXISTS = text("SELECT 1 FROM upload WHERE id = :id")


def create(tx: Transaction, session: UploadSession, *, most: int) -> bool:
    """Begin a session unless its repository has `most` already; return whether that was done.

    On PostgreSQL, transactions that begin sessions at once do not see each other's: a few more may come to be.
    """
    values = {
        "id": session.id,
        "repository": session.repository,
        "algorithm": session.algorithm,
        "now": to_micros(session.touched_at),
        "most": most,
    }
    return tx.execute(CREATE, values).rowcount > 0


def find(tx: Transaction, upload_id: str, repository: str) -> UploadSession | None:
    """Find a session of a repository. Its `received_bytes` is 0: the store knows the real number."""
    row = tx.execute(FIND, {"id": upload_id, "repository": repository}).one_or_none()
    return None if row is None else _session(row)


def claim(  # noqa: PLR0913 - one lease, spelled out
    tx: Transaction, upload_id: str, repository: str, *, writer: str, now: int, until: int
) -> UploadSession | None:
    """Take the writer's lease until the moment `until`; `None` when another writer holds it or there is no session."""
    values = {"id": upload_id, "repository": repository, "writer": writer, "now": now, "until": until}
    row = tx.execute(CLAIM, values).one_or_none()
    return None if row is None else _session(row)


def renew(tx: Transaction, upload_id: str, *, writer: str, now: int, until: int) -> bool:
    """Keep the lease until the moment `until`; return whether it was still held."""
    return tx.execute(RENEW, {"id": upload_id, "writer": writer, "now": now, "until": until}).rowcount > 0


def release(  # noqa: PLR0913 - one lease, spelled out
    tx: Transaction, upload_id: str, *, writer: str, now: int, hashed_bytes: int, digest_so_far: str | None
) -> None:
    """Give the lease back and note the digest of the first `hashed_bytes` bytes."""
    values = {
        "id": upload_id,
        "writer": writer,
        "now": now,
        "hashed_bytes": hashed_bytes,
        "digest_so_far": digest_so_far,
    }
    tx.execute(RELEASE, values)


def release_all_of(tx: Transaction, writer_prefix: str) -> None:
    """Give back all leases of a process that is known to be dead."""
    tx.execute(RELEASE_ALL_OF, {"prefix": writer_prefix + "%"})


def delete(tx: Transaction, upload_id: str) -> None:
    """End a session whose lease the caller holds."""
    tx.execute(DELETE, {"id": upload_id})


def delete_all_of(tx: Transaction, repository: str) -> None:
    """End every session of a repository, also those that are written to: their next step finds none."""
    tx.execute(DELETE_ALL_OF, {"repository": repository})


def delete_unclaimed(tx: Transaction, upload_id: str, repository: str, now: int) -> bool:
    """End a session that nobody writes to; return whether that was done."""
    values = {"id": upload_id, "repository": repository, "now": now}
    return tx.execute(DELETE_UNCLAIMED, values).rowcount > 0


def delete_idle(tx: Transaction, *, before: int, now: int, limit: int) -> list[str]:
    """End up to `limit` sessions untouched since `before`; return their ids."""
    return list(tx.execute(DELETE_IDLE, {"before": before, "now": now, "limit": limit}).scalars())


def exists(tx: Transaction, upload_id: str) -> bool:
    """Tell whether there is such a session, in whatever repository."""
    return tx.execute(EXISTS, {"id": upload_id}).first() is not None


def _session(row: Row[Any]) -> UploadSession:
    return UploadSession(
        id=row.id,
        repository=row.repository,
        algorithm=row.algorithm,
        received_bytes=0,
        hashed_bytes=row.hashed_bytes,
        digest_so_far=row.digest_so_far,
        touched_at=from_micros(row.touched_at),
    )
