"""Details of manifests: read once, kept, and never an error whatever is stored; on both databases."""

import asyncio
import json

import pytest
from sqlalchemy import text

from dtr.core.clock import FakeClock
from dtr.features.images.model.details import MAX_CONFIG_BYTES, Details
from dtr.features.images.service import details as details_service
from dtr.features.images.service.details import DetailsReader
from dtr.features.images.store import details as details_store
from dtr.oci.digest import Digest
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.db import Database, Transaction
from tests.support.registry import OCI_CONFIG, OCI_MANIFEST, image_manifest
from tests.support.rows import blob_row, manifest_row, repository_row

CONFIG = json.dumps({"os": "linux", "architecture": "riscv64"}).encode()


class CountingDriver(MemoryDriver):
    """Counts the reads, and how many there were at a time."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.reads = 0
        self.running = 0
        self.most = 0

    async def read_small(self, key: str, limit_bytes: int) -> bytes:
        self.reads += 1
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        try:
            return await super().read_small(key, limit_bytes)
        finally:
            self.running -= 1


async def store(driver: MemoryDriver, content: bytes, under: Digest | None = None) -> None:
    """Put bytes into the store, under their own digest or (damaged ones) another."""
    await driver.put(blob_key(under or Digest.of(content)), content)


async def push(database: Database, content: bytes) -> tuple[int, dict[str, str]]:
    """Record a manifest; return its repository's number, and what to ask for."""

    def write(tx: Transaction) -> tuple[int, dict[str, str]]:
        repository = repository_row(tx)
        blob_row(tx, CONFIG, repository)
        digest = manifest_row(tx, repository, content)
        return repository.id, {str(digest): OCI_MANIFEST}

    return await database.write(write)


async def kept(database: Database) -> int:
    return int(
        await database.read(lambda tx: tx.execute(text("SELECT COUNT(*) FROM manifest_details")).scalar_one())
    )


@pytest.fixture
def driver() -> CountingDriver:
    return CountingDriver()


async def test_a_configuration_is_read_once_for_all_processes(
    database: Database, driver: CountingDriver
) -> None:
    await store(driver, CONFIG)
    repository_id, wanted = await push(database, image_manifest(CONFIG))

    for reader in (first := DetailsReader(database, driver), first, DetailsReader(database, driver)):
        [found] = (await reader.of(repository_id, wanted)).values()
        assert (found.os, found.architecture) == ("linux", "riscv64")

    assert driver.reads == 1
    assert await kept(database) == 1


async def test_not_all_configurations_of_a_page_are_read_at_once(
    database: Database, driver: CountingDriver
) -> None:
    await store(driver, CONFIG)
    wanted: dict[str, str] = {}
    for number in range(30):
        manifest = image_manifest(CONFIG, annotations={"number": str(number)})
        repository_id, one = await push(database, manifest)
        wanted |= one

    found = await DetailsReader(database, driver).of(repository_id, wanted)

    assert {each.architecture for each in found.values()} == {"riscv64"}
    assert list(found) == list(wanted)
    assert driver.reads == 30
    assert 1 < driver.most <= details_service.READS_AT_ONCE


async def test_a_configuration_that_is_missing_leaves_fields_empty_until_it_is_back(
    database: Database, driver: CountingDriver
) -> None:
    repository_id, wanted = await push(database, image_manifest(CONFIG))
    reader = DetailsReader(database, driver)
    assert list((await reader.of(repository_id, wanted)).values()) == [Details()]

    await store(driver, CONFIG)

    [found] = (await reader.of(repository_id, wanted)).values()
    assert found.architecture == "riscv64"


async def test_a_damaged_configuration_is_not_believed(database: Database, driver: CountingDriver) -> None:
    await store(driver, b'{"os": "evil"}', under=Digest.of(CONFIG))
    repository_id, wanted = await push(database, image_manifest(CONFIG))

    assert list((await DetailsReader(database, driver).of(repository_id, wanted)).values()) == [Details()]
    assert await kept(database) == 0


@pytest.mark.parametrize("stated", [MAX_CONFIG_BYTES + 1, 10])
async def test_a_huge_configuration_is_not_read(
    database: Database, driver: CountingDriver, stated: int
) -> None:
    content = b'{"os": "linux"}'.ljust(MAX_CONFIG_BYTES + 1)
    await store(driver, content)
    document = json.loads(image_manifest(content, b"layer"))
    document["config"] = {"mediaType": OCI_CONFIG, "digest": str(Digest.of(content)), "size": stated}
    repository_id, wanted = await push(database, json.dumps(document).encode())

    [found] = (await DetailsReader(database, driver).of(repository_id, wanted)).values()

    assert (found.os, found.config_digest) == ("", str(Digest.of(content)))
    assert await kept(database) == 1


async def test_details_are_made_again_when_they_were_dropped(
    database: Database, driver: CountingDriver
) -> None:
    await store(driver, CONFIG)
    repository_id, wanted = await push(database, image_manifest(CONFIG))
    await DetailsReader(database, driver).of(repository_id, wanted)

    await database.write(lambda tx: details_store.forget(tx, next(iter(wanted))))
    assert await kept(database) == 0
    [found] = (await DetailsReader(database, driver).of(repository_id, wanted)).values()

    assert found.os == "linux"
    assert driver.reads == 2


async def test_a_manifest_that_is_not_there_has_no_details(
    database: Database, driver: CountingDriver
) -> None:
    found = await DetailsReader(database, driver).of(1, {"sha256:none": OCI_MANIFEST})

    assert found == {"sha256:none": Details()}
