"""Pages of users: the list, one user, and what administrators do with them."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from dtr.core.errors import Conflict, Denied, Invalid, RegistryError
from dtr.core.paging import ListPage
from dtr.features.access.model import may_administer, may_audit
from dtr.features.accounts.model.accounts import (
    MAX_FULL_NAME_LENGTH,
    MAX_NAME_LENGTH,
    Account,
    AccountChanges,
    AccountExists,
    AccountFilter,
    AccountOwnsRepositories,
    AccountQuery,
    NewAccount,
)
from dtr.features.accounts.pages.organizations import organization_path
from dtr.features.accounts.service import Accounts
from dtr.plumbing.crypto.passwords import generate_password
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import PAGE_SIZE, ShownPage
from dtr.plumbing.web.pages import Web, reader_of, signed_in_reader, status_of

LIST: Final = "/users"
NEW: Final = "/users/new"
USER: Final = "/users/{username}"

MAX_FILTER_LENGTH: Final = 128
FILTERS: Final = {
    "admins": AccountFilter.ADMINS,
    "auditors": AccountFilter.AUDITORS,
    "active": AccountFilter.ACTIVE_USERS,
    "inactive": AccountFilter.INACTIVE_USERS,
}
"""Values of the filter in the address; anything else means all users."""

SECTIONS: Final = {"name", "rights", "password", "delete"}
"""The forms on the page of one user."""


@dataclass(frozen=True, slots=True)
class _Room:
    """What the pages need."""

    accounts: Accounts
    web: Web
    min_password_length: int


def pages(accounts: Accounts, web: Web, min_password_length: int) -> APIRouter:
    """Return the routes. `min_password_length` is for the hint beside a new password (characters)."""
    router = APIRouter(include_in_schema=False)
    room = _Room(accounts, web, min_password_length)
    _add_list(router, room)
    _add_new(router, room)
    _add_user(router, room)
    return router


def user_path(name: str) -> str:
    """Return the address of a user's page."""
    return f"{LIST}/{quote(name, safe='')}"


def _add_list(router: APIRouter, room: _Room) -> None:
    @router.get(LIST)
    async def list_users(
        request: Request,
        page: ShownPage,
        q: Annotated[str, Query(max_length=MAX_FILTER_LENGTH)] = "",
        show: str = "",
    ) -> Response:
        caller = reader_of(request).caller
        query = AccountQuery(FILTERS.get(show, AccountFilter.USERS), contains=q.strip())
        found = await room.accounts.users.list_page(caller, query, page)
        return room.web.page(
            request,
            "accounts/users.html",
            found=found.page,
            page=page,
            text=q.strip(),
            shown=show if show in FILTERS else "",
            may_create=may_administer(caller.principal),
        )


def _add_new(router: APIRouter, room: _Room) -> None:
    def show(request: Request, form: Form, error: RegistryError | None = None) -> Response:
        if not may_administer(signed_in_reader(request).principal):
            raise Denied("only administrators of the registry make users")
        is_about_name = isinstance(error, AccountExists)
        return room.web.page(
            request,
            "accounts/user_new.html",
            status=status_of(error),
            error=None if is_about_name else error,
            form=form,
            name_error=room.web.told(request, error) if is_about_name else "",
            **_limits(room),
        )

    @router.get(NEW)
    async def new(request: Request) -> Response:
        return show(request, Form({"choice": ["generate"]}))

    @router.post(NEW)
    async def create(request: Request, form: FormBody) -> Response:
        try:
            password, is_generated = _chosen_password(form)
            wanted = NewAccount(
                name=form.text("name"),
                full_name=form.text("full_name"),
                password=password,
                is_admin=form.checked("is_admin"),
                is_auditor=form.checked("is_auditor"),
            )
            made = await room.accounts.users.create(reader_of(request).caller, wanted)
        except (Invalid, Conflict) as error:
            return show(request, form, error)
        if is_generated:
            return _password_page(room, request, made, password, is_new=True)
        text = room.web.translate(request, "Created the user %(name)s", name=made.name)
        return room.web.send_on(request, user_path(made.name), text)


def _add_user(router: APIRouter, room: _Room) -> None:
    @router.get(USER)
    async def user(request: Request, username: str, page: ShownPage) -> Response:
        return await _user_page(room, request, username, page)

    @router.post(USER)
    async def change(request: Request, username: str, form: FormBody) -> Response:
        try:
            return await _carry_out(room, request, username, form)
        except (Invalid, Conflict) as error:
            page = ListPage(size=PAGE_SIZE, with_count=True)
            return await _user_page(room, request, username, page, form, error)


async def _user_page(  # noqa: PLR0913, PLR0917 - what one page shows
    room: _Room,
    request: Request,
    username: str,
    page: ListPage,
    form: Form | None = None,
    error: RegistryError | None = None,
) -> Response:
    """Show a user: to everybody the facts, to administrators the forms as well."""
    caller = reader_of(request).caller
    account, _ = await room.accounts.users.get(caller, username)
    if account.is_org:
        return RedirectResponse(organization_path(account.name), 303)
    is_own = account.id == caller.principal.account_id
    sees_organizations = is_own or may_audit(caller.principal)
    section = "" if form is None else form.text("section")
    is_told_in_form = section in SECTIONS
    of_user = room.accounts.organizations.of_user
    return room.web.page(
        request,
        "accounts/user.html",
        status=status_of(error),
        error=None if is_told_in_form else error,
        trouble=(section, room.web.told(request, error)),
        has_repositories=isinstance(error, AccountOwnsRepositories),
        account=account,
        form=_filled(account, section, form),
        is_own=is_own,
        may_change=may_administer(caller.principal),
        memberships=await of_user(caller, account.id, page) if sees_organizations else None,
        page=page,
        **_limits(room),
    )


async def _carry_out(room: _Room, request: Request, username: str, form: Form) -> Response:
    """Do what a form about a user asks for; return the way to what comes after it."""
    caller, users = reader_of(request).caller, room.accounts.users
    translate, send_on = room.web.translate, room.web.send_on
    account, _ = await users.get(caller, username)
    match form.text("section"):
        case "name":
            await users.change(caller, account.id, AccountChanges(full_name=form.text("full_name")))
            return send_on(request, user_path(account.name), translate(request, "Saved the name"))
        case "rights":
            await users.change(caller, account.id, _ranks(form))
            return send_on(request, user_path(account.name), translate(request, "Saved the rights"))
        case "password":
            password, is_generated = _chosen_password(form)
            await users.change_password(caller, account.id, password)
            if is_generated:
                return _password_page(room, request, account, password, is_new=False)
            text = translate(request, "Saved the password of %(name)s", name=account.name)
            return send_on(request, user_path(account.name), text)
        case "delete":
            if form.text("typed_name") != account.name:
                raise Invalid("to delete the user, type their name")
            await users.delete(caller, account.id)
            return send_on(request, LIST, translate(request, "Deleted the user %(name)s", name=account.name))
        case _:
            raise Invalid("the form is none of this page")


def _password_page(
    room: _Room, request: Request, account: Account, password: str, *, is_new: bool
) -> Response:
    """Show a password, as the answer to the form itself: it must not be in an address or a cookie."""
    return room.web.page(
        request,
        "accounts/user_password.html",
        status=201 if is_new else 200,
        account=account,
        password=password,
        is_new=is_new,
    )


def _chosen_password(form: Form) -> tuple[str, bool]:
    """Return the password that a form asks for, and whether it was generated here. Raises Invalid."""
    if form.text("choice") == "generate":
        return generate_password(), True
    password = form.raw("password")
    if password != form.raw("again"):
        raise Invalid("the new password is not the same both times")
    return password, False


def _ranks(form: Form) -> AccountChanges:
    return AccountChanges(
        is_active=form.checked("is_active"),
        is_admin=form.checked("is_admin"),
        is_auditor=form.checked("is_auditor"),
    )


def _filled(account: Account, section: str, sent: Form | None) -> Form:
    """Return the forms as they are shown: as the account is, or as one of them was sent."""
    ranks = {
        "is_active": account.is_active,
        "is_admin": account.is_admin,
        "is_auditor": account.is_auditor,
    }
    fields: dict[str, dict[str, list[str]]] = {
        "name": {"full_name": [account.full_name]},
        "rights": {name: ["on"] for name, is_set in ranks.items() if is_set},
        "password": {"choice": ["generate"]},
    }
    if sent is not None:
        fields[section] = {name: list(values) for name, values in sent.fields.items()}
    return Form({name: values for each in fields.values() for name, values in each.items()})


def _limits(room: _Room) -> dict[str, int]:
    return {
        "longest_name": MAX_NAME_LENGTH,
        "longest_full_name": MAX_FULL_NAME_LENGTH,
        "min_password_length": room.min_password_length,
    }
