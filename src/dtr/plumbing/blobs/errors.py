"""What can go wrong in blob storage.

    RegistryError
    ├── BlobStoreError
    │   ├── KeyMissing        no such object
    │   ├── ObjectTooLarge    more bytes than the caller was ready to hold in memory
    │   ├── UploadMissing     no such upload: never begun, finished, discarded or spoiled
    │   ├── OffsetMismatch    the upload holds fewer bytes than the caller counted on
    │   └── UploadBusy        another writer is at work on the same upload
    ├── StorageFull           (core) no space or quota left
    └── Unavailable           (core) cannot do it now: bad disk, read-only, no descriptors, no rights

The first five are answers of a healthy store. The last two are the store's own trouble: the same call may
succeed later, without a restart.
"""

import errno
import os

from dtr.core.errors import RegistryError, StorageFull, Unavailable
from dtr.core.messages import said

RETRY_AFTER_SECONDS = 5

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class BlobStoreError(RegistryError):
    """Base of the answers that a healthy store gives."""


class KeyMissing(BlobStoreError):
    """Nothing is stored under this key."""


class ObjectTooLarge(BlobStoreError):
    """The object is larger than the limit the caller gave."""


class UploadMissing(BlobStoreError):
    """There is no upload with this id."""


class OffsetMismatch(BlobStoreError):
    """The upload holds fewer bytes than the caller believes."""


class UploadBusy(BlobStoreError):
    """Another writer holds this upload."""


def storage_trouble(error: OSError) -> StorageFull | Unavailable:
    """Turn the operating system's refusal into an error that callers handle.

    The result carries the reason but no path: it may travel to a client. Raise it `from error`, so that the
    log shows the rest.
    """
    reason = errno.errorcode.get(error.errno or 0, "unknown")
    if error.errno in _FULL:
        return StorageFull("the blob storage is full", reason=reason)
    text = os.strerror(error.errno) if error.errno else "unknown reason"
    return Unavailable(
        said("the blob storage is not available: %(problem)s", problem=text),
        retry_after_seconds=RETRY_AFTER_SECONDS,
        reason=reason,
    )
