"""Tags: setting, deleting, and the pages of the API."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, text

from dtr.core.batches import in_batches
from dtr.core.clock import from_micros, from_micros_if_any, to_micros
from dtr.features.images.model import Change, ListedManifest, ListedTag
from dtr.features.repositories.store.visible import like_of
from dtr.plumbing.db import Transaction, list_of_texts

NAMES_PER_STATEMENT = 500

SET_TAG = text(
    """
    INSERT INTO tag (repository_id, name, digest, tagged_at, tagged_by, created_at)
    VALUES (:repository_id, :name, :digest, :now, :actor, :now)
    ON CONFLICT (repository_id, name) DO UPDATE
       SET digest = excluded.digest, tagged_at = excluded.tagged_at, tagged_by = excluded.tagged_by
    """
)

CURRENT_TAGS = text(
    "SELECT name, digest FROM tag WHERE repository_id = :repository_id AND name IN :names"
).bindparams(list_of_texts("names"))

KEEPING_TAG = text(
    """
    -- Any one tag that a manifest, or an index above it, carries. UNION ends circles, which no digest can make.
    -- Indexes: primary key of manifest, manifest_reference(repository_id, digest), tag(repository_id, digest).
    WITH RECURSIVE above (digest) AS (
        SELECT digest FROM manifest WHERE repository_id = :repository_id AND digest = :digest
         UNION
        SELECT r.manifest_digest
          FROM above a
          JOIN manifest_reference r ON r.repository_id = :repository_id AND r.digest = a.digest
         WHERE r.kind = 'manifest'
    )
    SELECT t.name FROM above a JOIN tag t ON t.repository_id = :repository_id AND t.digest = a.digest LIMIT 1
    """
)

DELETE_TAG = text("DELETE FROM tag WHERE repository_id = :repository_id AND name = :name")

NAMES_ON = text(
    """
    -- All tags that name a manifest. Index: tag(repository_id, digest).
    SELECT name FROM tag WHERE repository_id = :repository_id AND digest = :digest ORDER BY name
    """
)

SOME_NAMES_ON = text(
    """
    -- The first tags that name a manifest. Index: tag(repository_id, digest).
    SELECT name FROM tag WHERE repository_id = :repository_id AND digest = :digest ORDER BY name LIMIT :limit
    """
)

TAGS_AFTER = text(
    """
    -- Keyset page in byte order. Index: primary key of tag.
    SELECT name FROM tag WHERE repository_id = :repository_id AND name > :last ORDER BY name LIMIT :limit
    """
)

COUNT_TAGS = text("SELECT COUNT(*) FROM tag WHERE repository_id = :repository_id")

# Tags have ASCII letters only, so both databases agree on what is lower case.
CONTAINING = "LOWER(t.name) LIKE :like ESCAPE '!'"

COUNT_TAGS_CONTAINING = text(
    f"""
    -- Looks at the names of all tags of one repository. Index: primary key of tag.
    SELECT COUNT(*) FROM tag t WHERE t.repository_id = :repository_id AND {CONTAINING}
    """  # noqa: S608 - a condition written above
)

OLDEST = text(
    """
    -- Those pushed longest ago. Index: ix_tag_tagged_at.
    SELECT name, digest FROM tag
     WHERE repository_id = :repository_id AND name NOT IN :kept
     ORDER BY tagged_at, name LIMIT :limit
    """
).bindparams(list_of_texts("kept"))

# What an image weighs: its config and layers as far as they are kept here. Indexes: primary keys.
BLOB_BYTES = """
       (SELECT SUM(b.size_bytes)
          FROM manifest_reference f JOIN blob b ON b.digest = f.digest
         WHERE f.repository_id = m.repository_id AND f.manifest_digest = m.digest AND f.kind <> 'manifest')
    """

MANIFEST_COLUMNS = f"""
       m.media_type, m.artifact_type, m.pushed_at, m.pushed_by, m.pulls, m.last_pulled_at, m.size_bytes,
       {BLOB_BYTES} AS blob_bytes
    """

TAG_COLUMNS = f"""
       t.name, t.digest, t.tagged_by, t.created_at, t.tagged_at, {MANIFEST_COLUMNS}
    """

TAGS_FROM = text(
    f"""
    -- Keyset page in byte order, each tag with its manifest. Indexes: primary keys of tag and manifest.
    SELECT {TAG_COLUMNS}
      FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
     WHERE t.repository_id = :repository_id AND t.name >= :start
     ORDER BY t.name LIMIT :limit
    """  # noqa: S608 - columns written above
)

TAGS_CONTAINING = text(
    f"""
    -- The same, of tags with a text in their names. Looks at tags until there are enough.
    SELECT {TAG_COLUMNS}
      FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
     WHERE t.repository_id = :repository_id AND t.name >= :start AND {CONTAINING}
     ORDER BY t.name LIMIT :limit
    """  # noqa: S608 - columns and a condition written above
)

NEWEST_TAGS = text(
    f"""
    -- Keyset page, pushed last first, of tags with a text in their names. Index: ix_tag_tagged_at.
    SELECT {TAG_COLUMNS}
      FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
     WHERE t.repository_id = :repository_id AND (t.tagged_at, t.name) <= (:at, :start) AND {CONTAINING}
     ORDER BY t.tagged_at DESC, t.name DESC LIMIT :limit
    """  # noqa: S608 - columns and a condition written above
)

ONE_TAG = text(
    f"""
    SELECT {TAG_COLUMNS}
      FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
     WHERE t.repository_id = :repository_id AND t.name = :name
    """  # noqa: S608 - columns written above
)

TAGS_ON = text(
    f"""
    -- The tags of one manifest. Index: tag(repository_id, digest).
    SELECT {TAG_COLUMNS}
      FROM tag t JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest
     WHERE t.repository_id = :repository_id AND t.digest = :digest
     ORDER BY t.name LIMIT :limit
    """  # noqa: S608 - columns written above
)

MANIFESTS_FROM = text(
    f"""
    -- Keyset page in byte order of digests. Index: primary key of manifest.
    SELECT m.digest, {MANIFEST_COLUMNS}
      FROM manifest m
     WHERE m.repository_id = :repository_id AND m.digest >= :start
     ORDER BY m.digest LIMIT :limit
    """  # noqa: S608 - columns written above
)

SOME_MANIFESTS = text(
    f"""
    -- Index: primary key of manifest.
    SELECT m.digest, {MANIFEST_COLUMNS}
      FROM manifest m WHERE m.repository_id = :repository_id AND m.digest IN :digests
    """  # noqa: S608 - columns written above
).bindparams(list_of_texts("digests"))

MANIFESTS_ABOUT = text(
    f"""
    -- Those that name another as their subject, oldest first. Index: ix_manifest_subject.
    SELECT m.digest, {MANIFEST_COLUMNS}
      FROM manifest m WHERE m.repository_id = :repository_id AND m.subject_digest = :digest
     ORDER BY m.pushed_at, m.digest LIMIT :limit
    """  # noqa: S608 - columns written above
)

COUNT_MANIFESTS = text("SELECT COUNT(*) FROM manifest WHERE repository_id = :repository_id")


def set_tags(tx: Transaction, change: Change, names: Iterable[str], digest: str) -> None:
    """Let tags name a manifest, whether they exist already or not."""
    common = {
        "repository_id": change.repository.id,
        "digest": digest,
        "now": to_micros(change.at),
        "actor": change.actor,
    }
    values = [{**common, "name": name} for name in names]
    if values:
        tx.execute(SET_TAG, values)


def current_tags(tx: Transaction, repository_id: int, names: Sequence[str]) -> dict[str, str]:
    """Return those of the tags that exist, with the digest each names."""
    found: dict[str, str] = {}
    for part in in_batches(names, NAMES_PER_STATEMENT):
        rows = tx.execute(CURRENT_TAGS, {"repository_id": repository_id, "names": part})
        found.update({row[0]: row[1] for row in rows})
    return found


def keeping_tag(tx: Transaction, repository_id: int, digest: str) -> str | None:
    """Return one of the tags on a manifest or on an index that refers to it, at any depth; None without any."""
    name: str | None = tx.execute(KEEPING_TAG, {"repository_id": repository_id, "digest": digest}).scalar()
    return name


def names_on(tx: Transaction, repository_id: int, digest: str) -> list[str]:
    """Return the tags that name a manifest."""
    return list(tx.execute(NAMES_ON, {"repository_id": repository_id, "digest": digest}).scalars())


def some_names_on(tx: Transaction, repository_id: int, digest: str, limit: int) -> list[str]:
    """Return up to `limit` tags that name a manifest, in byte order."""
    values = {"repository_id": repository_id, "digest": digest, "limit": limit}
    return list(tx.execute(SOME_NAMES_ON, values).scalars())


def delete_tags(tx: Transaction, repository_id: int, names: Iterable[str]) -> None:
    """Remove tags. What they named stays."""
    values = [{"repository_id": repository_id, "name": name} for name in names]
    if values:
        tx.execute(DELETE_TAG, values)


def tags_after(tx: Transaction, repository_id: int, last: str, limit: int) -> list[str]:
    """Return up to `limit` tags strictly after `last`, in byte order."""
    rows = tx.execute(TAGS_AFTER, {"repository_id": repository_id, "last": last, "limit": limit})
    return [row[0] for row in rows]


def count_tags(tx: Transaction, repository_id: int, containing: str = "") -> int:
    """Return how many tags a repository has, or how many with a text in their names."""
    values: dict[str, object] = {"repository_id": repository_id}
    if not containing:
        return int(tx.execute(COUNT_TAGS, values).scalar_one())
    return int(tx.execute(COUNT_TAGS_CONTAINING, {**values, "like": _like(containing)}).scalar_one())


def oldest(tx: Transaction, repository_id: int, kept: Sequence[str], limit: int) -> dict[str, str]:
    """Return up to `limit` tags that were pushed longest ago, none of `kept`, with the digest each names."""
    values = {"repository_id": repository_id, "kept": list(kept), "limit": limit}
    return {row[0]: row[1] for row in tx.execute(OLDEST, values)}


def tags_from(
    tx: Transaction, repository_id: int, start: str, limit: int, containing: str = ""
) -> list[ListedTag]:
    """Return up to `limit` tags from `start` on, in byte order, of those with a text in their names."""
    values: dict[str, object] = {"repository_id": repository_id, "start": start, "limit": limit}
    if not containing:
        return [_tag(row) for row in tx.execute(TAGS_FROM, values)]
    return [_tag(row) for row in tx.execute(TAGS_CONTAINING, {**values, "like": _like(containing)})]


def newest_tags_from(
    tx: Transaction, repository_id: int, start: tuple[int, str], limit: int, containing: str = ""
) -> list[ListedTag]:
    """Return up to `limit` tags, pushed last first, from a moment (microseconds) and name on."""
    values = {"repository_id": repository_id, "at": start[0], "start": start[1], "limit": limit}
    return [_tag(row) for row in tx.execute(NEWEST_TAGS, {**values, "like": _like(containing)})]


def one_tag(tx: Transaction, repository_id: int, name: str) -> ListedTag | None:
    """Return a tag, if it exists."""
    row = tx.execute(ONE_TAG, {"repository_id": repository_id, "name": name}).one_or_none()
    return None if row is None else _tag(row)


def tags_on(tx: Transaction, repository_id: int, digest: str, limit: int) -> list[ListedTag]:
    """Return up to `limit` tags that name a manifest, in byte order."""
    values = {"repository_id": repository_id, "digest": digest, "limit": limit}
    return [_tag(row) for row in tx.execute(TAGS_ON, values)]


def manifests_from(tx: Transaction, repository_id: int, start: str, limit: int) -> list[ListedManifest]:
    """Return up to `limit` manifests from the digest `start` on, in byte order."""
    values = {"repository_id": repository_id, "start": start, "limit": limit}
    return [_manifest(row) for row in tx.execute(MANIFESTS_FROM, values)]


def some_manifests(tx: Transaction, repository_id: int, digests: Iterable[str]) -> dict[str, ListedManifest]:
    """Return those of the manifests that the repository holds, by digest."""
    found = {}
    for part in in_batches(dict.fromkeys(digests), NAMES_PER_STATEMENT):
        for row in tx.execute(SOME_MANIFESTS, {"repository_id": repository_id, "digests": part}):
            found[row.digest] = _manifest(row)
    return found


def manifests_about(tx: Transaction, repository_id: int, digest: str, limit: int) -> list[ListedManifest]:
    """Return up to `limit` manifests whose subject is `digest`, oldest first."""
    values = {"repository_id": repository_id, "digest": digest, "limit": limit}
    return [_manifest(row) for row in tx.execute(MANIFESTS_ABOUT, values)]


def count_manifests(tx: Transaction, repository_id: int) -> int:
    """Return how many manifests a repository has."""
    return int(tx.execute(COUNT_MANIFESTS, {"repository_id": repository_id}).scalar_one())


def _like(part: str) -> str:
    """Return the pattern that `CONTAINING` compares with."""
    return f"%{like_of(part.lower())}%"


def _tag(row: Row[Any]) -> ListedTag:
    return ListedTag(
        name=row.name,
        tagged_by=row.tagged_by,
        created_at=from_micros(row.created_at),
        tagged_at=from_micros(row.tagged_at),
        manifest=_manifest(row),
    )


def _manifest(row: Row[Any]) -> ListedManifest:
    return ListedManifest(
        digest=row.digest,
        media_type=row.media_type,
        artifact_type=row.artifact_type,
        size_bytes=int(row.size_bytes if row.blob_bytes is None else row.blob_bytes),
        pushed_at=from_micros(row.pushed_at),
        pushed_by=row.pushed_by,
        pulls=row.pulls,
        last_pulled_at=from_micros_if_any(row.last_pulled_at),
    )
