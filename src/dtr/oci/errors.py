"""The protocol's errors, and the one table that turns every error into an HTTP status and a code.

The tree below the general errors of `dtr.core.errors`::

    Invalid              NameInvalid, TagInvalid, DigestInvalid, SizeInvalid, UploadInvalid,
                         ManifestInvalid, ManifestBlobUnknown
    NotFound             NameUnknown, BlobUnknown, ManifestUnknown, UploadUnknown
    Denied               TagImmutable, QuotaExceeded
    PayloadTooLarge      ManifestTooLarge
    RegistryError        RangeInvalid, RangeNotSatisfiable

Source: OCI distribution-spec, "Error Codes"; Docker's registry API for the codes OCI left out.
"""

import json
from collections.abc import Iterable

from dtr.core.errors import (
    Conflict,
    Denied,
    Invalid,
    Misconfigured,
    NotFound,
    PageSizeInvalid,
    PayloadTooLarge,
    PreconditionFailed,
    ReadOnly,
    RegistryError,
    StorageFull,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
    UriTooLong,
)

__all__ = [
    "ANSWERS",
    "BlobUnknown",
    "DigestInvalid",
    "ManifestBlobUnknown",
    "ManifestInvalid",
    "ManifestTooLarge",
    "ManifestUnknown",
    "NameInvalid",
    "NameUnknown",
    "PageSizeInvalid",
    "QuotaExceeded",
    "RangeInvalid",
    "RangeNotSatisfiable",
    "SizeInvalid",
    "TagImmutable",
    "TagInvalid",
    "UploadInvalid",
    "UploadUnknown",
    "answer_for",
    "error_body",
]


class NameInvalid(Invalid):
    """A repository name breaks the grammar."""


class TagInvalid(Invalid):
    """A tag breaks the grammar."""


class DigestInvalid(Invalid):
    """A digest is malformed, of an unsupported algorithm, missing, or not that of the content."""


class SizeInvalid(Invalid):
    """The announced and the received length differ."""


class UploadInvalid(Invalid):
    """An upload session is in a state that cannot be continued."""


class ManifestInvalid(Invalid):
    """A manifest is not one we accept; the message says where and why."""


class ManifestBlobUnknown(Invalid):
    """A manifest refers to content that is not in the repository. `digests` names all of it."""

    def __init__(
        self,
        message: str = "the manifest refers to content that is not in this repository",
        /,
        *,
        digests: Iterable[object],
    ) -> None:
        self.digests = tuple(map(str, digests))
        super().__init__(message, digests=list(self.digests))


class NameUnknown(NotFound):
    """The repository does not exist."""


class BlobUnknown(NotFound):
    """The blob is not in this repository."""


class ManifestUnknown(NotFound):
    """The tag or manifest digest is not in this repository."""


class UploadUnknown(NotFound):
    """There is no such upload session in this repository."""


class TagImmutable(Denied):
    """The tag exists, and the repository lets tags neither move nor go."""


class QuotaExceeded(Denied):
    """The push would take a namespace or repository beyond its quota."""


class ManifestTooLarge(PayloadTooLarge):
    """The manifest is larger than the limit."""


class RangeInvalid(RegistryError):
    """An upload chunk does not start where the upload stands, or its `Content-Range` is malformed."""


class RangeNotSatisfiable(RegistryError):
    """No requested byte range lies within the blob, whose length is `size_bytes`."""

    def __init__(
        self,
        message: str = "the requested range is not within the blob",
        /,
        *,
        size_bytes: int,
    ) -> None:
        self.size_bytes = size_bytes
        super().__init__(message, size_bytes=size_bytes)


# Error class -> (HTTP status, code). A class that is not listed is answered like its nearest listed base.
ANSWERS: dict[type[RegistryError], tuple[int, str]] = {
    RegistryError: (500, "UNKNOWN"),
    Invalid: (400, "INVALID_PARAMETERS"),
    PageSizeInvalid: (400, "PAGINATION_NUMBER_INVALID"),
    NameInvalid: (400, "NAME_INVALID"),
    TagInvalid: (400, "TAG_INVALID"),
    DigestInvalid: (400, "DIGEST_INVALID"),
    SizeInvalid: (400, "SIZE_INVALID"),
    UploadInvalid: (400, "BLOB_UPLOAD_INVALID"),
    ManifestInvalid: (400, "MANIFEST_INVALID"),
    ManifestBlobUnknown: (400, "MANIFEST_BLOB_UNKNOWN"),
    Unauthorized: (401, "UNAUTHORIZED"),
    Denied: (403, "DENIED"),
    TagImmutable: (403, "DENIED"),
    QuotaExceeded: (403, "DENIED"),
    NotFound: (404, "NOT_FOUND"),
    NameUnknown: (404, "NAME_UNKNOWN"),
    BlobUnknown: (404, "BLOB_UNKNOWN"),
    ManifestUnknown: (404, "MANIFEST_UNKNOWN"),
    UploadUnknown: (404, "BLOB_UPLOAD_UNKNOWN"),
    Unsupported: (405, "UNSUPPORTED"),
    ReadOnly: (405, "UNSUPPORTED"),
    Conflict: (409, "CONFLICT"),
    PreconditionFailed: (412, "PRECONDITION_FAILED"),
    PayloadTooLarge: (413, "PAYLOAD_TOO_LARGE"),
    ManifestTooLarge: (413, "MANIFEST_INVALID"),
    UriTooLong: (414, "URI_TOO_LONG"),
    RangeInvalid: (416, "RANGE_INVALID"),
    RangeNotSatisfiable: (416, "RANGE_INVALID"),
    TooManyRequests: (429, "TOOMANYREQUESTS"),
    Unavailable: (503, "UNAVAILABLE"),
    Misconfigured: (503, "UNAVAILABLE"),
    StorageFull: (507, "UNAVAILABLE"),
}


def answer_for(error: RegistryError) -> tuple[int, str]:
    """Return the HTTP status and the error code that answer `error`."""
    nearest = next(cls for cls in type(error).__mro__ if cls in ANSWERS)
    return ANSWERS[nearest]


def error_body(error: RegistryError) -> bytes:
    """Return the JSON error document for `error`; ASCII only, so any text in it survives.

    Source: OCI distribution-spec, "Error Codes".
    """
    _, code = answer_for(error)
    if isinstance(error, ManifestBlobUnknown):
        entries = [_entry(code, error.message, {"digest": digest}) for digest in error.digests]
    else:
        entries = [_entry(code, error.message, error.detail)]
    return json.dumps({"errors": entries}, default=str).encode("ascii")


def _entry(code: str, message: str, detail: dict[str, object]) -> dict[str, object]:
    entry: dict[str, object] = {"code": code, "message": message}
    if detail:
        entry["detail"] = detail
    return entry
