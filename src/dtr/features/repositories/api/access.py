"""The API of access: levels of teams and users on repositories and namespaces, explanations, reviews."""

from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dtr.features.access.model import Operation
from dtr.features.accounts.api.shapes import AccountShape, TeamShape
from dtr.features.repositories.api.access_shapes import (
    AccessReview,
    EffectiveAccess,
    ExplanationList,
    LevelToGrant,
    NamespaceTeamAccess,
    NamespaceTeamAccessList,
    RepositoryAccessShape,
    RepositoryTeamAccess,
    RepositoryTeamAccessList,
    RepositoryUserAccess,
    RepositoryUserAccessList,
    TeamRepositoryAccessList,
    entry_shape,
    explanation_shape,
    namespace_access_shape,
    team_access_shape,
    user_access_shape,
)
from dtr.features.repositories.api.repositories import repository_shape
from dtr.features.repositories.service.granting import Granting
from dtr.plumbing.api import AnyCaller, PagedList, RepositoryInPath, SignedIn, documented, paged

TAGS: list[str | Enum] = ["access"]
"""The heading in the documentation."""

Namespace = Annotated[str, Path(description="The name of an organization.")]
TeamInPath = Annotated[str, Path(description="The name of a team of the organization, or its id.")]
UserInPath = Annotated[str, Path(description="The name of a user, or their id.")]

NAMESPACE_ACCESS = "/repositoryNamespaces/{namespace}/teamAccess"
TEAM_ACCESS = "/repositories/{namespace}/{reponame}/teamAccess"
USER_ACCESS = "/repositories/{namespace}/{reponame}/userAccess"


def repository_router(granting: Granting) -> APIRouter:
    """Return the routes of access to one repository."""
    routes = APIRouter(tags=TAGS)
    _add_team_routes(routes, granting)
    _add_user_routes(routes, granting)
    return routes


def _add_team_routes(routes: APIRouter, granting: Granting) -> None:
    grants = granting.repositories

    @routes.get(TEAM_ACCESS, operation_id="listRepositoryTeamAccess", responses=documented(404))
    async def list_teams(
        name: RepositoryInPath, caller: AnyCaller, page: PagedList, response: Response
    ) -> RepositoryTeamAccessList:
        """List the teams that have a level on a repository."""
        repository, found = await grants.list_teams(caller, name, page)
        return RepositoryTeamAccessList(
            repository=repository_shape(repository),
            team_access_list=[team_access_shape(each) for each in paged(response, found)],
        )

    @routes.put(
        f"{TEAM_ACCESS}/{{teamname}}", operation_id="grantRepositoryTeamAccess", responses=documented(404)
    )
    async def set_team(
        name: RepositoryInPath, teamname: TeamInPath, body: LevelToGrant, caller: SignedIn
    ) -> RepositoryTeamAccess:
        """Give a team of the organization a level on its repository, or another one."""
        repository, made = await grants.set_team(caller, name, teamname, body.access_level)
        return RepositoryTeamAccess(
            repository=repository_shape(repository), access_level=made.level, team=TeamShape.of(made.team)
        )

    @routes.delete(
        f"{TEAM_ACCESS}/{{teamname}}",
        status_code=204,
        operation_id="revokeRepositoryTeamAccess",
        responses=documented(404),
    )
    async def remove_team(name: RepositoryInPath, teamname: TeamInPath, caller: SignedIn) -> None:
        """Take a team's level away; what it was issued ends at once. Also succeeds if it has none."""
        await grants.remove_team(caller, name, teamname)


def _add_user_routes(routes: APIRouter, granting: Granting) -> None:
    grants = granting.repositories

    @routes.get(USER_ACCESS, operation_id="listRepositoryUserAccess", responses=documented(404))
    async def list_users(
        name: RepositoryInPath, caller: AnyCaller, page: PagedList, response: Response
    ) -> RepositoryUserAccessList:
        """List the users that were given a level on a repository in person."""
        repository, found = await grants.list_users(caller, name, page)
        return RepositoryUserAccessList(
            repository=repository_shape(repository),
            user_access_list=[user_access_shape(each) for each in paged(response, found)],
        )

    @routes.put(
        f"{USER_ACCESS}/{{username}}", operation_id="grantRepositoryUserAccess", responses=documented(404)
    )
    async def set_user(
        name: RepositoryInPath, username: UserInPath, body: LevelToGrant, caller: SignedIn
    ) -> RepositoryUserAccess:
        """Give a single user a level on a repository, or another one."""
        repository, made = await grants.set_user(caller, name, username, body.access_level)
        return RepositoryUserAccess(
            repository=repository_shape(repository), access_level=made.level, user=AccountShape.of(made.user)
        )

    @routes.delete(
        f"{USER_ACCESS}/{{username}}",
        status_code=204,
        operation_id="revokeRepositoryUserAccess",
        responses=documented(404),
    )
    async def remove_user(name: RepositoryInPath, username: UserInPath, caller: SignedIn) -> None:
        """Take a user's level away; what they were issued ends at once. Also succeeds if they have none."""
        await grants.remove_user(caller, name, username)


def namespace_router(granting: Granting) -> APIRouter:
    """Return the routes of access to whole namespaces."""
    routes = APIRouter(tags=TAGS)
    grants = granting.namespaces

    @routes.get(NAMESPACE_ACCESS, operation_id="listNamespaceTeamAccess", responses=documented(404))
    async def list_teams(
        namespace: Namespace, caller: SignedIn, page: PagedList, response: Response
    ) -> NamespaceTeamAccessList:
        """List the teams that have a level on the whole namespace of their organization; for its members."""
        owner, found = await grants.list_teams(caller, namespace, page)
        return NamespaceTeamAccessList(
            namespace=AccountShape.of(owner),
            team_access_list=[team_access_shape(each) for each in paged(response, found)],
        )

    @routes.get(
        f"{NAMESPACE_ACCESS}/{{teamname}}", operation_id="getNamespaceTeamAccess", responses=documented(404)
    )
    async def get_team(namespace: Namespace, teamname: TeamInPath, caller: SignedIn) -> NamespaceTeamAccess:
        """Show the level of a team on the namespace."""
        return namespace_access_shape(*await grants.get_team(caller, namespace, teamname))

    @routes.put(
        f"{NAMESPACE_ACCESS}/{{teamname}}", operation_id="grantNamespaceTeamAccess", responses=documented(404)
    )
    async def set_team(
        namespace: Namespace, teamname: TeamInPath, body: LevelToGrant, caller: SignedIn
    ) -> NamespaceTeamAccess:
        """Give a team a level on all repositories of its organization, present and future."""
        return namespace_access_shape(*await grants.set_team(caller, namespace, teamname, body.access_level))

    @routes.delete(
        f"{NAMESPACE_ACCESS}/{{teamname}}",
        status_code=204,
        operation_id="revokeNamespaceTeamAccess",
        responses=documented(404),
    )
    async def remove_team(namespace: Namespace, teamname: TeamInPath, caller: SignedIn) -> None:
        """Take a team's level away; what it was issued ends at once. Also succeeds if it has none."""
        await grants.remove_team(caller, namespace, teamname)

    return routes


def overview_router(granting: Granting) -> APIRouter:
    """Return the routes about what one team or one user has."""
    routes = APIRouter(tags=TAGS)
    overviews = granting.overviews

    @routes.get(
        "/accounts/{orgname}/teams/{teamname}/repositoryAccess",
        operation_id="listTeamRepositoryAccess",
        responses=documented(404),
    )
    async def list_repositories(
        orgname: Namespace, teamname: TeamInPath, caller: SignedIn, page: PagedList, response: Response
    ) -> TeamRepositoryAccessList:
        """List the repositories that a team has a level on."""
        team, found = await overviews.repositories_of_team(caller, orgname, teamname, page)
        return TeamRepositoryAccessList(
            team=TeamShape.of(team),
            repository_access_list=[
                RepositoryAccessShape(access_level=level, repository=repository_shape(view))
                for view, level in paged(response, found)
            ],
        )

    @routes.get(
        "/accounts/{username}/repositoryAccess/{namespace}/{reponame}",
        operation_id="getUserRepositoryAccess",
        responses=documented(404),
    )
    async def get_access(username: UserInPath, name: RepositoryInPath, caller: SignedIn) -> EffectiveAccess:
        """Show the level that a user has on a repository by everything that was granted."""
        user, view, level = await overviews.access_of_user(caller, username, name)
        return EffectiveAccess(
            access_level=level, user=AccountShape.of(user), repository=repository_shape(view)
        )

    return routes


def explanation_router(granting: Granting) -> APIRouter:
    """Return the routes that say who may do what, and why."""
    routes = APIRouter(tags=TAGS)
    explanations = granting.explanations

    @routes.get(
        "/repositories/{namespace}/{reponame}/explain",
        operation_id="explainAccess",
        responses=documented(404),
    )
    async def explain(
        name: RepositoryInPath,
        caller: AnyCaller,
        account: Annotated[
            str | None,
            Query(max_length=255, description="A user, a robot, or `anonymous`; left out: whoever calls."),
        ] = None,
        operation: Annotated[Operation | None, Query(description="Left out: all.")] = None,
    ) -> ExplanationList:
        """Explain why somebody may or may not do something with a repository.

        Everybody may ask about themselves, who administers the repository about everybody.
        """
        operations = tuple(Operation) if operation is None else (operation,)
        found = await explanations.explain(caller, name, account, operations)
        return ExplanationList(explanations=[explanation_shape(each) for each in found])

    @routes.get(
        "/repositories/{namespace}/{reponame}/access", operation_id="reviewAccess", responses=documented(404)
    )
    async def review(
        name: RepositoryInPath, caller: AnyCaller, page: PagedList, response: Response
    ) -> AccessReview:
        """List all who may do something with a repository: users, teams, robots, everybody."""
        found = await explanations.review(caller, name, page)
        return AccessReview(access=[entry_shape(each) for each in paged(response, found)])

    return routes
