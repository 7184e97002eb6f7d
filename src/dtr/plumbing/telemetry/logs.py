"""Logs: structlog to standard error, as JSON lines or as text for people; other loggers join in.

Events have constant names and carry their facts as fields:
`structlog.get_logger().info("manifest.pushed", repository=path)`.
"""

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from dtr.plumbing.telemetry.redaction import redact_field, redact_text

REQUEST_ID: ContextVar[str | None] = ContextVar("dtr_request_id", default=None)
"""The request that the running task works for. See `bind_request_id`."""

_QUIET = ("uvicorn.access",)
"""Loggers of others that would repeat our access lines."""


_CHATTY = ("alembic", "uvicorn.error")
"""Loggers of others whose ordinary lines say nothing to an operator."""


def bind_request_id(request_id: str) -> None:
    """Make every log line that the running task writes from now on carry the request's id."""
    REQUEST_ID.set(request_id)


def is_console(log_format: str, stream: TextIO) -> bool:
    """Tell whether lines are for people. `log_format`: `json`, `console` or `auto` (console on a tty)."""
    return log_format == "console" or (log_format == "auto" and stream.isatty())


def configure_logs(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (default: standard error). Call once, at start.

    `level` is `debug`, `info`, `warning` or `error`; for `log_format` see `is_console`.
    """
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(console=is_console(log_format, out), colors=out.isatty()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).disabled = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(level.upper() if level == "debug" else "WARNING")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _shared_processors() -> list[Processor]:
    """Return what our own lines and those of the standard library's loggers go through alike."""
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_request_id,
    ]


def _formatter(*, console: bool, colors: bool) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _redact_event,
            _console_renderer(colors=colors) if console else _render_json,
        ],
    )


def _console_renderer(*, colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        timestamp_key="time",
        repr_native_str=True,  # a value from outside cannot start a line of its own
        exception_formatter=structlog.dev.plain_traceback,
    )


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets last of all, so that tracebacks and formatted messages are seen too."""
    return {name: redact_field(name, value) for name, value in event.items()}


def _render_json(_logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:  # lone surrogates, or numbers beyond 64 bits
        return redact_text(orjson.dumps({name: ascii(value) for name, value in event.items()}).decode())
