"""From an exception to the answer a client sees: the only place where one becomes the other."""

from collections.abc import Callable

import structlog

from dtr.core.errors import RegistryError, TooManyRequests, Unavailable
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, json_response
from dtr.plumbing.asgi.routing import MethodNotAllowed, NoRoute

log = structlog.get_logger()

Renderer = Callable[[RegistryError], tuple[int, bytes]]
"""Turns an error into a status and a JSON body; the table behind it belongs to `oci.errors`."""


def answer(request: Request, error: Exception, render: Renderer) -> BytesResponse:
    """Make the response for an error. What nobody foresaw is logged with its traceback and told as 500."""
    if isinstance(error, RegistryError):
        return _registry_error(error, render)
    if isinstance(error, NoRoute):
        return _plain(404, "UNSUPPORTED", "there is nothing at this address")
    if isinstance(error, MethodNotAllowed):
        response = _plain(405, "UNSUPPORTED", f"{request.method} is not possible here")
        response.headers.append((b"allow", ", ".join(sorted(set(error.allowed))).encode()))
        return response
    log.error("request.failed", exc_info=error, method=request.method, route=request.route)
    return _plain(
        500, "UNKNOWN", f"something went wrong here; the log has it under request id {request.request_id}"
    )


def _registry_error(error: RegistryError, render: Renderer) -> BytesResponse:
    status, body = render(error)
    response = BytesResponse(status, [(b"content-type", b"application/json")], body)
    if isinstance(error, TooManyRequests | Unavailable):
        response.headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after_seconds))))
    if status >= 500:  # noqa: PLR2004 - a class of status codes
        log.warning("request.unavailable", status=status, error=error.message, cause=repr(error.__cause__))
    return response


def _plain(status: int, code: str, message: str) -> BytesResponse:
    return json_response(status, {"errors": [{"code": code, "message": message}]})
