"""The rooms' pages in one FastAPI application, and errors as pages."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib import resources
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from jinja2 import BaseLoader, PackageLoader, PrefixLoader
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dtr.core.clock import Clock
from dtr.core.errors import Invalid, NotFound, RegistryError, Unauthorized
from dtr.core.principal import Caller
from dtr.doors.api.errors import ErrorAnswer, told, told_unforeseen
from dtr.doors.login import SIGN_IN_PATH, local_path
from dtr.doors.web.assets import Assets
from dtr.doors.web.door import SEEN_KEY, TROUBLE_KEY
from dtr.plumbing.web.languages import load_languages
from dtr.plumbing.web.pages import BANNERS_KEY, Web, address_with, reader_of
from dtr.plumbing.web.templates import make_environment

ROOMS_WITH_TEMPLATES = (
    "accounts",
    "configuration",
    "events",
    "images",
    "repositories",
    "robots",
    "search",
    "tokens",
)


Banners: TypeAlias = Callable[[Caller], Awaitable[Sequence[Any]]]
"""Returns what stands on top of every page for a caller."""


def build_web(clock: Clock, assets: Assets) -> Web:
    """Build what pages are rendered with: templates of this door and of the rooms, in every language."""
    rooms: dict[str, BaseLoader] = {
        room: PackageLoader(f"dtr.features.{room}") for room in ROOMS_WITH_TEMPLATES if _has_templates(room)
    }
    loader = PrefixLoader({"web": PackageLoader("dtr.doors.web"), **rooms})
    languages = load_languages(resources.files("dtr.doors.web") / "catalogs")
    environments = {code: make_environment(loader, language, clock) for code, language in languages.items()}
    for environment in environments.values():
        environment.globals["asset"] = assets.path
    return Web(languages, environments)


def build_web_application(web: Web, pages: Sequence[APIRouter], banners: Banners) -> FastAPI:
    """Put the pages of all rooms together."""
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for router in pages:
        application.include_router(router)

    async def show(request: Request, error: Exception) -> Response:
        return _error_answer(web, request, _as_registry_error(error))

    application.add_exception_handler(RegistryError, show)
    application.add_exception_handler(RequestValidationError, show)
    application.add_exception_handler(HTTPException, show)
    application.add_middleware(_Frame, web=web, banners=banners)
    return application


class _Frame:
    """The outermost frame: shows what the door found wrong, and what nobody foresaw, as pages."""

    def __init__(self, application: ASGIApp, web: Web, banners: Banners) -> None:
        self._application = application
        self._web = web
        self._banners = banners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trouble: RegistryError | None = scope.get(TROUBLE_KEY)
        if trouble is not None:
            answer = _shown(self._web, Request(scope), told(trouble), trouble.message)
            await answer(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            with suppress(RegistryError):  # the page itself says what does not work
                scope[BANNERS_KEY] = await self._banners(reader_of(Request(scope)).caller)
            await self._application(scope, receive, noting_send)
        except Exception as error:
            if started:
                raise
            answer = _unforeseen(self._web, Request(scope), error)
            await answer(scope, receive, send)
        finally:
            route = scope.get("route")
            if route is not None:
                scope[SEEN_KEY]["route"] = route.path


def _error_answer(web: Web, request: Request, error: RegistryError) -> Response:
    """Show an error; who is not signed in and might see more after that is sent to the page to sign in."""
    if isinstance(error, Unauthorized) and request.method == "GET" and _takes_pages(request):
        return RedirectResponse(f"{SIGN_IN_PATH}?next={quote(address_with(request, {}), safe='')}", 303)
    return _shown(web, request, told(error), error.message)


def _unforeseen(web: Web, request: Request, error: Exception) -> Response:
    """Show that something is wrong here, without what it is: the log has that."""
    request_id = reader_of(request).caller.request_id
    answer = told_unforeseen(error, request_id, request.method, request.url.path)
    return _shown(web, request, answer, answer.body["errors"][0]["message"])


def _shown(web: Web, request: Request, answer: ErrorAnswer, message: str) -> Response:
    """Return an error as a page, for programs as a document."""
    if not _takes_pages(request):
        return JSONResponse(answer.body, answer.status, answer.headers)
    response = web.page(
        request,
        "web/error.html",
        status=answer.status,
        problem=web.translate(request, message),
        code=answer.status,
        back=_way_back(request),
    )
    response.headers.update(answer.headers)
    return response


def _takes_pages(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _way_back(request: Request) -> str:
    """Return where to go on to after signing in: this page, or the page whose form was sent here."""
    if request.method == "GET":
        return address_with(request, {})
    return local_path(urlsplit(request.headers.get("referer", "")).path)


def _as_registry_error(error: Exception) -> RegistryError:
    if isinstance(error, RegistryError):
        return error
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        return NotFound("there is nothing at this address")
    return Invalid("the address or the form holds something that makes no sense here")


def _has_templates(room: str) -> bool:
    return (resources.files(f"dtr.features.{room}") / "templates").is_dir()
