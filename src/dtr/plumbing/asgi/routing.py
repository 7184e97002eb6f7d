"""Which handler takes a request."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dtr.plumbing.asgi.request import Request
from dtr.plumbing.asgi.response import Response

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A fixed path with one method. HEAD is served wherever GET is."""

    method: str
    path: str
    handler: Handler


class Door(Protocol):
    """Takes every request below a path prefix and does its own routing."""

    @property
    def prefix(self) -> str:
        """What the paths of this door start with."""
        ...

    async def handle(self, request: Request) -> Response:
        """Answer, or raise a `RegistryError`."""
        ...

    def common_headers(self) -> list[tuple[bytes, bytes]]:
        """Return headers for every response of this door, errors included."""
        ...

    def error_headers(self, request: Request, error: Exception) -> list[tuple[bytes, bytes]]:
        """Return the headers that a particular error needs here (a challenge, a range)."""
        ...


class NoRoute(Exception):
    """Nothing answers at this path."""


class MethodNotAllowed(Exception):
    """The path exists, the method does not."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__("method not allowed")
        self.allowed = tuple(allowed)


class Router:
    """Fixed paths by table look-up, doors by prefix."""

    def __init__(self, routes: Sequence[Route], doors: Sequence[Door]) -> None:
        self._fixed: dict[str, dict[str, Handler]] = {}
        for route in routes:
            self._fixed.setdefault(route.path, {})[route.method] = route.handler
        self._doors = tuple(doors)

    def door(self, path: str) -> Door | None:
        """Return the door that owns a path; None for a fixed path, even below a door's prefix."""
        if path in self._fixed:
            return None
        return next((door for door in self._doors if path.startswith(door.prefix)), None)

    async def handle(self, request: Request) -> Response:
        """Run the handler of a fixed path. Raises NoRoute or MethodNotAllowed."""
        methods = self._fixed.get(request.path)
        if methods is None:
            raise NoRoute
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise MethodNotAllowed([*methods, *(["HEAD"] if "GET" in methods else [])])
        request.route = request.path
        return await handler(request)
