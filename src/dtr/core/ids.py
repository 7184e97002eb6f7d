"""Identifiers and secrets that nobody can guess."""

import secrets
import uuid
from typing import Final

SECRET_MARK: Final = "dtr_"  # noqa: S105 - how secrets begin, none itself
"""Starts every secret that the registry makes, so that scanners for leaks can tell what they found."""


def new_id() -> str:
    """Return a random identifier: a version 4 UUID, lower-case, with dashes."""
    return str(uuid.uuid4())


def new_secret(size_bytes: int = 32) -> str:
    """Return a secret of `size_bytes` random bytes as text that is safe in addresses (base64url)."""
    return secrets.token_urlsafe(size_bytes)
