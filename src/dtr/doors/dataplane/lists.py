"""Tags, referrers, the catalog and the extension list."""

import re
from dataclasses import dataclass

import orjson

from dtr.core.errors import Invalid
from dtr.core.paging import NamePage, PageRequest, parse_page
from dtr.doors.dataplane.authorization import Call
from dtr.features.images.service import Images
from dtr.features.images.service.lists import FIRST
from dtr.oci.digest import Digest
from dtr.oci.headers import next_link
from dtr.oci.mediatypes import OCI_INDEX
from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Response

_REFERRERS_MARKER = re.compile(r"(\d{1,18})_(sha(?:256|512):[0-9a-f]{64,128})")


@dataclass(frozen=True, slots=True)
class ListHandlers:
    """Handlers of everything that lists."""

    images: Images

    async def tags(self, call: Call) -> Response:
        """GET /v2/<name>/tags/list."""
        name = call.address.repository()
        page = _page(call.request)
        found = await self.images.lists.tags(name, page)
        body = orjson.dumps({"name": name.path, "tags": found.names})
        return _json_page(body, f"/v2/{name}/tags/list", page, found)

    async def catalog(self, call: Call) -> Response:
        """GET /v2/_catalog: the repositories that the caller may see."""
        page = _page(call.request)
        found = await self.images.lists.catalog(call.grant.holder, page)
        return _json_page(orjson.dumps({"repositories": found.names}), "/v2/_catalog", page, found)

    async def referrers(self, call: Call) -> Response:
        """GET /v2/<name>/referrers/<digest>."""
        name, subject = call.address.repository(), Digest.parse(call.address.reference)
        types = _artifact_types(call.request)
        found = await self.images.lists.referrers(name, subject, types, _referrers_after(call.request))
        headers = [(b"content-type", OCI_INDEX.encode())]
        if types:
            headers.append((b"oci-filters-applied", b"artifactType"))
        if found.next_after is not None:
            marker = f"{found.next_after[0]}_{found.next_after[1]}"
            parameters = [("artifactType", each) for each in types] + [("last", marker)]
            headers.append((b"link", next_link(f"/v2/{name}/referrers/{subject}", parameters).encode()))
        return BytesResponse(200, headers, found.content)

    async def extensions(self, _call: Call) -> Response:
        """GET /v2/_oci/ext/discover: we have none beyond the specification."""
        return BytesResponse(200, [(b"content-type", b"application/json")], b'{"extensions":[]}')


def _page(request: Request) -> PageRequest:
    return parse_page(request.query.get("n"), request.query.get("last"))


def _json_page(body: bytes, path: str, page: PageRequest, found: NamePage) -> Response:
    headers = [(b"content-type", b"application/json")]
    if found.more and found.names:
        limit = [("n", str(page.limit))] if page.limit is not None else []
        headers.append((b"link", next_link(path, [*limit, ("last", found.names[-1])]).encode()))
    return BytesResponse(200, headers, body)


def _artifact_types(request: Request) -> list[str]:
    """Return the wanted artifact types. A raw plus sign means itself here: media types hold it, spaces never.

    Raises Invalid for characters that no type can hold.
    """
    types = [value.replace(" ", "+") for value in request.query.get_all("artifactType") if value]
    if not all(map(str.isprintable, types)):
        raise Invalid("the parameter artifactType holds characters that no type can hold")
    return types


def _referrers_after(request: Request) -> tuple[int, str]:
    marker = request.query.get("last")
    if not marker:
        return FIRST
    match = _REFERRERS_MARKER.fullmatch(marker)
    if match is None:
        raise Invalid("the parameter last is not one that a Link header gave", given=marker[:100])
    return int(match[1]), match[2]
