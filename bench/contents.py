"""What is pushed and pulled: random blobs, and images made of them."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.wire import Part

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB
MEGABYTE: Final = 1_000_000

IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_IMAGE_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_IMAGE_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_TAIL_BYTES: Final = 16
_LAYERS: Final = 3
_LAYER_BYTES: Final = 64 * KIB


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with their digest."""

    parts: Sequence[Part]
    digest: str
    size_bytes: int


class BlobSource:
    """Makes blobs of one size, each different from all others, at the cost of hashing a few bytes."""

    def __init__(self, size_bytes: int, block_bytes: int = GIB) -> None:
        """`block_bytes`: a larger blob repeats a random block of this size, so as not to fill the memory."""
        self._size_bytes = size_bytes
        body_bytes = size_bytes - _TAIL_BYTES
        block = memoryview(os.urandom(min(body_bytes, block_bytes)))
        self._body = [block] * (body_bytes // len(block)) + [block[: body_bytes % len(block)]]
        self._hasher = hashlib.sha256()
        for part in self._body:
            self._hasher.update(part)

    def new(self) -> Blob:
        """Return a blob that nobody has seen before."""
        tail = os.urandom(_TAIL_BYTES)
        hasher = self._hasher.copy()
        hasher.update(tail)
        return Blob([*self._body, tail], f"sha256:{hasher.hexdigest()}", self._size_bytes)


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its blobs, config first, and the manifest that names them."""

    blobs: Sequence[Blob]
    manifest: bytes

    @property
    def digest(self) -> str:
        """The digest of the manifest."""
        return digest_of([self.manifest])


def new_image() -> Image:
    """Return an image of a config and three layers of 64 KiB, no blob of which was seen before."""
    config = {"architecture": "amd64", "os": "linux", "author": os.urandom(16).hex()}
    layers = [_blob(os.urandom(_LAYER_BYTES)) for _ in range(_LAYERS)]
    blobs = [_blob(json.dumps(config).encode()), *layers]
    return Image(blobs, _manifest(blobs))


def digest_of(parts: Iterable[Part]) -> str:
    """Return the digest of parts in a row."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part)
    return f"sha256:{hasher.hexdigest()}"


def _blob(content: bytes) -> Blob:
    return Blob([content], digest_of([content]), len(content))


def _manifest(blobs: Sequence[Blob]) -> bytes:
    config, *layers = blobs
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": _descriptor(_IMAGE_CONFIG, config),
        "layers": [_descriptor(_IMAGE_LAYER, layer) for layer in layers],
    }
    return json.dumps(document, indent=3).encode()


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "size": blob.size_bytes, "digest": blob.digest}
