"""The scrub: every kind of damage found, hidden and healed, and nothing sound touched."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from dtr.core.clock import FakeClock, to_micros
from dtr.core.errors import Unavailable
from dtr.features.images.service import scrub as scrub_module
from dtr.features.images.service.scrub import Damage, Pacer, Scrub, ScrubReport, StoreLooksEmpty
from dtr.features.images.store import blobs
from dtr.oci.digest import Digest
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.db import Database, Transaction
from tests.support.rows import find_blob, repository_row

CONTENTS = {name: name.encode() * 100 for name in ("good", "bad", "gone", "short")}
MANY = scrub_module.PAGE + 5


class Registry:
    """A store, its database and the scrub between them."""

    def __init__(self, database: Database, driver: FilesystemDriver, root: Path) -> None:
        self.database = database
        self.driver = driver
        self.clock = FakeClock()
        self.scrub = Scrub(database, driver, self.clock)
        self._root = root

    def file(self, content: bytes) -> Path:
        return self._root / blob_key(Digest.of(content))

    async def push(self, *contents: bytes) -> None:
        self.clock.advance(1)
        for content in contents:
            await self.driver.put(blob_key(Digest.of(content)), content)
        now = to_micros(self.clock.now())

        def write(tx: Transaction) -> None:
            repository = repository_row(tx)
            for content in contents:
                blobs.record_blob(tx, Digest.of(content), len(content), now)
                blobs.link_blob(tx, repository.id, Digest.of(content), now)

        await self.database.write(write)

    async def is_shown(self, content: bytes) -> bool:
        found = await self.database.read(lambda tx: find_blob(tx, "alice/app", Digest.of(content)))
        return found is not None

    async def run(self, *, repair: bool = False) -> ScrubReport:
        self.clock.advance(1)
        return await self.scrub.run(repair=repair, bytes_per_second=None, progress=lambda _: None)


@pytest.fixture
async def registry(database: Database, tmp_path: Path) -> AsyncGenerator[Registry, None]:
    root = tmp_path / "store"
    driver = FilesystemDriver(root)
    await driver.start()
    made = Registry(database, driver, root)
    await made.push(*CONTENTS.values())
    yield made
    await driver.close()


def damage_all_but_the_good(registry: Registry) -> dict[str, Damage]:
    registry.file(CONTENTS["bad"]).write_bytes(CONTENTS["bad"][::-1])
    registry.file(CONTENTS["short"]).write_bytes(CONTENTS["short"][:-1])
    registry.file(CONTENTS["gone"]).unlink()
    kinds = {"bad": Damage.WRONG_CONTENT, "short": Damage.WRONG_SIZE, "gone": Damage.MISSING}
    return {str(Digest.of(CONTENTS[name])): damage for name, damage in kinds.items()}


async def test_a_sound_store_gives_a_clean_report(registry: Registry) -> None:
    size = sum(map(len, CONTENTS.values()))

    assert await registry.run(repair=True) == ScrubReport(checked_blobs=4, checked_bytes=size)


@pytest.mark.item("E4")
async def test_every_kind_of_damage_is_found_and_left_alone_without_repair(registry: Registry) -> None:
    expected = damage_all_but_the_good(registry)

    report = await registry.run()

    assert report.damaged == expected
    assert report.quarantined == []
    assert [await registry.is_shown(content) for content in CONTENTS.values()] == [True] * 4


@pytest.mark.item("E4")
async def test_repair_hides_what_is_damaged_and_nothing_else(registry: Registry) -> None:
    expected = damage_all_but_the_good(registry)

    report = await registry.run(repair=True)

    assert set(report.quarantined) == set(expected)
    shown = {name for name, content in CONTENTS.items() if await registry.is_shown(content)}
    assert shown == {"good"}


@pytest.mark.item("E4")
async def test_pushing_again_heals_every_kind_of_damage(registry: Registry) -> None:
    damage_all_but_the_good(registry)
    await registry.run(repair=True)

    await registry.push(*CONTENTS.values())

    assert (await registry.run()).damaged == {}
    assert [await registry.is_shown(content) for content in CONTENTS.values()] == [True] * 4


async def test_the_bytes_of_a_damaged_blob_are_kept_aside(registry: Registry) -> None:
    damage_all_but_the_good(registry)

    await registry.run(repair=True)

    file = registry.file(CONTENTS["bad"])
    assert not file.exists()
    assert file.with_name(file.name + ".damaged").read_bytes() == CONTENTS["bad"][::-1]


async def test_what_is_pushed_while_the_scrub_runs_is_not_hidden(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.file(CONTENTS["gone"]).unlink()
    registry.file(CONTENTS["short"]).write_bytes(CONTENTS["short"][:-1])
    count_unrecorded = registry.scrub._count_unrecorded

    async def meanwhile() -> int:
        await registry.push(CONTENTS["gone"], CONTENTS["short"])
        return await count_unrecorded()

    monkeypatch.setattr(registry.scrub, "_count_unrecorded", meanwhile)
    report = await registry.run(repair=True)

    assert (report.damaged, report.quarantined) == ({}, [])
    assert [await registry.is_shown(content) for content in CONTENTS.values()] == [True] * 4
    assert (await registry.run()).damaged == {}


async def test_a_push_right_before_a_damaged_file_is_set_aside_is_hidden_with_it(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.file(CONTENTS["bad"]).write_bytes(CONTENTS["bad"][::-1])
    set_aside = registry.driver.set_aside

    async def meanwhile(key: str) -> None:
        await registry.push(CONTENTS["bad"])
        await set_aside(key)

    monkeypatch.setattr(registry.driver, "set_aside", meanwhile)
    report = await registry.run(repair=True)

    assert report.quarantined == [str(Digest.of(CONTENTS["bad"]))]
    assert not await registry.is_shown(CONTENTS["bad"])
    await registry.push(CONTENTS["bad"])
    assert registry.file(CONTENTS["bad"]).read_bytes() == CONTENTS["bad"]


async def test_a_push_right_after_a_damaged_file_was_set_aside_heals_it_for_good(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.file(CONTENTS["bad"]).write_bytes(CONTENTS["bad"][::-1])
    set_aside = registry.driver.set_aside

    async def meanwhile(key: str) -> None:
        await set_aside(key)
        await registry.push(CONTENTS["bad"])

    monkeypatch.setattr(registry.driver, "set_aside", meanwhile)
    report = await registry.run(repair=True)

    assert (report.damaged, report.quarantined) == ({}, [])
    assert await registry.is_shown(CONTENTS["bad"])
    assert registry.file(CONTENTS["bad"]).read_bytes() == CONTENTS["bad"]


async def test_a_push_that_is_recorded_while_the_blob_is_hidden_stays_shown(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.file(CONTENTS["gone"]).unlink()
    size = registry.driver.size

    async def meanwhile(key: str) -> int:
        try:
            return await size(key)
        finally:
            await registry.push(CONTENTS["gone"])

    monkeypatch.setattr(registry.driver, "size", meanwhile)
    report = await registry.run(repair=True)

    assert (report.damaged, report.quarantined) == ({}, [])
    assert await registry.is_shown(CONTENTS["gone"])


async def test_a_blob_that_is_right_after_all_is_shown_again(registry: Registry) -> None:
    file = registry.file(CONTENTS["gone"])
    aside = file.rename(file.with_name("aside"))
    await registry.run(repair=True)
    aside.rename(file)

    report = await registry.run(repair=True)

    assert report.restored == [str(Digest.of(CONTENTS["gone"]))]
    assert await registry.is_shown(CONTENTS["gone"])


async def test_a_store_without_any_blob_is_taken_for_a_missing_mount(registry: Registry) -> None:
    for content in CONTENTS.values():
        registry.file(content).unlink()

    with pytest.raises(StoreLooksEmpty):
        await registry.run(repair=True)

    assert [await registry.is_shown(content) for content in CONTENTS.values()] == [True] * 4
    assert set((await registry.run()).damaged.values()) == {Damage.MISSING}


def fail_to_read(registry: Registry, monkeypatch: pytest.MonkeyPatch, *contents: bytes) -> None:
    read = registry.driver.read
    unreadable = {blob_key(Digest.of(content)) for content in contents}

    async def broken(key: str) -> AsyncGenerator[bytes, None]:
        if key in unreadable:
            raise Unavailable("the disk is broken there", retry_after_seconds=5)
        async with aclosing(read(key)) as pieces:
            async for piece in pieces:
                yield piece

    monkeypatch.setattr(registry.driver, "read", broken)


@pytest.mark.item("E4")
async def test_a_blob_that_cannot_be_read_is_reported_and_left_alone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_read(registry, monkeypatch, CONTENTS["bad"])

    report = await registry.run(repair=True)

    assert list(report.damaged.values()) == [Damage.UNREADABLE]
    assert report.quarantined == []
    assert await registry.is_shown(CONTENTS["bad"])
    assert registry.file(CONTENTS["bad"]).exists()


async def test_a_store_of_which_nothing_can_be_read_is_taken_for_a_broken_disk(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.file(CONTENTS["gone"]).unlink()
    fail_to_read(registry, monkeypatch, *(CONTENTS[name] for name in ("good", "bad", "short")))

    with pytest.raises(StoreLooksEmpty):
        await registry.run(repair=True)

    assert [await registry.is_shown(content) for content in CONTENTS.values()] == [True] * 4


async def test_stored_objects_that_nobody_knows_are_counted(registry: Registry) -> None:
    await registry.driver.put(blob_key(Digest.of(b"stray")), b"stray")

    report = await registry.run(repair=True)

    assert (report.unrecorded, report.damaged) == (1, {})


async def test_more_blobs_than_a_page_are_all_read(registry: Registry) -> None:
    await registry.push(*(b"blob %d" % number for number in range(MANY)))

    report = await registry.run()

    assert report.checked_blobs == MANY + 4
    assert await registry.scrub.totals() == (MANY + 4, report.checked_bytes)


async def test_progress_adds_up_to_all_bytes(registry: Registry) -> None:
    read: list[int] = []

    report = await registry.scrub.run(repair=False, bytes_per_second=None, progress=read.append)

    assert sum(read) == report.checked_bytes


class Naps:
    """Stands in for `asyncio.sleep`: time passes at once."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.total = 0.0

    async def sleep(self, seconds: float) -> None:
        self.total += seconds
        self._clock.advance(seconds)


async def test_the_pacer_waits_as_long_as_its_rate_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    naps = Naps(clock)
    monkeypatch.setattr(asyncio, "sleep", naps.sleep)
    pacer = Pacer(clock, 1000)
    for _ in range(10):
        await pacer.spend(500)

    assert naps.total == pytest.approx(5.0)


async def test_a_pacer_without_a_rate_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    naps = Naps(FakeClock())
    monkeypatch.setattr(asyncio, "sleep", naps.sleep)

    await Pacer(FakeClock(), None).spend(10**12)

    assert naps.total == 0.0
