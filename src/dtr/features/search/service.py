"""Finding repositories and accounts by part of their names."""

from typing import TypeAlias

from dtr.core.paging import ListPage
from dtr.core.principal import Caller, Principal
from dtr.features.accounts.model import is_account_name
from dtr.features.accounts.model.accounts import Account, AccountCounts, AccountQuery
from dtr.features.accounts.store import accounts
from dtr.features.repositories.service import RepositoryView
from dtr.features.repositories.service.repositories import views
from dtr.features.repositories.store.visible import Range
from dtr.features.search import store
from dtr.features.search.model import DEFAULT_LIMIT, parse_query
from dtr.plumbing.db import Database, Transaction

FoundAccount: TypeAlias = tuple[Account, AccountCounts]
"""An account, and what belongs to it."""


class Search:
    """Finds what callers may see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def repositories(
        self, caller: Caller, text: str, limit: int = DEFAULT_LIMIT, *, namespace: str = "", skip: int = 0
    ) -> list[RepositoryView]:
        """Return the repositories that match best, in all namespaces or in one, after the first `skip`.

        Raises Invalid for a text that is too long.
        """
        query = parse_query(text)
        within = _within(namespace)
        if within is None or not limit:
            return []

        def read(tx: Transaction) -> list[RepositoryView]:
            paths = store.matching(tx, caller.principal, query, within, skip + limit)
            return views(tx, caller.principal, paths[skip:])

        return await self._database.read(read)

    async def accounts(self, caller: Caller, text: str, limit: int = DEFAULT_LIMIT) -> list[FoundAccount]:
        """Return accounts whose name or full name holds the text, those first whose name starts with it.

        Nothing for strangers and for limited tokens. Raises Invalid for a text that is too long.
        """
        query = parse_query(text)
        if not limit or not _may_see_accounts(caller.principal) or not query.isprintable():
            return []

        def read(tx: Transaction) -> list[FoundAccount]:
            found = accounts.list_page(tx, AccountQuery(contains=query), ListPage(size=limit)).items
            # The exact name must not be missing because others come before it.
            exact = accounts.find(tx, query)
            candidates = {each.id: each for each in [*found, *([exact] if exact is not None else [])]}
            best = sorted(candidates.values(), key=lambda each: (_account_rank(each, query), each.name))[
                :limit
            ]
            organizations = [each.id for each in best if each.is_org]
            counts = accounts.count_of_organizations(tx, organizations) if organizations else {}
            return [(each, counts.get(each.id, AccountCounts())) for each in best]

        return await self._database.read(read)


def _within(namespace: str) -> Range | None:
    """Return where to look; None where nothing can be."""
    if not namespace:
        return Range()
    return Range.of_namespace(namespace) if is_account_name(namespace) else None


def _may_see_accounts(principal: Principal) -> bool:
    return not (principal.is_anonymous or principal.is_limited)


def _account_rank(account: Account, query: str) -> int:
    if account.name == query:
        return 0
    return 1 if account.name.startswith(query) else 2
