"""Where things lie, the same in every driver.

    blobs/                              finished objects, named by their content
    ├── sha256/
    │   ├── 00/
    │   │   ├── 00a3…c1                 64 hex digits; the folder repeats the first two
    │   │   └── 00b7…f2.damaged         set aside by `dtr check --repair`; a stranger to everything else
    │   ├── …
    │   └── ff/
    └── sha512/
        └── 00/ … ff/                   128 hex digits
    uploads/
    └── 6f1c0e0e-…                      one per running upload, named by its id (a UUID)

The filesystem driver makes all fan-out folders when it starts, so a commit never makes one: it then has a
single directory to flush. A million blobs give 4,000 names a folder.

Names that do not match are strangers: never listed, never served, never removed.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

from dtr.oci.digest import ALGORITHMS, Digest
from dtr.plumbing.blobs.errors import KeyMissing, UploadMissing

BlobKey: TypeAlias = str
"""The name of a finished object, e.g. `blobs/sha256/ab/abcd…`. Made by `blob_key`."""

UploadId: TypeAlias = str
"""The name of a running upload: a UUID in its usual form, lower case."""

BLOBS = "blobs/"
UPLOADS = "uploads/"

_KEY = re.compile(r"blobs/(?:sha256/([0-9a-f]{2})/\1[0-9a-f]{62}|sha512/([0-9a-f]{2})/\2[0-9a-f]{126})")
_UPLOAD_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def blob_key(digest: Digest) -> BlobKey:
    """Name the object that holds the content with this digest."""
    return f"{BLOBS}{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


def is_blob_key(text: str) -> bool:
    """Tell whether a text has the form that `blob_key` gives."""
    return _KEY.fullmatch(text) is not None


def is_upload_id(text: str) -> bool:
    """Tell whether a text has the form of an upload's id."""
    return _UPLOAD_ID.fullmatch(text) is not None


def checked_key(key: BlobKey) -> BlobKey:
    """Give the key back, or raise KeyMissing if it has another form; so `..` never reaches a store."""
    if not is_blob_key(key):
        raise KeyMissing("not the key of a blob", key=key[:200])
    return key


def checked_upload(upload_id: UploadId) -> UploadId:
    """Give the id back, or raise UploadMissing if it has another form; so `..` never reaches a store."""
    if not is_upload_id(upload_id):
        raise UploadMissing("not the id of an upload", upload=upload_id[:100])
    return upload_id


def algorithm_folders() -> Iterator[str]:
    """Yield the folders that hold the fan-out folders, e.g. `blobs/sha256`."""
    for algorithm in ALGORITHMS:
        yield f"{BLOBS}{algorithm}"


def fan_out_folders() -> Iterator[str]:
    """Yield all folders that hold blobs, e.g. `blobs/sha256/00`, in order."""
    for folder in algorithm_folders():
        for number in range(256):
            yield f"{folder}/{number:02x}"
