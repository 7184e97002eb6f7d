"""Manifests, tags and referrers, on both databases."""

import json

import pytest
from sqlalchemy import func, select, text

from dtr.features.images.model import Place, Referrer, WantedReferrers
from dtr.features.images.store import manifests, pulls, reads
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.model import Repository
from dtr.oci.digest import Digest
from dtr.plumbing.db import Database, Transaction, metadata
from tests.support.registry import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, descriptor, image_index, image_manifest
from tests.support.rows import NOW_MICROS, manifest_row, repository_row

KINDS = "SELECT kind FROM manifest_reference"
FIRST = (-1, "")
LAST = (2**62, "")
ODD = b'{ "schemaVersion" : 2,\n\t"mediaType":"%b", "x":1, "x":2,\n"config":%b,"layers":[] }\r\n\n' % (
    OCI_MANIFEST.encode(),
    json.dumps(descriptor(b"{}", "application/vnd.oci.empty.v1+json")).encode(),
)


@pytest.fixture
async def repository(database: Database) -> Repository:
    return await database.write(repository_row)


async def save(
    database: Database, repository: Repository, content: bytes, *tags: str, now: int = NOW_MICROS
) -> Digest:
    return await database.write(lambda tx: manifest_row(tx, repository, content, *tags, now=now))


async def resolved(database: Database, reference: object, path: str = "alice/app") -> bytes | None:
    found = await database.read(lambda tx: reads.resolve(tx, path, str(reference)))
    return None if found is None else found.content


async def count(database: Database, table: str) -> int:
    statement = select(func.count()).select_from(metadata.tables[table])
    number: int = await database.read(lambda tx: tx.execute(statement).scalar_one())
    return number


@pytest.mark.item("B10", "60")
async def test_a_manifest_comes_back_byte_for_byte_by_tag_and_digest(
    database: Database, repository: Repository
) -> None:
    digest = await save(database, repository, ODD, "v1")

    found = await database.read(lambda tx: reads.resolve(tx, "alice/app", "v1"))

    assert found is not None
    assert (found.repository_id, found.digest, found.media_type) == (repository.id, str(digest), OCI_MANIFEST)
    assert isinstance(found.content, bytes)
    assert found.content == await resolved(database, digest) == ODD


async def test_tags_tell_upper_from_lower_case(database: Database, repository: Repository) -> None:
    await save(database, repository, image_manifest(b"1"), "v1")

    assert await resolved(database, "V1") is None


@pytest.mark.item("B5")
async def test_manifests_of_one_repository_are_not_in_another(
    database: Database, repository: Repository
) -> None:
    digest = await save(database, repository, image_manifest(b"1"), "v1")
    await database.write(lambda tx: repository_row(tx, "bob/app"))

    assert await resolved(database, "v1", "bob/app") is None
    assert await resolved(database, digest, "bob/app") is None


@pytest.mark.item("76")
async def test_a_tag_moves_to_what_was_pushed_last(database: Database, repository: Repository) -> None:
    old, new = image_manifest(b"1"), image_index()
    old_digest = await save(database, repository, old, "v1", "stays")
    await save(database, repository, new, "v1")

    assert await resolved(database, "v1") == new
    assert await resolved(database, "stays") == await resolved(database, old_digest) == old


async def test_pushing_the_same_manifest_again_changes_no_rows(
    database: Database, repository: Repository
) -> None:
    content = image_manifest(b"1", b"layer")
    await save(database, repository, content, "v1")
    before = [await count(database, table) for table in ("manifest", "manifest_reference", "tag")]

    await save(database, repository, content, "v1", now=NOW_MICROS + 5)

    assert [await count(database, table) for table in ("manifest", "manifest_reference", "tag")] == before


async def test_references_are_written_once_each_with_their_kind(
    database: Database, repository: Repository
) -> None:
    await save(database, repository, image_manifest(b"1", b"layer", b"layer"))
    await save(database, repository, image_index(b"child", b"child"))

    def read(tx: Transaction) -> set[tuple[str, str]]:
        return {tuple(row) for row in tx.execute(text("SELECT digest, kind FROM manifest_reference"))}

    assert await database.read(read) == {
        (str(Digest.of(b"1")), "config"),
        (str(Digest.of(b"layer")), "layer"),
        (str(Digest.of(b"child")), "manifest"),
    }
    assert await count(database, "manifest_reference") == 3


@pytest.mark.item("68")
async def test_layers_that_may_not_be_distributed_are_no_references(
    database: Database, repository: Repository
) -> None:
    elsewhere = [descriptor(b"elsewhere", OCI_LAYER.replace("layer.", "layer.nondistributable."))]
    await save(database, repository, image_manifest(b"1", layers=elsewhere))

    kinds = await database.read(lambda tx: list(tx.execute(text(KINDS)).scalars()))

    assert kinds == ["config"]


@pytest.mark.item("74")
async def test_the_image_of_an_index_for_the_default_platform_is_noted_at_the_push(
    database: Database, repository: Repository
) -> None:
    platforms = [("linux", "arm64"), ("linux", "amd64"), ("windows", "amd64")]
    children = [
        descriptor(os.encode() + cpu.encode(), OCI_MANIFEST, platform={"os": os, "architecture": cpu})
        for os, cpu in platforms
    ]
    await save(database, repository, image_index(manifests=children), "three")
    await save(database, repository, image_index(manifests=children[::2]), "two")
    await save(database, repository, image_manifest(b"1"), "image")

    found = await database.read(
        lambda tx: [reads.resolve(tx, "alice/app", tag) for tag in ("three", "two", "image")]
    )

    assert [each.default_child_digest for each in found if each] == [children[1]["digest"], None, None]


@pytest.mark.item("77")
async def test_deleting_a_tag_leaves_the_manifest(database: Database, repository: Repository) -> None:
    digest = await save(database, repository, image_manifest(b"1"), "v1", "v2")

    for _ in range(2):
        await database.write(lambda tx: tag_store.delete_tags(tx, repository.id, ["v1"]))

    assert await resolved(database, "v1") is None
    assert await resolved(database, "v2") == await resolved(database, digest) is not None


@pytest.mark.item("77")
async def test_deleting_a_manifest_takes_its_tags_and_references_along(
    database: Database, repository: Repository
) -> None:
    digest = str(await save(database, repository, image_manifest(b"1"), "v1", "v2"))
    await save(database, repository, image_manifest(b"2"), "other")

    gone = [
        await database.write(lambda tx: manifests.delete_manifest(tx, repository.id, digest))
        for _ in range(2)
    ]

    assert gone == [True, False]
    assert await database.read(lambda tx: tag_store.tags_after(tx, repository.id, "", 10)) == ["other"]
    assert [await count(database, table) for table in ("manifest", "manifest_reference")] == [1, 1]


async def test_current_tags_names_those_that_exist(database: Database, repository: Repository) -> None:
    digest = await save(database, repository, image_manifest(b"1"), "v1")

    found = await database.read(lambda tx: tag_store.current_tags(tx, repository.id, ["v1", "v2"]))

    assert found == {"v1": str(digest)}
    assert await database.read(lambda tx: tag_store.current_tags(tx, repository.id, [])) == {}


async def test_a_tag_on_a_manifest_is_found(database: Database, repository: Repository) -> None:
    tagged = str(await save(database, repository, image_manifest(b"1"), "v1", "v2"))
    untagged = str(await save(database, repository, image_manifest(b"2")))

    found = await database.read(
        lambda tx: [tag_store.keeping_tag(tx, repository.id, digest) for digest in (tagged, untagged)]
    )

    assert found[0] in {"v1", "v2"}
    assert found[1] is None


async def test_a_tag_on_an_index_above_is_found_at_any_depth_and_none_beside(
    database: Database, repository: Repository
) -> None:
    image, other = image_manifest(b"1"), image_manifest(b"2")
    inner = image_index(image)
    outer = image_index(inner, media_type=OCI_INDEX)
    digests = [str(await save(database, repository, each)) for each in (image, inner)]
    await save(database, repository, outer, "v1")
    beside = str(await save(database, repository, other))

    found = await database.read(
        lambda tx: [tag_store.keeping_tag(tx, repository.id, each) for each in (*digests, beside)]
    )

    assert found == ["v1", "v1", None]


async def test_present_manifests_takes_more_digests_than_one_statement_can(
    database: Database, repository: Repository
) -> None:
    digest = str(await save(database, repository, image_manifest(b"1")))
    absent = [f"sha256:{number:064x}" for number in range(manifests.DIGESTS_PER_STATEMENT + 1)]

    found = await database.read(
        lambda tx: manifests.present_manifests(tx, repository.id, [*absent, digest, digest])
    )

    assert found == {digest}


@pytest.mark.item("82", "84")
async def test_tags_come_in_byte_order_strictly_after_the_last(
    database: Database, repository: Repository
) -> None:
    tags = ["1", "10", "2", "A", "Z", "_", "a", "a-b", "a.b", "a_b", "ab", "b"]
    await save(database, repository, image_manifest(b"1"), *reversed(tags))

    async def after(last: str, limit: int) -> list[str]:
        return await database.read(lambda tx: tag_store.tags_after(tx, repository.id, last, limit))

    assert await after("", 100) == sorted(tags)
    assert await after("A", 2) == ["Z", "_"]
    assert await after("a!", 1) == ["a-b"]
    assert await after("b", 5) == []


def wanted(repository: Repository, *types: str) -> WantedReferrers:
    return WantedReferrers(repository.id, str(Digest.of(b"subject")), types)


async def sizes(
    database: Database, repository: Repository, *types: str, after: Place = FIRST, limit: int = 100
) -> list[tuple[Place, int]]:
    return await database.read(
        lambda tx: manifests.referrer_sizes(tx, wanted(repository, *types), after, limit)
    )


async def referrers(
    database: Database, repository: Repository, *types: str, after: Place = FIRST, end: Place = LAST
) -> list[Referrer]:
    return await database.read(lambda tx: manifests.referrers(tx, wanted(repository, *types), after, end))


def about_subject(config: bytes, **extra: object) -> bytes:
    return image_manifest(config, subject=descriptor(b"subject", OCI_MANIFEST), **extra)


@pytest.mark.item("87")
async def test_a_referrer_is_described_by_its_manifest(database: Database, repository: Repository) -> None:
    content = about_subject(b"1", artifactType="application/x.sbom", annotations={"ä": "ö"})
    digest = await save(database, repository, content)

    assert await referrers(database, repository) == [
        Referrer(str(digest), OCI_MANIFEST, len(content), "application/x.sbom", '{"ä":"ö"}')
    ]
    assert await sizes(database, repository) == [((NOW_MICROS, str(digest)), len(content))]


@pytest.mark.item("92a")
async def test_a_referrer_pushed_twice_is_listed_once(database: Database, repository: Repository) -> None:
    for tag in ("v1", "v2"):
        await save(database, repository, about_subject(b"1"), tag)

    assert len(await referrers(database, repository)) == 1


@pytest.mark.item("88")
async def test_referrers_are_filtered_by_any_of_several_types(
    database: Database, repository: Repository
) -> None:
    for kind in ("a/a", "b/b", "c/c"):
        await save(database, repository, about_subject(kind.encode(), artifactType=kind))

    assert {entry.artifact_type for entry in await referrers(database, repository, "a/a", "c/c")} == {
        "a/a",
        "c/c",
    }
    assert len(await sizes(database, repository, "a/a", "c/c")) == 2
    assert await referrers(database, repository, "x/x") == []


@pytest.mark.item("89")
async def test_pages_of_referrers_join_in_order_of_push_then_digest(
    database: Database, repository: Repository
) -> None:
    times = [NOW_MICROS + 2, NOW_MICROS + 1, NOW_MICROS + 1, NOW_MICROS + 1, NOW_MICROS]
    expected = sorted(
        [
            (now, str(await save(database, repository, about_subject(b"%d" % n), now=now)))
            for n, now in enumerate(times)
        ]
    )
    found: list[Place] = []

    while page := await sizes(database, repository, after=found[-1] if found else FIRST, limit=2):
        found += [place for place, _ in page]

    assert found == expected


@pytest.mark.item("89")
async def test_referrers_are_read_from_after_one_place_to_another(
    database: Database, repository: Repository
) -> None:
    for number in range(5):
        await save(database, repository, about_subject(b"%d" % number), now=NOW_MICROS + number // 2)
    places = [place for place, _ in await sizes(database, repository)]

    found = await referrers(database, repository, after=places[0], end=places[3])

    assert [entry.digest for entry in found] == [digest for _, digest in places[1:4]]


@pytest.mark.item("86")
async def test_a_subject_that_nobody_names_has_no_referrers(
    database: Database, repository: Repository
) -> None:
    await save(database, repository, image_manifest(b"1"))

    assert await referrers(database, repository) == []


async def test_pulls_add_up_and_the_last_one_stays_the_last(
    database: Database, repository: Repository
) -> None:
    digest = str(await save(database, repository, image_manifest(b"1")))
    for number, last in ((2, NOW_MICROS), (3, NOW_MICROS + 9), (1, NOW_MICROS + 4)):
        await database.write(
            lambda tx, n=number, at=last: pulls.count_pulls(tx, [(repository.id, digest, n, at)])  # type: ignore[misc]
        )
    await database.write(lambda tx: pulls.count_pulls(tx, []))

    row = await database.read(
        lambda tx: tuple(tx.execute(text("SELECT pulls, last_pulled_at FROM manifest")).one())
    )

    assert row == (6, NOW_MICROS + 9)


async def test_pulls_of_a_manifest_that_is_gone_are_forgotten(
    database: Database, repository: Repository
) -> None:
    await database.write(lambda tx: pulls.count_pulls(tx, [(repository.id, "sha256:gone", 1, NOW_MICROS)]))

    assert await count(database, "manifest") == 0
