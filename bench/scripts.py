"""Units of work as clients do them: a single request, an upload, the push of an image."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from bench.contents import IMAGE_MANIFEST, KIB, Blob, Image
from bench.load import Script, Units
from bench.peers import CHUNKED, Peer
from bench.wire import Answer, Part, Request

_STREAM: Final = (("Content-Type", "application/octet-stream"),)
_CHUNK_BYTES: Final = 32 * KIB
"""Go's clients send bodies of unknown length in chunks of this size."""


def repeat(request: Request) -> Units:
    """Return units of work that are one and the same request."""

    def unit() -> Script:
        yield request

    return unit


def upload_in_one_put(peer: Peer, repository: str, blob: Blob) -> Script:
    """POST, then PUT with the content."""
    answer = yield _start_upload(peer, repository)
    path = _with_digest(answer, blob)
    yield peer.request("PUT", path, 201, headers=_STREAM, body=blob.parts)


def upload_by_patch(peer: Peer, repository: str, blob: Blob) -> Script:
    """POST, then PATCH with the content, then PUT without."""
    answer = yield _start_upload(peer, repository)
    answer = yield peer.request("PATCH", _location(answer), 202, headers=_STREAM, body=blob.parts)
    yield peer.request("PUT", _with_digest(answer, blob), 201)


def push_image(peer: Peer, repository: str, image: Image, tag: str) -> Script:
    """Push an image as docker does: ask for each blob, upload it, then put the manifest."""
    for blob in image.blobs:
        yield peer.request("HEAD", f"/v2/{repository}/blobs/{blob.digest}", 404)
        answer = yield _start_upload(peer, repository)
        body = _chunked(blob.parts)
        answer = yield peer.request("PATCH", _location(answer), 202, headers=[CHUNKED], body=body)
        yield peer.request("PUT", _with_digest(answer, blob), 201)
    yield put_manifest(peer, repository, image, tag)


def put_manifest(peer: Peer, repository: str, image: Image, tag: str) -> Request:
    """Return the request that gives an image a tag."""
    headers = [("Content-Type", IMAGE_MANIFEST)]
    path = f"/v2/{repository}/manifests/{tag}"
    return peer.request("PUT", path, 201, headers=headers, body=[image.manifest])


def _start_upload(peer: Peer, repository: str) -> Request:
    return peer.request("POST", f"/v2/{repository}/blobs/uploads/", 202)


def _location(answer: Answer) -> str:
    """Return where to go on, without the host: registries may give a whole address or a path."""
    location = urlsplit(answer.header("Location") or "")
    return f"{location.path}?{location.query}" if location.query else location.path


def _with_digest(answer: Answer, blob: Blob) -> str:
    path = _location(answer)
    return f"{path}{'&' if '?' in path else '?'}digest={blob.digest}"


def _chunked(parts: Sequence[Part]) -> list[Part]:
    """Frame small content as chunks (RFC 9112, section 7.1)."""
    content = b"".join(parts)
    pieces = [content[start : start + _CHUNK_BYTES] for start in range(0, len(content), _CHUNK_BYTES)]
    return [b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"]
