"""The API of repositories: lists, one, making, changing, deleting, renaming."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from dtr.features.access.model import Operation
from dtr.features.accounts.model import NoSuchAccount, is_account_name
from dtr.features.repositories.model import RepositoryChanges, Visibility, parse_visibility
from dtr.features.repositories.service import Management, Renaming, Repositories, RepositoryView
from dtr.oci.names import RepositoryName
from dtr.plumbing.api import (
    AnyCaller,
    Count,
    Flag,
    Moment,
    PagedList,
    RepositoryInPath,
    Shape,
    SignedIn,
    documented,
    paged,
)

Namespace = Annotated[str, Path(description="The name of a user or an organization.")]


class RepositoryShape(Shape):
    """A repository as the caller sees it."""

    id: str = Field(description="Stays the same when the repository is renamed.")
    namespace: str = Field(description="The account that the repository belongs to.")
    namespace_type: str = Field(description="`user` or `organization`.")
    name: str = Field(description="The name within the namespace; may hold slashes.")
    short_description: str
    long_description: str = Field(description="Markdown.")
    visibility: Visibility
    scan_on_push: bool
    immutable_tags: bool = Field(description="Tags, once pushed, neither move nor go.")
    enable_manifest_lists: bool = Field(default=True, description="Always true; older clients look for it.")
    tag_limit: int = Field(description="How many tags are kept; 0 for all.")
    strict_sizes: bool = Field(description="Manifests that state wrong sizes are refused.")
    allow_missing_children: bool = Field(description="An index may come before the manifests it names.")
    pulls: int
    pushes: int
    created_at: Moment
    last_pushed_at: Moment | None
    last_pulled_at: Moment | None
    permissions: list[Operation] = Field(description="What the caller may do with it.")


class RepositoryList(Shape):
    """A page of repositories, in the byte order of their full names."""

    repositories: list[RepositoryShape]


class RepositorySettings(Shape):
    """What can be set about a repository. Fields that are left out or null keep their values."""

    visibility: str | None = Field(default=None, description="`public` or `private`.")
    short_description: str | None = Field(default=None, description="At most 140 characters.")
    long_description: str | None = Field(default=None, description="Markdown, at most 25,000 characters.")
    scan_on_push: Flag | None = None
    immutable_tags: Flag | None = Field(default=None, description="Not together with a tag limit.")
    tag_limit: Count | None = Field(default=None, description="0 for none. Not together with immutable tags.")
    strict_sizes: Flag | None = None
    allow_missing_children: Flag | None = None
    enable_manifest_lists: Flag | None = Field(default=None, description="Taken and ignored.")

    def changes(self) -> RepositoryChanges:
        """Return them for the service. Raises VisibilityInvalid."""
        return RepositoryChanges(
            # Some clients send an empty text for what they do not mean to set.
            visibility=parse_visibility(self.visibility) if self.visibility else None,
            immutable_tags=self.immutable_tags,
            strict_sizes=self.strict_sizes,
            allow_missing_children=self.allow_missing_children,
            scan_on_push=self.scan_on_push,
            tag_limit=self.tag_limit,
            short_description=self.short_description,
            long_description=self.long_description,
        )


class NewRepository(RepositorySettings):
    """A repository to make. What is left out is private, without limits or descriptions."""

    name: str = Field(description="The name within the namespace.", examples=["app", "web/front"])


class NewName(Shape):
    """Another name for a repository."""

    name: str = Field(description="The full name, with the namespace.", examples=["team/app"])


def repository_shape(view: RepositoryView) -> RepositoryShape:
    """Render a repository."""
    found = view.repository
    return RepositoryShape(
        id=found.uuid,
        namespace=found.namespace,
        namespace_type="organization" if view.is_of_organization else "user",
        name=found.short_name,
        short_description=found.short_description,
        long_description=found.long_description,
        visibility=found.visibility,
        scan_on_push=found.scan_on_push,
        immutable_tags=found.immutable_tags,
        tag_limit=found.tag_limit,
        strict_sizes=found.strict_sizes,
        allow_missing_children=found.allow_missing_children,
        pulls=found.pulls,
        pushes=found.pushes,
        created_at=found.created_at,
        last_pushed_at=found.last_pushed_at,
        last_pulled_at=found.last_pulled_at,
        permissions=[each for each in Operation if each in view.operations],
    )


def repository_list(views: Iterable[RepositoryView]) -> RepositoryList:
    """Render a page of repositories."""
    return RepositoryList(repositories=[repository_shape(each) for each in views])


def reading_router(repositories: Repositories) -> APIRouter:
    """Return the routes that look at repositories."""
    routes = APIRouter(tags=["repositories"])

    @routes.get("/repositories", operation_id="listRepositories", responses=documented())
    async def list_repositories(caller: AnyCaller, page: PagedList, response: Response) -> RepositoryList:
        """List the repositories that the caller may see."""
        return repository_list(paged(response, await repositories.list_visible(caller, page)))

    @routes.get(
        "/repositories/{namespace}", operation_id="listRepositoriesOfNamespace", responses=documented(404)
    )
    async def list_of_namespace(
        namespace: Namespace, caller: AnyCaller, page: PagedList, response: Response
    ) -> RepositoryList:
        """List the repositories of an account that the caller may see."""
        found = await repositories.list_in_namespace(caller, namespace, page)
        return repository_list(paged(response, found))

    @routes.get(
        "/repositories/{namespace}/{reponame}", operation_id="getRepository", responses=documented(404)
    )
    async def get_repository(name: RepositoryInPath, caller: AnyCaller) -> RepositoryShape:
        """Show a repository. An old name of a renamed one shows that, with its present name."""
        return repository_shape(await repositories.get(caller, name))

    return routes


def writing_router(management: Management, renaming: Renaming) -> APIRouter:
    """Return the routes that change repositories."""
    routes = APIRouter(tags=["repositories"])

    @routes.post(
        "/repositories/{namespace}",
        status_code=201,
        operation_id="createRepository",
        responses=documented(404),
    )
    async def create(namespace: Namespace, body: NewRepository, caller: SignedIn) -> RepositoryShape:
        """Make a repository."""
        if not is_account_name(namespace):
            raise NoSuchAccount("there is no account of such a name")
        name = RepositoryName.parse(f"{namespace}/{body.name}")
        return repository_shape(await management.create(caller, name, body.changes()))

    @routes.patch(
        "/repositories/{namespace}/{reponame}", operation_id="changeRepository", responses=documented(404)
    )
    async def change(name: RepositoryInPath, body: RepositorySettings, caller: SignedIn) -> RepositoryShape:
        """Change what a repository is set to."""
        return repository_shape(await management.change(caller, name, body.changes()))

    @routes.delete(
        "/repositories/{namespace}/{reponame}",
        status_code=204,
        operation_id="deleteRepository",
        responses=documented(404),
    )
    async def delete(name: RepositoryInPath, caller: SignedIn) -> None:
        """Delete a repository with all its images. Also succeeds if there is none that the caller may see."""
        await management.delete(caller, name)

    @routes.post(
        "/repositories/{namespace}/{reponame}/rename",
        operation_id="renameRepository",
        responses=documented(404),
    )
    async def rename(name: RepositoryInPath, body: NewName, caller: SignedIn) -> RepositoryShape:
        """Give a repository another name, in this namespace or another. The old name serves pulls for 90 days."""
        return repository_shape(await renaming.rename(caller, name, RepositoryName.parse(body.name)))

    return routes


def accounts_router(management: Management) -> APIRouter:
    """Return the routes that delete all repositories of an account."""
    routes = APIRouter(tags=["repositories"])

    @routes.delete(
        "/accounts/{namespace}",
        status_code=204,
        operation_id="deleteAccountWithRepositories",
        responses=documented(404, 409),
    )
    async def delete_account(namespace: Namespace, caller: SignedIn) -> None:
        """Delete an account with all its repositories. For administrators."""
        await management.delete_account(caller, namespace)

    @routes.delete(
        "/accounts/{namespace}/repositories",
        status_code=204,
        operation_id="deleteRepositoriesOfAccount",
        responses=documented(404),
        deprecated=True,
    )
    async def delete_repositories(namespace: Namespace, caller: SignedIn) -> None:
        """Delete all repositories of an account, for who owns it."""
        await management.delete_all_in(caller, namespace)

    return routes
