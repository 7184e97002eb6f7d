"""The FastAPI application: the rooms' routers, error answers, OpenAPI and its documentation."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from dtr import __version__
from dtr.core.errors import RegistryError
from dtr.doors.api.docs.routes import docs_router
from dtr.doors.api.door import CALLER_KEY, SEEN_KEY
from dtr.doors.api.errors import ErrorAnswer, document, told, told_unforeseen
from dtr.doors.api.openapi import DESCRIPTION, OpenApiDocument

API_PREFIX = "/api/v0"
ENZI_PREFIX = "/enzi/v0"
SCHEMA_PATH = f"{API_PREFIX}/docs.json"

MAX_PROBLEMS = 20
"""Told in one answer."""

Application = Callable[[Any, Any, Any], Awaitable[None]]


def build_application(api: Sequence[APIRouter], enzi: Sequence[APIRouter]) -> FastAPI:
    """Put the rooms' routers together: those of `api` below `/api/v0`, those of `enzi` below `/enzi/v0`."""
    application = FastAPI(
        title="The Trusted Registry",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=SCHEMA_PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for prefix, routers in ((API_PREFIX, api), (ENZI_PREFIX, enzi)):
        for router in routers:
            application.include_router(router, prefix=prefix)
    application.openapi = OpenApiDocument(application.openapi, application.routes)  # type: ignore[method-assign]  # as FastAPI documents it
    application.include_router(docs_router(application.openapi, API_PREFIX), prefix=API_PREFIX)
    application.add_exception_handler(RegistryError, _registry_error)
    application.add_exception_handler(RequestValidationError, _invalid_request)
    application.add_exception_handler(HTTPException, _http_exception)
    application.add_middleware(_Frame, routes=_Routes(application))
    return application


class _Routes:
    """Finds, for a path, the routes that lie there, whichever router declares them."""

    def __init__(self, application: FastAPI) -> None:
        self._table = [
            (context.path_regex, context.path_format, frozenset(context.methods or ()))
            for context in iter_route_contexts(application.routes)
        ]

    def template(self, path: str, method: str) -> str | None:
        """Return the path of the route that takes a request, as it was declared."""
        return next(
            (form for regex, form, methods in self._table if method in methods and regex.match(path)), None
        )

    def allowed(self, path: str) -> set[str]:
        """Return the methods that some route takes at a path."""
        found = {each for regex, _, methods in self._table if regex.match(path) for each in methods}
        return found | {"HEAD"} if "GET" in found else found


class _Frame:
    """The outermost frame: tells the door which route answered, and answers what nobody foresaw."""

    def __init__(self, application: Application, routes: _Routes) -> None:
        self._application = application
        self._routes = routes

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        route = self._routes.template(scope["path"], scope["method"])
        if route is not None:
            scope[SEEN_KEY]["route"] = route
        scope["dtr.routes"] = self._routes
        started = False

        async def noting_send(message: dict[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._application(scope, receive, noting_send)
        except Exception as error:
            if started:
                raise
            request_id: str = scope[CALLER_KEY].request_id
            answer = told_unforeseen(error, request_id, scope["method"], route or "")
            await _response(answer)(scope, receive, send)


def _response(answer: ErrorAnswer) -> JSONResponse:
    return JSONResponse(answer.body, answer.status, answer.headers)


async def _registry_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RegistryError):
        raise error
    return _response(told(error))


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    entries = [
        {
            "code": "INVALID_PARAMETERS",
            "message": f"{'.'.join(map(str, each['loc'][1:])) or 'body'}: {each['msg']}",
            "detail": {"field": ".".join(map(str, each["loc"][1:])), "in": each["loc"][0]},
        }
        for each in error.errors()[:MAX_PROBLEMS]
    ]
    return JSONResponse({"errors": entries}, 400)


async def _http_exception(request: Request, error: Exception) -> JSONResponse:
    """Answer what routing refuses: there is no such path, or not with this method."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:  # noqa: PLR2004 - an HTTP status
        return JSONResponse(document("NOT_FOUND", "there is nothing at this address"), 404)
    if error.status_code == 405:  # noqa: PLR2004 - an HTTP status
        allowed = request.scope["dtr.routes"].allowed(request.scope["path"])
        headers = {"Allow": ", ".join(sorted(allowed))}
        return JSONResponse(document("NOT_ALLOWED", f"{request.method} is not possible here"), 405, headers)
    return JSONResponse(document("INVALID_PARAMETERS", str(error.detail)), error.status_code, error.headers)
