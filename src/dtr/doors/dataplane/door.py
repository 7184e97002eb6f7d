"""The table of the registry protocol: endpoint, method, handler, and the right each needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dtr.core.errors import ReadOnly
from dtr.doors.dataplane.authorization import DELETE, PULL, PUSH, Authorizer, Call, Need, TokenNeeded
from dtr.doors.dataplane.blobs import BlobHandlers, Redirects
from dtr.doors.dataplane.lists import ListHandlers
from dtr.doors.dataplane.manifests import ManifestHandlers
from dtr.doors.dataplane.paths import Address, Endpoint, parse_address
from dtr.doors.dataplane.uploads import UploadHandlers, range_header
from dtr.features.images.service import Images
from dtr.oci.errors import NameInvalid, RangeInvalid, RangeNotSatisfiable
from dtr.oci.names import RepositoryName
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Response
from dtr.plumbing.asgi.routing import MethodNotAllowed, NoRoute

Handler = Callable[[Call], Awaitable[Response]]
Needs = Callable[[Request, Address], list[Need]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A handler and what its caller must be allowed to do."""

    handler: Handler
    needs: Needs
    writes: bool = False


class DataPlane:
    """The door at `/v2/`."""

    prefix = "/v2"

    def __init__(  # noqa: PLR0913 - its parts, all named
        self,
        images: Images,
        authorizer: Authorizer,
        *,
        redirects: Redirects,
        chunk_limit_bytes: int | None = None,
        base_url: str = "",
        is_read_only: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Take the parts. `base_url` (scheme and host) makes Location headers absolute.

        `is_read_only` is asked at each write; without it the registry always takes writes.
        """
        self._authorizer = authorizer
        self._is_read_only = is_read_only
        manifests = ManifestHandlers(images, base_url)
        blobs = BlobHandlers(images, redirects)
        uploads = UploadHandlers(images, base_url, chunk_limit_bytes)
        lists = ListHandlers(images)
        self._rules: dict[Endpoint, dict[str, Rule]] = {
            Endpoint.PING: {"GET": Rule(_ping, _any_token)},
            Endpoint.EXTENSIONS: {"GET": Rule(lists.extensions, _any_token)},
            Endpoint.CATALOG: {"GET": Rule(lists.catalog, _catalog)},
            Endpoint.MANIFEST: {
                "GET": Rule(manifests.get, _pull),
                "PUT": Rule(manifests.put, _push, writes=True),
                "DELETE": Rule(manifests.delete, _delete, writes=True),
            },
            Endpoint.BLOB: {
                "GET": Rule(blobs.get, _pull),
                "DELETE": Rule(blobs.delete, _delete, writes=True),
            },
            Endpoint.UPLOADS: {"POST": Rule(uploads.start, _push_and_mount, writes=True)},
            Endpoint.UPLOAD: {
                "GET": Rule(uploads.status, _push),
                "PATCH": Rule(uploads.append, _push, writes=True),
                "PUT": Rule(uploads.finish, _push, writes=True),
                "DELETE": Rule(uploads.cancel, _push),
            },
            Endpoint.TAGS: {"GET": Rule(lists.tags, _pull)},
            Endpoint.REFERRERS: {"GET": Rule(lists.referrers, _pull)},
        }

    async def handle(self, request: Request) -> Response:
        """Find the rule, check the right, run the handler."""
        address = parse_address(request.raw_path)
        if address is None:
            raise NoRoute
        request.route = f"/v2/{address.endpoint}"
        rule = self._rule(request.method, address)
        grant = await self._authorizer.authorize(request, *rule.needs(request, address))
        if rule.writes and self._is_read_only is not None and await self._is_read_only():
            raise ReadOnly("the registry is read-only at the moment")
        return await rule.handler(Call(request, address, grant))

    def _rule(self, method: str, address: Address) -> Rule:
        rules = self._rules[address.endpoint]
        rule = rules.get("GET" if method == "HEAD" else method)
        if rule is None:
            raise MethodNotAllowed([*rules, *(["HEAD"] if "GET" in rules else [])])
        return rule

    def common_headers(self) -> list[tuple[bytes, bytes]]:
        """Every answer under `/v2/` says what it speaks."""
        return [(b"docker-distribution-api-version", b"registry/2.0")]

    def error_headers(self, request: Request, error: Exception) -> list[tuple[bytes, bytes]]:
        """Add the challenge to a 401, and to a 416 what the client needs to recover."""
        if isinstance(error, TokenNeeded):
            return [(b"www-authenticate", self._authorizer.header(request, error.challenge))]
        if isinstance(error, RangeNotSatisfiable):
            return [(b"content-range", b"bytes */%d" % error.size_bytes)]
        if isinstance(error, RangeInvalid) and "received_bytes" in error.detail:
            received = int(str(error.detail["received_bytes"]))
            session = request.raw_path.rpartition(b"/")[2]
            return [(b"location", request.raw_path), (b"docker-upload-uuid", session), range_header(received)]
        return []


async def _ping(_call: Call) -> Response:
    return BytesResponse(200, [(b"content-type", b"application/json")], b"{}")


def _any_token(_request: Request, _address: Address) -> list[Need]:
    return []


def _catalog(_request: Request, _address: Address) -> list[Need]:
    return [Need("registry", "catalog", ("*",))]


def _pull(_request: Request, address: Address) -> list[Need]:
    return [Need("repository", address.repository().path, PULL)]


def _push(_request: Request, address: Address) -> list[Need]:
    return [Need("repository", address.repository().path, PUSH)]


def _delete(_request: Request, address: Address) -> list[Need]:
    return [Need("repository", address.repository().path, DELETE)]


def _push_and_mount(request: Request, address: Address) -> list[Need]:
    """Ask a caller without a token for the source of a mount as well; with one, the source is optional."""
    source = [] if request.header(b"authorization") is not None else _mount_source(request)
    return [*_push(request, address), *source]


def _mount_source(request: Request) -> list[Need]:
    """Ask at once for the right to the source of a mount, so that one token serves for both.

    What cannot be a repository's name stays out of the challenge: it could write parameters or headers of its own.
    """
    source = request.query.get("from")
    if request.query.get("mount") is None or source is None:
        return []
    try:
        return [Need("repository", RepositoryName.parse(source).path, PULL)]
    except NameInvalid:
        return []
