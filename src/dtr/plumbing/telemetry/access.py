"""One line a request. Recording costs under a microsecond; lines are formatted and written in batches."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote_plus

import orjson

from dtr.plumbing.telemetry.redaction import TOKEN_START, mask_own_tokens

SAFE_QUERY_NAMES = frozenset({"n", "last", "digest", "mount", "from", "artifactType", "scope", "service"})
"""Query parameters whose values are logged; of any other, which might carry a secret, only the name is."""

BATCH_SECONDS = 0.1
BATCH_LINES = 500
"""Lines that are formatted in one go before the event loop gets its turn again (about a millisecond)."""
MAX_PENDING = 20_000
"""Requests held in memory while the reader of standard error is stuck; more are counted, not kept."""

MAX_TARGET_CHARACTERS = 2048
MAX_AGENT_CHARACTERS = 256

_JSON_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class AccessRecord(NamedTuple):
    """One answered request, as recorded."""

    at: float
    request_id: str
    client: str
    user: str | None
    method: str
    target: str
    status: int
    bytes_out: int
    duration_seconds: float
    user_agent: str


class AccessLog:
    """Collects requests and writes a line for each. For one event loop; `record` never waits or fails."""

    def __init__(
        self,
        render: Callable[[AccessRecord], bytes],
        write: Callable[[bytes], object],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Write batches of lines made by `render` with `write`, which may block: it runs on a thread.

        `now` returns seconds since the epoch.
        """
        self._render = render
        self._write = write
        self._now = now
        self._pending: list[tuple[float, str, str, str | None, str, str, int, int, float, str]] = []
        self._dropped = 0
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def record(  # noqa: PLR0913, PLR0917 - the fields of a line; positional because this is the hottest path
        self,
        request_id: str,
        client: str,
        user: str | None,
        method: str,
        target: str,
        status: int,
        bytes_out: int,
        duration_seconds: float,
        user_agent: str,
    ) -> None:
        """Take note of an answered request. `target` is the path, with the query if there is one."""
        if len(self._pending) >= MAX_PENDING:
            self._dropped += 1
            return
        self._pending.append(
            (
                self._now(),
                request_id,
                client,
                user,
                method,
                target[:MAX_TARGET_CHARACTERS],
                status,
                bytes_out,
                duration_seconds,
                user_agent[:MAX_AGENT_CHARACTERS],
            )
        )

    async def start(self) -> None:
        """Begin to write, ten times a second."""
        self._task = asyncio.create_task(self._write_regularly(), name="access-log")

    async def close(self) -> None:
        """Write what is left and stop."""
        if self._task is not None:
            self._closing.set()
            await self._task
        await self.flush()

    async def flush(self) -> None:
        """Write every request recorded so far. A reader that is gone is no reason to fail."""
        records, self._pending = self._pending, []
        dropped, self._dropped = self._dropped, 0
        for start in range(0, len(records), BATCH_LINES):
            batch = records[start : start + BATCH_LINES]
            await self._write_batch(b"".join(map(self._render, map(AccessRecord._make, batch))))
        if dropped:
            await self._write_batch(_dropped_line(self._now(), dropped))

    async def _write_regularly(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), BATCH_SECONDS)
            await self.flush()

    async def _write_batch(self, lines: bytes) -> None:
        try:
            await asyncio.to_thread(self._write, lines)
        except OSError:
            self._dropped += lines.count(b"\n")


def write_to_stderr(lines: bytes) -> None:
    """Write whole lines to standard error, past Python's buffers. Raises `OSError` if the reader is gone."""
    left = memoryview(lines)
    while left:
        left = left[os.write(2, left) :]


def json_line(record: AccessRecord) -> bytes:
    """Return the record as one JSON line."""
    try:
        line = _to_json(record)
    except TypeError:  # lone surrogates
        line = b""
    if line.isascii() and b"\\" not in line and b"\x7f" not in line and line:
        return line  # nothing needed an escape, so nothing in it can move a cursor: by far the usual case
    return _to_json(
        record._replace(
            request_id=printable(record.request_id),
            client=printable(record.client),
            user=printable(record.user or "") or None,
            method=printable(record.method),
            target=printable(record.target),
            user_agent=printable(record.user_agent),
        )
    )


def _to_json(record: AccessRecord) -> bytes:
    at, request_id, client, user, method, target, status, bytes_out, duration_seconds, user_agent = record
    fields = {
        "time": datetime.fromtimestamp(at, UTC),
        "event": "request",
        "request_id": request_id,
        "client": client,
        "user": user,
        "method": method,
        "path": safe_target(target) if "?" in target or TOKEN_START in target else target,
        "status": status,
        "bytes_out": bytes_out,
        "duration_ms": int(duration_seconds * 1e6) / 1000,
        "user_agent": user_agent,
    }
    return orjson.dumps(fields, option=_JSON_LINE)


def console_line(record: AccessRecord) -> bytes:
    """Return the record as one line for people."""
    words = (
        datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds"),
        record.client,
        record.user or "-",
        record.method,
        safe_target(record.target),
        str(record.status),
        f"{record.bytes_out}B",
        f"{record.duration_seconds * 1000:.1f}ms",
        record.user_agent or "-",
    )
    return printable(" ".join(words)).encode() + b"\n"


def safe_target(target: str) -> str:
    """Return path and query without the values of unknown parameters, and without tokens of ours."""
    path, mark, query = mask_own_tokens(target).partition("?")
    return f"{path}{mark}{'&'.join(_safe_pairs(query.split('&')))}"


def _safe_pairs(pairs: Iterable[str]) -> Iterable[str]:
    for pair in pairs:
        name, equals, _ = pair.partition("=")
        if not equals:
            yield name if name in SAFE_QUERY_NAMES or not name else "..."
        else:
            yield pair if unquote_plus(name) in SAFE_QUERY_NAMES else f"{name}=..."


def printable(text: str) -> str:
    """Return the text with everything that could move a cursor, end a line or break an encoder replaced."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else REPLACEMENT for character in text)


def _dropped_line(at: float, count: int) -> bytes:
    fields = {
        "time": datetime.fromtimestamp(at, UTC),
        "level": "warning",
        "event": "access_log.dropped",
        "lines": count,
    }
    return orjson.dumps(fields, option=_JSON_LINE)
