import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from dtr.plumbing.telemetry.logs import bind_request_id, configure_logs

CANARY = "Canary7Secret"
TOKEN = f"eyJhbGciOiJFUzI1NiJ9.eyJ{CANARY}.sig{CANARY}"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield io.StringIO()
    root.handlers, root.level = before
    logging.getLogger("uvicorn.access").disabled = False
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_time_level_and_its_facts(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream)

    structlog.get_logger("dtr.test").info("manifest.pushed", repository="a/b", size_bytes=7)

    (line,) = lines(stream)
    assert line["event"] == "manifest.pushed"
    assert line["level"] == "info"
    assert line["logger"] == "dtr.test"
    assert (line["repository"], line["size_bytes"]) == ("a/b", 7)
    assert line["time"].endswith("Z")


def test_events_below_the_level_are_not_written(stream: io.StringIO) -> None:
    configure_logs("warning", "json", stream)

    structlog.get_logger().info("quiet")
    logging.getLogger("somewhere").info("quiet too")

    assert stream.getvalue() == ""


def test_the_standard_librarys_loggers_are_written_alike(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream)

    logging.getLogger("somewhere.else").info("Started process [%d]", 42)

    (line,) = lines(stream)
    assert line["event"] == "Started process [42]"
    assert line["logger"] == "somewhere.else"


@pytest.mark.parametrize("name", ["uvicorn.error", "alembic.runtime.migration"])
def test_ordinary_lines_of_chatty_libraries_are_left_out_but_warnings_stay(
    stream: io.StringIO, name: str
) -> None:
    configure_logs("info", "json", stream)

    logging.getLogger(name).info("busy")
    logging.getLogger(name).warning("trouble")

    assert [line["event"] for line in lines(stream)] == ["trouble"]


def test_uvicorns_own_access_lines_are_not_written(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream)

    logging.getLogger("uvicorn.access").info("GET /")

    assert stream.getvalue() == ""


async def test_every_line_of_a_request_carries_its_id_and_no_other_requests(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream)

    async def serve(request_id: str) -> None:
        bind_request_id(request_id)
        await asyncio.sleep(0)
        structlog.get_logger().info("served", expected=request_id)

    await asyncio.gather(asyncio.create_task(serve("one")), asyncio.create_task(serve("two")))
    structlog.get_logger().info("alone")

    *served, alone = lines(stream)
    assert [line["request_id"] for line in served] == [line["expected"] for line in served]
    assert "request_id" not in alone


def test_an_exception_is_written_once_with_its_traceback_on_the_same_line(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream)

    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("work.failed")

    (line,) = lines(stream)
    assert line["exception"].startswith("Traceback")
    assert "ValueError: invalid literal" in line["exception"]


def raise_with_canary() -> None:
    raise RuntimeError(f"connect to postgresql://dtr:{CANARY}@db/dtr failed, password={CANARY}")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_canary_secret_is_never_written(stream: io.StringIO, log_format: str) -> None:
    configure_logs("debug", log_format, stream)
    log = structlog.get_logger()

    log.info("named", password=CANARY, refresh_token=CANARY, Authorization=CANARY, secret_key=CANARY.encode())
    log.info(
        "nested", request={"headers": [{"authorization": CANARY}, ("cookie", f"session; token={CANARY}")]}
    )
    log.info(
        "shaped", header=f"Bearer {CANARY}", other=f"basic {CANARY}==", url=f"https://bob:{CANARY}@host/"
    )
    log.info("token", value=TOKEN, body=f'{{"access_token": "{CANARY}", "password":"{CANARY}"}}')
    log.info("query", target=f"/login?password={CANARY}&n=1", raw=f"client_secret={CANARY}".encode())
    log.info("key", pem=f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n-----END EC PRIVATE KEY-----\n")
    logging.getLogger("library").warning("Authorization: Bearer %s for %s", CANARY, {"token": CANARY})
    try:
        raise_with_canary()
    except RuntimeError:
        log.exception("work.failed")
        logging.getLogger("library").exception("password: %s", CANARY)

    written = stream.getvalue()
    assert written.count("work.failed") == 1
    assert CANARY not in written


def test_what_is_no_secret_stays_readable(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream)
    digest = "sha256:" + "0" * 64

    structlog.get_logger().info(
        "kept", digest=digest, tokens=3, password_changed=True, basic="basic facts only"
    )

    (line,) = lines(stream)
    assert (line["digest"], line["tokens"], line["password_changed"]) == (digest, 3, True)
    assert line["basic"] == "basic facts only"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_value_from_outside_cannot_start_a_line_or_move_the_cursor(
    stream: io.StringIO, log_format: str
) -> None:
    configure_logs("info", log_format, stream)

    structlog.get_logger().info("named", repository='a\n{"event":"forged"}\x1b[2J', odd="\ud800")

    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().isascii() or log_format == "console"


def test_values_that_json_cannot_hold_are_written_as_text(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream)

    structlog.get_logger().info("odd", path=io, huge=2**80, broken="\ud800", pair=(1, b"\xff"))

    (line,) = lines(stream)
    assert "module" in line["path"]
    assert str(2**80) in line["huge"]


def test_lines_are_for_people_on_a_terminal_only(stream: io.StringIO) -> None:
    configure_logs("info", "auto", stream)
    structlog.get_logger().info("piped")
    assert lines(stream)[0]["event"] == "piped"

    stream.truncate(0)
    stream.isatty = lambda: True  # type: ignore[method-assign]
    configure_logs("info", "auto", stream)
    structlog.get_logger().info("seen")
    assert not stream.getvalue().lstrip("\0").startswith("{")
