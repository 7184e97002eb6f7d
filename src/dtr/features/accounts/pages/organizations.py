"""Pages of organizations: the list, members, teams and settings. The page of one team is of the room `repositories`."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from dtr.core.errors import Conflict, Denied, Invalid, NotFound, RegistryError
from dtr.core.paging import ListPage
from dtr.features.access.model import NamespaceOperation, may_administer, may_audit
from dtr.features.accounts.model.accounts import (
    MAX_FULL_NAME_LENGTH,
    MAX_NAME_LENGTH,
    AccountChanges,
    AccountExists,
    AccountOwnsRepositories,
    NewAccount,
)
from dtr.features.accounts.model.organizations import (
    MAX_DESCRIPTION_LENGTH,
    MAX_TEAM_NAME_LENGTH,
    Member,
    MemberFilter,
)
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.service.views import OrganizationView
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import PAGE_SIZE, ShownPage
from dtr.plumbing.web.pages import Web, reader_of, signed_in_reader, status_of

LIST: Final = "/organizations"
NEW: Final = "/organizations/new"
ORGANIZATION: Final = "/organizations/{org}"
TEAMS: Final = "/organizations/{org}/teams"
SETTINGS: Final = "/organizations/{org}/settings"
REMOVAL: Final = "/organizations/{org}/members/{username}/remove"

MAX_FILTER_LENGTH: Final = 128
FIRST_PAGE: Final = ListPage(size=PAGE_SIZE, with_count=True)

LIMITS: Final[dict[str, Any]] = {
    "longest_name": MAX_NAME_LENGTH,
    "longest_full_name": MAX_FULL_NAME_LENGTH,
    "longest_team_name": MAX_TEAM_NAME_LENGTH,
    "longest_description": MAX_DESCRIPTION_LENGTH,
}
"""How much fields of forms take (characters)."""


@dataclass(frozen=True, slots=True)
class _Room:
    """What the pages need."""

    accounts: Accounts
    web: Web


def pages(accounts: Accounts, web: Web) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    room = _Room(accounts, web)
    _add_list(router, room)
    _add_new(router, room)
    _add_members(router, room)
    _add_removal(router, room)
    _add_teams(router, room)
    _add_settings(router, room)
    return router


def organization_path(name: str, rest: str = "") -> str:
    """Return the address of an organization's page."""
    return f"{LIST}/{quote(name, safe='')}{rest}"


def _add_list(router: APIRouter, room: _Room) -> None:
    @router.get(LIST)
    async def list_organizations(
        request: Request,
        page: ShownPage,
        q: Annotated[str, Query(max_length=MAX_FILTER_LENGTH)] = "",
        show: str = "",
    ) -> Response:
        caller = reader_of(request).caller
        shown = show if show in {"all", "own"} else "all" if may_audit(caller.principal) else "own"
        text = q.strip()
        found = await room.accounts.views.organizations(caller, page, text, only_own=shown == "own")
        return room.web.page(
            request,
            "accounts/organizations.html",
            found=found,
            page=page,
            text=text,
            shown=shown,
            may_create=may_administer(caller.principal),
        )


def _add_new(router: APIRouter, room: _Room) -> None:
    async def show(request: Request, form: Form, error: RegistryError | None = None) -> Response:
        if not may_administer(signed_in_reader(request).principal):
            raise Denied("only administrators of the registry make organizations")
        is_about_name = isinstance(error, AccountExists)
        return room.web.page(
            request,
            "accounts/organization_new.html",
            status=status_of(error),
            error=None if is_about_name else error,
            form=form,
            name_error=room.web.told(request, error) if is_about_name else "",
            **LIMITS,
        )

    @router.get(NEW)
    async def new(request: Request) -> Response:
        return await show(request, Form())

    @router.post(NEW)
    async def create(request: Request, form: FormBody) -> Response:
        caller, name = reader_of(request).caller, form.text("name")
        wanted = NewAccount(name=name, full_name=form.text("full_name"), is_org=True)
        try:
            made = await room.accounts.users.create(caller, wanted)
        except (Invalid, Conflict) as error:
            return await show(request, form, error)
        if form.checked("own"):
            own_name = caller.principal.name or ""
            await room.accounts.organizations.put_member(caller, made.id, own_name, is_admin=True)
        text = room.web.translate(request, "Created the organization %(name)s", name=made.name)
        return room.web.send_on(request, organization_path(made.name), text)


def _add_members(router: APIRouter, room: _Room) -> None:
    async def show(  # noqa: PLR0913 - what one page shows
        request: Request,
        org: str,
        wanted: MemberFilter = MemberFilter.ALL,
        page: ListPage = FIRST_PAGE,
        *,
        text: str = "",
        form: Form | None = None,
        error: RegistryError | None = None,
    ) -> Response:
        caller = reader_of(request).caller
        view = await room.accounts.views.organization(caller, org)
        if NamespaceOperation.VIEW_MEMBERS not in view.operations:
            return room.web.page(request, "accounts/organization_outside.html", view=view)
        is_about_new = form is not None and form.text("action") == "add"
        return room.web.page(
            request,
            "accounts/organization_members.html",
            status=status_of(error),
            error=None if is_about_new else error,
            add_error=room.web.told(request, error) if is_about_new else "",
            form=form or Form(),
            view=view,
            found=await room.accounts.organizations.members(caller, org, wanted, page, contains=text),
            page=page,
            wanted=wanted,
            text=text,
            **LIMITS,
        )

    @router.get(ORGANIZATION)
    async def members(
        request: Request,
        org: str,
        page: ShownPage,
        rank: str = "",
        q: Annotated[str, Query(max_length=MAX_FILTER_LENGTH)] = "",
    ) -> Response:
        wanted = MemberFilter(rank) if rank in set(MemberFilter) else MemberFilter.ALL
        return await show(request, org, wanted, page, text=q.strip())

    @router.post(ORGANIZATION)
    async def change_members(request: Request, org: str, form: FormBody) -> Response:
        try:
            put = await _put_member(room, request, org, form)
        except (Invalid, Conflict, NotFound) as error:
            return await show(request, org, form=form, error=error)
        translate, name = room.web.translate, put.account.name
        text = (
            translate(request, "%(name)s is an owner now", name=name)
            if put.is_admin
            else translate(request, "%(name)s is a member now", name=name)
        )
        return room.web.send_on(request, organization_path(org), text)


async def _put_member(room: _Room, request: Request, org: str, form: Form) -> Member:
    """Do what a form about members asks for."""
    ranks = {"add": form.checked("owner") or None, "make-owner": True, "make-member": False}
    action = form.text("action")
    if action not in ranks:
        raise Invalid("the form is none of this page")
    caller = reader_of(request).caller
    who = form.text("who").lower()  # names of accounts are in lower case
    return await room.accounts.organizations.put_member(caller, org, who, is_admin=ranks[action])


def _add_removal(router: APIRouter, room: _Room) -> None:
    async def show(request: Request, org: str, username: str, error: RegistryError | None = None) -> Response:
        caller = reader_of(request).caller
        view = await room.accounts.views.organization(caller, org)
        member = await room.accounts.organizations.member(caller, org, username)
        is_own = member.account.id == caller.principal.account_id
        if not is_own and NamespaceOperation.MANAGE_MEMBERS not in view.operations:
            raise Denied("only owners of an organization remove others from it")
        return room.web.page(
            request,
            "accounts/member_removal.html",
            error=error,
            view=view,
            member=member,
            is_own=is_own,
        )

    @router.get(REMOVAL)
    async def ask(request: Request, org: str, username: str) -> Response:
        return await show(request, org, username)

    @router.post(REMOVAL)
    async def remove(request: Request, org: str, username: str) -> Response:
        caller = reader_of(request).caller
        try:
            await room.accounts.organizations.remove_member(caller, org, username)
        except Conflict as error:
            return await show(request, org, username, error)
        names = {"name": username, "organization": org}
        if username in {caller.principal.name, caller.principal.account_id}:
            return room.web.send_on(
                request, LIST, room.web.translate(request, "You left %(organization)s", **names)
            )
        text = room.web.translate(request, "Removed %(name)s from %(organization)s", **names)
        return room.web.send_on(request, organization_path(org), text)


def _add_teams(router: APIRouter, room: _Room) -> None:
    async def show(
        request: Request,
        org: str,
        page: ListPage,
        form: Form | None = None,
        error: RegistryError | None = None,
    ) -> Response:
        caller = reader_of(request).caller
        return room.web.page(
            request,
            "accounts/organization_teams.html",
            status=status_of(error),
            new_error=room.web.told(request, error),
            form=form or Form(),
            found=await room.accounts.teams.list_page(caller, org, page),
            view=await room.accounts.views.organization(caller, org),
            page=page,
            **LIMITS,
        )

    @router.get(TEAMS)
    async def teams(request: Request, org: str, page: ShownPage) -> Response:
        return await show(request, org, page)

    @router.post(TEAMS)
    async def create_team(request: Request, org: str, form: FormBody) -> Response:
        caller, name = reader_of(request).caller, form.text("name")
        try:
            made = await room.accounts.teams.create(caller, org, name, form.text("description"))
        except (Invalid, Conflict) as error:
            return await show(request, org, FIRST_PAGE, form, error)
        text = room.web.translate(request, "Created the team %(name)s", name=made.name)
        return room.web.send_on(request, organization_path(org, f"/teams/{quote(made.name)}"), text)

    @router.get("/organizations/{org}/repositories")
    async def repositories(org: str) -> Response:
        return RedirectResponse(f"/repositories?{urlencode({'namespace': org})}", 303)


def _add_settings(router: APIRouter, room: _Room) -> None:
    async def show(
        request: Request, org: str, form: Form | None = None, error: RegistryError | None = None
    ) -> Response:
        caller = reader_of(request).caller
        view = await room.accounts.views.organization(caller, org)
        if NamespaceOperation.MANAGE_MEMBERS not in view.operations:
            raise Denied("only owners of an organization see its settings")
        section = "" if form is None else form.text("section")
        is_told_in_form = section in {"name", "delete"}
        return room.web.page(
            request,
            "accounts/organization_settings.html",
            status=status_of(error),
            error=None if is_told_in_form else error,
            trouble=(section, room.web.told(request, error)),
            has_repositories=isinstance(error, AccountOwnsRepositories),
            form=form or Form(),
            view=view,
            may_delete=may_administer(caller.principal),
            **LIMITS,
        )

    @router.get(SETTINGS)
    async def settings(request: Request, org: str) -> Response:
        return await show(request, org)

    @router.post(SETTINGS)
    async def change(request: Request, org: str, form: FormBody) -> Response:
        caller = reader_of(request).caller
        try:
            view = await room.accounts.views.organization(caller, org)
            return await _carry_out(room, request, view, form)
        except (Invalid, Conflict) as error:
            return await show(request, org, form, error)


async def _carry_out(room: _Room, request: Request, view: OrganizationView, form: Form) -> Response:
    """Do what a form of the settings asks for; return the way to what comes after it."""
    caller, org = reader_of(request).caller, view.organization
    match form.text("section"):
        case "name":
            changes = AccountChanges(full_name=form.text("full_name"))
            await room.accounts.users.change(caller, org.id, changes)
            text = room.web.translate(request, "Saved the name")
            return room.web.send_on(request, organization_path(org.name, "/settings"), text)
        case "delete":
            if form.text("typed_name") != org.name:
                raise Invalid("to delete the organization, type its name")
            await room.accounts.users.delete(caller, org.id)
            text = room.web.translate(request, "Deleted the organization %(name)s", name=org.name)
            return room.web.send_on(request, LIST, text)
        case _:
            raise Invalid("the form is none of this page")
