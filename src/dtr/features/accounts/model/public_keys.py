"""Public keys of users, which prove them by client certificates and signatures."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from dtr.core.errors import Conflict, NotFound

MAX_KEYS: Final = 100
"""Keys of one account."""

MAX_CERTIFICATES: Final = 20
"""Certificates kept with one key."""

MAX_PEM_LENGTH: Final = 16 * 1024
"""Of one key or certificate (characters)."""

MAX_LABEL_LENGTH: Final = 200


class NoSuchPublicKey(NotFound):
    """The account has no key of the id."""

    api_code: ClassVar[str] = "NO_SUCH_PUBLIC_KEY"


class PublicKeyExists(Conflict):
    """The account has the key already."""

    api_code: ClassVar[str] = "PUBLIC_KEY_EXISTS"


class TooManyPublicKeys(Conflict):
    """The account has as many keys as one may have."""

    api_code: ClassVar[str] = "TOO_MANY_PUBLIC_KEYS"


@dataclass(frozen=True, slots=True)
class LabelledCertificate:
    """An X.509 certificate of a key, PEM."""

    label: str
    cert: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key of an account. `id` is the SHA-256 of its DER encoding (SubjectPublicKeyInfo, RFC 5280), in hex."""

    id: str
    account_id: str
    label: str
    public_key: str
    """PEM."""
    certificates: tuple[LabelledCertificate, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeyChanges:
    """New values; None leaves a value as it is."""

    label: str | None = None
    certificates: tuple[LabelledCertificate, ...] | None = None
