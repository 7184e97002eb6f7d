"""Gates of a manifest push, asked inside its transaction: what they deny leaves nothing behind."""

import asyncio
import threading
import time

import pytest

from dtr.core.clock import FakeClock
from dtr.features.images.model import ImmutableTags, ManifestPush, Preconditions, PushGate
from dtr.features.images.service import Manifests
from dtr.features.images.store import manifests as store
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.model import RepositoryChanges
from dtr.features.repositories.store import repositories
from dtr.oci.digest import Digest
from dtr.oci.errors import ManifestUnknown, NameUnknown, QuotaExceeded, TagImmutable, answer_for
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import user_row
from tests.support.registry import image_index
from tests.support.rows import ALICE, repository_row

NAME = RepositoryName.parse("alice/app")
FIRST, SECOND = image_index(), image_index(annotations={"second": "yes"})


class OneManifestEach:
    """A quota of one manifest a repository."""

    def __init__(self) -> None:
        self.asked: list[ManifestPush] = []

    def check(self, tx: Transaction, push: ManifestPush) -> None:
        self.asked.append(push)
        digests = [str(Digest.of(content)) for content in (FIRST, SECOND)]
        if store.present_manifests(tx, push.repository.id, digests) - {str(push.digest)}:
            raise QuotaExceeded(f"{push.repository.path} holds as many manifests as it may")


@pytest.fixture(autouse=True)
async def _alice(database: Database) -> None:
    await database.write(lambda tx: user_row(tx, "alice"))


def manifests(database: Database, *gates: PushGate) -> Manifests:
    return Manifests(database, FakeClock(), gates, announce_to_nobody, answers_bytes=0)


async def push(service: Manifests, content: bytes, *tags: str) -> None:
    await service.push(
        ALICE,
        NAME,
        content,
        content_type=None,
        digest=None,
        tags=tags,
        preconditions=Preconditions(),
    )


async def immutable(database: Database, *, tags: bool = True) -> Manifests:
    """Say whether the repository's tags are immutable; return the service."""
    await database.write(repository_row)
    changes = RepositoryChanges(immutable_tags=tags)
    await database.write(lambda tx: repositories.change(tx, "alice/app", changes))
    return manifests(database, ImmutableTags())


async def test_a_gate_that_denies_gives_403_and_leaves_nothing(database: Database) -> None:
    service = manifests(database, OneManifestEach())
    await push(service, FIRST, "v1")

    with pytest.raises(QuotaExceeded) as caught:
        await push(service, SECOND, "v1", "v2")

    assert answer_for(caught.value) == (403, "DENIED")
    assert (await service.resolve(NAME, "v1")).content == FIRST
    assert await database.read(lambda tx: tag_store.tags_after(tx, 1, "", 10)) == ["v1"]


async def test_a_gate_that_denies_the_first_push_leaves_no_repository(database: Database) -> None:
    class Closed:
        def check(self, tx: Transaction, push: ManifestPush) -> None:
            del tx
            raise QuotaExceeded(f"nothing fits into {push.repository.path}")

    service = manifests(database, Closed())
    with pytest.raises(QuotaExceeded):
        await push(service, FIRST, "v1")

    with pytest.raises(NameUnknown):
        await service.resolve(NAME, "v1")


async def test_a_gate_sees_the_push_as_it_would_land(database: Database) -> None:
    gate = OneManifestEach()
    service = manifests(database, gate)
    await push(service, FIRST, "v1")
    await push(service, FIRST, "v1", "v2")

    seen = gate.asked[-1]

    assert (seen.repository.path, seen.caller, seen.content, seen.tags) == (
        "alice/app",
        ALICE,
        FIRST,
        ("v1", "v2"),
    )
    assert seen.current_tags == {"v1": str(Digest.of(FIRST))}


async def test_every_gate_must_agree(database: Database) -> None:
    service = manifests(database, ImmutableTags(), OneManifestEach())
    await push(service, FIRST, "v1")

    with pytest.raises(QuotaExceeded):
        await push(service, SECOND, "v2")


@pytest.mark.item("78")
async def test_push_to_immutable_tag_is_denied_and_leaves_the_tag(database: Database) -> None:
    service = await immutable(database)
    await push(service, FIRST, "v1")
    await push(service, FIRST, "v1")

    with pytest.raises(TagImmutable):
        await push(service, SECOND, "v1")

    assert (await service.resolve(NAME, "v1")).content == FIRST


@pytest.mark.item("77", "78")
@pytest.mark.parametrize("reference", ["v1", Digest.of(FIRST)], ids=["tag", "digest"])
async def test_an_immutable_tag_does_not_go_either_until_the_switch_is_off(
    database: Database, reference: str | Digest
) -> None:
    service = await immutable(database)
    await push(service, FIRST, "v1")

    with pytest.raises(TagImmutable, match="v1"):
        await service.delete(ALICE, NAME, reference)

    assert (await service.resolve(NAME, "v1")).content == FIRST
    await immutable(database, tags=False)
    await service.delete(ALICE, NAME, reference)
    with pytest.raises(ManifestUnknown):
        await service.resolve(NAME, "v1")


@pytest.mark.item("77", "78")
async def test_what_carries_no_tag_goes_beside_immutable_tags(database: Database) -> None:
    service = await immutable(database)
    await push(service, FIRST, "v1")
    await push(service, SECOND)

    await service.delete(ALICE, NAME, Digest.of(SECOND))

    for gone in ("v2", Digest.of(SECOND)):
        with pytest.raises(ManifestUnknown):
            await service.delete(ALICE, NAME, gone)


@pytest.mark.item("78")
async def test_a_push_that_waited_for_the_switch_obeys_it(database: Database) -> None:
    service = await immutable(database, tags=False)
    await push(service, FIRST, "v1")
    changed = threading.Event()

    def switch(tx: Transaction) -> None:
        repositories.change(tx, "alice/app", RepositoryChanges(immutable_tags=True))
        changed.set()
        time.sleep(0.1)

    switching = asyncio.create_task(database.write(switch))
    await asyncio.to_thread(changed.wait)
    with pytest.raises(TagImmutable):
        await push(service, SECOND, "v1")

    await switching
