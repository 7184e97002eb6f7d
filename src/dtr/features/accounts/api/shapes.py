"""What requests and answers of the accounts' API look like, and the names in its paths."""

from typing import Annotated, TypedDict, TypeVar

from fastapi import Path, Query, Response
from pydantic import Field

from dtr.core.paging import Page
from dtr.features.accounts.model.accounts import Account, AccountCounts
from dtr.features.accounts.model.organizations import Member, MemberFilter, Team
from dtr.plumbing.api import Flag, Moment, Shape, paged

T = TypeVar("T")

MAX_REF_LENGTH = 200

AccountInPath = Annotated[str, Path(max_length=MAX_REF_LENGTH, description="Name or id of an account.")]
UserInPath = Annotated[str, Path(max_length=MAX_REF_LENGTH, description="Name or id of a user.")]
OrganizationInPath = Annotated[
    str, Path(max_length=MAX_REF_LENGTH, description="Name or id of an organization.")
]
TeamInPath = Annotated[str, Path(max_length=MAX_REF_LENGTH, description="Name or id of a team.")]
MembersWanted = Annotated[
    MemberFilter, Query(alias="filter", description="Which members: by their rank here.")
]


class AccountShape(Shape):
    """A user or an organization."""

    id: str
    name: str
    full_name: str
    is_org: bool
    is_admin: bool = Field(description="Administers the whole registry.")
    is_auditor: bool = Field(description="Reads all metadata and logs of the registry, and changes nothing.")
    is_active: bool = Field(description="false: cannot log in.")
    is_imported: bool = Field(description="Comes from a directory.")
    members_count: int = Field(description="Of an organization; 0 in lists of members.")
    teams_count: int = Field(description="Of an organization; 0 in lists of members.")
    created_at: Moment

    @staticmethod
    def of(account: Account, counts: AccountCounts | None = None) -> "AccountShape":
        """Make the shape of an account, with what belongs to it if it is an organization."""
        counts = counts or AccountCounts()
        return AccountShape(
            id=account.id,
            name=account.name,
            full_name=account.full_name,
            is_org=account.is_org,
            is_admin=account.is_admin,
            is_auditor=account.is_auditor,
            is_active=account.is_active,
            is_imported=False,
            members_count=counts.members,
            teams_count=counts.teams,
            created_at=account.created_at,
        )


class ListShape(Shape):
    """What every list holds beside its entries; the same is in headers."""

    resource_count: int = Field(description="How many entries the list has on all pages.")
    next_page_start: str = Field(description="The `start` of the next page; empty on the last one.")


class MemberShape(Shape):
    """A member of an organization or a team."""

    member: AccountShape
    is_admin: bool = Field(description="Of an organization: owns it. Of a team: may manage its members.")

    @staticmethod
    def of(member: Member) -> "MemberShape":
        """Make the shape of a member."""
        return MemberShape(member=AccountShape.of(member.account), is_admin=member.is_admin)


class MemberListShape(ListShape):
    """A page of members."""

    members: list[MemberShape]

    @staticmethod
    def page_of(response: Response, page: Page[Member]) -> "MemberListShape":
        """Make the answer, and tell the next page and the total in its headers as well."""
        members = [MemberShape.of(each) for each in paged(response, page)]
        return MemberListShape(members=members, **list_fields(page))


class MemberBody(Shape):
    """The rank that a member gets."""

    is_admin: Flag | None = Field(
        default=None, description="Without it a member keeps their rank, and somebody new gets none."
    )

    @staticmethod
    def rank_in(body: "MemberBody | None") -> bool | None:
        """Return the rank that a body names, which clients may leave out altogether."""
        return None if body is None else body.is_admin


class TeamShape(Shape):
    """A team."""

    id: str
    org_id: str = Field(alias="orgID")
    name: str
    description: str
    members_count: int

    @staticmethod
    def of(team: Team) -> "TeamShape":
        """Make the shape of a team."""
        return TeamShape(
            id=team.id,
            orgID=team.org_id,
            name=team.name,
            description=team.description,
            members_count=team.members_count,
        )


class ListFields(TypedDict):
    """The fields of `ListShape`."""

    resource_count: int
    next_page_start: str


def list_fields(page: Page[T]) -> ListFields:
    """Return the fields that every list has."""
    return {"resource_count": page.total or 0, "next_page_start": page.next_start or ""}
