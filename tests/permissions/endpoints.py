"""Every endpoint of the product, read from the parts that serve them: nothing runs for that."""

import asyncio
from pathlib import Path
from typing import Any

from dtr.doors.dataplane.door import DataPlane
from dtr.doors.web.assets import PREFIX as STATIC
from dtr.plumbing.telemetry.metrics import Metrics
from dtr.plumbing.telemetry.observer import RequestObserver
from dtr.plumbing.telemetry.shared_counters import SharedCounters
from dtr.settings.sources import load_settings
from dtr.wiring.entrance import EVENTS, Entrance, build_entrance
from dtr.wiring.parts import build_parts
from dtr.wiring.replica import REPLICA_ID_FILE

Endpoint = tuple[str, str]
"""Method and path, with parameters in braces."""

DATA_PLANE = {
    "ping": "/v2/",
    "extensions": "/v2/_oci/ext/discover",
    "catalog": "/v2/_catalog",
    "manifest": "/v2/{repository}/manifests/{reference}",
    "blob": "/v2/{repository}/blobs/{digest}",
    "uploads": "/v2/{repository}/blobs/uploads/",
    "upload": "/v2/{repository}/blobs/uploads/{session}",
    "tags": "/v2/{repository}/tags/list",
    "referrers": "/v2/{repository}/referrers/{digest}",
}
"""The address of each endpoint of the registry protocol; another one fails here until it has a line."""


def all_endpoints(data: Path) -> set[Endpoint]:
    """Return all that answers; `data` is a directory to build the parts in."""
    (data / REPLICA_ID_FILE).write_text("replica")
    settings = load_settings(environment={"DTR_DATA": str(data)})
    parts = build_parts(settings, "test.")
    metrics = Metrics(SharedCounters(data / "metrics"), "0", 0.0)
    observer = RequestObserver(None, metrics, EVENTS)
    entrance = build_entrance(settings, parts, metrics, observer, b"certificate")
    router: Any = entrance.application._router
    found = {
        (method, path)
        for path, methods in router._fixed.items()
        for method in methods
        if not path.startswith(f"{STATIC}/")  # style sheets and scripts, the same for everybody
    }
    for door in router._doors:
        found |= _of_door(door)
    control_plane: Any = asyncio.run(_made(entrance))
    for route in control_plane.routes:
        found |= _of_route(route)
    parts.accounts.close()
    parts.robots.close()
    return found


async def _made(entrance: Entrance) -> object:
    return await entrance.late[0]()


def _of_door(door: Any) -> set[Endpoint]:
    if isinstance(door, DataPlane):
        rules = door._rules
        return {(method, DATA_PLANE[endpoint.value]) for endpoint, each in rules.items() for method in each}
    if door.prefix == "/auth/token":
        return {("GET", door.prefix), ("POST", door.prefix)}
    # The API's routes are read from its application; `tests/web` asks everybody for every page.
    assert door.prefix in {"/", "/api/v0", "/enzi/v0"}, f"a door that the test does not know: {door.prefix}"
    return set()


def _of_route(route: Any) -> set[Endpoint]:
    if hasattr(route, "effective_candidates"):  # a router that was included
        return {endpoint for each in route.effective_candidates() for endpoint in _of_route(each)}
    assert hasattr(route, "methods"), f"an application in an application: its routes are not seen: {route}"
    return {(method, route.path) for method in route.methods if method != "HEAD"}
