"""A process that writes numbered rows and says which ones were acknowledged."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from dtr.features.repositories.store import repositories as store
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, open_database

ROOT = Path(__file__).parents[2]
AT_ONCE = 8


def start_writing(url: str, namespace: str, rows: int) -> "subprocess.Popen[str]":
    """Start a process that makes the repositories `<namespace>/0` and so on; it prints each one that is stored."""
    command = [sys.executable, "-m", "tests.support.writing_process", url, namespace, str(rows)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def output_of(process: "subprocess.Popen[str]") -> IO[str]:
    """Return what the process prints."""
    assert process.stdout is not None
    return process.stdout


async def _write_all(url: str, namespace: str, rows: int) -> None:
    database = open_database(url)
    await database.open()
    numbers = iter(range(rows))
    await asyncio.gather(*(_write_some(database, namespace, numbers) for _ in range(AT_ONCE)))
    await database.close()


async def _write_some(database: Database, namespace: str, numbers: Iterator[int]) -> None:
    for number in numbers:
        name = RepositoryName.parse(f"{namespace}/{number}")
        await database.write(partial(store.insert, name=name, now=datetime.now(UTC)))
        print(name, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    asyncio.run(_write_all(sys.argv[1], sys.argv[2], int(sys.argv[3])))
