"""The page of one team of an organization: who is in it, and what it may do with repositories."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from dtr.core.errors import Conflict, Invalid, NotFound, RegistryError
from dtr.core.paging import ListPage
from dtr.features.access.model import Level
from dtr.features.accounts.model.organizations import (
    MAX_DESCRIPTION_LENGTH,
    MAX_TEAM_NAME_LENGTH,
    MemberFilter,
    TeamChanges,
)
from dtr.features.accounts.pages.organizations import organization_path
from dtr.features.accounts.service import Accounts
from dtr.features.accounts.service.views import TeamView
from dtr.features.repositories.service.granting import Granting
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import MAX_START_LENGTH, PAGE_SIZE
from dtr.plumbing.web.pages import Web, reader_of, status_of

TEAM: Final = "/organizations/{org}/teams/{team}"
NO_LEVEL: Final = "none"
MAX_FILTER_LENGTH: Final = 128

RANKS: Final = {"add": None, "make-admin": True, "make-member": False}
"""The rank that a form about a member gives; None leaves it as it is."""

TOLD_IN_FORM: Final = {"add", "about", "delete"}
"""Actions whose refusal is shown beside their form, not on top of the page."""

Start = Annotated[str, Query(max_length=MAX_START_LENGTH)]
Filter = Annotated[str, Query(max_length=MAX_FILTER_LENGTH)]


@dataclass(frozen=True, slots=True)
class _Room:
    """What the pages need."""

    accounts: Accounts
    granting: Granting
    web: Web


def pages(accounts: Accounts, granting: Granting, web: Web) -> APIRouter:
    """Return the routes: one address, for all forms as well."""
    router = APIRouter(include_in_schema=False)
    room = _Room(accounts, granting, web)

    @router.get(TEAM)
    async def show(  # noqa: PLR0913, PLR0917 - one parameter each
        request: Request, org: str, team: str, members: Start = "", repositories: Start = "", q: Filter = ""
    ) -> Response:
        return await _team_page(room, request, org, team, starts=(members, repositories), text=q.strip())

    @router.post(TEAM)
    async def change(request: Request, org: str, team: str, form: FormBody) -> Response:
        try:
            view = await room.accounts.views.team(reader_of(request).caller, org, team)
            to, text = await _carry_out(room, request, view, form)
        except (Invalid, Conflict, NotFound) as error:
            return await _team_page(room, request, org, team, form=form, error=error)
        return room.web.send_on(request, to, text)

    return router


def team_path(org: str, team: str) -> str:
    """Return the address of a team's page."""
    return organization_path(org, f"/teams/{quote(team, safe='')}")


async def _team_page(  # noqa: PLR0913 - what one page shows
    room: _Room,
    request: Request,
    org: str,
    team: str,
    *,
    starts: tuple[str, str] = ("", ""),
    text: str = "",
    form: Form | None = None,
    error: RegistryError | None = None,
) -> Response:
    """Show a team. Raises what the services raise: strangers are not told which teams there are."""
    caller = reader_of(request).caller
    view = await room.accounts.views.team(caller, org, team)
    overviews = room.granting.overviews
    org_id, team_id = view.parent.organization.id, view.team.id
    reach = await overviews.reach_of_team(caller, org_id, team_id)
    page = ListPage(starts[0], PAGE_SIZE, with_count=True)
    members = await room.accounts.teams.members(
        caller, org_id, team_id, MemberFilter.ALL, page, contains=text
    )
    repositories = None
    if reach.may_see_repositories:
        page = ListPage(starts[1], PAGE_SIZE, with_count=True)
        _, repositories = await overviews.repositories_of_team(caller, org_id, team_id, page)
    action = "" if form is None else form.text("action")
    told = room.web.told(request, error)
    return room.web.page(
        request,
        "repositories/team.html",
        status=status_of(error),
        error=None if action in TOLD_IN_FORM else error,
        trouble=(action, told),
        form=form or Form(),
        view=view,
        reach=reach,
        members=members,
        repositories=repositories,
        text=text,
        starts={"members": starts[0], "repositories": starts[1]},
        levels=list(Level),
        no_level=NO_LEVEL,
        longest_name=MAX_TEAM_NAME_LENGTH,
        longest_description=MAX_DESCRIPTION_LENGTH,
    )


async def _carry_out(room: _Room, request: Request, view: TeamView, form: Form) -> tuple[str, str]:
    """Do what a form asks for; return where to go on, and what to say. Raises what the services raise."""
    caller, translate = reader_of(request).caller, room.web.translate
    org, team = view.parent.organization, view.team
    here = team_path(org.name, team.name)
    action, who = form.text("action"), form.text("who").lower()  # names of accounts are in lower case
    match action:
        case "add" | "make-admin" | "make-member":
            rank = True if form.checked("admin") else RANKS[action]
            put = await room.accounts.teams.put_member(caller, org.id, team.id, who, is_admin=rank)
            name = put.account.name
            if put.is_admin:
                return here, translate(request, "%(name)s is an admin of the team", name=name)
            return here, translate(request, "%(name)s is a member of the team", name=name)
        case "remove":
            await room.accounts.teams.remove_member(caller, org.id, team.id, who)
            return here, translate(request, "Removed %(name)s from the team", name=who)
        case "level":
            return here, await _set_level(room, request, view, form)
        case "about":
            changes = TeamChanges(name=form.text("name"), description=form.text("description"))
            changed = await room.accounts.teams.change(caller, org.id, team.id, changes)
            return team_path(org.name, changed.name), translate(request, "Saved the team")
        case "delete":
            if form.text("typed_name") != team.name:
                raise Invalid("to delete the team, type its name")
            await room.accounts.teams.delete(caller, org.id, team.id)
            return organization_path(org.name, "/teams"), translate(
                request, "Deleted the team %(name)s", name=team.name
            )
        case _:
            raise Invalid("the form is none of this page")


async def _set_level(room: _Room, request: Request, view: TeamView, form: Form) -> str:
    """Set or remove the level on the whole namespace; return what to say about it."""
    caller, chosen, translate = reader_of(request).caller, form.text("level"), room.web.translate
    namespaces, org = room.granting.namespaces, view.parent.organization.name
    if chosen == NO_LEVEL:
        await namespaces.remove_team(caller, org, view.team.id)
        return translate(request, "The team has no access to the whole namespace any more")
    if chosen not in set(Level):
        raise Invalid("there is no such level of access")
    await namespaces.set_team(caller, org, view.team.id, Level(chosen))
    return translate(request, "Saved the access to the whole namespace")
