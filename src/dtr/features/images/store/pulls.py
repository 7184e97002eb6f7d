"""Numbers of pulls, written in batches."""

from collections.abc import Iterable

from sqlalchemy import text

from dtr.plumbing.db import Transaction, list_of_numbers

COUNT_PULLS = text(
    """
    -- Counts arrive in batches and late, so an older moment must not overwrite a newer one.
    UPDATE manifest
       SET pulls = pulls + :pulls,
           last_pulled_at = CASE WHEN last_pulled_at > :last_pulled_at THEN last_pulled_at ELSE :last_pulled_at END
     WHERE repository_id = :repository_id AND digest = :digest
    """
)

PATHS = text("SELECT id, path FROM repository WHERE id IN :ids").bindparams(list_of_numbers("ids"))


def count_pulls(tx: Transaction, pulls: Iterable[tuple[int, str, int, int]]) -> None:
    """Add pulls that were counted in memory: repository id, digest, number, time of the last (microseconds)."""
    values = [
        {"repository_id": repository_id, "digest": digest, "pulls": number, "last_pulled_at": last}
        for repository_id, digest, number, last in pulls
    ]
    if values:
        tx.execute(COUNT_PULLS, values)


def paths(tx: Transaction, repository_ids: Iterable[int]) -> dict[int, str]:
    """Return the present paths of those repositories that still exist, by their numbers."""
    return {row[0]: row[1] for row in tx.execute(PATHS, {"ids": list(repository_ids)})}
