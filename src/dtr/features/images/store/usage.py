"""What the stored blobs take, repository by repository, and its course over the days."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import text

from dtr.features.images.model.usage import Snapshot
from dtr.features.repositories.model import HeldSize
from dtr.plumbing.db import Transaction, list_of_numbers

# Reads every link twice: once by the index on digest, to see who else holds a blob, and once for the sums.
# One row for each repository that holds anything.
BY_REPOSITORY = text("""
WITH held AS (
    SELECT l.digest, COUNT(*) AS links, MIN(l.repository_id) AS first_id,
           CASE WHEN MIN(r.namespace) = MAX(r.namespace) THEN 1 ELSE 0 END AS is_sole
      FROM blob_link l JOIN repository r ON r.id = l.repository_id
     GROUP BY l.digest
)
SELECT r.path, r.namespace, COUNT(*) AS blobs, SUM(b.size_bytes) AS logical_bytes,
       SUM(CASE WHEN h.links = 1 THEN b.size_bytes ELSE 0 END) AS unique_bytes,
       SUM(CASE WHEN l.repository_id = h.first_id THEN b.size_bytes ELSE 0 END) AS first_bytes,
       SUM(CASE WHEN l.repository_id = h.first_id AND h.is_sole = 1 THEN b.size_bytes ELSE 0 END) AS sole_bytes
  FROM blob_link l
  JOIN held h       ON h.digest = l.digest
  JOIN blob b       ON b.digest = l.digest
  JOIN repository r ON r.id = l.repository_id
 GROUP BY r.id, r.path, r.namespace
""")

# At most :most links of each repository are read, by the primary key of blob_link: nothing bounds how many it has.
HELD = text("""
SELECT r.id,
       (SELECT SUM(s.size_bytes)
          FROM (SELECT b.size_bytes FROM blob_link l JOIN blob b ON b.digest = l.digest
                 WHERE l.repository_id = r.id LIMIT :most) s) AS size_bytes,
       (SELECT COUNT(*)
          FROM (SELECT 1 FROM blob_link l WHERE l.repository_id = r.id LIMIT :most + 1) s) AS links
  FROM repository r
 WHERE r.id IN :ids
""").bindparams(list_of_numbers("ids"))

HAS_SNAPSHOT = text("SELECT 1 FROM storage_snapshot WHERE day = :day")

ADD_SNAPSHOT = text("""
INSERT INTO storage_snapshot (day, size_bytes, blobs) VALUES (:day, :size_bytes, :blobs)
    ON CONFLICT (day) DO NOTHING
""")

# Primary key.
SNAPSHOTS = text("SELECT day, size_bytes, blobs FROM storage_snapshot WHERE day >= :since ORDER BY day")


class Holding(NamedTuple):
    """What a repository holds, in bytes. A blob that several hold counts for the first of them as well."""

    path: str
    namespace: str
    blobs: int
    logical_bytes: int
    unique_bytes: int
    """Of blobs that no other repository holds."""
    first_bytes: int
    """Of blobs that this repository is the first to hold: over all repositories, each linked blob once."""
    sole_bytes: int
    """The part of those that no other namespace holds."""


def holdings(tx: Transaction) -> list[Holding]:
    """Return what each repository holds, in no order; without those that hold nothing."""
    # PostgreSQL gives sums as decimal numbers.
    return [Holding(row[0], row[1], *map(int, row[2:])) for row in tx.execute(BY_REPOSITORY)]


def held_sizes(tx: Transaction, repository_ids: Sequence[int], most: int) -> dict[int, HeldSize]:
    """Return what the blobs of each repository take, by its id; of at most `most` blobs each."""
    rows = tx.execute(HELD, {"ids": list(repository_ids), "most": most}) if repository_ids else ()
    return {row.id: HeldSize(int(row.size_bytes or 0), row.links > most) for row in rows}


def has_snapshot(tx: Transaction, day: date) -> bool:
    """Tell whether there is a snapshot of a day."""
    return tx.execute(HAS_SNAPSHOT, {"day": day.isoformat()}).first() is not None


def add_snapshot(tx: Transaction, snapshot: Snapshot) -> None:
    """Keep the snapshot of a day, unless there is one already."""
    values = {"day": snapshot.day.isoformat(), "size_bytes": snapshot.size_bytes, "blobs": snapshot.blobs}
    tx.execute(ADD_SNAPSHOT, values)


def snapshots(tx: Transaction, since: date) -> list[Snapshot]:
    """Return one snapshot a day, oldest first; days without any are left out."""
    rows = tx.execute(SNAPSHOTS, {"since": since.isoformat()})
    return [Snapshot(date.fromisoformat(row.day), row.size_bytes, row.blobs) for row in rows]
