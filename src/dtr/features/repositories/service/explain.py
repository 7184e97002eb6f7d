"""Why somebody may or may not do something with a repository, and who may do what with it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import ANONYMOUS, Caller, Principal
from dtr.features.access.model import (
    PUBLIC_OPERATIONS,
    Decision,
    Grant,
    Operation,
    Source,
    may_audit,
    operations_permitted,
)
from dtr.features.accounts.model import no_such_account
from dtr.features.accounts.store import accounts
from dtr.features.repositories.model import Repository, Visibility
from dtr.features.repositories.model.access import AccessEntry, Explanation, RobotDirectory
from dtr.features.repositories.service.guard import require, standing
from dtr.features.repositories.store import access_review as store
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction

ANONYMOUS_NAME = "anonymous"


class Explanations:
    """Answers questions about who may do what."""

    def __init__(self, database: Database, robots: RobotDirectory) -> None:
        self._database = database
        self._robots = robots

    async def explain(
        self,
        caller: Caller,
        name: RepositoryName,
        account: str | None = None,
        operations: Sequence[Operation] = tuple(Operation),
    ) -> list[Explanation]:
        """Return for each operation whether an account may do it, and why.

        `account` is the name of a user or robot, or `anonymous`; None means the caller, who is told about all limits
        of the access token in use. About others only who sees the access to the repository is told, and about robots of
        other namespaces only auditors.
        Raises like `guard.require`, and NoSuchAccount.
        """

        def read(tx: Transaction) -> list[Explanation]:
            own_name = caller.principal.name or ANONYMOUS_NAME
            wanted = own_name if account is None else account
            is_own = wanted == own_name
            needed = Operation.VIEW if is_own else Operation.VIEW_ACCESS
            repository = require(tx, caller.principal, name, needed)
            decision = (
                standing(tx, caller.principal, name).decision
                if is_own
                else self._decision(tx, caller.principal, repository, name, wanted)
            )
            return [
                Explanation(wanted, each, decision.allows(each), decision.reasons(each))
                for each in operations
            ]

        return await self._database.read(read)

    async def review(self, caller: Caller, name: RepositoryName, page: ListPage) -> Page[AccessEntry]:
        """Return a page of all who may do something with a repository. Raises like `guard.require`."""

        def read(tx: Transaction) -> Page[AccessEntry]:
            repository = require(tx, caller.principal, name, Operation.VIEW_ACCESS)
            first = store.parse_start(page.start)
            public = _entries_of_everybody(repository)
            found = [
                *(each for each in public if store.place_of(each) >= first),
                *store.entries(tx, repository, page),
            ]
            # The robots come last, and may be many: they are read where the page is not full without them.
            missing = max(0, page.size + 1 - len(found))
            found += itertools.islice(self._robots_in(tx, repository, first), missing)
            total = None
            if page.with_count:
                robots = sum(1 for _ in self._robots_in(tx, repository))
                total = len(public) + store.count(tx, repository) + robots
            following = [store.start_at(store.place_of(each)) for each in found[page.size :]]
            return Page(found[: page.size], next(iter(following), None), total)

        return await self._database.read(read)

    def _decision(
        self, tx: Transaction, asking: Principal, repository: Repository, name: RepositoryName, account: str
    ) -> Decision:
        principal, is_active = self._find(tx, asking, repository, account)
        decision = standing(tx, principal, name).decision
        if is_active:
            return decision
        hindrances = (*decision.hindrances, said("the account is disabled or has expired"))
        return replace(decision, operations=frozenset(), hindrances=hindrances)

    def _find(
        self, tx: Transaction, asking: Principal, repository: Repository, account: str
    ) -> tuple[Principal, bool]:
        if account == ANONYMOUS_NAME:
            return ANONYMOUS, True
        user = accounts.find(tx, account)
        if user is not None and not user.is_org:
            return user.principal, user.is_active
        robot = self._robots.find(tx, account)
        if robot is None or not (robot.namespace in {"", repository.namespace} or may_audit(asking)):
            raise no_such_account(account)
        return robot.principal, robot.is_active

    def _robots_in(
        self, tx: Transaction, repository: Repository, first: store.Place = (0, "")
    ) -> Iterator[AccessEntry]:
        """Yield the entries of robots, which no table of this room or of accounts holds."""
        path = RepositoryName.parse(repository.path)
        start = first[1] if first[0] == store.PLACE_OF_ROBOTS else ""
        for robot in self._robots.working_in(tx, repository.namespace, start):
            permitted = operations_permitted(robot, path)
            if permitted:
                yield AccessEntry(robot.name or "", Grant(Source.ROBOT, permitted))


def _entries_of_everybody(repository: Repository) -> list[AccessEntry]:
    if repository.visibility is not Visibility.PUBLIC:
        return []
    return [AccessEntry("", Grant(Source.PUBLIC, PUBLIC_OPERATIONS))]
