"""Everything that a registry has stored, to be compared with itself later."""

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, select

from dtr.plumbing.db import metadata
from dtr.wiring import parts  # noqa: F401 - brings in every room, and so every table
from tests.support.server import ServerProcess

STATISTICS = frozenset({"pulls", "last_pulled_at", "last_used_at"})


def stored_files(server: ServerProcess) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file and folder below the data directory but the database's own."""
    found = (path for path in server.data.rglob("*") if not _belongs_to_the_database(path, server))
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def stored_rows(server: ServerProcess) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, without statistics."""
    url = make_url(server.database_url)
    driver = "postgresql+psycopg" if url.get_backend_name() == "postgresql" else url.drivername
    engine = create_engine(url.set(drivername=driver))
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(_everything(table))), key=repr)
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()


def _everything(table: Any) -> Any:
    """Pulls are told a few seconds late, those of other tests as well."""
    found = select(*_columns(table))
    return found.where(table.c.name != "ManifestPulled") if table.name == "event" else found


def _columns(table: Any) -> list[Any]:
    return [column for column in table.columns if column.name not in STATISTICS]


def _belongs_to_the_database(path: Path, server: ServerProcess) -> bool:
    return path.name.startswith("metadata.db") or path.is_relative_to(server.data / "run")
