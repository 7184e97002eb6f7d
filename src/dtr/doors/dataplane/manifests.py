"""Manifest reads, writes and deletes."""

from dataclasses import dataclass

from dtr.core.errors import Invalid, UriTooLong
from dtr.doors.dataplane.authorization import Call, user_agent
from dtr.features.images.model import Preconditions, PushedManifest, StoredManifest
from dtr.features.images.service import Images
from dtr.oci.digest import Digest
from dtr.oci.errors import ManifestTooLarge, ManifestUnknown, TagInvalid
from dtr.oci.headers import Accept, etag_matches, fit_warnings, parse_accept, warning
from dtr.oci.manifest import MAX_MANIFEST_BYTES
from dtr.oci.names import RepositoryName, parse_reference, parse_tag
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Response

MAX_TAGS_IN_QUERY = 100

CACHE_FOREVER = (b"cache-control", b"max-age=31536000, immutable")
CACHE_NEVER = (b"cache-control", b"no-cache")


def manifest_headers(found: StoredManifest, *, by_digest: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers of a manifest answer; the same for GET and HEAD."""
    digest = found.digest.encode()
    return [
        (b"content-type", found.media_type.encode("latin-1", "replace")),
        (b"content-length", b"%d" % len(found.content)),
        (b"docker-content-digest", digest),
        (b"etag", b'"%b"' % digest),
        CACHE_FOREVER if by_digest else CACHE_NEVER,
    ]


@dataclass(frozen=True, slots=True)
class ManifestHandlers:
    """Handlers of `/v2/<name>/manifests/<reference>`."""

    images: Images
    base_url: str

    async def get(self, call: Call) -> Response:
        """GET and HEAD."""
        name = call.address.repository()
        reference = _readable_reference(name, call.address.reference)
        found = await self.images.manifests.resolve(name, reference)
        by_digest = isinstance(reference, Digest)
        if not by_digest:
            accept = parse_accept(tuple(call.request.headers_all(b"accept")))
            if not accept.allows(found.media_type):
                found = await self._substitute(name, found, accept)
        headers = manifest_headers(found, by_digest=by_digest)
        condition = call.request.header(b"if-none-match")
        if condition is not None and etag_matches(condition, found.digest):
            return BytesResponse(304, [pair for pair in headers if pair[0] != b"content-length"])
        if call.request.method == "GET":
            self.images.pulls.count(
                found,
                "" if by_digest else str(reference),
                call.grant.holder,
                call.request.client_host,
                user_agent(call.request),
            )
        return BytesResponse(200, headers, found.content)

    async def _substitute(
        self, name: RepositoryName, found: StoredManifest, accept: Accept
    ) -> StoredManifest:
        """Serve clients that know no indexes the linux/amd64 image of one. Raises ManifestUnknown without any."""
        child = await self.images.manifests.default_child(name, found)
        if child is not None and accept.allows(child.media_type):
            return child
        raise ManifestUnknown(
            f"the manifest is of type {found.media_type}, which the request does not accept",
            media_type=found.media_type,
        )

    async def put(self, call: Call) -> Response:
        """PUT by tag, or by digest with any number of `tag` parameters."""
        name = call.address.repository()
        reference = parse_reference(call.address.reference)
        digest = reference if isinstance(reference, Digest) else None
        tags = _tags(call.request, reference)
        content = await call.request.body(MAX_MANIFEST_BYTES, too_large=ManifestTooLarge)
        pushed = await self.images.manifests.push(
            call.caller,
            name,
            content,
            content_type=_text(call.request.header(b"content-type")),
            digest=digest,
            tags=tags,
            preconditions=Preconditions(
                _text(call.request.header(b"if-match")), _text(call.request.header(b"if-none-match"))
            ),
        )
        return BytesResponse(201, self._pushed_headers(name, pushed, echo_tags=digest is not None))

    def _pushed_headers(
        self, name: RepositoryName, pushed: PushedManifest, *, echo_tags: bool
    ) -> list[tuple[bytes, bytes]]:
        digest = str(pushed.digest).encode()
        headers = [
            (b"location", f"{self.base_url}/v2/{name}/manifests/{pushed.digest}".encode()),
            (b"docker-content-digest", digest),
            (b"etag", b'"%b"' % digest),
        ]
        if pushed.subject is not None:
            headers.append((b"oci-subject", pushed.subject.encode()))
        if echo_tags:
            headers += [(b"oci-tag", tag.encode()) for tag in pushed.tags]
        headers += [
            (b"warning", text.encode()) for text in fit_warnings([warning(each) for each in pushed.warnings])
        ]
        return headers

    async def delete(self, call: Call) -> Response:
        """DELETE of a tag, or of a digest with every tag on it."""
        name = call.address.repository()
        reference = _readable_reference(name, call.address.reference)
        await self.images.manifests.delete(call.caller, name, reference)
        return BytesResponse(202)


def _readable_reference(name: RepositoryName, text: str) -> str | Digest:
    """Parse a reference that is looked up. A tag that cannot exist is just not there."""
    try:
        return parse_reference(text)
    except TagInvalid as error:
        raise ManifestUnknown(f"{name} has no such manifest", reference=text[:100]) from error


def _tags(request: Request, reference: str | Digest) -> tuple[str, ...]:
    """Return the tags that a PUT asks for. Raises TagInvalid, Invalid or UriTooLong."""
    extra = request.query.get_all("tag")
    if isinstance(reference, str):
        if extra:
            raise Invalid("tag parameters need a digest in the address")
        return (reference,)
    if len(extra) > MAX_TAGS_IN_QUERY:
        raise UriTooLong(f"at most {MAX_TAGS_IN_QUERY} tags can be set at once")
    return tuple(dict.fromkeys(parse_tag(tag) for tag in extra))


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value is not None else None
