"""Rows of the images room, made the way the services make them."""

from contextlib import suppress
from datetime import UTC, datetime

from dtr.core.clock import to_micros
from dtr.features.images.model import ManifestPush, StoredBlob
from dtr.features.images.store import blobs, manifests, reads
from dtr.features.repositories import store as repositories
from dtr.features.repositories.model import Repository
from dtr.oci.digest import Digest
from dtr.oci.errors import NameUnknown
from dtr.oci.manifest import parse_manifest
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Transaction

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
NOW_MICROS = to_micros(NOW)


def repository_row(tx: Transaction, path: str = "alice/app") -> Repository:
    """Make a repository, or find it."""
    return repositories.ensure(tx, RepositoryName.parse(path), NOW)


def blob_row(tx: Transaction, content: bytes, repository: Repository | None = None) -> Digest:
    """Record a blob as stored, and show it in a repository if one is given."""
    digest = Digest.of(content)
    blobs.record_blob(tx, digest, len(content), NOW_MICROS)
    if repository is not None:
        blobs.link_blob(tx, repository.id, digest, NOW_MICROS)
    return digest


def manifest_row(
    tx: Transaction, repository: Repository, content: bytes, *tags: str, now: int = NOW_MICROS
) -> Digest:
    """Store a manifest with tags; nothing is checked."""
    digest = Digest.of(content)
    current = manifests.current_tags(tx, repository.id, tags)
    push = ManifestPush(repository, "alice", digest, parse_manifest(content, None), content, tags, current)
    manifests.save_manifest(tx, push, now)
    return digest


def find_blob(tx: Transaction, path: str, digest: Digest) -> StoredBlob | None:
    """Find a blob; a repository that is not there is one that holds nothing."""
    with suppress(NameUnknown):
        return reads.resolve_blob(tx, path, digest)
    return None
