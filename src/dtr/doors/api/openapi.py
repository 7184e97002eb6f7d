"""What the generated OpenAPI document lacks: who may call, headers, and our error document in place of FastAPI's."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from dtr.doors.identity import SESSION_COOKIE
from dtr.plumbing.api.callers import is_for_signed_in
from dtr.plumbing.api.errors import DESCRIPTIONS, ErrorDocument
from dtr.plumbing.api.pages import COUNT_HEADER, NEXT_PAGE_HEADER, is_page

DESCRIPTION = """\
Everything that the registry does, for programs. Send a user name with a password or an access token (HTTP Basic), or
the session cookie of the browser together with the header `X-Csrf-Token`.

A slash inside a repository's name is written as `%2F`: `/repositories/team/web%2Ffront`.

Every error is a document `{"errors": [{"code": ..., "message": ..., "detail": ...}]}`. Every answer carries
`X-Request-Id`, which the log has as well. `HEAD` works wherever `GET` does.
"""

SECURITY_SCHEMES = {
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "A user name with the password or with an access token.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of a session (see `/auth/login`), an access token, or the one of `docker login`.",
    },
    "refreshToken": {
        "type": "apiKey",
        "in": "query",
        "name": "refresh_token",
        "description": "An access token, or the one of `docker login`; better kept out of addresses, which get logged.",
    },
    "sessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "The session of a browser. Changes need `X-Csrf-Token` as well.",
    },
    "csrfToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Csrf-Token",
        "description": "The value of the cookie `csrftoken`: proves that a page of the registry itself asks.",
    },
}

Operation = dict[str, Any]
Schema = dict[str, Any]

_SENTENCE = re.compile(r"(?<=\.)\s+|\n\s*\n")
_READING = frozenset(("get", "head"))
_ERROR_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorDocument"}}}
_HEADERS = {
    "X-Next-Page-Start": {
        "description": "Where the next page starts: the value of the next request's start. Absent on the last page.",
        "schema": {"type": "string"},
    },
    "X-Resource-Count": {
        "description": "How many entries all pages together have, where that was asked for.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next attempt.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "That a name and a password are wanted; not sent to browsers' pages.",
        "schema": {"type": "string"},
    },
}
_HEADERS_OF_STATUS = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}


class OpenApiDocument:
    """The document, made at the first call and then kept."""

    def __init__(self, generate: Callable[[], Schema], routes: Sequence[BaseRoute]) -> None:
        self._generate = generate
        self._routes = routes
        self._made: Schema | None = None

    def __call__(self) -> Schema:
        """Return it."""
        if self._made is None:
            self._made = _completed(self._generate(), self._routes)
        return self._made


def _completed(document: Schema, routes: Sequence[BaseRoute]) -> Schema:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    if "ErrorDocument" not in schemas:
        schemas.update(_error_schemas())
    components["securitySchemes"] = SECURITY_SCHEMES
    components["headers"] = _HEADERS
    components["responses"] = _error_responses()
    for context in iter_route_contexts(routes):
        if context.include_in_schema:
            for method in context.methods or ():
                operation = document["paths"].get(context.path_format, {}).get(method.lower())
                if operation is not None:
                    _complete(operation, method.lower(), list(_calls(context.dependant)))
                    if not context.summary:
                        _summarize(operation)
    return document


def _error_schemas() -> dict[str, Schema]:
    schema = ErrorDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "ErrorDocument": schema}


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """Yield all that a route depends on."""
    for each in dependant.dependencies:
        if each.call is not None:
            yield each.call
        yield from _calls(each)


def _summarize(operation: Operation) -> None:
    """Make the first sentence of a handler's docstring the summary, and leave the rest as the description."""
    text: str = operation.pop("description", "")
    summary, rest = _SENTENCE.split(text, maxsplit=1) if _SENTENCE.search(text) else (text, "")
    if summary:
        operation["summary"] = summary.rstrip(".")
    if rest.strip():
        operation["description"] = rest.strip()


def _complete(operation: Operation, method: str, calls: list[Callable[..., Any]]) -> None:
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    for status in ("414", "500", *(["415"] if "requestBody" in operation else [])):
        responses[status] = {"content": _ERROR_CONTENT}
    if any(map(is_page, calls)):
        for status in sorted(responses):
            if status.startswith("2"):
                _add_headers(responses[status], NEXT_PAGE_HEADER, COUNT_HEADER)
    operation["responses"] = {status: _shared(status, responses[status]) for status in sorted(responses)}
    operation["security"] = _security(method, is_required=any(map(is_for_signed_in, calls)))


def _shared(status: str, response: Schema) -> Schema:
    """Return a reference in place of an answer that is the same everywhere."""
    return (
        {"$ref": f"#/components/responses/{status}"}
        if response.get("content") == _ERROR_CONTENT
        else response
    )


def _error_responses() -> dict[str, Schema]:
    responses: dict[str, Schema] = {
        str(status): {"description": sentence, "content": _ERROR_CONTENT}
        for status, sentence in DESCRIPTIONS.items()
    }
    for status, header in _HEADERS_OF_STATUS.items():
        _add_headers(responses[status], header)
    return responses


def _add_headers(response: Schema, *names: str) -> None:
    headers = response.setdefault("headers", {})
    for name in names:
        headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _security(method: str, *, is_required: bool) -> list[dict[str, list[str]]]:
    cookie = ["sessionCookie"] if method in _READING else ["sessionCookie", "csrfToken"]
    ways: list[list[str]] = [
        ["password"],
        ["bearer"],
        cookie,
        ["refreshToken"],
        *([] if is_required else [[]]),
    ]
    return [{name: [] for name in way} for way in ways]
