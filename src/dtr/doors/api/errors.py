"""Which status and code an error gets in the API: DTR's names, which differ from those of the registry protocol."""

import json
from dataclasses import dataclass
from typing import Any

import structlog

from dtr.core.errors import (
    Conflict,
    Denied,
    Invalid,
    NotFound,
    PayloadTooLarge,
    ReadOnly,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from dtr.doors.api.intake import UnsupportedMediaType
from dtr.oci.errors import DigestInvalid, ManifestUnknown, NameUnknown, TagImmutable, TagInvalid, answer_for

log = structlog.get_logger()

SERVER_ERROR = 500
"""The first status that blames the server."""

# Error class -> (HTTP status, code). For a class that is not listed its nearest listed base counts; for one without
# any the table of `oci.errors`.
ANSWERS: dict[type[RegistryError], tuple[int, str]] = {
    Invalid: (400, "INVALID_PARAMETERS"),
    TagInvalid: (400, "INVALID_TAG_NAME"),
    DigestInvalid: (400, "INVALID_DIGEST"),
    UnsupportedMediaType: (415, "UNSUPPORTED_MEDIA_TYPE"),
    Unauthorized: (401, "NOT_AUTHENTICATED"),
    Denied: (403, "NOT_AUTHORIZED"),
    TagImmutable: (409, "TAG_IMMUTABLE"),
    NotFound: (404, "NOT_FOUND"),
    NameUnknown: (404, "NO_SUCH_REPOSITORY"),
    ManifestUnknown: (404, "NO_SUCH_REF"),
    Unsupported: (405, "NOT_ALLOWED"),
    ReadOnly: (403, "READ_ONLY"),
    Conflict: (409, "CONFLICT"),
    PayloadTooLarge: (413, "PAYLOAD_TOO_LARGE"),
}


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """How an error is told to the client."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def api_answer_for(error: RegistryError) -> tuple[int, str]:
    """Return the HTTP status and the code that answer `error` in the API.

    An error of a room may state its own code, as DTR has many (`NO_SUCH_TEAM`): the attribute `api_code`.
    """
    nearest = next((cls for cls in type(error).__mro__ if cls in ANSWERS), None)
    status, code = ANSWERS[nearest] if nearest is not None else answer_for(error)
    return status, getattr(error, "api_code", code)


def told(error: RegistryError) -> ErrorAnswer:
    """Return the answer to an error that somebody foresaw; one that blames the server is logged as well."""
    status, code = api_answer_for(error)
    if status >= SERVER_ERROR:
        log.warning("request.unavailable", status=status, error=error.message, cause=repr(error.__cause__))
    return ErrorAnswer(status, document(code, error.message, error.detail), _retry_headers(error))


def told_unforeseen(error: Exception, request_id: str, method: str, route: str) -> ErrorAnswer:
    """Return the answer to an error that nobody foresaw, and log it with its traceback."""
    log.error("request.failed", exc_info=error, method=method, route=route)
    message = f"something went wrong here; the log has it under request id {request_id}"
    return ErrorAnswer(SERVER_ERROR, document("INTERNAL_ERROR", message), {})


def document(code: str, message: str, detail: object = None) -> dict[str, Any]:
    """Return an error document with one entry; what JSON has no word for in `detail` becomes text."""
    entry: dict[str, Any] = {"code": code, "message": message}
    if detail:
        entry["detail"] = json.loads(json.dumps(detail, default=str))
    return {"errors": [entry]}


def _retry_headers(error: RegistryError) -> dict[str, str]:
    """Return the headers that tell when to come back, for errors that pass (RFC 9110, section 10.2.3)."""
    if isinstance(error, TooManyRequests | Unavailable):
        return {"Retry-After": str(max(1, round(error.retry_after_seconds)))}
    return {}
