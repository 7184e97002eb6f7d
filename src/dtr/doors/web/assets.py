"""Style sheets, scripts and pictures of the pages: from the package, under addresses that change with their content."""

import hashlib
from importlib import resources
from typing import Final

from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import BytesResponse, Response
from dtr.plumbing.asgi.routing import Route

FOREVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
PREFIX: Final = "/static"

_TYPES: Final = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}


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
        """Return a route for each asset, and one for the icon that browsers ask for by themselves."""
        routes = [
            Route("GET", path, _Asset(name, self._content[name]).get) for name, path in self._paths.items()
        ]
        return [*routes, Route("GET", "/favicon.ico", _Asset("logo.svg", self._content["logo.svg"]).get)]


class _Asset:
    """One file as an answer."""

    def __init__(self, name: str, content: bytes) -> None:
        media_type = _TYPES[name[name.rfind(".") :]]
        self._headers = [(b"content-type", f"{media_type}; charset=utf-8".encode()), FOREVER]
        self._content = content

    async def get(self, request: Request) -> Response:  # noqa: ARG002 - the handler's signature
        """Return the content."""
        return BytesResponse(200, list(self._headers), self._content)


def _path(name: str, content: bytes) -> str:
    return f"{PREFIX}/{hashlib.sha256(content).hexdigest()[:12]}/{name}"
