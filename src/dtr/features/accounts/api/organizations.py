"""Routes of organizations' members."""

from fastapi import APIRouter, Response
from pydantic import Field

from dtr.features.accounts.api.shapes import (
    AccountShape,
    ListShape,
    MemberBody,
    MemberListShape,
    MemberShape,
    MembersWanted,
    OrganizationInPath,
    UserInPath,
    list_fields,
)
from dtr.features.accounts.model.organizations import MemberFilter
from dtr.features.accounts.service.organizations import Organizations
from dtr.plumbing.api import EnziPage, Shape, SignedIn, documented, paged


class MemberOrgShape(Shape):
    """An organization that a user belongs to."""

    org: AccountShape
    is_admin: bool = Field(description="The user owns it.")


class MemberOrgListShape(ListShape):
    """A page of the organizations of a user."""

    member_orgs: list[MemberOrgShape]


def router(organizations: Organizations) -> APIRouter:
    """Build the routes of members."""
    routes = APIRouter(tags=["organizations"])
    _add_reads(routes, organizations)
    _add_writes(routes, organizations)
    return routes


def _add_reads(routes: APIRouter, organizations: Organizations) -> None:
    @routes.get(
        "/accounts/{username}/organizations",
        operation_id="listOrganizationsOfUser",
        responses=documented(404),
    )
    async def list_organizations(
        caller: SignedIn, username: UserInPath, page: EnziPage, response: Response
    ) -> MemberOrgListShape:
        """List the organizations that a user belongs to: one's own, or as an administrator or auditor."""
        found = await organizations.of_user(caller, username, page)
        shapes = [
            MemberOrgShape(org=AccountShape.of(each.organization), is_admin=each.is_admin)
            for each in paged(response, found)
        ]
        return MemberOrgListShape(member_orgs=shapes, **list_fields(found))

    @routes.get("/accounts/{orgname}/members", operation_id="listMembers", responses=documented(404))
    async def list_members(
        caller: SignedIn,
        orgname: OrganizationInPath,
        page: EnziPage,
        response: Response,
        wanted: MembersWanted = MemberFilter.ALL,
    ) -> MemberListShape:
        """List the members of an organization, as one of them."""
        return MemberListShape.page_of(response, await organizations.members(caller, orgname, wanted, page))

    @routes.get("/accounts/{orgname}/members/{username}", operation_id="getMember", responses=documented(404))
    async def get_member(caller: SignedIn, orgname: OrganizationInPath, username: UserInPath) -> MemberShape:
        """Show a member of an organization, as one of them."""
        return MemberShape.of(await organizations.member(caller, orgname, username))


def _add_writes(routes: APIRouter, organizations: Organizations) -> None:
    @routes.put(
        "/accounts/{orgname}/members/{username}", operation_id="putMember", responses=documented(404, 409)
    )
    async def put_member(
        caller: SignedIn, orgname: OrganizationInPath, username: UserInPath, body: MemberBody | None = None
    ) -> MemberShape:
        """Make a user a member or change their rank, as an owner."""
        rank = MemberBody.rank_in(body)
        return MemberShape.of(await organizations.put_member(caller, orgname, username, is_admin=rank))

    @routes.delete(
        "/accounts/{orgname}/members/{username}",
        operation_id="removeMember",
        status_code=204,
        responses=documented(404, 409),
    )
    async def remove_member(caller: SignedIn, orgname: OrganizationInPath, username: UserInPath) -> None:
        """Take a user out of an organization and its teams, as an owner; or leave it. Also if they are not in it."""
        await organizations.remove_member(caller, orgname, username)
