"""The page of all operations of the API, read from the OpenAPI document that the registry itself serves."""

from collections.abc import Iterator
from typing import Any, Self

INTRODUCTION = """\
# The API

This page is generated from the OpenAPI document by `make docs`. A running registry serves that document at
`/api/v0/docs.json`, and at `/api/v0/docs` a page to read about every field and to try every operation.

* Say who you are with a name and a password or [access token](../howto/use-access-tokens.md) (HTTP Basic), with
  `Authorization: Bearer` and the token of a session or an access token, or with the session cookie of a browser and
  `X-Csrf-Token`. **Open** operations answer strangers too, with what strangers may see.
* A slash within a repository's name is written as `%2F`: `/api/v0/repositories/team/web%2Ffront`.
* Bodies are JSON; fields that are not known are ignored. A body without a type is taken for JSON, one of another type
  gets 415.
* Lists come in pages. Repositories and what is in them: `pageSize`, and `pageStart` from the header
  `X-Next-Page-Start`; `count=true` puts the number of all into `X-Resource-Count`. Accounts: `limit`, and `start` from
  `nextPageStart` in the body or from the same header.
* `HEAD` works wherever `GET` does.

Every error is a document like `{"errors": [{"code": "NO_SUCH_REPOSITORY", "message": "...", "detail": {}}]}`; programs
go by the code. The message of 500 names the request id, under which the log has the reason.
"""


class _Anything:
    """Stands for settings and services: declaring routes needs nothing in particular of them."""

    def __getattr__(self, name: str) -> Self:
        return self

    def __call__(self, *_: object) -> Self:
        return self

    def __truediv__(self, name: str) -> Self:
        return self


def api_page() -> str:
    """Return the tables of operations, one a tag."""
    from dtr.doors.api.docs.page import grouped  # noqa: PLC0415 - the other pages need no framework

    tables = (
        f"\n## {tag[:1].upper()}{tag[1:]}\n\n| operation | what it does | open |\n| --- | --- | --- |\n"
        + "".join(_row(path, method, operation) for path, method, operation in operations)
        for tag, operations in grouped(_document()).items()
    )
    return INTRODUCTION + "".join(tables)


def _document() -> dict[str, Any]:
    from dtr.wiring.control_plane import build_control_plane  # noqa: PLC0415 - see `api_page`

    nothing: Any = _Anything()
    application: Any = build_control_plane(nothing, nothing, nothing)
    document: dict[str, Any] = application.openapi()
    return document


def _row(path: str, method: str, operation: dict[str, Any]) -> str:
    is_open = "yes" if {} in operation["security"] else ""
    return f"| `{method.upper()} {path}` | {' '.join(_words(operation))} | {is_open} |\n"


def _words(operation: dict[str, Any]) -> Iterator[str]:
    """Yield the summary and what follows it, as one line."""
    yield f"{operation['summary']}."
    yield from operation.get("description", "").replace("|", "\\|").split()
