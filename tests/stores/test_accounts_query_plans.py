"""The cost of lists of accounts: every page reads one range of one index, among 100,000 accounts."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, text

from dtr.core.paging import ListPage
from dtr.features.accounts.model.accounts import AccountFilter, AccountOrder, AccountQuery
from dtr.features.accounts.model.organizations import MemberFilter
from dtr.features.accounts.store import accounts, organizations
from dtr.features.accounts.store.tables import account_table, organization_member_table
from dtr.plumbing.db.migrate import migrate

ACCOUNTS = 100_000
ORDERS = [
    AccountOrder(by_full_name=by_full_name, is_descending=is_descending)
    for by_full_name in (False, True)
    for is_descending in (False, True)
]


def seed(tx: Connection) -> None:
    """Make 100,000 accounts: mostly active users, few administrators, organizations and disabled ones."""
    tx.execute(
        insert(account_table),
        [
            {
                "id": f"id-{number:06}",
                "name": f"account-{number:06}",
                "full_name": f"Person {(number * 7919) % ACCOUNTS // 3}",
                "password_hash": "",
                "is_org": number % 1000 == 3,
                "is_admin": number % 10_000 == 7,
                "is_active": number % 5_000 != 11,
                "created_at": 0,
            }
            for number in range(ACCOUNTS)
        ],
    )
    tx.execute(
        insert(organization_member_table),
        [
            {"org_id": "id-000003", "account_id": f"id-{number:06}", "is_admin": False, "created_at": 0}
            for number in range(100, 120)
        ],
    )


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
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        tx.exec_driver_sql("VACUUM ANALYZE" if request.param == "postgresql" else "ANALYZE")
    yield engine
    engine.dispose()


def plan(tx: Connection, statement: str, **values: object) -> str:
    how = "EXPLAIN QUERY PLAN" if tx.dialect.name == "sqlite" else "EXPLAIN"
    rows = tx.execute(text(f"{how} {statement}"), values)
    return "\n".join(str(row[-1]) for row in rows)


def reads_one_range(explained: str) -> bool:
    """Tell whether a plan walks an index in order, and neither sorts nor reads the whole table."""
    return "index" in explained.lower() and not any(
        word in explained for word in ("TEMP B-TREE", "Sort", "Seq Scan", "Bitmap")
    )


@pytest.mark.parametrize("wanted", list(AccountFilter))
@pytest.mark.parametrize("order", ORDERS)
def test_a_page_reads_one_range_of_one_index(
    seeded: Engine, wanted: AccountFilter, order: AccountOrder
) -> None:
    with seeded.connect() as tx:
        for has_start in (False, True):
            statement = accounts.page_statement(wanted, order, has_pattern=False, has_start=has_start)
            start = {"start_name": "account-050000", "start_full_name": "Person 5"}
            used = {name: value for name, value in start.items() if f":{name}" in statement.text}

            explained = plan(tx, statement.text, **used, limit=11)

            assert reads_one_range(explained), explained


@pytest.mark.parametrize("order", ORDERS)
def test_all_pages_together_are_the_whole_list(seeded: Engine, order: AccountOrder) -> None:
    query, start, names = AccountQuery(order=order), "", list[str]()
    with seeded.connect() as tx:
        while True:
            page = accounts.list_page(tx, query, ListPage(start, 10_000))
            names += [each.name for each in page.items]
            if page.next_start is None:
                break
            start = page.next_start

    assert len(names) == len(set(names)) == ACCOUNTS
    if not order.by_full_name:
        assert names == sorted(names, reverse=order.is_descending)


def test_late_pages_take_no_longer_and_counts_stay_reasonable(seeded: Engine) -> None:
    query = AccountQuery(AccountFilter.USERS)

    def seconds(start: str, *, with_count: bool) -> float:
        began = time.perf_counter()
        with seeded.connect() as tx:
            accounts.list_page(tx, query, ListPage(start, 100, with_count=with_count))
            if with_count:
                accounts.count_by_kind(tx)
        return time.perf_counter() - began

    seconds("", with_count=True)
    assert min(seconds("account-099800", with_count=False) for _ in range(5)) < 0.05
    assert min(seconds("", with_count=True) for _ in range(5)) < 0.5


def test_members_of_a_small_organization_are_found_without_reading_all_accounts(seeded: Engine) -> None:
    with seeded.connect() as tx:
        values = {"org_id": "id-000003", "account_id": "id-000100", "start": "", "limit": 11}
        wanted = {**values, "group_id": "id-000003", "pattern": organizations.ANYBODY}
        explained = plan(tx, organizations.MEMBERS.list.text, **wanted, is_admin=None)
        assert "Seq Scan on account" not in explained
        assert "SCAN a" not in explained, explained
        explained = plan(tx, organizations.LIST_ORGANIZATIONS.text, pattern="%", **values)
        assert "SCAN" not in explained, explained

        members = organizations.list_members(
            tx, "id-000003", MemberFilter.ALL, ListPage("", 11, with_count=True)
        )

    assert [each.account.name for each in members.items] == [
        f"account-{number:06}" for number in range(100, 111)
    ]
    assert (members.next_start, members.total) == ("account-000111", 20)
