"""What a request must be before a route sees it: an address and a body that rows and answers can hold.

PostgreSQL's text holds no NUL, UTF-8 no lone surrogate, a JSON number no infinity: refused here, once for all routes.
"""

import json
import re
from typing import Any, ClassVar

from dtr.core.errors import Invalid, NotFound
from dtr.core.messages import said
from dtr.plumbing.asgi.request import Request

MAX_DEPTH = 32
"""Of arrays and objects within each other in a body; nothing in the API needs more than a handful."""

MAX_WHOLE_NUMBER = 2**63 - 1
"""The largest that both databases hold."""

_CONTROL_IN_PATH = re.compile(rb"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_JSON_TYPE = re.compile(rb"\s*application/(?:[\w.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)


class MalformedJson(Invalid):
    """The body is not one JSON document in UTF-8 (RFC 8259)."""

    api_code: ClassVar[str] = "INVALID_JSON"


class UnsupportedMediaType(Invalid):
    """The body is of a type that no route takes."""


def check_address(request: Request) -> None:
    """Refuse control characters in an address.

    Raises NotFound for one in the path, as no name holds any, and Invalid for a NUL in the query.
    """
    if _CONTROL_IN_PATH.search(request.raw_path):
        raise NotFound("there is nothing at this address")
    if b"%00" in request.scope["query_string"]:
        raise Invalid("the query holds a NUL character")


def check_body(content_type: bytes | None, body: bytes) -> None:
    """Refuse a body that is no JSON document, or one that holds what cannot be stored.

    A body without a type is taken for JSON, as some clients name none. Raises UnsupportedMediaType, MalformedJson,
    and Invalid for characters, numbers or a depth that we do not take.
    """
    if not body:
        return
    if content_type and not _JSON_TYPE.fullmatch(content_type):
        raise UnsupportedMediaType("send the body as JSON, with Content-Type: application/json")
    _check_value(_parsed(body), 1)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_object_of_pairs, parse_constant=_no_constant
        )
    except RecursionError as error:
        raise Invalid(said("the body is nested more than %(count)s levels deep", count=MAX_DEPTH)) from error
    except ValueError as error:
        raise MalformedJson("the body is not valid JSON in UTF-8", reason=str(error)[:200]) from error


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check_value(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid(said("the body is nested more than %(count)s levels deep", count=MAX_DEPTH))
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        _check_number(value)
    elif isinstance(value, int):
        _check_whole_number(value)
    elif isinstance(value, list):
        for each in value:
            _check_value(each, depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_text(key)
            _check_value(each, depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Invalid("the body holds a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("the body holds half of a character: a lone surrogate")


def _check_number(number: float) -> None:
    if number in (float("inf"), float("-inf")):
        raise Invalid("the body holds a number that is too large")


def _check_whole_number(number: int) -> None:
    if abs(number) > MAX_WHOLE_NUMBER:
        raise Invalid("the body holds a number that is too large")
