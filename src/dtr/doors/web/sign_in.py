"""The pages to sign in and to choose a language."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from dtr.core.errors import Invalid
from dtr.core.principal import Caller
from dtr.doors.login import SIGN_IN_PATH, local_path
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.languages import NAMES
from dtr.plumbing.web.pages import Web, reader_of
from dtr.plumbing.web.reader import LANGUAGE_COOKIE, LANGUAGE_SECONDS

KeepLanguage: TypeAlias = Callable[[Caller, str], Awaitable[None]]
"""Keeps the code of the language that somebody chose, for other browsers of theirs."""


def pages(web: Web, keep_language: KeepLanguage) -> APIRouter:
    """Return the routes of this module."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home() -> Response:
        return RedirectResponse("/repositories", 303)

    @router.get(SIGN_IN_PATH)
    async def sign_in(request: Request, to: Annotated[str, Query(alias="next")] = "") -> Response:
        wanted = local_path(to)
        if not reader_of(request).caller.principal.is_anonymous:
            return RedirectResponse(wanted, 303)
        return web.page(request, "web/sign_in.html", next=wanted)

    @router.post("/language")
    async def choose_language(request: Request, form: FormBody) -> Response:
        code = form.text("language")
        if code not in NAMES:
            raise Invalid("there is no such language", given=code[:20])
        reader = reader_of(request)
        await keep_language(reader.caller, code)
        response = web.send_on(request, local_path(form.text("next")))
        response.set_cookie(
            LANGUAGE_COOKIE,
            code,
            max_age=LANGUAGE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=reader.is_encrypted,
        )
        return response

    return router
