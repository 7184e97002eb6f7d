"""What a page's route uses: renders a template, or sends the reader on after a form."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment

from dtr.core.errors import RegistryError, Unauthorized
from dtr.core.messages import said
from dtr.core.principal import Caller
from dtr.oci.errors import answer_for
from dtr.plumbing.web.flash import FLASH_COOKIE, FLASH_SECONDS, Mood, flash_value, read_flash
from dtr.plumbing.web.languages import NAMES, Language, choose_language
from dtr.plumbing.web.lists import smaller_size
from dtr.plumbing.web.reader import LANGUAGE_COOKIE, SCOPE_KEY, Reader

BANNERS_KEY: Final = "dtr.banners"
"""Where the application leaves what stands on top of every page, in the ASGI scope."""

MAX_PAGE_BYTES: Final = 200 * 1024
"""Longer lists are shown in smaller parts."""


class Web:
    """Renders pages in the reader's language."""

    def __init__(self, languages: Mapping[str, Language], environments: Mapping[str, Environment]) -> None:
        self._languages = languages
        self._environments = environments

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int | None = None,
        error: RegistryError | None = None,
        **values: Any,
    ) -> Response:
        """Return a page. `error` is shown on top of it; its status counts if none is given.

        A list that became too long, because of what people wrote, is shown with fewer entries instead.
        """
        language = self.language(request)
        notices = read_flash(request.cookies.get(FLASH_COOKIE))
        if error is not None:
            notices.append({"mood": Mood.BAD, "text": error.message})
        for notice in notices:  # what other doors left was in English
            notice["text"] = language.say(notice["text"])
        context = {
            "request": request,
            "reader": reader_of(request),
            "language": language,
            "languages": NAMES,
            "path": request.scope["path"],
            "notices": notices,
            "banners": request.scope.get(BANNERS_KEY, ()),
            "address_with": lambda **changes: address_with(request, changes),
            **values,
        }
        content = self._environments[language.code].get_template(template).render(context).encode()
        size = smaller_size(request) if len(content) > MAX_PAGE_BYTES else None
        if size is not None:
            return RedirectResponse(address_with(request, {"size": size}), 303)
        response = HTMLResponse(content, _status(status, error))
        if FLASH_COOKIE in request.cookies:
            response.delete_cookie(FLASH_COOKIE)
        return response

    def send_on(self, request: Request, to: str, text: str = "", mood: Mood = Mood.GOOD) -> RedirectResponse:
        """Return the answer to a form that was carried out: the next page, with a message of what happened."""
        response = RedirectResponse(to, 303)
        if text:
            secure = reader_of(request).is_encrypted
            response.set_cookie(
                FLASH_COOKIE,
                flash_value(text, mood),
                max_age=FLASH_SECONDS,
                httponly=True,
                samesite="lax",
                secure=secure,
            )
        return response

    def language(self, request: Request) -> Language:
        """Return the language that the reader chose or the browser prefers."""
        code = choose_language(
            request.cookies.get(LANGUAGE_COOKIE, ""), request.headers.get("accept-language", "")
        )
        return self._languages[code]

    def translate(self, request: Request, text: str, **values: object) -> str:
        """Return a text, or what an error says, in the reader's language.

        Values are filled in by name: `%(name)s`; what is a Message among them is translated, too.
        """
        return self.language(request).say(said(text, **values) if values else text)

    def told(self, request: Request, error: RegistryError | None) -> str:
        """Return what an error says, in the reader's language; empty if there is none."""
        return "" if error is None else self.translate(request, error.message)


def _status(given: int | None, error: RegistryError | None) -> int:
    return status_of(error) if given is None else given


def status_of(error: RegistryError | None) -> int:
    """Return the status of a page that tells an error, wherever on it; 200 if there is none."""
    return 200 if error is None else answer_for(error)[0]


def reader_of(request: Request) -> Reader:
    """Return who reads."""
    reader: Reader = request.scope[SCOPE_KEY]
    return reader


def signed_in_reader(request: Request) -> Caller:
    """Return who reads, for pages that only lead on to what needs a name. Raises Unauthorized for strangers."""
    caller = reader_of(request).caller
    if caller.principal.is_anonymous:
        raise Unauthorized("sign in first")
    return caller


def address_with(request: Request, changes: Mapping[str, object]) -> str:
    """Return the address of this page with some query parameters set anew; None and empty ones are left out.

    Only what the page's route declares is repeated, with the value that counted: its filters and the place in its list.
    Whatever else stood in the address, perhaps a secret, goes into no link. The path stays as it was sent, escapes and
    all, but never reads as the address of another site.
    """
    path = "/" + request.scope["raw_path"].decode("ascii", "replace").lstrip("/")
    declared = _declared_parameters(request)
    kept = {name: value for name, value in request.query_params.items() if name in declared}
    wanted = {name: value for name, value in {**kept, **changes}.items() if value not in (None, "")}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def _declared_parameters(request: Request) -> frozenset[str]:
    """Return the query parameters that the page's route takes; none where no route was found."""
    route = request.scope.get("route")
    return _parameters_of(route.dependant) if isinstance(route, APIRoute) else frozenset()


def _parameters_of(dependant: Dependant) -> frozenset[str]:
    own = {each.alias for each in dependant.query_params}
    return frozenset(own.union(*map(_parameters_of, dependant.dependencies)))
