"""Redirects to a store that can sign addresses. No driver of ours can, so a memory driver pretends to."""

from typing import Any

import pytest

from dtr.core.clock import FakeClock
from dtr.core.principal import ANONYMOUS, Principal, TokenSubject
from dtr.doors.dataplane.authorization import Call
from dtr.doors.dataplane.blobs import BlobHandlers, Redirects
from dtr.doors.dataplane.paths import Address, Endpoint
from dtr.features.images.service import Blobs, Images, Lists, Manifests, PullCounter, Uploads
from dtr.features.repositories.service import Repositories
from dtr.features.tokens.model import TokenGrant
from dtr.oci.digest import Digest
from dtr.oci.errors import BlobUnknown
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.asgi.limits import BodyPace
from dtr.plumbing.asgi.request import Request, RequestContext
from dtr.plumbing.asgi.response import Response, SourceResponse
from dtr.plumbing.blobs.layout import blob_key
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.db import Database
from dtr.settings.tree import Settings
from tests.support.registry import image_index
from tests.support.rows import NOW, blob_row, manifest_row, repository_row

NAME = "alice/app"
BIG, LITTLE = b"b" * 1000, b"l" * 999
THRESHOLD = 1000
LIFETIME_SECONDS = 1234
MANIFEST = image_index()
GRANT = TokenGrant("alice", NOW, frozenset(), frozenset())


class SigningDriver(MemoryDriver):
    """A memory driver whose objects have addresses; it notes for how long they were asked to be good."""

    def __init__(self) -> None:
        super().__init__(FakeClock(NOW))
        self.signed: list[tuple[str, int]] = []

    async def signed_url(self, key: str, lifetime_seconds: int) -> Any:
        self.signed.append((key, lifetime_seconds))
        return f"https://objects.test/{key}?signature=x"


@pytest.fixture
def driver() -> SigningDriver:
    return SigningDriver()


@pytest.fixture
async def images(database: Database, driver: SigningDriver) -> Images:
    """Give the images room on the signing driver, with a big blob, a little one and a manifest."""
    clock = FakeClock(NOW)
    for content in (BIG, LITTLE):
        await driver.put(blob_key(Digest.of(content)), content)

    def fill(tx: Any) -> None:
        repository = repository_row(tx, NAME)
        for content in (BIG, LITTLE):
            blob_row(tx, content, repository)
        manifest_row(tx, repository, MANIFEST + b" " * THRESHOLD)

    await database.write(fill)
    return Images(
        blobs=Blobs(database, driver, clock, announce_to_nobody, answers_bytes=0, small_blob_bytes=0),
        uploads=Uploads(database, driver, clock, announce_to_nobody, writer="tests.", idle_seconds=60),
        manifests=Manifests(database, clock, [], announce_to_nobody, answers_bytes=0),
        lists=Lists(database, Repositories(database), _nobody),
        pulls=PullCounter(database, clock, announce_to_nobody),
    )


async def _nobody(_holder: TokenSubject) -> Principal:
    return ANONYMOUS


async def ask(
    images: Images,
    content: bytes,
    *,
    method: str = "GET",
    threshold: int | None = THRESHOLD,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Response:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    scope = {"method": method, "path": "", "raw_path": b"", "headers": list(headers), "query_string": b""}
    context = RequestContext("id", "127.0.0.1", "http", "registry.test", BodyPace(60, 0))
    handlers = BlobHandlers(images, Redirects(threshold, LIFETIME_SECONDS))
    address = Address(Endpoint.BLOB, NAME, str(Digest.of(content)))
    response = await handlers.get(Call(Request(scope, receive, context), address, GRANT))
    if isinstance(response, SourceResponse):
        response.source.close()
    return response


@pytest.mark.item("30")
async def test_a_big_blob_is_fetched_from_the_store(images: Images, driver: SigningDriver) -> None:
    response = await ask(images, BIG)

    digest = Digest.of(BIG)
    assert response.status == 307
    assert response.headers == [
        (b"location", f"https://objects.test/{blob_key(digest)}?signature=x".encode()),
        (b"docker-content-digest", str(digest).encode()),
        (b"cache-control", b"no-store"),
    ]


@pytest.mark.item("30")
async def test_the_signed_address_is_good_for_as_long_as_configured(
    images: Images, driver: SigningDriver
) -> None:
    await ask(images, BIG)

    assert driver.signed == [(blob_key(Digest.of(BIG)), LIFETIME_SECONDS)]


@pytest.mark.item("30")
def test_by_default_a_signed_address_outlives_slow_clients() -> None:
    assert Settings().storage.redirect_lifetime_seconds >= 15 * 60


@pytest.mark.item("30")
async def test_a_range_of_a_big_blob_is_fetched_from_the_store_too(images: Images) -> None:
    response = await ask(images, BIG, headers=((b"range", b"bytes=0-9"),))

    assert response.status == 307


@pytest.mark.item("30")
async def test_head_is_never_redirected(images: Images, driver: SigningDriver) -> None:
    response = await ask(images, BIG, method="HEAD")

    assert (response.status, driver.signed) == (200, [])


@pytest.mark.item("30")
async def test_a_blob_below_the_threshold_is_sent_by_us(images: Images, driver: SigningDriver) -> None:
    response = await ask(images, LITTLE)

    assert (response.status, driver.signed) == (200, [])


@pytest.mark.item("30")
async def test_without_a_threshold_every_blob_is_sent_by_us(images: Images, driver: SigningDriver) -> None:
    response = await ask(images, BIG, threshold=None)

    assert (response.status, driver.signed) == (200, [])


@pytest.mark.item("30")
async def test_a_client_that_has_the_blob_is_not_redirected(images: Images, driver: SigningDriver) -> None:
    response = await ask(images, BIG, headers=((b"if-none-match", str(Digest.of(BIG)).encode()),))

    assert (response.status, driver.signed) == (304, [])


@pytest.mark.item("30", "32")
async def test_a_manifest_at_the_address_of_a_blob_is_not_redirected(
    images: Images, driver: SigningDriver
) -> None:
    response = await ask(images, MANIFEST + b" " * THRESHOLD)

    assert (response.status, driver.signed) == (200, [])


@pytest.mark.item("30", "B5")
async def test_a_blob_that_is_not_in_the_repository_is_not_signed(
    images: Images, driver: SigningDriver
) -> None:
    other = b"o" * THRESHOLD
    await driver.put(blob_key(Digest.of(other)), other)

    with pytest.raises(BlobUnknown):
        await ask(images, other)

    assert driver.signed == []


@pytest.mark.item("30")
async def test_a_store_that_cannot_sign_is_read_by_us(
    images: Images, driver: SigningDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SigningDriver, "signed_url", MemoryDriver.signed_url)

    response = await ask(images, BIG)

    assert response.status == 200
