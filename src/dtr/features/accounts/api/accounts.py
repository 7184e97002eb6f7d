"""Routes of accounts: lists, making, changing, deleting, passwords."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from dtr.core.errors import RegistryError
from dtr.features.accounts.api.shapes import AccountInPath, AccountShape, ListShape, UserInPath, list_fields
from dtr.features.accounts.model.accounts import (
    MAX_OPERATIONS,
    AccountChanges,
    AccountFilter,
    AccountOrder,
    AccountQuery,
    BulkOperation,
    NewAccount,
)
from dtr.features.accounts.service.users import BulkItem, Users
from dtr.plumbing.api import EnziPage, Flag, Shape, SignedIn, documented, paged

MAX_LENGTH = 4096
"""Of any text in a request (characters); the rules say what is shorter."""

Text = Annotated[str, Field(max_length=MAX_LENGTH)]


class AccountListShape(ListShape):
    """A page of accounts."""

    accounts: list[AccountShape]
    users_count: int = Field(description="All users of the registry.")
    orgs_count: int = Field(description="All organizations of the registry.")


class NewAccountBody(Shape):
    """An account to be made."""

    name: Text
    full_name: Text = ""
    password: Text = Field(default="", description="Of a user; an organization has none.")
    is_org: Flag = False
    is_admin: Flag = False
    is_auditor: Flag = False
    is_active: Flag = True


class AccountBody(Shape):
    """New values; what is absent stays as it is."""

    full_name: Text | None = None
    is_active: Flag | None = None
    is_admin: Flag | None = None
    is_auditor: Flag | None = None


class PasswordBody(Shape):
    """A new password."""

    new_password: Text
    old_password: Text | None = Field(default=None, description="Needed for one's own password.")


class OperationBody(Shape):
    """One change of many."""

    op: str = Field(max_length=100, description=f"One of {', '.join(BulkOperation)}.")
    ref: str = Field(max_length=200, description="Name or id of the account.")
    value: Any = Field(default=None, description="For setFullName: the text.")


class OperationsBody(Shape):
    """Changes of many accounts."""

    operations: list[OperationBody] = Field(description=f"At most {MAX_OPERATIONS}.")


class ErrorShape(Shape):
    """What went wrong with one change."""

    code: str
    message: str


class ResultShape(Shape):
    """How one change of many ended."""

    op: str
    ref: str
    success: bool
    error: ErrorShape | None


class ResultsShape(Shape):
    """How each change ended, in the order of the request."""

    results: list[ResultShape]


Contains = Annotated[str, Query(max_length=128, description="Part of the name or full name.")]
Order = Annotated[str, Query(description="`name` or `fullName`, with `+` or `-` before it.", max_length=20)]


def router(users: Users, code_of: Callable[[RegistryError], str]) -> APIRouter:
    """Build the routes of accounts."""
    routes = APIRouter(tags=["accounts"])
    _add_list_and_creation(routes, users)
    _add_single_account(routes, users)
    _add_bulk(routes, users, code_of)
    return routes


def _add_list_and_creation(routes: APIRouter, users: Users) -> None:
    @routes.get("/accounts", operation_id="listAccounts", responses=documented())
    async def list_accounts(  # noqa: PLR0913, PLR0917 - query parameters
        caller: SignedIn,
        page: EnziPage,
        response: Response,
        wanted: Annotated[AccountFilter, Query(alias="filter")] = AccountFilter.ALL,
        order: Order = "name",
        contains: Contains = "",
    ) -> AccountListShape:
        """List users and organizations."""
        query = AccountQuery(wanted, AccountOrder.parse(order), contains)
        found = await users.list_page(caller, query, page)
        shapes = [AccountShape.of(each, found.counts.get(each.id)) for each in paged(response, found.page)]
        return AccountListShape(
            accounts=shapes,
            users_count=found.users,
            orgs_count=found.organizations,
            **list_fields(found.page),
        )

    @routes.post("/accounts", operation_id="createAccount", status_code=201, responses=documented(409))
    async def create_account(caller: SignedIn, body: NewAccountBody) -> AccountShape:
        """Make a user or an organization."""
        new = NewAccount(
            name=body.name,
            password=body.password,
            full_name=body.full_name,
            is_org=body.is_org,
            is_admin=body.is_admin,
            is_auditor=body.is_auditor,
            is_active=body.is_active,
        )
        return AccountShape.of(await users.create(caller, new))


def _add_single_account(routes: APIRouter, users: Users) -> None:
    @routes.get("/accounts/{account}", operation_id="getAccount", responses=documented(404))
    async def get_account(caller: SignedIn, account: AccountInPath) -> AccountShape:
        """Show a user or an organization."""
        return AccountShape.of(*await users.get(caller, account))

    @routes.patch("/accounts/{account}", operation_id="changeAccount", responses=documented(404, 409))
    async def change_account(caller: SignedIn, account: AccountInPath, body: AccountBody) -> AccountShape:
        """Change a full name (one's own, or as an owner), or as an administrator ranks and whether one may log in."""
        changes = AccountChanges(
            full_name=body.full_name,
            is_active=body.is_active,
            is_admin=body.is_admin,
            is_auditor=body.is_auditor,
        )
        return AccountShape.of(*await users.change(caller, account, changes))

    @routes.delete(
        "/accounts/{account}",
        operation_id="deleteAccount",
        status_code=204,
        responses=documented(404, 409),
    )
    async def delete_account(caller: SignedIn, account: AccountInPath) -> None:
        """Delete a user or an organization that owns no repositories, with all that belongs to it."""
        await users.delete(caller, account)

    @routes.post(
        "/accounts/{username}/changePassword",
        operation_id="changePassword",
        responses=documented(404, 409),
    )
    async def change_password(caller: SignedIn, username: UserInPath, body: PasswordBody) -> AccountShape:
        """Set a new password, one's own or as an administrator. Sessions and tokens of the old one end."""
        await users.change_password(caller, username, body.new_password, body.old_password)
        return AccountShape.of(*await users.get(caller, username))


def _add_bulk(routes: APIRouter, users: Users, code_of: Callable[[RegistryError], str]) -> None:
    @routes.patch("/accounts", operation_id="changeAccounts", responses=documented())
    async def change_accounts(caller: SignedIn, body: OperationsBody) -> ResultsShape:
        """Change or delete many accounts, each by itself."""
        items = [BulkItem(each.op, each.ref, each.value) for each in body.operations]
        done = await users.change_many(caller, items)
        return ResultsShape(results=[_result(item, error, code_of) for item, error in done])


def _result(
    item: BulkItem, error: RegistryError | None, code_of: Callable[[RegistryError], str]
) -> ResultShape:
    problem = None if error is None else ErrorShape(code=code_of(error), message=error.message)
    return ResultShape(op=item.op, ref=item.ref, success=error is None, error=problem)
