"""The data directory remembers its database, so that a call without the address does not begin an empty one."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import make_url

from dtr.core.errors import Misconfigured
from dtr.plumbing.crypto.files import replace_private_file
from dtr.settings.tree import Settings

NOTE_FILE = "database.kind"


@dataclass(frozen=True, slots=True)
class DatabaseNote:
    """Which database a registry uses. No user and no password: whoever reads the note learns no secret."""

    backend: str
    host: str
    name: str
    """Of PostgreSQL the database; of SQLite the file, seen from the data directory if it is in there."""

    def describe(self) -> str:
        """Say it to a person."""
        return f"PostgreSQL ({self.name} on {self.host})" if self.backend == "postgresql" else "SQLite"


def note_of(settings: Settings) -> DatabaseNote:
    """Return the note on the database that the settings name."""
    url = make_url(settings.database_url)
    name = url.database or ""
    if url.get_backend_name() == "sqlite":
        file, data = Path(name).absolute(), settings.data.absolute()
        return DatabaseNote("sqlite", "", str(file.relative_to(data) if data in file.parents else file))
    host = url.host or str(url.query.get("host", "")) or "the same machine"
    return DatabaseNote(url.get_backend_name(), host, name)


def read_note(data: Path) -> DatabaseNote | None:
    """Return the note in a data directory; None if there is none, or nobody can read it."""
    try:
        return DatabaseNote(**json.loads((data / NOTE_FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def refuse_new_sqlite(settings: Settings) -> None:
    """Raise Misconfigured if the settings name SQLite, but the registry was run on PostgreSQL.

    The other way is somebody's decision: SQLite needs no address, PostgreSQL does.
    """
    noted = read_note(settings.data)
    if noted is not None and noted.backend != "sqlite" and note_of(settings).backend == "sqlite":
        raise _other_database(settings, noted)


def refuse_other_database(settings: Settings) -> None:
    """Raise Misconfigured if the settings name another database than the one that the server was last run on.

    The host may be another: it has several names, or was moved.
    """
    noted, given = read_note(settings.data), note_of(settings)
    if noted is not None and (noted.backend, noted.name) != (given.backend, given.name):
        raise _other_database(settings, noted)


def write_note(settings: Settings) -> None:
    """Note the database that the server is run on."""
    note = note_of(settings)
    if read_note(settings.data) != note:
        replace_private_file(settings.data / NOTE_FILE, json.dumps(asdict(note)).encode())


def _other_database(settings: Settings, noted: DatabaseNote) -> Misconfigured:
    return Misconfigured(
        f"the registry in {settings.data.absolute()} uses {noted.describe()}, not {note_of(settings).describe()}:"
        f" give its address with DTR_DATABASE, or remove {NOTE_FILE} there if it really moved"
    )
