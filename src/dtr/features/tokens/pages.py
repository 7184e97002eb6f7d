"""Pages of one's own access tokens."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dtr.core.clock import Clock
from dtr.core.errors import Conflict, Invalid, RegistryError
from dtr.core.principal import Caller
from dtr.features.accounts.user_agents import program_of
from dtr.features.tokens.access_token_model import (
    MAX_LABEL_LENGTH,
    Wish,
    check_permits,
)
from dtr.features.tokens.access_tokens import AccessTokens
from dtr.features.tokens.model import GeneratedBy
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import ShownPage
from dtr.plumbing.web.pages import Web, reader_of, signed_in_reader
from dtr.plumbing.web.permit_rows import SPARE_ROWS, rows_in, with_spare

LIST: Final = "/profile/tokens"
DEFAULT_DAYS: Final = 90
"""What the form suggests as the life of a new token."""

UNUSED_DAYS: Final = (90, 30, 7)
"""Choices of the clean-up: tokens that were not used for so long."""

ALL_UNUSED: Final = "all"


@dataclass(frozen=True, slots=True)
class _Room:
    """What the pages need."""

    tokens: AccessTokens
    web: Web
    clock: Clock
    max_days: int | None


def pages(tokens: AccessTokens, web: Web, clock: Clock, max_days: int | None) -> APIRouter:
    """Return the routes. `max_days` is the longest life of a token, for the form to say; None for no limit."""
    router = APIRouter(include_in_schema=False)
    room = _Room(tokens, web, clock, max_days)
    _add_making(router, room)
    _add_clean_up(router, room)
    _add_single(router, room)
    return router


def _add_making(router: APIRouter, room: _Room) -> None:
    @router.get(LIST)
    async def list_tokens(request: Request, page: ShownPage) -> Response:
        caller = reader_of(request).caller
        found = await room.tokens.list(caller, _own_name(caller), page)
        newest_first = sorted(found.items, key=lambda each: each.created_at, reverse=True)
        return room.web.page(
            request,
            "tokens/list.html",
            tokens=newest_first,
            found=found,
            page=page,
            now=room.clock.now(),
            program_of=program_of,
            has_automatic=any(each.generated_by is GeneratedBy.AUTO for each in found.items),
        )

    @router.get("/profile/tokens/new")
    async def new_token(request: Request) -> Response:
        signed_in_reader(request)
        return _form_page(room, request, Form({"days": [str(_suggested_days(room))]}))

    @router.post(LIST)
    async def create_token(request: Request, form: FormBody) -> Response:
        if form.checked("more"):
            return _form_page(room, request, form, spare=len(rows_in(form)) + SPARE_ROWS)
        try:
            secret, token = await room.tokens.create(reader_of(request).caller, "", _wish(form))
        except (Invalid, Conflict) as error:
            return _form_page(room, request, form, error)
        return room.web.page(request, "tokens/made.html", status=201, secret=secret, token=token)


def _add_clean_up(router: APIRouter, room: _Room) -> None:
    @router.get("/profile/tokens/clean-up")
    async def ask_what(request: Request) -> Response:
        signed_in_reader(request)
        return room.web.page(request, "tokens/clean_up.html", choices=UNUSED_DAYS)

    @router.post("/profile/tokens/clean-up")
    async def clean_up(request: Request, form: FormBody) -> Response:
        before = None
        if form.text("days") != ALL_UNUSED:
            before = room.clock.now() - timedelta(days=_unused_days(form))
        count = await room.tokens.clean_up(reader_of(request).caller, "", GeneratedBy.AUTO, before)
        text = room.web.translate(request, "Automatic tokens that were deleted: %(count)s.", count=count)
        return room.web.send_on(request, LIST, text)


def _add_single(router: APIRouter, room: _Room) -> None:
    @router.post("/profile/tokens/{token_hash}")
    async def change_token(request: Request, token_hash: str, form: FormBody) -> Response:
        is_active = form.text("active") == "yes"
        await room.tokens.change(reader_of(request).caller, token_hash, is_active=is_active)
        text = (
            room.web.translate(request, "The token works again.")
            if is_active
            else room.web.translate(request, "The token is disabled. It is refused from now on.")
        )
        return room.web.send_on(request, LIST, text)

    @router.get("/profile/tokens/{token_hash}/delete")
    async def confirm_deletion(request: Request, token_hash: str) -> Response:
        token = await room.tokens.get(reader_of(request).caller, token_hash)
        return room.web.page(request, "tokens/deletion.html", token=token)

    @router.post("/profile/tokens/{token_hash}/delete")
    async def delete_token(request: Request, token_hash: str) -> Response:
        await room.tokens.delete(reader_of(request).caller, token_hash)
        text = room.web.translate(request, "The token is deleted. It is refused from now on.")
        return room.web.send_on(request, LIST, text)


def _form_page(
    room: _Room,
    request: Request,
    form: Form,
    error: RegistryError | None = None,
    spare: int = SPARE_ROWS,
) -> Response:
    rows = with_spare(rows_in(form), spare)
    return room.web.page(
        request,
        "tokens/new.html",
        error=error,
        label=form.text("label"),
        days=form.text("days"),
        is_limited=form.text("limited") == "yes",
        rows=rows,
        max_days=room.max_days,
        longest_label=MAX_LABEL_LENGTH,
    )


def _wish(form: Form) -> Wish:
    """Return what the form asks for. Raises Invalid."""
    permits = None
    if form.text("limited") == "yes":
        permits = check_permits([(row.pattern, sorted(row.actions)) for row in rows_in(form)])
    days = form.number("days") if form.text("days") else None
    return Wish(form.text("label"), permits, expires_in_days=days)


def _unused_days(form: Form) -> int:
    days = form.number("days")
    if days not in UNUSED_DAYS:
        raise Invalid("choose which tokens to delete")
    return days


def _suggested_days(room: _Room) -> int:
    return DEFAULT_DAYS if room.max_days is None else min(DEFAULT_DAYS, room.max_days)


def _own_name(caller: Caller) -> str:
    """Return the name of the reader; without one an administrator would get the tokens of everybody."""
    return caller.principal.name or ""
