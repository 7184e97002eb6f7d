"""The page at `/docs` and its assets. Everybody may read it; nothing in it comes from elsewhere."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from dtr.core.errors import NotFound
from dtr.doors.api.docs.page import render_page

MEDIA_TYPES = {"docs.css": "text/css; charset=utf-8", "docs.js": "text/javascript; charset=utf-8"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""What a browser may do for this page: nothing inline, nothing from other sites, not inside another page."""


def docs_router(document: Callable[[], dict[str, Any]], prefix: str) -> APIRouter:
    """Return the routes of the page, made from the OpenAPI document; `prefix` is where they are put."""
    router = APIRouter(include_in_schema=False)
    made: list[str] = []

    @router.get("/docs")
    async def page() -> HTMLResponse:
        if not made:
            made.append(render_page(document(), f"{prefix}/docs"))
        return HTMLResponse(made[0], headers=HEADERS)

    @router.get("/docs/{asset}")
    async def asset(asset: str) -> Response:
        if asset not in MEDIA_TYPES:
            raise NotFound("there is nothing at this address")
        content = files(__package__).joinpath("assets", asset).read_bytes()
        return Response(content, media_type=MEDIA_TYPES[asset])

    return router
