"""Taking `/v2/...` addresses apart, from the right: repository names may hold any of the protocol's own words."""

import urllib.parse
from dataclasses import dataclass
from enum import StrEnum

from dtr.oci.errors import NameInvalid
from dtr.oci.names import RepositoryName

PREFIX = "/v2/"


class Endpoint(StrEnum):
    """What an address under `/v2/` names."""

    PING = "ping"
    CATALOG = "catalog"
    EXTENSIONS = "extensions"
    MANIFEST = "manifest"
    BLOB = "blob"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    TAGS = "tags"
    REFERRERS = "referrers"


@dataclass(frozen=True, slots=True)
class Address:
    """An address taken apart. `name` and `reference` are decoded, not yet checked."""

    endpoint: Endpoint
    name: str = ""
    reference: str = ""

    def repository(self) -> RepositoryName:
        """Return the repository's name. Raises NameInvalid."""
        return RepositoryName.parse(self.name)


_FIXED = {
    "/v2": Address(Endpoint.PING),
    "/v2/": Address(Endpoint.PING),
    "/v2/_catalog": Address(Endpoint.CATALOG),
    "/v2/_oci/ext/discover": Address(Endpoint.EXTENSIONS),
}

_BY_LAST_FOLDER = {
    "manifests": Endpoint.MANIFEST,
    "blobs": Endpoint.BLOB,
    "referrers": Endpoint.REFERRERS,
}


def parse_address(raw_path: bytes) -> Address | None:
    """Take an undecoded path apart; `None` when it names nothing.

    Raises NameInvalid for an encoded slash, which would let two addresses name one thing, and for control characters.
    """
    path = raw_path.decode("ascii", "replace")
    if path in _FIXED:
        return _FIXED[path]
    if not path.startswith(PREFIX):
        return None
    segments = path[len(PREFIX) :].split("/")
    if "%" in path:
        segments = [_decoded(segment) for segment in segments]
    return _from_right(segments)


def _from_right(segments: list[str]) -> Address | None:
    if len(segments) < 3:  # noqa: PLR2004 - name, folder, reference
        return None
    *name, folder, last = segments
    if folder == "blobs" and last == "uploads":
        return Address(Endpoint.UPLOADS, "/".join(name))
    if folder == "uploads" and name[-1:] == ["blobs"] and len(name) > 1:
        endpoint = Endpoint.UPLOAD if last else Endpoint.UPLOADS
        return Address(endpoint, "/".join(name[:-1]), last)
    if folder == "tags" and last == "list":
        return Address(Endpoint.TAGS, "/".join(name))
    found = _BY_LAST_FOLDER.get(folder)
    return Address(found, "/".join(name), last) if found is not None else None


def _decoded(segment: str) -> str:
    text = urllib.parse.unquote(segment, errors="replace")
    if "/" in text or not text.isprintable():
        raise NameInvalid("an address holds no encoded slash and no control character", given=segment[:100])
    return text
