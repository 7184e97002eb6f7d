"""Style sheets, scripts and pictures of the pages: from the package, under addresses that change with their content."""

import hashlib
from importlib import resources
from typing import Final

from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Response
from dtr.plumbing.asgi.routing import Route

FOREVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
FOR_A_DAY: Final = (b"cache-control", b"public, max-age=86400")
PREFIX: Final = "/static"

WELL_KNOWN: Final = {"/favicon.ico": "logo.svg", "/robots.txt": "robots.txt"}
"""Addresses that browsers and search engines ask for by themselves."""

_TYPES: Final = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css", ".txt": "text/plain"}


class Assets:
    """All assets, in memory: they are few and small."""

    def __init__(self) -> None:
        folder = resources.files("dtr.doors.web") / "static"
        self._content = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
        self._paths = {name: _path(name, content) for name, content in self._content.items()}

    def path(self, name: str) -> str:
        """Return the address of an asset. Raises KeyError if there is none of that name."""
        return self._paths[name]

    def routes(self) -> list[Route]:
        """Return a route for each asset, and those for the well-known addresses, whose content may change."""
        return [
            *(self._route(path, name, FOREVER) for name, path in self._paths.items()),
            *(self._route(path, name, FOR_A_DAY) for path, name in WELL_KNOWN.items()),
        ]

    def _route(self, path: str, name: str, caching: tuple[bytes, bytes]) -> Route:
        return Route("GET", path, _Asset(name, self._content[name], caching).get)


class _Asset:
    """One file as an answer."""

    def __init__(self, name: str, content: bytes, caching: tuple[bytes, bytes]) -> None:
        media_type = _TYPES[name[name.rfind(".") :]]
        self._headers = [(b"content-type", f"{media_type}; charset=utf-8".encode()), caching]
        self._content = content

    async def get(self, request: Request) -> Response:  # noqa: ARG002 - the handler's signature
        """Return the content."""
        return BytesResponse(200, list(self._headers), self._content)


def _path(name: str, content: bytes) -> str:
    return f"{PREFIX}/{hashlib.sha256(content).hexdigest()[:12]}/{name}"
