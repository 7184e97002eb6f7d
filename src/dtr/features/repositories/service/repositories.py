"""Looking at repositories: one, a list of them, what somebody may do with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dtr.core.errors import Invalid
from dtr.core.messages import said
from dtr.core.paging import ListPage, NamePage, Page, PageRequest
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import AccessPolicy, Decision, Operation, may_administer
from dtr.features.accounts.model import NoSuchAccount, is_account_name
from dtr.features.repositories.model import Repository, RepositoryFilter
from dtr.features.repositories.service.guard import require, standings
from dtr.features.repositories.store import creatable, filtered, visible
from dtr.features.repositories.store import repositories as store
from dtr.features.repositories.store.visible import Range
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction

EVERYTHING: Final = RepositoryFilter()


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """A repository as somebody sees it."""

    repository: Repository
    is_of_organization: bool
    operations: frozenset[Operation]
    """What they may do with it."""


class Repositories:
    """The repositories of the registry, to look at."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, caller: Caller, name: RepositoryName) -> RepositoryView:
        """Return a repository. Raises NameUnknown without one that the caller may see."""
        return await self._database.quick_read(lambda tx: view(tx, caller.principal, name))

    async def list_all(self) -> list[Repository]:
        """Return every repository, ordered by path: for the operator, who is on the machine."""
        return await self._database.read(store.list_all)

    async def list_visible(self, caller: Caller, page: ListPage) -> Page[RepositoryView]:
        """Return a page of what the caller may see, ordered by path. Raises Invalid for a marker that is no name."""
        start = _marker(page)
        return await self._database.read(lambda tx: _page(tx, caller.principal, page, start, Range()))

    async def list_in_namespace(self, caller: Caller, namespace: str, page: ListPage) -> Page[RepositoryView]:
        """Return a page of what the caller may see of one namespace, ordered by path.

        Raises Invalid for a marker that is no name, and NoSuchAccount without such an account. To strangers and to
        limited tokens, who may not ask for accounts, one with nothing for them to see is none.
        """
        start = _marker(page)

        def read(tx: Transaction) -> Page[RepositoryView]:
            within = Range.of_namespace(namespace)
            if not _is_known(tx, caller.principal, namespace):
                raise NoSuchAccount(
                    said("there is no account %(name)s", name=namespace[:100]), name=namespace[:100]
                )
            return _page(tx, caller.principal, page, start, within)

        return await self._database.read(read)

    async def list_filtered(
        self, caller: Caller, wanted: RepositoryFilter, page: ListPage
    ) -> Page[RepositoryView]:
        """Return a page of what the caller may see and wants, ordered by path; counted if nothing is sorted out.

        Raises Invalid for a marker that is no name. A namespace that nobody has holds nothing.
        """
        start = _marker(page)

        def read(tx: Transaction) -> Page[RepositoryView]:
            if wanted.namespace and not is_account_name(wanted.namespace):
                return Page([])
            within = Range.of_namespace(wanted.namespace) if wanted.namespace else Range()
            return _page(tx, caller.principal, page, start, within, wanted)

        return await self._database.read(read)

    async def creatable_namespaces(self, caller: Caller) -> list[str]:
        """Return where the caller may create repositories: their own namespace first, then organizations by name.

        Administrators may everywhere; only some of the organizations are named then. None for robots and limited
        tokens, whose permits say which names they may create.
        """
        principal = caller.principal
        account_id, own = principal.account_id, principal.name
        if principal.is_limited or account_id is None or own is None:
            return []

        def read(tx: Transaction) -> list[str]:
            found = (
                creatable.organizations(tx)
                if may_administer(principal)
                else creatable.of_member(tx, account_id)
            )
            return [own, *found]

        return await self._database.read(read)

    async def catalog(self, principal: Principal, page: PageRequest) -> NamePage:
        """Return a page of the names of what `principal` may see."""
        limit = page.size
        if limit == 0:
            return NamePage([], more=False)
        within = Range() if page.last is None else Range().from_(visible.following(page.last))
        paths = await self._database.read(lambda tx: visible.paths(tx, principal, within, limit + 1))
        return NamePage(paths[:limit], more=len(paths) > limit)

    async def decisions(
        self, principal: Principal, names: Iterable[RepositoryName], policy: AccessPolicy
    ) -> dict[RepositoryName, Decision]:
        """Return what `principal` may do to each name, whether a repository has it or not."""
        found = await self._database.quick_read(lambda tx: standings(tx, principal, names, policy))
        return {name: each.decision for name, each in found.items()}


def view(tx: Transaction, principal: Principal, name: RepositoryName) -> RepositoryView:
    """Return a repository as `principal` sees it. Raises NameUnknown without one that they may see."""
    repository = require(tx, principal, name, Operation.VIEW)
    return views(tx, principal, [repository.path])[0]


def views(tx: Transaction, principal: Principal, paths: Sequence[str]) -> list[RepositoryView]:
    """Return those of the repositories that `principal` may see, in the order of `paths`."""
    names = [RepositoryName.parse(path) for path in paths]
    found = standings(tx, principal, names)
    kinds = store.kinds_of(tx, {each.namespace for each in names}) if names else {}
    return [
        RepositoryView(
            standing.repository,
            kinds.get(standing.repository.namespace, False),
            standing.decision.operations,
        )
        for standing in (found[name] for name in names)
        if standing.repository is not None and standing.decision.allows(Operation.VIEW)
    ]


def _page(  # noqa: PLR0913, PLR0917 - what is wanted, from all sides
    tx: Transaction,
    principal: Principal,
    page: ListPage,
    start: str,
    within: Range,
    wanted: RepositoryFilter = EVERYTHING,
) -> Page[RepositoryView]:
    paths = filtered.paths(tx, principal, within.from_(start), wanted, page.size + 1)
    following = paths[page.size] if len(paths) > page.size else None
    is_counted = page.with_count and wanted.lets_all_through
    total = visible.count(tx, principal, within) if is_counted else None
    return Page(views(tx, principal, paths[: page.size]), following, total)


def _marker(page: ListPage) -> str:
    """Return where a page starts."""
    if page.start and not page.start.isprintable():
        raise Invalid("the parameter pageStart holds characters that no name can hold")
    return page.start


def _is_known(tx: Transaction, principal: Principal, namespace: str) -> bool:
    """Tell whether there is an account of the name that the caller may know of."""
    if not namespace.isprintable() or not store.kinds_of(tx, [namespace]):
        return False
    if not (principal.is_anonymous or principal.is_limited):
        return True
    return bool(visible.paths(tx, principal, Range.of_namespace(namespace), 1))
