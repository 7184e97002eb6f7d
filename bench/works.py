"""What is measured, and how fast it has to be."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import orjson

from bench.contents import IMAGE_MANIFEST, KIB, MIB, Blob, BlobSource, Image, new_image
from bench.load import Script, Units
from bench.peers import USER, Peer
from bench.scripts import push_image, repeat, upload_by_patch, upload_in_one_put
from bench.wire import WrongAnswer

PULLED: Final = f"{USER}/pulled"
PUSHED: Final = f"{USER}/pushed"
TAGGED: Final = f"{USER}/tagged"
SCOPES: Final = tuple(f"repository:{name}:pull,push" for name in (PULLED, PUSHED, TAGGED))

TAG: Final = "latest"
TAGS: Final = tuple(f"tag-{number:05}" for number in range(10_000))
_PAGE: Final = 100
_LAST: Final = TAGS[len(TAGS) // 2]

UPLOAD_BYTES: Final = 128 * MIB
_BLOB_SIZES: Final = (KIB, MIB, 16 * MIB, 128 * MIB)
ACCEPT: Final = tuple(
    ("Accept", media_type)
    for media_type in (
        IMAGE_MANIFEST,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
"""One line each, as docker sends them; `docker-registry` 2.8 understands no list."""


@dataclass(frozen=True, slots=True)
class Work:
    """One line of the report."""

    name: str
    units: Callable[[Peer], Units]
    """Prepares the units of work for a peer, in the name of its last login; may ask the peer first."""

    at_least: float
    """How many times as fast as the peer we have to be."""

    connections: int = 16
    unit_bytes: int | None = None
    """What a unit moves, if moving bytes is what it is about."""

    stores: bool = False
    """Whether it leaves large blobs behind."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What is in every registry before the measurements."""

    image: Image
    blobs: tuple[Blob, ...]

    @property
    def digests(self) -> list[str]:
        """The digests of all blobs that have to stay."""
        return [blob.digest for blob in (*self.image.blobs, *self.blobs)]


def new_stock() -> Stock:
    """Return one image, and a blob of each size that is pulled."""
    return Stock(new_image(), tuple(BlobSource(size).new() for size in _BLOB_SIZES))


def all_works(stock: Stock) -> list[Work]:
    """Return the lines of the report, in order."""
    return [*_manifest_works(stock.image), *_blob_works(stock), *_upload_works(), *_other_works()]


def _manifest_works(image: Image) -> Iterator[Work]:
    for method, reference in itertools.product(("GET", "HEAD"), (TAG, image.digest)):
        path = f"/v2/{PULLED}/manifests/{reference}"
        by = "tag" if reference == TAG else "digest"
        yield Work(f"manifest {method} by {by}", partial(_read, method, path, len(image.manifest)), 8)


def _blob_works(stock: Stock) -> Iterator[Work]:
    tiny, small, medium, large = stock.blobs
    layer = stock.image.blobs[1]
    yield Work("blob HEAD", _reader("HEAD", layer), 6)
    yield Work("blob GET 1 KiB", _reader("GET", tiny), 8)
    yield Work("blob GET 1 MiB", _reader("GET", small), 1.5, unit_bytes=small.size_bytes)
    for blob in (medium, large):
        name = f"blob GET {blob.size_bytes // MIB} MiB"
        yield Work(name, _reader("GET", blob), 1, connections=4, unit_bytes=blob.size_bytes)


def _upload_works() -> Iterator[Work]:
    source = BlobSource(UPLOAD_BYTES)
    for way, script in (("one PUT", upload_in_one_put), ("PATCH+PUT", upload_by_patch)):

        def units(peer: Peer, script: Callable[[Peer, str, Blob], Script] = script) -> Units:
            return lambda: script(peer, PUSHED, source.new())

        name = f"blob upload {UPLOAD_BYTES // MIB} MiB, {way}"
        yield Work(name, units, 1.5, connections=1, unit_bytes=UPLOAD_BYTES, stores=True)


def _other_works() -> Iterator[Work]:
    numbers = itertools.count()

    def pushes(peer: Peer) -> Units:
        return lambda: push_image(peer, PUSHED, new_image(), f"push-{next(numbers)}")

    yield Work("image push", pushes, 1.5, connections=8, stores=True)
    yield Work(f"{_PAGE} of {len(TAGS):,} tags", _tags_page, 5)


def _reader(method: str, blob: Blob) -> Callable[[Peer], Units]:
    return partial(_read, method, f"/v2/{PULLED}/blobs/{blob.digest}", blob.size_bytes)


def _read(method: str, path: str, length: int, peer: Peer) -> Units:
    return repeat(peer.request(method, path, 200, headers=ACCEPT, length=length))


def _tags_page(peer: Peer) -> Units:
    """Look closely at one answer; all others have to be as long.

    `docker-registry` 2.8 knows no pages and no order: it gives all tags.
    """
    path = f"/v2/{TAGGED}/tags/list?n={_PAGE}&last={_LAST}"
    body = peer.call(peer.request("GET", path, 200, keeps_body=True)).body
    start = TAGS.index(_LAST) + 1
    tags = orjson.loads(body)["tags"]
    if tags != [*TAGS[start : start + _PAGE]] and sorted(tags) != [*TAGS]:
        raise WrongAnswer(f"{peer.name} gives other tags than it was given: {body[:200]!r}")
    return repeat(peer.request("GET", path, 200, length=len(body)))
