"""Routes of teams and their members."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from dtr.features.accounts.api.shapes import (
    ListShape,
    MemberBody,
    MemberListShape,
    MemberShape,
    MembersWanted,
    OrganizationInPath,
    TeamInPath,
    TeamShape,
    UserInPath,
    list_fields,
)
from dtr.features.accounts.model.organizations import MemberFilter, TeamChanges
from dtr.features.accounts.service.teams import Teams
from dtr.plumbing.api import EnziPage, Shape, SignedIn, documented, paged

Text = Annotated[str, Field(max_length=4096)]


class TeamListShape(ListShape):
    """A page of teams."""

    teams: list[TeamShape]


class NewTeamBody(Shape):
    """A team to be made."""

    name: Text = Field(description="Letters, digits, and `._-` inside; kept in lower case.")
    description: Text = ""


class TeamBody(Shape):
    """New values; what is absent stays as it is, and so does a name for which the empty text is sent."""

    name: Text | None = None
    description: Text | None = None


class MemberTeamShape(Shape):
    """A team that a user belongs to."""

    team: TeamShape
    is_admin: bool = Field(description="The user may manage the team's members.")


class MemberTeamListShape(ListShape):
    """A page of the teams of a member."""

    member_teams: list[MemberTeamShape]


def router(teams: Teams) -> APIRouter:
    """Build the routes of teams."""
    routes = APIRouter(tags=["teams"])
    _add_teams(routes, teams)
    _add_single_team(routes, teams)
    _add_member_reads(routes, teams)
    _add_member_writes(routes, teams)
    return routes


def _add_teams(routes: APIRouter, teams: Teams) -> None:
    @routes.get("/accounts/{orgname}/teams", operation_id="listTeams", responses=documented(404))
    async def list_teams(
        caller: SignedIn, orgname: OrganizationInPath, page: EnziPage, response: Response
    ) -> TeamListShape:
        """List the teams of an organization, as a member."""
        found = await teams.list_page(caller, orgname, page)
        shapes = [TeamShape.of(each) for each in paged(response, found)]
        return TeamListShape(teams=shapes, **list_fields(found))

    @routes.post(
        "/accounts/{orgname}/teams",
        operation_id="createTeam",
        status_code=201,
        responses=documented(404, 409),
    )
    async def create_team(caller: SignedIn, orgname: OrganizationInPath, body: NewTeamBody) -> TeamShape:
        """Make a team, as an owner of the organization."""
        return TeamShape.of(await teams.create(caller, orgname, body.name, body.description))

    @routes.get(
        "/accounts/{orgname}/members/{username}/teams",
        operation_id="listTeamsOfMember",
        responses=documented(404),
    )
    async def list_teams_of_member(
        caller: SignedIn,
        orgname: OrganizationInPath,
        username: UserInPath,
        page: EnziPage,
        response: Response,
    ) -> MemberTeamListShape:
        """List the teams that a member is in, as a member."""
        found = await teams.of_member(caller, orgname, username, page)
        shapes = [
            MemberTeamShape(team=TeamShape.of(each.team), is_admin=each.is_admin)
            for each in paged(response, found)
        ]
        return MemberTeamListShape(member_teams=shapes, **list_fields(found))


def _add_single_team(routes: APIRouter, teams: Teams) -> None:
    @routes.get("/accounts/{orgname}/teams/{teamname}", operation_id="getTeam", responses=documented(404))
    async def get_team(caller: SignedIn, orgname: OrganizationInPath, teamname: TeamInPath) -> TeamShape:
        """Show a team, as a member of the organization."""
        return TeamShape.of(await teams.get(caller, orgname, teamname))

    @routes.patch(
        "/accounts/{orgname}/teams/{teamname}", operation_id="changeTeam", responses=documented(404, 409)
    )
    async def change_team(
        caller: SignedIn, orgname: OrganizationInPath, teamname: TeamInPath, body: TeamBody
    ) -> TeamShape:
        """Change name or description of a team, as an owner of the organization or an admin of the team."""
        changes = TeamChanges(name=body.name or None, description=body.description)
        return TeamShape.of(await teams.change(caller, orgname, teamname, changes))

    @routes.delete(
        "/accounts/{orgname}/teams/{teamname}",
        operation_id="deleteTeam",
        status_code=204,
        responses=documented(404),
    )
    async def delete_team(caller: SignedIn, orgname: OrganizationInPath, teamname: TeamInPath) -> None:
        """Delete a team and what was granted to it, as an owner of the organization."""
        await teams.delete(caller, orgname, teamname)


def _add_member_reads(routes: APIRouter, teams: Teams) -> None:
    @routes.get(
        "/accounts/{orgname}/teams/{teamname}/members",
        operation_id="listTeamMembers",
        responses=documented(404),
    )
    async def list_team_members(  # noqa: PLR0913, PLR0917 - path and query parameters
        caller: SignedIn,
        orgname: OrganizationInPath,
        teamname: TeamInPath,
        page: EnziPage,
        response: Response,
        wanted: MembersWanted = MemberFilter.ALL,
    ) -> MemberListShape:
        """List the members of a team, as a member of the organization."""
        return MemberListShape.page_of(response, await teams.members(caller, orgname, teamname, wanted, page))

    @routes.get(
        "/accounts/{orgname}/teams/{teamname}/members/{username}",
        operation_id="getTeamMember",
        responses=documented(404),
    )
    async def get_team_member(
        caller: SignedIn, orgname: OrganizationInPath, teamname: TeamInPath, username: UserInPath
    ) -> MemberShape:
        """Show a member of a team, as a member of the organization."""
        return MemberShape.of(await teams.member(caller, orgname, teamname, username))


def _add_member_writes(routes: APIRouter, teams: Teams) -> None:
    @routes.put(
        "/accounts/{orgname}/teams/{teamname}/members/{username}",
        operation_id="putTeamMember",
        responses=documented(404),
    )
    async def put_team_member(
        caller: SignedIn,
        orgname: OrganizationInPath,
        teamname: TeamInPath,
        username: UserInPath,
        body: MemberBody | None = None,
    ) -> MemberShape:
        """Put a user into a team and its organization, or change their rank, as an owner or an admin of the team."""
        rank = MemberBody.rank_in(body)
        return MemberShape.of(await teams.put_member(caller, orgname, teamname, username, is_admin=rank))

    @routes.delete(
        "/accounts/{orgname}/teams/{teamname}/members/{username}",
        operation_id="removeTeamMember",
        status_code=204,
        responses=documented(404),
    )
    async def remove_team_member(
        caller: SignedIn, orgname: OrganizationInPath, teamname: TeamInPath, username: UserInPath
    ) -> None:
        """Take a user out of a team, as an owner or an admin of the team; or leave it. Also if they are not in it."""
        await teams.remove_member(caller, orgname, teamname, username)
