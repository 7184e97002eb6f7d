"""Rows of the images room, made the way the services make them."""

from contextlib import suppress
from datetime import UTC, datetime

from dtr.core.clock import from_micros, to_micros
from dtr.core.principal import Caller, Principal
from dtr.features.images.model import Cause, Change, ManifestPush, StoredBlob
from dtr.features.images.store import blobs, manifests, reads
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.model import Repository
from dtr.features.repositories.store import repositories
from dtr.oci.digest import Digest
from dtr.oci.errors import NameUnknown
from dtr.oci.manifest import parse_manifest
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Transaction

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
NOW_MICROS = to_micros(NOW)
ALICE = Caller(Principal("alice's id", "alice"), "192.0.2.1", "a test", "request-1")


def repository_row(tx: Transaction, path: str = "alice/app") -> Repository:
    """Make a repository, or find it."""
    name = RepositoryName.parse(path)
    made = repositories.find(tx, path) or repositories.insert(tx, name, NOW)
    assert made is not None, "somebody else makes it at the same time"
    return made


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
    push = ManifestPush(repository, ALICE, digest, parse_manifest(content, None), content, tags, {})
    manifests.save_manifest(tx, push, now)
    change = Change(repository, ALICE, from_micros(now), Cause.PUSH)
    tag_store.set_tags(tx, change, tags, str(digest))
    return digest


def find_blob(tx: Transaction, path: str, digest: Digest) -> StoredBlob | None:
    """Find a blob; a repository that is not there is one that holds nothing."""
    with suppress(NameUnknown):
        return reads.resolve_blob(tx, path, digest)
    return None
