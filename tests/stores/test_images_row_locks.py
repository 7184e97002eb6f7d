"""What waits for what when pushes, deletes and pull counts meet in one repository."""

import asyncio
import threading
import time
from collections.abc import Mapping

import pytest

from dtr.core.clock import FakeClock
from dtr.core.principal import TokenSubject
from dtr.features.images.model import ManifestPush, Preconditions, StoredManifest
from dtr.features.images.service import Blobs, Manifests, PullCounter
from dtr.features.images.store import blobs as blob_store
from dtr.features.repositories.store import repositories
from dtr.oci.digest import Digest
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.db import Database, Transaction
from tests.support.registry import image_manifest
from tests.support.rows import ALICE, blob_row, manifest_row, repository_row

NAME = RepositoryName.parse("alice/app")
CONFIG = Digest.of(b"config")
MANIFEST = image_manifest(b"config")


class SlowGate:
    """Holds every push up in the middle of its transaction, and looks for its blob afterwards."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.asked = 0
        self.blobs: dict[str, int] = {}

    def check(self, tx: Transaction, push: ManifestPush) -> None:
        self.asked += 1
        self.began.set()
        time.sleep(0.2)
        self.blobs = blob_store.linked_sizes(tx, push.repository.id, [str(CONFIG)])


async def start_push(database: Database, gate: SlowGate) -> "asyncio.Task[object]":
    """Push a manifest that is there already; return when the push holds its locks."""

    def write(tx: Transaction) -> None:
        repository = repository_row(tx)
        blob_row(tx, b"config", repository)
        manifest_row(tx, repository, MANIFEST)

    await database.write(write)
    service = Manifests(database, FakeClock(), [gate], announce_to_nobody, answers_bytes=0)
    push = service.push(
        ALICE,
        NAME,
        MANIFEST,
        content_type=None,
        digest=None,
        tags=("v1",),
        preconditions=Preconditions(),
    )
    task: asyncio.Task[object] = asyncio.create_task(push)
    await asyncio.to_thread(gate.began.wait, 10)
    return task


async def test_counting_pulls_and_pushing_never_wait_for_each_other_in_a_circle(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []
    count_pulls = repositories.count_pulls

    def counted(tx: Transaction, pulls: Mapping[int, int], last_micros: int) -> None:
        attempts.append(len(pulls))
        count_pulls(tx, pulls, last_micros)

    monkeypatch.setattr(repositories, "count_pulls", counted)
    gate = SlowGate()
    push = await start_push(database, gate)
    pulls = PullCounter(database, FakeClock(), announce_to_nobody)
    found = StoredManifest(1, str(Digest.of(MANIFEST)), "a/b", MANIFEST)
    pulls.count(found, "v1", TokenSubject(), "192.0.2.1", "a test")

    await asyncio.gather(push, pulls.flush())

    assert (gate.asked, attempts) == (1, [1])
    repository = await database.read(lambda tx: repositories.find(tx, NAME.path))
    assert repository is not None
    assert (repository.pulls, repository.pushes) == (1, 1)


async def test_a_blob_does_not_go_while_a_push_counts_on_it(database: Database) -> None:
    gate, clock = SlowGate(), FakeClock()
    push = await start_push(database, gate)
    blobs = Blobs(
        database, MemoryDriver(clock), clock, announce_to_nobody, answers_bytes=0, small_blob_bytes=0
    )

    await asyncio.gather(push, blobs.delete(NAME, CONFIG))

    assert gate.blobs == {str(CONFIG): len(b"config")}
    assert await database.read(lambda tx: blob_store.linked_sizes(tx, 1, [str(CONFIG)])) == {}
