"""Who may do what with a repository: levels of teams and users, explanations, the review of all."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from dtr.core.errors import Conflict, Invalid, NotFound, RegistryError
from dtr.core.paging import ListPage
from dtr.core.principal import Caller
from dtr.features.access.model import Level, Operation
from dtr.features.accounts.model import NoSuchAccount
from dtr.features.repositories.model.access import Explanation
from dtr.features.repositories.pages import reasons
from dtr.features.repositories.pages.addresses import REPOSITORY, address_of, present_address
from dtr.features.repositories.service import Repositories
from dtr.features.repositories.service.access import RepositoryGrants
from dtr.features.repositories.service.explain import Explanations
from dtr.features.repositories.service.granting import Granting
from dtr.oci.names import RepositoryName
from dtr.plumbing.api import RepositoryInPath
from dtr.plumbing.web.form_body import FormBody
from dtr.plumbing.web.forms import Form
from dtr.plumbing.web.lists import MAX_START_LENGTH, PAGE_SIZE, ShownPage
from dtr.plumbing.web.pages import Web, reader_of

MAX_ACCOUNT_LENGTH = 255
PERMISSIONS = f"{REPOSITORY}/permissions"
FIRST_PAGE = ListPage(size=PAGE_SIZE)

Start = Annotated[str, Query(max_length=MAX_START_LENGTH)]


def pages(repositories: Repositories, granting: Granting, web: Web) -> APIRouter:
    """Return the routes of this module: one address, for all forms as well."""
    router = APIRouter(include_in_schema=False)
    screen = _Screen(repositories, granting, web)
    forms = _Forms(granting.repositories, web)

    @router.get(PERMISSIONS)
    async def permissions(  # noqa: PLR0913, PLR0917 - one argument a parameter
        request: Request,
        name: RepositoryInPath,
        page: ShownPage,
        teams: Start = "",
        users: Start = "",
        account: Annotated[str, Query(max_length=MAX_ACCOUNT_LENGTH)] = "",
        operation: str = "",
    ) -> Response:
        asked = (account.strip(), operation) if account.strip() else None
        # To count everybody with access, the permits of all robots would have to be looked at.
        review = replace(page, with_count=False)
        return await screen.show(request, name, review=review, starts=(teams, users), asked=asked)

    @router.post(PERMISSIONS)
    async def change(request: Request, name: RepositoryInPath, form: FormBody) -> Response:
        try:
            text = await forms.carry_out(request, name, form)
        except (Invalid, Conflict, NotFound) as error:
            return await screen.show(request, name, form=form, error=error)
        return web.send_on(request, f"{address_of(name.path)}/permissions", text)

    return router


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether somebody may do some operations, for the same reasons."""

    operations: Sequence[Operation]
    is_allowed: bool
    shown: reasons.ShownReasons


class _Forms:
    """What the forms of the page do."""

    def __init__(self, grants: RepositoryGrants, web: Web) -> None:
        self._grants = grants
        self._web = web

    async def carry_out(self, request: Request, name: RepositoryName, form: Form) -> str:
        """Do what a form asks for; return what to say about it. Raises what the service raises."""
        caller, who, translate = reader_of(request).caller, form.text("who"), self._web.translate
        match form.text("action"):
            case "set-team":
                _, of_team = await self._grants.set_team(caller, name, who, _level(form))
                return translate(request, "Saved the access of the team %(name)s", name=of_team.team.name)
            case "remove-team":
                await self._grants.remove_team(caller, name, who)
                return translate(request, "Removed the access of the team %(name)s", name=who)
            case "set-user":
                _, of_user = await self._grants.set_user(caller, name, who, _level(form))
                return translate(request, "Saved the access of %(name)s", name=of_user.user.name)
            case "remove-user":
                await self._grants.remove_user(caller, name, who)
                return translate(request, "Removed the access of %(name)s", name=who)
            case _:
                raise Invalid("the form is none of this page")


def _level(form: Form) -> Level:
    try:
        return Level(form.text("level"))
    except ValueError as error:
        raise Invalid("there is no such level of access") from error


class _Screen:
    """Shows the page, with whatever was asked for on it."""

    def __init__(self, repositories: Repositories, granting: Granting, web: Web) -> None:
        self._repositories = repositories
        self._granting = granting
        self._web = web

    async def show(  # noqa: PLR0913 - all that can be on the page
        self,
        request: Request,
        name: RepositoryName,
        *,
        review: ListPage = FIRST_PAGE,
        starts: tuple[str, str] = ("", ""),
        asked: tuple[str, str] | None = None,
        form: Form | None = None,
        error: RegistryError | None = None,
    ) -> Response:
        """Return the page. Raises what the services raise, for who may not see it above all."""
        caller = reader_of(request).caller
        view = await self._repositories.get(caller, name)
        moved = present_address(request, name, view)
        if moved is not None:
            return moved
        grants = self._granting.repositories
        start_of_teams, start_of_users = starts
        kind = "" if form is None else form.text("action").rpartition("-")[2]
        is_told_in_form = kind == "user" or (kind == "team" and view.is_of_organization)
        _, teams = await grants.list_teams(caller, name, ListPage(start_of_teams, PAGE_SIZE))
        _, users = await grants.list_users(caller, name, ListPage(start_of_users, PAGE_SIZE))
        answers, trouble = await _explained(self._granting.explanations, caller, name, asked)
        return self._web.page(
            request,
            "repositories/permissions.html",
            status=200 if error is None else 400,
            error=None if is_told_in_form else error,
            trouble=(kind, self._web.told(request, error)),
            view=view,
            teams=teams,
            users=users,
            starts={"teams": start_of_teams, "users": start_of_users},
            review=await self._granting.explanations.review(caller, name, review),
            review_start=review.start,
            asked=asked or ("", ""),
            answers=answers,
            explain_error=self._web.translate(request, trouble),
            form=form or Form(),
            operations=list(Operation),
            team_choices=await grants.team_choices(caller, name),
        )


async def _explained(
    explanations: Explanations, caller: Caller, name: RepositoryName, asked: tuple[str, str] | None
) -> tuple[list[Answer], str]:
    """Return what was asked for: whether an account may do an operation, or each of them; or what is wrong with it."""
    if asked is None:
        return [], ""
    account, operation = asked
    wanted = (Operation(operation),) if operation in set(Operation) else tuple(Operation)
    try:
        return _answers(await explanations.explain(caller, name, account, wanted)), ""
    except NoSuchAccount as error:
        return [], error.message


def _answers(explanations: Iterable[Explanation]) -> list[Answer]:
    """Put operations together whose answers are the same for the same reasons."""
    groups = [list(group) for _, group in itertools.groupby(explanations, key=_essence)]
    return [
        Answer([each.operation for each in group], group[0].allowed, reasons.shown(group[0].reasons))
        for group in groups
    ]


def _essence(explanation: Explanation) -> tuple[object, ...]:
    """Return what two explanations have in common that say the same of different operations."""
    return (
        explanation.allowed,
        *((each.speaks_for, each.grant or each.sentence) for each in explanation.reasons),
    )
