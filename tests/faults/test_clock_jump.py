"""Clocks that jump by a day, forward and back: nothing that is stored or under way is lost early."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from dtr.core.clock import FakeClock
from dtr.core.principal import ANONYMOUS, Principal, TokenSubject
from dtr.features.images.model import Preconditions
from dtr.features.images.service import Blobs, Lists, Manifests, Uploads
from dtr.features.images.service.scrub import Scrub
from dtr.features.images.service.uploads import Chunk
from dtr.features.repositories.service import Repositories
from dtr.oci.digest import Digest
from dtr.oci.errors import UploadUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.blobs.filesystem import FilesystemDriver
from dtr.plumbing.db import Database
from tests.support.grants import user_row
from tests.support.registry import image_manifest
from tests.support.rows import ALICE

pytestmark = [pytest.mark.fault, pytest.mark.item("E9")]

NAME = RepositoryName.parse("alice/app")
DAY = timedelta(days=1).total_seconds()
IDLE = DAY
FIRST, SECOND = b"first half, ", b"second half"
WHOLE = Digest.of(FIRST + SECOND)
JUMPS = {"forward": DAY + 1, "back": -DAY - 1}


class JumpingClock(FakeClock):
    """A clock whose wall time can be set, as an operator or a time server does: no time passes by that."""

    def jump(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


async def chunk(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


class Registry:
    """The services of one worker on a clock that jumps."""

    def __init__(self, database: Database, driver: FilesystemDriver) -> None:
        self.clock = JumpingClock()
        self.database = database
        self.driver = driver
        self.uploads = Uploads(
            database, driver, self.clock, announce_to_nobody, writer="worker.0.", idle_seconds=IDLE
        )
        self.blobs = Blobs(
            database, driver, self.clock, announce_to_nobody, answers_bytes=1000, small_blob_bytes=0
        )
        self.manifests = Manifests(database, self.clock, [], announce_to_nobody, answers_bytes=1000)

    async def begin(self) -> str:
        session = await self.uploads.start(NAME)
        await self.uploads.append(NAME, session.id, Chunk(chunk(FIRST)))
        return session.id

    async def finish(self, upload_id: str) -> int:
        return await self.uploads.finish(ALICE, NAME, upload_id, WHOLE, Chunk(chunk(SECOND)))

    async def push_manifest(self, content: bytes, *tags: str) -> None:
        await self.manifests.push(
            ALICE,
            NAME,
            content,
            content_type=None,
            digest=None,
            tags=tags,
            preconditions=Preconditions(),
        )


@pytest.fixture
async def registry(database: Database, tmp_path: Path) -> AsyncIterator[Registry]:
    driver = FilesystemDriver(tmp_path / "store")
    await driver.start()
    await database.write(lambda tx: user_row(tx, "alice"))
    yield Registry(database, driver)
    await driver.close()


async def test_an_upload_goes_on_after_the_clock_went_back(registry: Registry) -> None:
    upload_id = await registry.begin()
    registry.clock.jump(JUMPS["back"])
    await registry.uploads.expire()

    assert await registry.finish(upload_id) == len(FIRST + SECOND)


async def test_an_upload_goes_on_after_the_clock_went_forward(registry: Registry) -> None:
    await registry.uploads.expire()
    upload_id = await registry.begin()
    registry.clock.advance(60)
    await registry.uploads.expire()
    registry.clock.jump(JUMPS["forward"])
    registry.clock.advance(60)
    await registry.uploads.expire()

    assert await registry.finish(upload_id) == len(FIRST + SECOND)


async def test_an_upload_that_is_being_written_survives_a_jump_forward(registry: Registry) -> None:
    session = await registry.uploads.start(NAME)

    async def body() -> AsyncGenerator[bytes, None]:
        yield FIRST
        registry.clock.jump(JUMPS["forward"])
        await registry.uploads.expire()
        yield SECOND

    assert await registry.uploads.finish(ALICE, NAME, session.id, WHOLE, Chunk(body())) == len(FIRST + SECOND)


async def test_a_clock_that_swings_ends_no_session_that_is_in_use(registry: Registry) -> None:
    await registry.uploads.expire()
    upload_id = await registry.begin()
    for jump in (JUMPS["back"], JUMPS["forward"], JUMPS["back"]):
        registry.clock.jump(jump)
        registry.clock.advance(1)
        await registry.uploads.expire()

    assert await registry.finish(upload_id) == len(FIRST + SECOND)


async def test_a_session_that_is_idle_for_the_documented_time_ends(registry: Registry) -> None:
    """The other side: without a jump, time that passes does end a session."""
    upload_id = await registry.begin()
    for _ in range(50):
        registry.clock.advance(IDLE / 49)
        await registry.uploads.expire()

    with pytest.raises(UploadUnknown):
        await registry.finish(upload_id)


@pytest.mark.parametrize("jump", JUMPS)
async def test_stored_things_survive_a_jump(registry: Registry, jump: str) -> None:
    config = b"{}"
    whole = Chunk(chunk(config), length=len(config))
    await registry.uploads.push_whole(ALICE, NAME, Digest.of(config), whole)
    content = image_manifest(config)
    await registry.push_manifest(content, "v1")
    scrub = Scrub(registry.database, registry.driver, registry.clock)

    registry.clock.jump(JUMPS[jump])
    await registry.uploads.expire()
    report = await scrub.run(repair=True, bytes_per_second=None, progress=lambda _: None)

    assert (report.damaged, report.unrecorded) == ({}, 0)
    assert (await registry.manifests.resolve(NAME, "v1")).content == content
    assert (await registry.blobs.find(NAME, Digest.of(config))).size_bytes == len(config)


async def test_a_manifest_pushed_after_the_clock_went_back_is_listed(registry: Registry) -> None:
    subject = Digest.of(b"subject")
    for number in range(3):
        content = _attached(b"%d" % number, subject)
        await registry.uploads.push_whole(
            ALICE, NAME, Digest.of(b"%d" % number), Chunk(chunk(b"%d" % number), length=1)
        )
        await registry.push_manifest(content)
        registry.clock.jump(JUMPS["back"])

    lists = Lists(registry.database, Repositories(registry.database), _nobody)
    page = await lists.referrers(NAME, subject, types=())

    assert len(json.loads(page.content)["manifests"]) == 3


async def _nobody(_holder: TokenSubject) -> Principal:
    return ANONYMOUS


def _attached(config: bytes, subject: Digest) -> bytes:
    about = {"mediaType": "application/x", "digest": str(subject), "size": 7}
    return image_manifest(config, subject=about)
