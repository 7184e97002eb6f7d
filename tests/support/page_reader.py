"""The pages of a registry within the process of a test, read as anybody: with what they ask of the database."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import Engine, event

from dtr.core.principal import Caller, Principal
from dtr.doors.health import Health
from dtr.doors.web.assets import Assets
from dtr.doors.web.door import SEEN_KEY, TROUBLE_KEY
from dtr.plumbing.telemetry.logs import configure_logs
from dtr.plumbing.web.reader import SCOPE_KEY, Reader
from dtr.settings import load_settings
from dtr.wiring.parts import Parts, build_parts, opened
from dtr.wiring.replica import REPLICA_ID_FILE
from dtr.wiring.web_pages import build_web_pages

SESSION_ID: Final = "0" * 16
ADDRESS: Final = "registry.example.org"


@dataclass(frozen=True)
class Asked:
    """A statement as it went to the database, with its values."""

    statement: str
    values: Any


@dataclass(frozen=True)
class Page:
    """A page that was read."""

    address: str
    status: int
    location: str
    """Where it sends on to, if it does."""
    content: bytes
    asked: list[Asked] = field(repr=False)
    seconds: float

    @property
    def kilobytes(self) -> float:
        """Its size, in units of 1,024 bytes."""
        return len(self.content) / 1024

    @property
    def next_address(self) -> str | None:
        """Where its first list goes on."""
        found = re.search(r'rel="next" href="([^"]*)"', self.content.decode())
        return None if found is None else found[1].replace("&amp;", "&")


class PageReader:
    """Reads pages. Close it at the end."""

    def __init__(self, database_url: str, data: Path) -> None:
        configure_logs("error", "json")
        data.mkdir(exist_ok=True)
        (data / REPLICA_ID_FILE).write_text("0" * 12)
        self._runner = asyncio.Runner()
        settings = load_settings(command_line={"database": database_url, "data": str(data)})
        self.parts: Parts = build_parts(settings, "test.")
        self._opened = opened(self.parts)
        self.run(self._opened.__aenter__())
        self._pages = build_web_pages(settings, self.parts, Assets(), Health({}).problem)

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def close(self) -> None:
        """Close the database."""
        self.run(self._opened.__aexit__(None, None, None))
        self._runner.close()

    def read(self, principal: Principal, address: str, language: str = "en") -> Page:
        """Read a page as somebody who is signed in, or nobody."""
        return self.run(self._read(principal, address, language))  # type: ignore[no-any-return]

    async def _read(self, principal: Principal, address: str, language: str) -> Page:
        token = "" if principal.is_anonymous else "t" * 43
        caller = Caller(principal, "192.0.2.1", "a test", "request", SESSION_ID)
        extra = {
            SCOPE_KEY: Reader(caller, token, ADDRESS, is_encrypted=True),
            SEEN_KEY: {},
            TROUBLE_KEY: None,
        }

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await self._pages({**scope, **extra}, receive, send)

        transport = httpx.ASGITransport(application)
        headers = {"accept": "text/html", "accept-language": language}
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{ADDRESS}") as client:
            with recorded() as asked:
                began = time.perf_counter()
                answer = await client.get(address, headers=headers)
                seconds = time.perf_counter() - began
        return Page(
            address, answer.status_code, answer.headers.get("location", ""), answer.content, asked, seconds
        )


@contextmanager
def recorded() -> Iterator[list[Asked]]:
    """Collect the statements of all engines, without those that only begin a transaction."""
    asked: list[Asked] = []

    def note(
        _connection: object, _cursor: object, statement: str, values: Mapping[str, Any], *_: object
    ) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(Asked(statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)
