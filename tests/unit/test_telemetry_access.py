import json
import os
import sys
from timeit import repeat
from typing import Any

import pytest

from dtr.plumbing.telemetry.access import (
    MAX_PENDING,
    AccessLog,
    AccessRecord,
    console_line,
    json_line,
    safe_target,
    write_to_stderr,
)

CANARY = "Canary7Secret"

REQUEST = AccessRecord(
    at=1763979000.5,
    request_id="r-1",
    client="192.0.2.7",
    user="alice",
    method="GET",
    target="/v2/alice/app/manifests/latest",
    status=200,
    bytes_out=1234,
    duration_seconds=0.0012,
    user_agent="docker/24.0.7",
)


def logged(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(json_line(REQUEST._replace(**changes)))
    return line


def record(log: AccessLog, times: int = 1) -> None:
    for _ in range(times):
        log.record(*REQUEST[1:])


def test_a_request_is_one_json_line() -> None:
    assert json_line(REQUEST).count(b"\n") == 1
    assert logged() == {
        "time": "2025-11-24T10:10:00.500000Z",
        "event": "request",
        "request_id": "r-1",
        "client": "192.0.2.7",
        "user": "alice",
        "method": "GET",
        "path": "/v2/alice/app/manifests/latest",
        "status": 200,
        "bytes_out": 1234,
        "duration_ms": 1.2,
        "user_agent": "docker/24.0.7",
    }


def test_a_request_is_one_line_for_people() -> None:
    line = console_line(REQUEST._replace(user=None))

    assert line.endswith(b" 192.0.2.7 - GET /v2/alice/app/manifests/latest 200 1234B 1.2ms docker/24.0.7\n")


def test_values_of_parameters_that_might_be_secret_are_dropped() -> None:
    target = f"/auth/token?service=dtr&scope=repository:a/b:pull&password={CANARY}&{CANARY}&x=%41{CANARY}"

    assert safe_target(target) == "/auth/token?service=dtr&scope=repository:a/b:pull&password=...&...&x=..."
    assert CANARY.encode() not in json_line(REQUEST._replace(target=target))
    assert CANARY.encode() not in console_line(REQUEST._replace(target=target))


def test_values_of_the_protocols_own_parameters_are_kept() -> None:
    target = "/v2/a/b/blobs/uploads/?mount=sha256:1&from=c/d&digest=sha256:2&n=5&last=x&artifactType=t"

    assert safe_target(target) == target
    assert safe_target("/v2/?") == "/v2/?"


@pytest.mark.parametrize(
    "evil", ["a\nb", "a\x1b[2Jb", "a\x7fb", "a\x9bb", "a\u2028b", "a\u202eb", "a\ud800b"]
)
@pytest.mark.parametrize("field", ["user_agent", "target", "client", "user", "method", "request_id"])
def test_control_characters_are_replaced_in_every_field(field: str, evil: str) -> None:
    changes: dict[str, Any] = {field: evil}
    request = REQUEST._replace(**changes)

    line = json_line(request).decode().rstrip("\n")

    assert json.loads(line)["path" if field == "target" else field] == "a\N{REPLACEMENT CHARACTER}" + evil[2:]
    assert line.isprintable()
    assert console_line(request).decode().rstrip("\n").isprintable()


def test_ordinary_characters_beyond_ascii_and_quotes_are_kept() -> None:
    assert logged(user_agent='Müller "x" \\')["user_agent"] == 'Müller "x" \\'


async def test_lines_are_written_in_order_and_at_the_latest_when_closed() -> None:
    written: list[bytes] = []
    log = AccessLog(lambda item: item.request_id.encode() + b"\n", written.append)
    await log.start()

    for number in range(1200):
        log.record(str(number), *REQUEST[2:])
    await log.close()

    assert b"".join(written).split() == [str(number).encode() for number in range(1200)]


async def test_a_stuck_reader_costs_lines_but_no_memory_and_the_loss_is_told() -> None:
    written: list[bytes] = []
    log = AccessLog(json_line, written.append)

    record(log, MAX_PENDING + 3)
    await log.flush()

    lines = b"".join(written).splitlines()
    assert len(lines) == MAX_PENDING + 1
    assert json.loads(lines[-1])["event"] == "access_log.dropped"
    assert json.loads(lines[-1])["lines"] == 3


async def test_a_reader_that_is_gone_does_not_end_the_writing() -> None:
    attempts = 0
    written: list[bytes] = []

    def write(lines: bytes) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise BrokenPipeError
        written.append(lines)

    log = AccessLog(json_line, write)
    record(log)
    await log.flush()
    record(log)
    await log.close()

    assert b'"lines":1' in b"".join(written)


def test_long_addresses_and_names_of_programs_are_cut() -> None:
    log = AccessLog(json_line, lambda _: None)

    log.record("r", "c", None, "GET", "/" + "x" * 100_000, 200, 0, 0.0, "y" * 100_000)

    assert sum(len(value) for value in log._pending[0] if isinstance(value, str)) < 3000


def test_lines_reach_standard_error_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    out = bytearray()

    def write_a_little(fd: int, data: memoryview) -> int:
        assert fd == 2
        out.extend(data[:5])
        return min(5, len(data))

    monkeypatch.setattr(os, "write", write_a_little)
    write_to_stderr(b"one line\nanother\n")

    assert bytes(out) == b"one line\nanother\n"


@pytest.mark.serial
def test_recording_costs_about_a_microsecond() -> None:
    log = AccessLog(json_line, lambda _: None)
    fields = REQUEST[1:]

    seconds = min(repeat(lambda: log.record(*fields), number=3000, repeat=5)) / 3000

    assert seconds < (3e-6 if sys.gettrace() is None else 1e-3)
