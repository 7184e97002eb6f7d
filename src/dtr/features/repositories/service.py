"""What can be done with repositories, apart from their content."""

from collections.abc import Iterable

from dtr.core.paging import NamePage, PageRequest
from dtr.core.principal import Principal
from dtr.features.access.model import RepositoryFacts
from dtr.features.repositories import store
from dtr.features.repositories.model import Repository, RepositoryChanges, Visibility, no_such_repository
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database


class Repositories:
    """The repositories of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: RepositoryName) -> Repository:
        """Return a repository. Raises NameUnknown if it does not exist."""
        return _existing(await self._database.quick_read(lambda tx: store.find(tx, name.path)), name)

    async def list_all(self) -> list[Repository]:
        """Return every repository, ordered by path: for the operator, who is on the machine."""
        return await self._database.read(store.list_all)

    async def change(self, name: RepositoryName, changes: RepositoryChanges) -> Repository:
        """Set what `changes` names; return the result. Raises NameUnknown without such a repository."""
        return _existing(await self._database.write(lambda tx: store.change(tx, name.path, changes)), name)

    async def catalog(self, principal: Principal, page: PageRequest) -> NamePage:
        """Return a page of the repositories that `principal` may pull."""
        limit = page.size
        if limit == 0:
            return NamePage([], more=False)
        paths = await self._database.read(
            lambda tx: store.list_paths_page(tx, principal, page.last, limit + 1)
        )
        return NamePage(paths[:limit], more=len(paths) > limit)

    async def facts(self, names: Iterable[RepositoryName]) -> dict[RepositoryName, RepositoryFacts]:
        """Return what the access rules need of each repository that exists, by one query."""
        by_path = {name.path: name for name in names}
        if not by_path:
            return {}
        found = await self._database.quick_read(lambda tx: store.find_many(tx, list(by_path)))
        return {
            by_path[repository.path]: RepositoryFacts(is_public=repository.visibility is Visibility.PUBLIC)
            for repository in found
        }


def _existing(repository: Repository | None, name: RepositoryName) -> Repository:
    if repository is None:
        raise no_such_repository(name.path)
    return repository
