"""What was read off manifests and configurations, kept as JSON: a cache that can be made again."""

from collections.abc import Iterable, Mapping

from sqlalchemy import text

from dtr.core.batches import in_batches
from dtr.plumbing.db import Transaction, list_of_texts

DIGESTS_PER_STATEMENT = 500

# By primary key.
FIND = text("SELECT digest, details FROM manifest_details WHERE digest IN :digests").bindparams(
    list_of_texts("digests")
)

KEEP = text(
    """
    INSERT INTO manifest_details (digest, details) VALUES (:digest, :details)
    ON CONFLICT (digest) DO UPDATE SET details = excluded.details
    """
)

FORGET = text("DELETE FROM manifest_details WHERE digest = :digest")


def find(tx: Transaction, digests: Iterable[str]) -> dict[str, str]:
    """Return the details of those manifests that have been looked at, as JSON by digest."""
    found: dict[str, str] = {}
    for part in in_batches(digests, DIGESTS_PER_STATEMENT):
        found.update({row[0]: row[1] for row in tx.execute(FIND, {"digests": part})})
    return found


def keep(tx: Transaction, details: Mapping[str, str]) -> None:
    """Keep details, given as JSON by digest."""
    values = [{"digest": digest, "details": text_} for digest, text_ in sorted(details.items())]
    if values:
        tx.execute(KEEP, values)


def forget(tx: Transaction, digest: str) -> None:
    """Drop the details of a manifest. Should another repository have it, they are made again when asked for."""
    tx.execute(FORGET, {"digest": digest})
