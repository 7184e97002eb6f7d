"""The cost of sessions and access tokens: every request and every list finds its rows by an index."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, TextClause, create_engine, text

from dtr.features.accounts.store import sessions
from dtr.features.tokens.store import access_tokens
from dtr.plumbing.db.migrate import migrate

STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": statement
    for module, names in (
        (
            sessions,
            ("FIND", "LIST", "TOUCH", "DELETE", "DELETE_BY_ID", "DROP_OLDEST", "DROP_EXPIRED", "RENEW"),
        ),
        (
            access_tokens,
            (
                "FIND_PROOF",
                "FIND",
                "LIST_OF_ACCOUNT",
                "LIST_ALL",
                "COUNT_OF_ACCOUNT",
                "COUNT_MANUAL",
                "CHANGE",
                "DELETE",
                "CLEAN_UP",
                "NOTE_USE",
                "FORGET_USES",
            ),
        ),
    )
    for name in names
    if isinstance(statement := getattr(module, name), TextClause)
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("plans") / "dtr.db"
    migrate(f"sqlite:///{path}")
    engine = create_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_reads_a_whole_table_or_sorts_everybodys_tokens(engine: Engine, name: str) -> None:
    statement = STATEMENTS[name]
    with engine.connect() as tx:
        plan = tx.execute(
            text(f"EXPLAIN QUERY PLAN {statement.text}"), dict.fromkeys(statement.compile().params, "1")
        )
        steps = [str(row.detail) for row in plan]

    whole = [step for step in steps if step.startswith("SCAN")]
    assert steps
    assert not whole, steps
    if name == "access_tokens.LIST_ALL":
        assert not any("TEMP B-TREE" in step for step in steps), steps
