"""Errors that a caller may handle. Rooms raise meaning; `dtr.oci.errors` turns meaning into HTTP.

The tree (the protocol's own errors, in `dtr.oci.errors`, hang below these)::

    RegistryError
    ├── Invalid                 the request makes no sense as it stands
    │   └── PageSizeInvalid
    ├── Unauthorized            who are you?
    ├── Denied                  we know who you are, and no
    ├── NotFound
    ├── Unsupported             not here, whoever asks
    │   └── ReadOnly
    ├── Conflict                the present state does not allow it
    ├── PreconditionFailed
    ├── PayloadTooLarge
    ├── UriTooLong
    ├── TooManyRequests         come back later: you asked too often
    ├── Unavailable             come back later: we are not able to now
    │   └── Misconfigured       not before the operator mends something
    └── StorageFull
"""


class RegistryError(Exception):
    """Base of all errors a caller may handle.

    `message` is one sentence for people. `detail` holds facts for programs. Both are shown to the client, so
    neither may carry a secret.
    """

    def __init__(self, message: str, /, **detail: object) -> None:
        super().__init__(message)
        self.message = message
        self.detail: dict[str, object] = detail


class Invalid(RegistryError):
    """The request is malformed."""


class PageSizeInvalid(Invalid):
    """The page size `n` is not a number we accept."""


class Unauthorized(RegistryError):
    """No credentials, bad ones, or a token without the needed scope that a new token might have."""


class Denied(RegistryError):
    """The caller is known and may not do this; also said by policies and quotas."""


class NotFound(RegistryError):
    """The thing does not exist, or the caller may not know that it does."""


class Unsupported(RegistryError):
    """The operation is not offered here, whoever asks."""


class ReadOnly(Unsupported):
    """Nothing may be changed at the moment, or in this repository."""


class Conflict(RegistryError):
    """The present state of the thing does not allow the operation."""


class PreconditionFailed(RegistryError):
    """A condition that the client attached to the request does not hold."""


class PayloadTooLarge(RegistryError):
    """The request body is larger than the limit."""


class UriTooLong(RegistryError):
    """The request's address is longer than the limit."""


class TooManyRequests(RegistryError):
    """The caller asked too often and should wait `retry_after_seconds`."""

    def __init__(self, message: str, /, *, retry_after_seconds: int, **detail: object) -> None:
        super().__init__(message, **detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(RegistryError):
    """We cannot serve this now; the same request may work after `retry_after_seconds`."""

    def __init__(self, message: str, /, *, retry_after_seconds: int = 5, **detail: object) -> None:
        super().__init__(message, **detail)
        self.retry_after_seconds = retry_after_seconds


class Misconfigured(Unavailable):
    """The installation is not in order; the message tells the operator what to mend."""


class StorageFull(RegistryError):
    """No room left where bytes or rows are kept."""
