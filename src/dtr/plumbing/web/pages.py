"""What a page's route uses: renders a template, or sends the reader on after a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from dtr.core.errors import RegistryError, Unauthorized
from dtr.core.principal import Caller
from dtr.oci.errors import answer_for
from dtr.plumbing.web.flash import FLASH_COOKIE, FLASH_SECONDS, Mood, flash_value, read_flash
from dtr.plumbing.web.languages import NAMES, Language, choose_language

SCOPE_KEY: Final = "dtr.page"
"""Where the door leaves what it knows of the reader, in the ASGI scope."""

BANNERS_KEY: Final = "dtr.banners"
"""Where the application leaves what stands on top of every page, in the ASGI scope."""

LANGUAGE_COOKIE: Final = "dtr_language"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a page, and what its forms need."""

    caller: Caller
    csrf_token: str
    """Goes into every form; empty without a session."""
    address: str
    """Host and port as the reader's clients use them, for commands to copy."""
    is_encrypted: bool


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
    ) -> HTMLResponse:
        """Return a page. `error` is shown on top of it; its status counts if none is given."""
        language = self.language(request)
        notices = read_flash(request.cookies.get(FLASH_COOKIE))
        if error is not None:
            notices.append({"mood": Mood.BAD, "text": error.message})
        for notice in notices:  # what other doors left was in English
            notice["text"] = notice["text"] and language.gettext(notice["text"])
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
        content = self._environments[language.code].get_template(template).render(context)
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
        """Return a text in the reader's language, with values filled in by name: `%(name)s`."""
        translated: str = self.language(request).gettext(text)
        return translated % values if values else translated


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

    The path stays as it was sent, escapes and all, but never reads as the address of another site.
    """
    path = "/" + request.scope["raw_path"].decode("ascii", "replace").lstrip("/")
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    wanted = [*kept, *((name, value) for name, value in changes.items() if value not in (None, ""))]
    return f"{path}?{urlencode(wanted)}" if wanted else path
