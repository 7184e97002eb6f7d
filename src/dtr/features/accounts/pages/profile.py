"""Pages of one's own account: name, password, sessions and public keys."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dtr.core.errors import Conflict, Denied, Invalid, RegistryError, TooManyRequests
from dtr.core.paging import ListPage
from dtr.core.principal import Caller
from dtr.features.accounts.model.accounts import MAX_FULL_NAME_LENGTH, AccountChanges
from dtr.features.accounts.model.public_keys import MAX_LABEL_LENGTH, MAX_PEM_LENGTH, NoSuchPublicKey
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.service.sessions import NoSuchSession, Sessions
from dtr.features.accounts.user_agents import program_of
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import PAGE_SIZE, ShownPage
from dtr.plumbing.web.pages import Web, reader_of

PROFILE: Final = "/profile"
SESSIONS: Final = "/profile/sessions"
KEYS: Final = "/profile/keys"

MAX_SHOWN_ORGANIZATIONS: Final = 100


@dataclass(frozen=True, slots=True)
class _Room:
    """What the pages need."""

    accounts: Accounts
    sessions: Sessions
    web: Web
    min_password_length: int


def pages(accounts: Accounts, sessions: Sessions, web: Web, min_password_length: int) -> APIRouter:
    """Return the routes. `min_password_length` is for the hint beside a new password (characters)."""
    router = APIRouter(include_in_schema=False)
    room = _Room(accounts, sessions, web, min_password_length)
    _add_profile(router, room)
    _add_sessions(router, room)
    _add_keys(router, room)
    return router


def _add_profile(router: APIRouter, room: _Room) -> None:
    @router.get(PROFILE)
    async def show_profile(request: Request) -> Response:
        return await _profile_page(room, request)

    @router.post(PROFILE)
    async def change_name(request: Request, form: FormBody) -> Response:
        caller = reader_of(request).caller
        changes = AccountChanges(full_name=form.text("full_name"))
        try:
            await room.accounts.users.change(caller, _own_name(caller), changes)
        except Invalid as error:
            return await _profile_page(room, request, error, full_name=form.text("full_name"))
        return room.web.send_on(request, PROFILE, room.web.translate(request, "Your name is saved."))

    @router.post("/profile/password")
    async def change_password(request: Request, form: FormBody) -> Response:
        caller = reader_of(request).caller
        try:
            new = _new_password(form)
            await room.accounts.users.change_password(caller, _own_name(caller), new, form.raw("old"))
        except (Invalid, Conflict, Denied, TooManyRequests) as error:
            return await _profile_page(room, request, error, has_password_trouble=True)
        text = room.web.translate(
            request,
            "Your password is changed. You are signed out everywhere else; programs have to log in again.",
        )
        return room.web.send_on(request, PROFILE, text)


def _add_sessions(router: APIRouter, room: _Room) -> None:
    @router.get(SESSIONS)
    async def show_sessions(request: Request, page: ShownPage) -> Response:
        found = await room.sessions.list_page(reader_of(request).caller, page)
        shown = [(each, *program_of(each.user_agent)) for each in found.items]
        return room.web.page(
            request, "accounts/profile_sessions.html", sessions=shown, found=found, page=page
        )

    @router.post("/profile/sessions/end-others")
    async def end_others(request: Request) -> Response:
        caller = reader_of(request).caller
        for each in await room.sessions.list(caller):
            if each.id != caller.session_id:
                await _end(room, caller, each.id)
        text = room.web.translate(request, "You are signed out everywhere else.")
        return room.web.send_on(request, SESSIONS, text)

    @router.post("/profile/sessions/{session_id}/end")
    async def end_session(request: Request, session_id: str) -> Response:
        await _end(room, reader_of(request).caller, session_id)
        return room.web.send_on(request, SESSIONS, room.web.translate(request, "The session is ended."))


def _add_keys(router: APIRouter, room: _Room) -> None:
    @router.get(KEYS)
    async def show_keys(request: Request, page: ShownPage) -> Response:
        return await _keys_page(room, request, page)

    @router.post(KEYS)
    async def add_key(request: Request, form: FormBody) -> Response:
        caller = reader_of(request).caller
        try:
            await room.accounts.public_keys.add(
                caller, _own_name(caller), form.raw("pem"), form.text("label")
            )
        except (Invalid, Conflict) as error:
            page = ListPage(size=PAGE_SIZE, with_count=True)
            # The text is not shown again: it may be a private key that was sent by mistake.
            return await _keys_page(room, request, page, error, label=form.text("label"))
        return room.web.send_on(request, KEYS, room.web.translate(request, "The public key is added."))

    @router.get("/profile/keys/{key_id}/remove")
    async def confirm_removal(request: Request, key_id: str) -> Response:
        caller = reader_of(request).caller
        found = await room.accounts.public_keys.list_page(caller, _own_name(caller), ListPage(key_id, 1))
        key = next((each for each in found.items if each.id == key_id), None)
        if key is None:
            raise NoSuchPublicKey("there is no such public key")
        return room.web.page(request, "accounts/profile_key_removal.html", key=key)

    @router.post("/profile/keys/{key_id}/remove")
    async def remove_key(request: Request, key_id: str) -> Response:
        caller = reader_of(request).caller
        await room.accounts.public_keys.remove(caller, _own_name(caller), key_id)
        return room.web.send_on(request, KEYS, room.web.translate(request, "The public key is removed."))


async def _profile_page(
    room: _Room,
    request: Request,
    error: RegistryError | None = None,
    *,
    full_name: str | None = None,
    has_password_trouble: bool = False,
) -> Response:
    """Show the account. Trouble with a password is shown in its form rather than on top of the page."""
    caller = reader_of(request).caller
    account, _ = await room.accounts.users.get(caller, _own_name(caller))
    memberships = await room.accounts.organizations.of_user(
        caller, account.id, ListPage(size=MAX_SHOWN_ORGANIZATIONS)
    )
    values: dict[str, Any] = {
        "account": account,
        "path": PROFILE,  # also where a form was sent elsewhere
        "full_name": account.full_name if full_name is None else full_name,
        "longest_name": MAX_FULL_NAME_LENGTH,
        "memberships": memberships.items,
        "has_more_memberships": memberships.next_start is not None,
        "min_password_length": room.min_password_length,
        "has_password_trouble": has_password_trouble,
    }
    return room.web.page(request, "accounts/profile.html", error=error, **values)


async def _keys_page(
    room: _Room, request: Request, page: ListPage, error: RegistryError | None = None, label: str = ""
) -> Response:
    caller = reader_of(request).caller
    found = await room.accounts.public_keys.list_page(caller, _own_name(caller), page)
    return room.web.page(
        request,
        "accounts/profile_keys.html",
        error=error,
        found=found,
        page=page,
        label=label,
        longest_label=MAX_LABEL_LENGTH,
        longest_pem=MAX_PEM_LENGTH,
    )


async def _end(room: _Room, caller: Caller, session_id: str) -> None:
    """End a session; one that has ended meanwhile is as good."""
    try:
        await room.sessions.end_by_id(caller, session_id)
    except NoSuchSession:
        return


def _new_password(form: Form) -> str:
    new = form.raw("new")
    if new != form.raw("again"):
        raise Invalid("the new password is not the same both times")
    return new


def _own_name(caller: Caller) -> str:
    """Return the name of the reader; the services refuse who has none."""
    return caller.principal.name or ""
