"""Pages of long lists: never too long, however long the words, and with work that does not grow with the list."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import pytest
from sqlalchemy import Connection, Engine, create_engine

from dtr.plumbing.db.migrate import migrate
from dtr.plumbing.web.pages import MAX_PAGE_BYTES
from tests.support import crowd
from tests.support.crowd import BIG, MANY, MEMBER, PRINCIPALS
from tests.support.page_reader import Asked, Page, PageReader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EVENTS: Final = 20_000

REPOSITORY: Final = f"/repositories/{BIG}/{quote(crowd.path_of(0).partition('/')[2], safe='')}"
TAGS: Final = f"{REPOSITORY}/tags"
ORG: Final = f"/organizations/{BIG}"
TEAM: Final = f"{ORG}/teams/{crowd.team_name(0)}"
BOT: Final = quote(crowd.robot_name(500), safe="")

EVERYBODY: Final = ("admin", "owner", "member", "outsider", "anonymous")
SIGNED_IN: Final = EVERYBODY[:-1]
MEMBERS: Final = ("admin", "owner", "member")


@dataclass(frozen=True)
class Listing:
    """A page with a list, who sees it, and how else it is asked for: from the middle, the end, filtered, sorted."""

    path: str
    seen_by: tuple[str, ...]
    asked: tuple[str, ...] = ()


LISTINGS: Final = (
    Listing(
        "/repositories",
        EVERYBODY,
        (
            f"start={crowd.path_of(MANY // 2)}",
            f"start={crowd.spread_path(MANY - 1)}",
            "q=r0999",
            "q=nothing-is-called-so",
            "visibility=public",
            "visibility=private&q=s0",
            f"namespace={BIG}",
            f"namespace={BIG}&q=r09",
        ),
    ),
    Listing("/search", EVERYBODY, ("q=r0", "q=r0&page=20", "q=u0", "q=nothing-is-called-so")),
    Listing(REPOSITORY, MEMBERS),
    Listing(
        TAGS,
        MEMBERS,
        (
            f"start={crowd.tag_name(MANY // 2)}",
            f"start={crowd.tag_name(MANY - 10)}",
            "q=v099",
            "q=nothing-is-called-so",
            "deleted=gone05000",
        ),
    ),
    Listing(f"{TAGS}/{crowd.tag_name(0)}", MEMBERS, ("history=5000", "history=10")),
    Listing(
        f"{REPOSITORY}/activity",
        MEMBERS,
        ("type=all", "type=DELETE", "from=2020-01-01&to=2020-01-02", f"actor={MEMBER}"),
    ),
    Listing(
        f"{REPOSITORY}/permissions",
        ("admin", "member"),
        (
            f"teams={crowd.team_name(1_000)}",
            f"users={crowd.user_name(MANY // 2)}",
            f"start=5:{crowd.user_name(MANY // 2)}",
            "start=8:",
            f"account={MEMBER}",
        ),
    ),
    Listing(
        "/users",
        SIGNED_IN,
        (
            f"start={crowd.user_name(MANY // 2)}",
            f"start={crowd.user_name(MANY - 10)}",
            "q=u099",
            "q=nobody-is-called-so",
            "show=admins",
            "show=auditors",
            "show=active",
            "show=inactive",
        ),
    ),
    Listing(f"/users/{MEMBER}", ("admin", "member"), (f"start={crowd.organization_name(900)}",)),
    Listing(
        "/organizations",
        SIGNED_IN,
        ("show=all", f"show=all&start={crowd.organization_name(500)}", "show=own", "show=all&q=org09"),
    ),
    Listing(
        ORG,
        MEMBERS,
        (
            f"start={crowd.user_name(MANY // 2)}",
            f"start={crowd.user_name(MANY - 10)}",
            "rank=admins",
            "rank=non-admins",
            "q=u099",
            "q=nobody-is-called-so",
        ),
    ),
    Listing(f"{ORG}/teams", MEMBERS, (f"start={crowd.team_name(1_000)}",)),
    Listing(
        TEAM,
        MEMBERS,
        (
            f"members={crowd.user_name(MANY // 2)}",
            f"repositories={quote(crowd.path_of(MANY // 2))}",
            "q=u099",
        ),
    ),
    Listing("/robots", SIGNED_IN),
    Listing("/robots", ("admin", "owner"), (f"namespace={BIG}", f"namespace={BIG}&start={BOT}")),
    Listing("/robots/new", ("admin", "member")),
    Listing(f"/robots/{quote(crowd.robot_name(0), safe='')}", ("admin", "owner")),
    Listing("/profile", ("member",)),
    Listing("/profile/tokens", ("member",), (f"start={crowd.token_hash(500)}",)),
    Listing("/profile/sessions", ("member",)),
    Listing("/profile/keys", ("member",)),
    Listing(
        "/activity",
        SIGNED_IN,
        ("type=all", "type=DELETE", "from=2020-01-01&to=2020-01-02", f"actor={MEMBER}", "actor=nobody"),
    ),
    Listing(
        "/system/audit",
        SIGNED_IN,
        ("outcome=denied", "name=AccountChanged", f"actor={MEMBER}", "from=2020-01-01"),
    ),
    Listing("/system/storage", ("admin",)),
)

VISITS: Final = [
    (listing.path, asked, role)
    for listing in LISTINGS
    for asked in ("", *listing.asked)
    for role in listing.seen_by
]


def name_of(part: object) -> str:
    """Return a short name for reports: nobody reads the filling of names."""
    return re.sub(r"x{9,}", "", str(part))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql").fresh_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('crowd') / 'dtr.db'}"
        migrate(url)
    engine = engine_of(url)
    with engine.begin() as tx:
        crowd.fill(tx, EVENTS)
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def reader(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageReader]:
    opened = PageReader(database, tmp_path_factory.mktemp("data"))
    audit = opened.parts.audit

    def append(tx: Connection) -> None:
        for fact in crowd.security_facts():
            audit.append(tx, fact)

    opened.run(opened.parts.database.write(append))
    engine = engine_of(database)
    with engine.begin() as tx:
        tx.exec_driver_sql("ANALYZE")
    engine.dispose()
    yield opened
    opened.close()


def engine_of(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def visit(reader: PageReader, role: str, path: str, asked: str, size: int, language: str = "en") -> Page:
    """Read a page; go on where it sends to, because as many entries would be too long."""
    page = reader.read(PRINCIPALS[role], f"{path}?{asked}&size={size}", language)
    while page.status == 303:
        assert page.location.startswith(f"{path}?"), page.location
        page = reader.read(PRINCIPALS[role], page.location, language)
    assert page.status == 200, page.content[:2_000]
    return page


@pytest.mark.parametrize(("path", "asked", "role"), VISITS, ids=name_of)
def test_no_page_is_too_long_or_asks_more_for_longer_lists(
    reader: PageReader, path: str, asked: str, role: str
) -> None:
    english = visit(reader, role, path, asked, 100)  # what is kept in memory is there after this
    short = visit(reader, role, path, asked, 25, "zh-CN")
    long = visit(reader, role, path, asked, 100, "zh-CN")

    assert max(len(each.content) for each in (english, short, long)) <= MAX_PAGE_BYTES
    assert len(statements_of(long)) == len(statements_of(short))


OF_BANNERS: Final = re.compile(r"SELECT .* FROM (property|audit_head|audit_entry ORDER BY position)\b")
"""What tells of alerts on top of every page: asked for twice a minute."""


def statements_of(page: Page) -> list[str]:
    """Return what a page asks the database for itself."""
    return [each.statement for each in page.asked if not OF_BANNERS.match(each.statement)]


WALKED: Final = [
    ("/repositories", "member", r'class="repository-name" href="([^"]+)"', 2 * MANY),
    ("/users", "outsider", r'href="(/users/u[^"]+)"', MANY),
    (ORG, "owner", r'href="(/users/u[^"]+)"', MANY),
    (TAGS, "owner", r'<a href="[^"]+/tags/(v\d{5}-x+)"', MANY),
    ("/profile/sessions", "member", r'action="/profile/sessions/(\w+)/end"', crowd.SESSIONS),
    ("/profile/tokens", "member", r'href="/profile/tokens/(\w+)/delete"', 1_000),
]

PAGES_WALKED: Final = 25
"""Some lists end before, of others this is the beginning."""


@pytest.mark.parametrize(("path", "role", "pattern", "count"), WALKED, ids=name_of)
def test_the_pages_of_a_list_hold_every_entry_once(
    reader: PageReader, path: str, role: str, pattern: str, count: int
) -> None:
    page = visit(reader, role, path, "", 100)
    seen = re.findall(pattern, page.content.decode())
    for _ in range(PAGES_WALKED):
        if page.next_address is None:
            break
        page = reader.read(PRINCIPALS[role], page.next_address)
        assert page.status == 200
        seen += re.findall(pattern, page.content.decode())

    assert len(set(seen)) == len(seen)
    assert len(seen) >= min(count, 25 * PAGES_WALKED)
    assert (len(seen) == count) == (page.next_address is None)


# -- what the database does for a page ------------------------------------------------------

LARGE: Final = {
    "account",
    "blob_link",
    "event",
    "manifest",
    "manifest_reference",
    "organization_member",
    "repository",
    "repository_team_access",
    "repository_user_access",
    "tag",
    "tag_history",
    "team_member",
}

COUNTS: Final = re.compile(r"\s*SELECT (is_org, )?COUNT\(\*\)")
"""Counting reads an index from end to end, and cannot do with less."""

UNFILTERED: Final = [
    ("/repositories", f"start={crowd.path_of(MANY // 2)}", "admin"),
    ("/repositories", f"start={crowd.path_of(MANY // 2)}", "outsider"),
    ("/repositories", f"namespace={BIG}", "outsider"),
    (TAGS, f"start={crowd.tag_name(MANY // 2)}", "owner"),
    (f"{TAGS}/{crowd.tag_name(0)}", "history=5000", "owner"),
    (f"{REPOSITORY}/activity", "type=all", "owner"),
    (f"{REPOSITORY}/activity", f"actor={MEMBER}", "owner"),
    ("/users", f"start={crowd.user_name(MANY // 2)}", "outsider"),
    ("/users", "show=auditors", "outsider"),
    ("/users", "show=inactive", "outsider"),
    ("/organizations", "show=all", "outsider"),
    (f"{ORG}/teams", f"start={crowd.team_name(1_000)}", "owner"),
    ("/robots", f"namespace={BIG}", "owner"),
    ("/profile/tokens", "", "member"),
    ("/profile/sessions", "", "member"),
    ("/activity", "type=all", "admin"),
    ("/activity", "type=all", "member"),
    ("/activity", f"actor={MEMBER}", "owner"),
]


@pytest.mark.parametrize(("path", "asked", "role"), UNFILTERED, ids=name_of)
def test_a_page_reads_no_large_table_from_end_to_end(
    reader: PageReader, database: str, path: str, asked: str, role: str
) -> None:
    page = visit(reader, role, path, asked, 25)
    engine = engine_of(database)
    explain: Callable[[Connection, Asked], set[str]] = (
        scanned_by_sqlite if engine.dialect.name == "sqlite" else scanned_by_postgresql
    )
    with engine.connect() as tx:
        scans = {
            each.statement: explain(tx, each) & LARGE
            for each in page.asked
            if not COUNTS.match(each.statement)
        }
    engine.dispose()

    assert len(scans) > 1
    assert {statement: tables for statement, tables in scans.items() if tables} == {}


def scanned_by_sqlite(tx: Connection, asked: Asked) -> set[str]:
    """Return the tables that SQLite reads from end to end for a statement."""
    rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked.statement}", asked.values).all()
    # Aliases of tables are the first letters of their names or close to it: look the names up in the statement.
    names = {match[1] for row in rows if (match := re.match(r"SCAN (\w+)", row[3]))}
    aliases = dict(re.findall(r"\b(\w+) (?:AS )?(\w+)\b", asked.statement))
    return names | {table for table, alias in aliases.items() if alias in names}


def scanned_by_postgresql(tx: Connection, asked: Asked) -> set[str]:
    """Return the tables that PostgreSQL reads from end to end for a statement."""
    answer = tx.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {asked.statement}", asked.values).scalar_one()
    plan = answer if isinstance(answer, list) else json.loads(answer)
    return {
        node["Relation Name"]
        for node in nodes(plan[0]["Plan"])
        if node["Node Type"] == "Seq Scan"
        or ("Relation Name" in node and node["Node Type"].startswith("Index") and "Index Cond" not in node)
    }


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)
