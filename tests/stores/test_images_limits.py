"""What one request may take at most: large manifests at a time, entries of a page, sessions of a repository."""

import asyncio
import threading
import time
from typing import Any

import pytest
from sqlalchemy import insert, text

from dtr.core.clock import FakeClock
from dtr.core.errors import TooManyRequests
from dtr.core.paging import UNASKED_PAGE_CAP, PageRequest
from dtr.core.principal import ANONYMOUS, Principal, TokenSubject
from dtr.features.images.model import Preconditions
from dtr.features.images.service import Lists, Manifests, Uploads
from dtr.features.images.service import manifests as manifests_service
from dtr.features.images.service.lists import REFERRERS_PER_PAGE
from dtr.features.images.service.uploads import MAX_OPEN_UPLOADS
from dtr.features.images.store import uploads
from dtr.features.images.store.tables import tag, upload
from dtr.features.repositories.service import Repositories
from dtr.features.repositories.store.tables import repository_table
from dtr.oci.digest import Digest
from dtr.oci.errors import answer_for
from dtr.oci.manifest import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.db import Database, Transaction
from tests.support.registry import OCI_MANIFEST, descriptor, image_index, image_manifest
from tests.support.rows import ALICE, NOW_MICROS, manifest_row, repository_row

NAME = RepositoryName.parse("alice/app")
SUBJECT = Digest.of(b"subject")
UNASKED = PageRequest(limit=None, last=None)


async def _anybody(_holder: TokenSubject) -> Principal:
    return ANONYMOUS


def lists(database: Database) -> Lists:
    return Lists(database, Repositories(database), _anybody)


def manifests(database: Database) -> Manifests:
    return Manifests(database, FakeClock(), [], announce_to_nobody, answers_bytes=1_000_000)


# -- manifests


@pytest.mark.item("74")
async def test_the_image_that_stands_for_an_index_is_found_without_looking_into_the_index(
    database: Database,
) -> None:
    image = image_manifest(b"config")
    child = descriptor(image, OCI_MANIFEST, platform={"os": "linux", "architecture": "amd64"})

    def write(tx: Transaction) -> None:
        repository = repository_row(tx)
        manifest_row(tx, repository, image)
        index = str(manifest_row(tx, repository, image_index(manifests=[child]), "multi"))
        values = {"content": b"unreadable", "digest": index}
        tx.execute(text("UPDATE manifest SET content = :content WHERE digest = :digest"), values)

    await database.write(write)
    service = manifests(database)

    found = await service.default_child(NAME, await service.resolve(NAME, "multi"))

    assert found is not None
    assert found.content == image


@pytest.mark.item("B9", "66")
async def test_few_large_manifests_are_parsed_at_a_time_even_if_their_requests_are_given_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def slow_parse(content: bytes, content_type: str | None) -> Manifest:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return parse_manifest(content, content_type)

    monkeypatch.setattr(manifests_service, "parse_manifest", slow_parse)
    service = manifests(database)

    async def push(number: int) -> None:
        content = image_index(annotations={"n": str(number)}).ljust(manifests_service.INLINE_PARSE_BYTES + 1)
        nothing = Preconditions()
        await service.push(
            ALICE, NAME, content, content_type=None, digest=None, tags=(), preconditions=nothing
        )

    given_up = [asyncio.create_task(push(number)) for number in range(6)]
    await asyncio.sleep(0.02)
    for task in given_up:
        task.cancel()
    await asyncio.gather(*(push(number) for number in range(6)), *given_up, return_exceptions=True)

    assert most == manifests_service.LARGE_PARSES_AT_ONCE


# -- pages


async def push_referrers(database: Database, number: int, annotation_bytes: int) -> list[str]:
    def write(tx: Transaction) -> list[str]:
        repository = repository_row(tx)
        annotations = {"filling": "x" * annotation_bytes}
        subject = descriptor(b"subject", OCI_MANIFEST)
        contents = [
            image_manifest(b"%d" % each, subject=subject, annotations=annotations) for each in range(number)
        ]
        return [
            str(manifest_row(tx, repository, content, now=NOW_MICROS + position))
            for position, content in enumerate(contents)
        ]

    return await database.write(write)


@pytest.mark.item("89", "B9")
@pytest.mark.parametrize(
    ("number", "annotation_bytes", "fitting"),
    [
        (3, 0, 3),
        (REFERRERS_PER_PAGE, 0, REFERRERS_PER_PAGE),
        (REFERRERS_PER_PAGE + 1, 0, REFERRERS_PER_PAGE),
        (5, MAX_MANIFEST_BYTES // 4, 3),
        (2, MAX_MANIFEST_BYTES - 2000, 1),
    ],
)
async def test_a_page_of_referrers_ends_by_number_or_by_bytes(
    database: Database, number: int, annotation_bytes: int, fitting: int
) -> None:
    pushed = await push_referrers(database, number, annotation_bytes)

    page = await lists(database).referrers(NAME, SUBJECT, [])

    assert page.content.count(b'"digest"') == fitting
    assert len(page.content) <= MAX_MANIFEST_BYTES
    end = (NOW_MICROS + fitting - 1, pushed[fitting - 1])
    assert page.next_after == (end if fitting < number else None)


@pytest.mark.item("B9", "81", "85")
async def test_lists_of_tags_and_repositories_end_at_the_cap_when_no_size_was_asked_for(
    database: Database,
) -> None:
    numbers = range(UNASKED_PAGE_CAP + 5)

    def write(tx: Transaction) -> None:
        repository = repository_row(tx)
        tagged: dict[str, Any] = {
            "repository_id": repository.id,
            "digest": str(manifest_row(tx, repository, image_index())),
            "tagged_at": NOW_MICROS,
            "tagged_by": "alice",
        }
        tx.execute(insert(tag), [{**tagged, "name": f"t{number}"} for number in numbers])
        seen = {"namespace": "bob", "visibility": "public", "created_at": NOW_MICROS}
        tx.execute(insert(repository_table), [{**seen, "path": f"bob/r{number}"} for number in numbers])

    await database.write(write)

    for page in (
        await lists(database).tags(NAME, UNASKED),
        await lists(database).catalog(TokenSubject(), UNASKED),
    ):
        assert len(page.names) == UNASKED_PAGE_CAP
        assert page.more


# -- upload sessions


async def test_a_repository_with_a_thousand_open_uploads_takes_no_more_until_one_ends(
    database: Database,
) -> None:
    clock = FakeClock()
    service = Uploads(database, MemoryDriver(clock), clock, announce_to_nobody, writer="w.", idle_seconds=60)
    open_session = {"algorithm": "sha256", "started_at": NOW_MICROS, "touched_at": NOW_MICROS}
    rows = [{**open_session, "id": str(n), "repository": NAME.path} for n in range(MAX_OPEN_UPLOADS - 1)]
    await database.write(lambda tx: tx.execute(insert(upload), rows).rowcount)
    await service.start(NAME)

    with pytest.raises(TooManyRequests) as refused:
        await service.start(NAME)

    assert answer_for(refused.value) == (429, "TOOMANYREQUESTS")
    assert refused.value.retry_after_seconds > 0
    await service.start(RepositoryName.parse("alice/other"))
    await database.write(lambda tx: uploads.delete(tx, "0"), durable=False)
    await service.start(NAME)
