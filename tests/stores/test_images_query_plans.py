"""The cost of the hot queries: only indexes among 20,000 rows, and one statement for a pull."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, TextClause, bindparam, create_engine, event, insert, text

from dtr.core.clock import FakeClock
from dtr.core.paging import PageRequest
from dtr.core.principal import TokenSubject
from dtr.features.images.service import Blobs, Lists, Manifests
from dtr.features.images.store import history, manifests, reads, tags, uploads
from dtr.features.images.store.tables import (
    blob,
    blob_link,
    manifest,
    manifest_reference,
    tag,
    tag_history,
    upload,
)
from dtr.features.repositories.service import Repositories
from dtr.features.repositories.store import repositories, visible
from dtr.features.repositories.store.tables import repository_table
from dtr.oci.digest import Digest
from dtr.oci.errors import BlobUnknown, ManifestUnknown, NameUnknown
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.db import Database
from dtr.plumbing.db.migrate import migrate
from tests.support.registry import image_manifest
from tests.support.rows import NOW_MICROS, blob_row, manifest_row, repository_row

ROWS = 20_000
PATH = "alice/r7"
DIGEST = f"sha256:{7:064x}"
SUBJECT = f"sha256:{99:064x}"


def seed(tx: Connection) -> None:
    """Fill a repository with 20,000 of everything, among 100,000 others."""
    numbers = range(1, ROWS + 1)
    digests = [f"sha256:{number:064x}" for number in numbers]
    tx.execute(
        insert(repository_table),
        [
            {
                "id": number,
                "path": f"alice/r{number}",
                "namespace": "alice" if number % 2 else "bob",
                "visibility": "private" if number % 3 else "public",
                "created_at": NOW_MICROS,
            }
            for number in numbers
        ],
    )
    here = {"repository_id": 7}
    tx.execute(insert(blob), [{"digest": each, "size_bytes": 1, "stored_at": NOW_MICROS} for each in digests])
    tx.execute(insert(blob_link), [{**here, "digest": each, "linked_at": NOW_MICROS} for each in digests])
    fixed = {
        "media_type": "a/b",
        "content": b"{}",
        "size_bytes": 2,
        "annotations": "{}",
        "pushed_by": "alice",
    }
    tx.execute(
        insert(manifest),
        [
            {
                **here,
                **fixed,
                "digest": each,
                "pushed_at": number,
                "subject_digest": SUBJECT if number % 20 == 0 else None,
                "artifact_type": ("a/b", "c/d", "e/f")[number % 3],
            }
            for number, each in zip(numbers, digests, strict=True)
        ],
    )
    session = {"algorithm": "sha256", "started_at": NOW_MICROS, "touched_at": NOW_MICROS}
    tx.execute(
        insert(upload),
        [{**session, "id": str(number), "repository": f"alice/r{number}"} for number in numbers],
    )
    tagged = {"tagged_at": NOW_MICROS, "tagged_by": "alice"}
    layers = [{**here, "digest": each, "kind": "layer", "manifest_digest": each} for each in digests]
    tx.execute(insert(manifest_reference), layers)
    moved = {**here, "at": NOW_MICROS, "actor_id": "", "actor_name": "alice", "cause": "push"}
    tx.execute(
        insert(tag_history),
        [
            {
                **moved,
                "name": f"v{each[-9:]}",
                "digest": each if number % 20 else None,
                "previous_digest": each,
            }
            for number, each in zip(numbers, digests, strict=True)
        ],
    )
    tx.execute(insert(tag), [{**here, **tagged, "name": f"v{each[-9:]}", "digest": each} for each in digests])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").fresh_database()
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('seeded') / 'dtr.db'}"
        migrate(url)
        engine = create_engine(url)
    with engine.begin() as tx:
        seed(tx)
    with engine.begin() as tx:
        tx.exec_driver_sql("ANALYZE")
    yield engine
    engine.dispose()


@dataclass(frozen=True)
class Plan:
    """What an engine means to do: tables it reads from end to end, and lists it sorts."""

    full_scans: list[str]
    sorts: list[str]


def plan_of(engine: Engine, statement: TextClause, values: Mapping[str, Any]) -> Plan:
    read_plan = _sqlite_plan if engine.dialect.name == "sqlite" else _postgresql_plan
    with engine.connect() as tx:
        return read_plan(tx, statement, values)


def _explained(how: str, statement: TextClause, values: Mapping[str, Any]) -> TextClause:
    explained = text(f"{how} {statement.text}")
    if "types" in values:
        return explained.bindparams(bindparam("types", expanding=True))
    return explained


def _sqlite_plan(tx: Connection, statement: TextClause, values: Mapping[str, Any]) -> Plan:
    """Read the lines of EXPLAIN QUERY PLAN: number, number of the line above, unused, text.

    Scans of named subqueries and sorts inside of them are over what those gave: a page at most; `a` is what a
    recursion has found so far.
    """
    rows = tx.execute(_explained("EXPLAIN QUERY PLAN", statement, values), values).all()
    scans = [row[3] for row in rows if re.match(r"SCAN (?!CONSTANT ROW$|a$|open$|\(subquery)", row[3])]
    return Plan(scans, [row[3] for row in rows if row[1] == 0 and "FOR ORDER BY" in row[3]])


def _postgresql_plan(tx: Connection, statement: TextClause, values: Mapping[str, Any]) -> Plan:
    """Walk through the nodes of EXPLAIN. An index that is read without a condition is read from end to end."""
    answer = tx.execute(_explained("EXPLAIN (FORMAT JSON)", statement, values), values).scalar_one()
    nodes = list(_nodes(answer[0]["Plan"]))
    scans = [
        node["Relation Name"]
        for node in nodes
        if node["Node Type"] == "Seq Scan"
        or (node["Node Type"].startswith("Index") and "Index Cond" not in node)
    ]
    return Plan(scans, [node["Node Type"] for node in nodes if "Sort" in node["Node Type"]])


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


LOOK_UPS: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "RESOLVE_TAG": (reads.RESOLVE_TAG, {"path": PATH, "reference": "v000000007"}),
    "RESOLVE_DIGEST": (reads.RESOLVE_DIGEST, {"path": PATH, "reference": DIGEST}),
    "RESOLVE_BLOB": (reads.RESOLVE_BLOB, {"path": PATH, "digest": DIGEST}),
    "FIND repository": (repositories.FIND, {"path": PATH}),
    "KEEPING_TAG": (tags.KEEPING_TAG, {"repository_id": 7, "digest": DIGEST}),
    "NAMES_ON": (tags.NAMES_ON, {"repository_id": 7, "digest": DIGEST}),
    "TAGS_ON": (tags.TAGS_ON, {"repository_id": 7, "digest": DIGEST, "limit": 100}),
    "ONE_TAG": (tags.ONE_TAG, {"repository_id": 7, "name": "v000000007"}),
    "EVER_NAMED": (history.EVER_NAMED, {"repository_id": 7, "name": "v000000007", "digest": DIGEST}),
    "FORGET_OLDEST": (history.FORGET_OLDEST, {"repository_id": 7, "name": "v000000007", "kept": 100}),
    "CREATE upload": (
        uploads.CREATE,
        {"id": "new", "repository": PATH, "algorithm": "sha256", "now": NOW_MICROS, "most": 1000},
    ),
}

REFERRERS_AFTER = {
    "repository_id": 7,
    "subject": SUBJECT,
    "after_micros": 5_000,
    "after_digest": DIGEST,
}
SIZES_PAGE = {**REFERRERS_AFTER, "limit": 100}
REFERRERS_PAGE = {**REFERRERS_AFTER, "end_micros": 7_000, "end_digest": DIGEST}
VISIBLE_PAGE = {"start": "alice/r5", "end": "~", "like": "%", "also": "%", "limit": 100}
TYPES = {"types": ["a/b", "c/d"]}

PAGES: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "TAGS_AFTER": (tags.TAGS_AFTER, {"repository_id": 7, "last": "v000010000", "limit": 100}),
    "TAGS_FROM": (tags.TAGS_FROM, {"repository_id": 7, "start": "v000010000", "limit": 100}),
    "TAGS_CONTAINING": (
        tags.TAGS_CONTAINING,
        {"repository_id": 7, "start": "v000010000", "like": "%7%", "limit": 100},
    ),
    "NEWEST_TAGS": (
        tags.NEWEST_TAGS,
        {"repository_id": 7, "at": 5_000, "start": "v000010000", "like": "%7%", "limit": 100},
    ),
    "MANIFESTS_ABOUT": (tags.MANIFESTS_ABOUT, {"repository_id": 7, "digest": SUBJECT, "limit": 26}),
    "MANIFESTS_FROM": (tags.MANIFESTS_FROM, {"repository_id": 7, "start": DIGEST, "limit": 100}),
    "MOVES_FROM": (
        history.MOVES_FROM,
        {"repository_id": 7, "name": "v000000007", "start": 2**63 - 1, "limit": 100},
    ),
    "DELETED_FROM": (
        history.DELETED_FROM,
        {"repository_id": 7, "start": "v000010000", "since": 0, "limit": 100},
    ),
    "ALL_SIZES": (manifests.ALL_SIZES, SIZES_PAGE),
    "FILTERED_SIZES": (manifests.FILTERED_SIZES, {**SIZES_PAGE, **TYPES}),
    "ALL_REFERRERS": (manifests.ALL_REFERRERS, REFERRERS_PAGE),
    "FILTERED_REFERRERS": (manifests.FILTERED_REFERRERS, {**REFERRERS_PAGE, **TYPES}),
    "OF_ALL": (visible.OF_ALL, VISIBLE_PAGE),
    "OF_PUBLIC": (visible.OF_PUBLIC, VISIBLE_PAGE),
    "OF_NAMESPACE": (visible.OF_NAMESPACE, {**VISIBLE_PAGE, "namespace": "bob"}),
}


@pytest.mark.item("85", "E10")
@pytest.mark.parametrize("name", [*LOOK_UPS, *PAGES])
def test_a_hot_query_reads_no_table_from_end_to_end(seeded: Engine, name: str) -> None:
    statement, values = {**LOOK_UPS, **PAGES}[name]

    assert plan_of(seeded, statement, values).full_scans == []


@pytest.mark.item("85", "89")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_comes_out_of_its_index_in_order(seeded: Engine, name: str) -> None:
    statement, values = PAGES[name]

    assert plan_of(seeded, statement, values).sorts == []


def test_the_detector_of_full_scans_finds_one(seeded: Engine) -> None:
    plan = plan_of(
        seeded, text("SELECT path FROM repository WHERE created_at > :at ORDER BY pulls"), {"at": 1}
    )

    assert plan.full_scans
    assert plan.sorts


# -- how many statements a read takes ------------------------------------------------------


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Collect the statements of all engines, without those that only begin a transaction."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@dataclass(frozen=True)
class Pulls:
    """The services of the pull path on one database."""

    manifests: Manifests
    blobs: Blobs


@pytest.fixture
async def pulls(database: Database) -> Pulls:
    def write(tx: Connection) -> None:
        repository = repository_row(tx)
        manifest_row(tx, repository, image_manifest(b"config"), "v1")
        blob_row(tx, b"config", repository)

    await database.write(write)
    clock = FakeClock()
    return Pulls(
        Manifests(database, clock, [], announce_to_nobody, answers_bytes=1_000_000),
        Blobs(
            database,
            MemoryDriver(clock),
            clock,
            announce_to_nobody,
            answers_bytes=1_000_000,
            small_blob_bytes=1_000_000,
        ),
    )


NAME = RepositoryName.parse("alice/app")
ABSENT: dict[str, str | Digest] = {"tag": "absent", "digest": Digest.of(b"absent")}
REFERENCES: dict[str, str | Digest] = {"tag": "v1", "digest": Digest.of(image_manifest(b"config"))}


@pytest.mark.parametrize("kind", REFERENCES)
async def test_a_manifest_is_resolved_by_one_statement(pulls: Pulls, kind: str) -> None:
    with recorded_statements() as statements:
        await pulls.manifests.resolve(NAME, REFERENCES[kind])

    assert len(statements) == 1


async def test_a_blob_is_found_by_one_statement(pulls: Pulls) -> None:
    with recorded_statements() as statements:
        await pulls.blobs.find(NAME, Digest.of(b"config"))

    assert len(statements) == 1


@pytest.mark.item("32")
async def test_a_manifest_is_found_as_a_blob_by_one_statement(pulls: Pulls) -> None:
    with recorded_statements() as statements:
        found = await pulls.blobs.find(NAME, Digest.of(image_manifest(b"config")))

    assert found.manifest == image_manifest(b"config")
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("path", "error", "number"), [("alice/app", BlobUnknown, 1), ("alice/none", NameUnknown, 2)]
)
async def test_a_blob_that_is_not_there_costs_one_statement_and_an_unknown_repository_one_more(
    pulls: Pulls, path: str, error: type[Exception], number: int
) -> None:
    with recorded_statements() as statements, pytest.raises(error):
        await pulls.blobs.find(RepositoryName.parse(path), Digest.of(b"absent"))

    assert len(statements) == number


@pytest.mark.parametrize("kind", REFERENCES)
async def test_an_absent_manifest_costs_one_statement_and_an_unknown_repository_one_more(
    pulls: Pulls, kind: str
) -> None:
    with recorded_statements() as statements, pytest.raises(ManifestUnknown):
        await pulls.manifests.resolve(NAME, ABSENT[kind])

    assert len(statements) == 1
    with recorded_statements() as statements, pytest.raises(NameUnknown):
        await pulls.manifests.resolve(RepositoryName.parse("alice/none"), REFERENCES[kind])

    assert len(statements) == 2


async def test_a_second_read_asks_the_database_only_where_memory_cannot_be_sure(
    pulls: Pulls, database: Database
) -> None:
    await pulls.manifests.resolve(NAME, "v1")
    await pulls.blobs.find(NAME, Digest.of(b"config"))

    with recorded_statements() as statements:
        await pulls.manifests.resolve(NAME, "v1")
        await pulls.blobs.find(NAME, Digest.of(b"config"))

    assert len(statements) == (0 if database.generation() is not None else 2)


async def test_a_page_of_tags_takes_two_statements(pulls: Pulls, database: Database) -> None:
    lists = Lists(database, Repositories(database), _nobody)

    with recorded_statements() as statements:
        page = await lists.tags(NAME, PageRequest(100, None))

    assert page.names == ["v1"]
    assert len(statements) == 2


async def _nobody(_holder: TokenSubject) -> Any:
    raise AssertionError("a page of tags asks for nobody")
