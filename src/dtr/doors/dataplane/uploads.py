"""Blob uploads: in one request, in chunks, by mount."""

from dataclasses import dataclass

from dtr.core.actions import Action
from dtr.doors.dataplane.authorization import Call
from dtr.features.images.model import UploadSession
from dtr.features.images.service import Images
from dtr.features.images.service.uploads import Chunk
from dtr.oci.digest import Digest
from dtr.oci.errors import DigestInvalid, NameInvalid
from dtr.oci.names import RepositoryName
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Response


def range_header(received_bytes: int) -> tuple[bytes, bytes]:
    """Return the `Range` header of an upload: what the registry has. Nothing and one byte look the same."""
    return (b"range", b"0-%d" % max(0, received_bytes - 1))


@dataclass(frozen=True, slots=True)
class UploadHandlers:
    """Handlers of `/v2/<name>/blobs/uploads/` and of the sessions below it."""

    images: Images
    base_url: str
    chunk_limit_bytes: int | None

    async def start(self, call: Call) -> Response:
        """POST: begin a session, take a whole blob, or mount one."""
        name = call.address.repository()
        mount = call.request.query.get("mount")
        if mount is not None and await self._mount(call, name, Digest.parse(mount)):
            call.request.route += "/mount"
            return self._created(name, Digest.parse(mount))
        digest = _single_digest(call.request)
        if digest is not None:
            await self.images.uploads.push_whole(call.caller, name, digest, self._chunk(call.request))
            return self._created(name, digest)
        algorithm = call.request.query.get("digest-algorithm") or "sha256"
        session = await self.images.uploads.start(name, algorithm)
        return BytesResponse(202, self._session_headers(session))

    async def _mount(self, call: Call, name: RepositoryName, digest: Digest) -> bool:
        """Mount from where the caller may pull. What is not possible becomes an ordinary upload, without a hint."""
        source, grant = call.request.query.get("from"), call.grant
        try:
            candidates = grant.names("repository") if source is None else {RepositoryName.parse(source).path}
        except NameInvalid:
            return False
        allowed = sorted(path for path in candidates if grant.allows("repository", path, Action.PULL.value))
        return await self.images.blobs.mount(call.caller, name, digest, allowed)

    async def status(self, call: Call) -> Response:
        """GET and HEAD: how far the upload has come."""
        session = await self.images.uploads.status(call.address.repository(), call.address.reference)
        return BytesResponse(204, self._session_headers(session))

    async def append(self, call: Call) -> Response:
        """PATCH: the next chunk."""
        session = await self.images.uploads.append(
            call.address.repository(), call.address.reference, self._chunk(call.request)
        )
        return BytesResponse(202, self._session_headers(session))

    async def finish(self, call: Call) -> Response:
        """PUT: the last chunk, if any, and the digest."""
        name, digest = call.address.repository(), _single_digest(call.request)
        if digest is None:
            await self.images.uploads.status(name, call.address.reference)
            raise DigestInvalid("the digest parameter is missing")
        chunk = self._chunk(call.request) if _has_body(call.request) else None
        await self.images.uploads.finish(call.caller, name, call.address.reference, digest, chunk)
        return self._created(name, digest)

    async def cancel(self, call: Call) -> Response:
        """DELETE: give the upload up."""
        await self.images.uploads.cancel(call.address.repository(), call.address.reference)
        return BytesResponse(204)

    def _chunk(self, request: Request) -> Chunk:
        header = request.header(b"content-range")
        content_range = header.decode("latin-1") if header is not None else None
        return Chunk(request.stream(self.chunk_limit_bytes), content_range, request.content_length)

    def _created(self, name: RepositoryName, digest: Digest) -> Response:
        location = f"{self.base_url}/v2/{name}/blobs/{digest}".encode()
        return BytesResponse(201, [(b"location", location), (b"docker-content-digest", str(digest).encode())])

    def _session_headers(self, session: UploadSession) -> list[tuple[bytes, bytes]]:
        return [
            (b"location", f"{self.base_url}/v2/{session.repository}/blobs/uploads/{session.id}".encode()),
            (b"docker-upload-uuid", session.id.encode()),
            range_header(session.received_bytes),
        ]


def _has_body(request: Request) -> bool:
    announced = (
        request.header(b"transfer-encoding") is not None or request.header(b"content-range") is not None
    )
    return announced or bool(request.content_length)


def _single_digest(request: Request) -> Digest | None:
    """Return the `digest` parameter. Raises DigestInvalid when it is malformed or given more than once."""
    given = request.query.get_all("digest")
    if len(given) > 1:
        raise DigestInvalid("give one digest, not several")
    return Digest.parse(given[0]) if given else None
