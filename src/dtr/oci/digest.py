"""Content digests: the names of bytes."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from dtr.oci.errors import DigestInvalid

ALGORITHMS: Final = {"sha256": 64, "sha512": 128}
"""The algorithms we accept, with the length of their hex form in characters."""

_DIGEST = re.compile("|".join(rf"{name}:[0-9a-f]{{{length}}}" for name, length in ALGORITHMS.items()))


class Hasher(Protocol):
    """Computes a digest from bytes given piece by piece."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take in the next piece."""

    def hexdigest(self) -> str:
        """Return the hex form for all pieces so far; more may follow."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A content digest in lower-case hex. Build with `parse` or `of`: an instance is known to be valid.

    Source: OCI image-spec, "Digests".
    """

    algorithm: str
    hex: str

    @staticmethod
    def parse(text: str) -> "Digest":
        """Parse e.g. `sha256:e3b0...`. Raises DigestInvalid if malformed or of an unsupported algorithm."""
        return _parse(text)

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview, algorithm: str = "sha256") -> "Digest":
        """Return the digest of `data`. Raises DigestInvalid for an unsupported algorithm."""
        hasher = new_hasher(algorithm)
        hasher.update(data)
        return cls(algorithm, hasher.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def new_hasher(algorithm: str) -> Hasher:
    """Return an empty hasher. Raises DigestInvalid for an unsupported algorithm."""
    if algorithm not in ALGORITHMS:
        raise DigestInvalid("the digest algorithm is not supported", given=algorithm[:100])
    return hashlib.new(algorithm, usedforsecurity=False)


@lru_cache(maxsize=4096)
def _parse(text: str) -> Digest:
    if _DIGEST.fullmatch(text) is None:
        raise DigestInvalid("this is not a digest of a supported algorithm", given=text[:100])
    algorithm, _, hex_part = text.partition(":")
    return Digest(algorithm, hex_part)
