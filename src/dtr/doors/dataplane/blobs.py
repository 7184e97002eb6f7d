"""Blob reads and deletes."""

import secrets
from dataclasses import dataclass

from dtr.doors.dataplane.authorization import Call
from dtr.doors.dataplane.manifests import CACHE_FOREVER
from dtr.features.images.model import StoredBlob
from dtr.features.images.service import Images
from dtr.oci.digest import Digest
from dtr.oci.headers import etag_matches, parse_byte_ranges
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Part, Response, Source, SourceResponse

OCTET_STREAM = b"application/octet-stream"


@dataclass(frozen=True, slots=True)
class Redirects:
    """When a blob GET is sent to the store itself: from this size on, with addresses valid for this long."""

    above_bytes: int | None
    lifetime_seconds: int


def blob_headers(blob: StoredBlob) -> list[tuple[bytes, bytes]]:
    """Return the headers that every answer about a blob carries, but for its length and type."""
    digest = str(blob.digest).encode()
    return [
        (b"docker-content-digest", digest),
        (b"etag", b'"%b"' % digest),
        (b"accept-ranges", b"bytes"),
        CACHE_FOREVER,
    ]


def whole_blob_headers(blob: StoredBlob) -> list[tuple[bytes, bytes]]:
    """Return the headers of a 200 answer; the same for GET and HEAD."""
    return [
        (b"content-type", OCTET_STREAM),
        (b"content-length", b"%d" % blob.size_bytes),
        *blob_headers(blob),
    ]


@dataclass(frozen=True, slots=True)
class BlobHandlers:
    """Handlers of `/v2/<name>/blobs/<digest>`."""

    images: Images
    redirects: Redirects

    async def get(self, call: Call) -> Response:
        """GET and HEAD, whole or in ranges."""
        name, digest = call.address.repository(), Digest.parse(call.address.reference)
        blob = await self.images.blobs.find(name, digest)
        condition = call.request.header(b"if-none-match")
        if condition is not None and etag_matches(condition, str(digest)):
            return BytesResponse(304, blob_headers(blob))
        if call.request.method == "HEAD":
            return BytesResponse(200, whole_blob_headers(blob))
        spans = _spans(call.request, blob)
        redirect = await self._redirect(blob)
        if redirect is not None:
            return redirect
        source = await self.images.blobs.open(blob)
        if spans is None:
            return SourceResponse(200, whole_blob_headers(blob), source, [Part(0, blob.size_bytes)])
        return _single_range(blob, source, spans[0]) if len(spans) == 1 else _many_ranges(blob, source, spans)

    async def _redirect(self, blob: StoredBlob) -> Response | None:
        threshold = self.redirects.above_bytes
        if threshold is None or blob.size_bytes < threshold:
            return None
        url = await self.images.blobs.signed_url(blob, self.redirects.lifetime_seconds)
        if url is None:
            return None
        digest = str(blob.digest).encode()
        return BytesResponse(
            307,
            [
                (b"location", url.encode()),
                (b"docker-content-digest", digest),
                (b"cache-control", b"no-store"),
            ],
        )

    async def delete(self, call: Call) -> Response:
        """DELETE: take the blob out of this repository."""
        await self.images.blobs.delete(call.address.repository(), Digest.parse(call.address.reference))
        return BytesResponse(202)


def _spans(request: Request, blob: StoredBlob) -> list[tuple[int, int]] | None:
    """Return the byte ranges to serve, or `None` for the whole blob. Raises RangeNotSatisfiable."""
    header = request.header(b"range")
    if header is None:
        return None
    validator = request.header(b"if-range")
    if validator is not None and not etag_matches(validator, str(blob.digest)):
        return None
    return parse_byte_ranges(header, blob.size_bytes)


def _single_range(blob: StoredBlob, source: Source, span: tuple[int, int]) -> SourceResponse:
    first, last = span
    headers = [
        (b"content-type", OCTET_STREAM),
        (b"content-length", b"%d" % (last - first + 1)),
        (b"content-range", b"bytes %d-%d/%d" % (first, last, blob.size_bytes)),
        *blob_headers(blob),
    ]
    return SourceResponse(206, headers, source, [Part(first, last + 1)])


def _many_ranges(blob: StoredBlob, source: Source, spans: list[tuple[int, int]]) -> SourceResponse:
    """Answer several ranges as multipart/byteranges (RFC 9110 section 14.6)."""
    boundary = secrets.token_hex(16).encode()
    parts = [
        Part(
            first,
            last + 1,
            b"\r\n--%b\r\ncontent-type: %b\r\ncontent-range: bytes %d-%d/%d\r\n\r\n"
            % (boundary, OCTET_STREAM, first, last, blob.size_bytes),
        )
        for first, last in spans
    ]
    suffix = b"\r\n--%b--\r\n" % boundary
    length = sum(len(part.prefix) + part.stop - part.start for part in parts) + len(suffix)
    headers = [
        (b"content-type", b"multipart/byteranges; boundary=%b" % boundary),
        (b"content-length", b"%d" % length),
        *blob_headers(blob),
    ]
    return SourceResponse(206, headers, source, parts, suffix)
