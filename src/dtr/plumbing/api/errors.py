"""Errors as the API documents them."""

from typing import Any, Final

from pydantic import BaseModel, Field


class ErrorEntry(BaseModel):
    """One thing that went wrong."""

    code: str = Field(description="A word for programs.", examples=["NO_SUCH_REPOSITORY"])
    message: str = Field(description="A sentence for people.")
    detail: Any = Field(default=None, description="Facts for programs; depends on the code.")


class ErrorDocument(BaseModel):
    """The body of every error."""

    errors: list[ErrorEntry]


DESCRIPTIONS: Final = {
    400: "The request makes no sense as it stands.",
    401: "Nobody is logged in, or the credentials are wrong.",
    403: "The caller may not do this.",
    404: "There is no such thing, or the caller may not know of it.",
    409: "The present state does not allow it.",
    412: "A condition of the request does not hold.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is of a type that is not taken here.",
    429: "Too many requests; wait as long as Retry-After says.",
    500: "Something went wrong; the log has it under the request id.",
    503: "The registry cannot serve this now.",
    507: "There is no room left.",
}
"""What an error status means to the caller."""

ALWAYS: Final = (400, 401, 403, 413, 429, 503)
"""What any route may answer."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these statuses besides those that any route may."""
    return {
        status: {"model": ErrorDocument, "description": DESCRIPTIONS[status]}
        for status in sorted({*ALWAYS, *statuses})
    }
