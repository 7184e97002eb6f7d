"""The page of what the stored blobs take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dtr.features.images.model.usage import Snapshot
from dtr.features.images.service.usage import StorageUsage
from dtr.plumbing.web.pages import Web, reader_of

WIDTH: Final = 1000
HEIGHT: Final = 240
"""Of the drawing, in its own units: the page stretches it."""

HEADROOM: Final = 1.1
"""The highest point stays this much below the top."""

MOST_ROWS: Final = 25
"""Namespaces, and repositories, on the page."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The course of the stored bytes as a drawing."""

    line: str
    """The points, as SVG's `points` takes them."""
    area: str
    """The same, closed along the bottom."""
    top_bytes: int
    """What the top of the drawing stands for; the bottom is zero."""


def pages(usage: StorageUsage, web: Web) -> APIRouter:
    """Return the route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/system/storage")
    async def storage(request: Request) -> Response:
        use = await usage.measure(reader_of(request).caller)
        return web.page(
            request,
            "images/storage.html",
            use=use,
            namespaces=use.namespaces[:MOST_ROWS],
            repositories=use.repositories[:MOST_ROWS],
            curve=curve_of(use.growth),
            width=WIDTH,
            height=HEIGHT,
        )

    return router


def curve_of(growth: Sequence[Snapshot]) -> Curve | None:
    """Return the drawing, in proportion to days and bytes; None for less than two days."""
    if len(growth) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    first = growth[0].day
    days = (growth[-1].day - first).days
    top = max(1, round(HEADROOM * max(each.size_bytes for each in growth)))
    points = [
        f"{WIDTH * (each.day - first).days / days:.1f},{HEIGHT * (1 - each.size_bytes / top):.1f}"
        for each in growth
    ]
    line = " ".join(points)
    return Curve(line, f"0,{HEIGHT} {line} {WIDTH},{HEIGHT}", top)
