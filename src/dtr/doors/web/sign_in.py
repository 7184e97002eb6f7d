"""The pages to sign in and to choose a language."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from dtr.core.errors import Invalid
from dtr.doors.login import SIGN_IN_PATH, local_path
from dtr.plumbing.web.forms import FormBody
from dtr.plumbing.web.languages import NAMES
from dtr.plumbing.web.pages import LANGUAGE_COOKIE, Web, reader_of

YEAR_SECONDS = 365 * 24 * 3600


def pages(web: Web) -> APIRouter:
    """Return the routes of this module."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home() -> Response:
        return RedirectResponse("/repositories", 303)

    @router.get(SIGN_IN_PATH)
    async def sign_in(request: Request) -> Response:
        wanted = local_path(request.query_params.get("next", ""))
        if not reader_of(request).caller.principal.is_anonymous:
            return RedirectResponse(wanted, 303)
        return web.page(request, "web/sign_in.html", next=wanted)

    @router.post("/language")
    async def choose_language(request: Request, form: FormBody) -> Response:
        code = form.text("language")
        if code not in NAMES:
            raise Invalid("there is no such language", given=code[:20])
        response = web.send_on(request, local_path(form.text("next")))
        secure = reader_of(request).is_encrypted
        response.set_cookie(
            LANGUAGE_COOKIE, code, max_age=YEAR_SECONDS, httponly=True, samesite="lax", secure=secure
        )
        return response

    return router
