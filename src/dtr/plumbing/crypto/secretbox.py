"""Secrets sealed for storage: AES-256-GCM under one key that never enters the database or its backups."""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dtr.core.errors import Misconfigured
from dtr.plumbing.crypto.files import create_private_file

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12
_DOES_NOT_OPEN = "a stored secret does not open with this registry's master key"


class SecretUnreadable(Misconfigured):
    """Sealed bytes do not open: another key, another context, or they were changed."""


class SecretBox:
    """Seals and opens secrets. The context ties sealed bytes to their place: they open nowhere else."""

    def __init__(self, key: bytes) -> None:
        """Take the key. Raises ValueError unless it has 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError("a sealing key has 32 bytes")
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt: version, nonce, ciphertext with tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt. Raises SecretUnreadable."""
        if sealed[:1] != _VERSION:
            raise SecretUnreadable(_DOES_NOT_OPEN)
        nonce, content = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, content, context.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: too short for a nonce and a tag
            raise SecretUnreadable(_DOES_NOT_OPEN) from error


def derived_key(master: bytes, label: str) -> bytes:
    """Return a key of 32 bytes for one purpose only, the same for the same master key and label (RFC 5869)."""
    return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=label.encode()).derive(master)


def load_or_create_key(path: Path) -> bytes:
    """Return the key in a file; make it, for the owner only, if it is absent. Safe between processes.

    Raises Misconfigured when the file cannot be read or written, or does not hold a key.
    """
    try:
        if not path.exists():
            create_private_file(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"cannot use the master key {path}: {os.strerror(error.errno or 0)}") from error
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"{path} does not hold a master key: restore it from a copy")
    return key
