"""The activity log: what happened in repositories and namespaces, for those whom it concerns."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from dtr.core.clock import Clock
from dtr.core.errors import Denied, Unauthorized
from dtr.core.facts import Audience, Fact, Verb
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import Operation, may_audit
from dtr.features.events.model import (
    LOGIN_FACTS,
    MAX_COUNT,
    Event,
    EventFilter,
    Place,
    Retention,
    namespace_of,
)
from dtr.features.events.store import activity as store
from dtr.features.events.store import namespaces
from dtr.features.events.store.ranges import Range
from dtr.features.repositories.service import guard
from dtr.oci.names import RepositoryName
from dtr.plumbing.db import Database, Transaction

ROWS_A_TRANSACTION: Final = 1_000
"""Events that one transaction removes: others write in between."""

TRANSACTIONS_A_RUN: Final = 20
"""What is left over goes in the next run."""


class Activity:
    """The activity log."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        retention: Callable[[], Awaitable[Retention]],
        *,
        record_pulls: bool,
    ) -> None:
        """Take the parts. `retention` says how much to keep, as it is set at the moment."""
        self._database = database
        self._clock = clock
        self._retention = retention
        self._record_pulls = record_pulls

    def record(self, tx: Transaction, fact: Fact) -> None:
        """Add what a fact tells of a repository or namespace; other facts, and logins, are nobody's activity."""
        if not namespace_of(fact) or fact.name in LOGIN_FACTS:
            return
        if fact.verb is Verb.GET and not self._record_pulls:
            return
        store.insert(tx, fact)

    async def list_in(
        self, caller: Caller, name: RepositoryName, wanted: EventFilter, page: ListPage
    ) -> Page[Event]:
        """Return what happened in a repository, newest first; who only reads there sees no pulls and no addresses.

        Raises NameUnknown, Unauthorized or Denied like any look at it, and Invalid for a bad page.
        """
        place = Place.parse(page.start)

        def read(tx: Transaction) -> Page[Event]:
            repository = guard.require(tx, caller.principal, name, Operation.VIEW_ACTIVITY)
            standing = guard.standing(tx, caller.principal, name)
            sees_all = standing.decision.allows(Operation.VIEW_ALL_ACTIVITY)
            audiences = frozenset(Audience) if sees_all else frozenset({Audience.READERS})
            found = _page(tx, store.in_repository(repository.id, audiences, wanted), wanted, place, page)
            return found if sees_all else replace(found, items=[_for_reader(each) for each in found.items])

        return await self._database.read(read)

    async def list_all(self, caller: Caller, wanted: EventFilter, page: ListPage) -> Page[Event]:
        """Return what happened anywhere that concerns the caller, newest first.

        Administrators and auditors see everything; others what they did themselves, and what happened in namespaces
        that they administer. Raises Unauthorized, Denied, or Invalid for a bad page.
        """
        principal = caller.principal
        if principal.is_anonymous:
            raise Unauthorized("log in first: with a password or access token, or in the browser")
        if principal.is_limited:
            raise Denied("the permits of a robot or access token cover repositories only")
        place = Place.parse(page.start)
        return await self._database.read(
            lambda tx: _page(tx, _concerning(tx, principal, wanted), wanted, place, page)
        )

    async def compact(self) -> int:
        """Remove what is older, or more, than is to be kept; return how many events. What is left goes next time."""
        retention = await self._retention()
        if not retention.is_enabled:
            return 0
        removed = 0
        for _ in range(TRANSACTIONS_A_RUN):
            surplus = 0
            if retention.rows is not None:
                surplus = await self._database.read(store.count_all) - retention.rows
            gone = await self._database.write(
                lambda tx, surplus=surplus: self._remove(tx, retention, surplus),  # type: ignore[misc]
                durable=False,
            )
            removed += gone
            if gone < ROWS_A_TRANSACTION:
                break
        return removed

    def _remove(self, tx: Transaction, retention: Retention, surplus: int) -> int:
        gone = 0
        for verb in Verb:
            age = retention.age_of(verb)
            if age is not None:
                gone += store.delete_older(tx, verb, self._clock.now() - age, ROWS_A_TRANSACTION - gone)
        left_over = min(surplus - gone, ROWS_A_TRANSACTION - gone)
        return gone + (store.delete_oldest(tx, left_over) if left_over > 0 else 0)


def _concerning(tx: Transaction, principal: Principal, wanted: EventFilter) -> list[Range]:
    if may_audit(principal):
        return store.everywhere(wanted)
    account_id = principal.account_id or ""
    own = store.of_actor(account_id, wanted) if wanted.actor_id in ("", account_id) else []
    if wanted.actor_id == account_id:
        return own
    looked_after = namespaces.looked_after(tx, principal)
    return [*own, *(each for name in looked_after for each in store.in_namespace(name, wanted))]


def _page(
    tx: Transaction, found_in: list[Range], wanted: EventFilter, place: Place, page: ListPage
) -> Page[Event]:
    found = store.page(tx, found_in, wanted, place, page.size + 1)
    total = store.count(tx, found_in, wanted, MAX_COUNT) if page.with_count else None
    following = found[page.size].marker if len(found) > page.size else None
    return Page(found[: page.size], following, total)


def _for_reader(event: Event) -> Event:
    """Leave out what only administrators of the repository see."""
    return replace(event, address="", user_agent="", details={})
