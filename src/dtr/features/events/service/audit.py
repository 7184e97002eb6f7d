"""The audit chain: matters of security, in an order and wording that cannot be changed unnoticed."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise, takewhile
from typing import Final

import structlog

from dtr.core.clock import Clock, to_micros
from dtr.core.errors import Denied, Unauthorized
from dtr.core.facts import Fact
from dtr.core.messages import said
from dtr.core.paging import ListPage, Page
from dtr.core.principal import Caller, Principal
from dtr.features.access.model import may_audit
from dtr.features.events.model import (
    LOGIN_FACTS,
    MAX_COUNT,
    ChainKey,
    ChainProblem,
    Entry,
    EntryFilter,
    Head,
    Place,
    new_entry,
)
from dtr.features.events.store import audit as store
from dtr.features.events.store import namespaces
from dtr.features.events.store.ranges import Range
from dtr.plumbing.db import Database, Transaction

BATCH: Final = 1_000
"""Entries that are held in memory at a time, or removed by one transaction."""

LOOKED_AT_OFTEN: Final = 100
"""Entries at the end of the chain that a quick check looks at."""

BEFORE_ALL: Final = -(2**62)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of the chain found."""

    checked: int
    """Entries that are as they were written, before the first problem."""
    head: Head
    problem: ChainProblem | None = None


@dataclass(frozen=True, slots=True)
class ChainState:
    """How the chain looks at a quick look."""

    head: Head
    problem: str
    """What is wrong with the head or the last entries, empty if nothing."""


class Audit:
    """The audit chain."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        key: ChainKey,
        is_login_recorded: Callable[[Transaction], bool],
        *,
        keep_days: int,
    ) -> None:
        """Take the parts. `is_login_recorded` tells whether logins are wanted in the chain at the moment."""
        self._database = database
        self._clock = clock
        self._key = key
        self._is_login_recorded = is_login_recorded
        self._keep = timedelta(days=keep_days)

    def append(self, tx: Transaction, fact: Fact) -> None:
        """Add a fact that matters for security, in the transaction of the change; locks the head of the chain."""
        if not fact.is_security or (fact.name in LOGIN_FACTS and not self._is_login_recorded(tx)):
            return
        head = store.lock_head(tx)
        entry = new_entry(self._key, fact, head.last_position + 1, head.last_hash)
        store.insert(tx, entry)
        store.set_head(
            tx, self._key.sealed(head.first_position, head.anchor_hash, entry.position, entry.hash)
        )

    async def list_all(self, caller: Caller, wanted: EntryFilter, page: ListPage) -> Page[Entry]:
        """Return entries that concern the caller, newest first.

        Administrators and auditors see everything; others what they did themselves, and what concerns namespaces that
        they own. Raises Unauthorized, Denied, or Invalid for a bad page.
        """
        principal = caller.principal
        if principal.is_anonymous:
            raise Unauthorized("log in first: with a password or access token, or in the browser")
        if principal.is_limited:
            raise Denied("the permits of a robot or access token cover repositories only")
        place = Place.parse(page.start)

        def read(tx: Transaction) -> Page[Entry]:
            found_in = _concerning(tx, principal, wanted)
            found = store.page(tx, found_in, wanted, place, page.size + 1)
            total = store.count(tx, found_in, wanted, MAX_COUNT) if page.with_count else None
            following = found[page.size].marker if len(found) > page.size else None
            return Page(found[: page.size], following, total)

        return await self._database.read(read)

    async def entries(self) -> AsyncIterator[Entry]:
        """Yield every entry, oldest first, a batch at a time."""
        after = BEFORE_ALL
        while batch := await self._database.read(lambda tx, after=after: store.in_order(tx, after, BATCH)):  # type: ignore[misc]
            for entry in batch:
                yield entry
            after = batch[-1].position

    async def verify(self, checkpoints: Mapping[int, str] | None = None) -> Report:
        """Check every entry, and that the chain holds the checkpoints (hashes by position) that the log tells of."""
        while True:
            head = await self._database.read(store.read_head)
            report = await self._walk(head, checkpoints or {})
            now = await self._database.read(store.read_head)
            # What was pruned meanwhile looks as if somebody had removed it: look again.
            if report.problem is None or now.first_position == head.first_position:
                return report

    async def problem_at_end(self) -> str:
        """Return what is wrong with the head or the last entries, empty if nothing: a quick look, not a proof."""
        return (await self._look_at_end()).problem

    async def state(self, caller: Caller) -> ChainState:
        """Return how the chain looks at a quick look, to administrators and auditors. Raises Denied."""
        if not may_audit(caller.principal):
            raise Denied("only administrators and auditors may see this")
        return await self._look_at_end()

    async def _look_at_end(self) -> ChainState:
        def read(tx: Transaction) -> tuple[Head, list[Entry]]:
            # The head first: entries may be ahead of it, never behind.
            return store.read_head(tx), store.last(tx, LOOKED_AT_OFTEN)

        head, entries = await self._database.read(read)
        problem = self._key.problem_of_head(head) or _problem_of_last(head, entries)
        for before, entry in pairwise(entries):
            problem = problem or self._key.problem_of_entry(entry, before.position + 1, before.hash)
        return ChainState(
            head,
            "" if problem is None else problem.sentence(),
        )

    async def look_after(self) -> None:
        """Tell the log where the chain ends, and remove what is older than is to be kept."""
        head = await self._database.read(store.read_head)
        if not head.is_new:
            log.info("audit.checkpoint", position=head.last_position, hash=head.last_hash)
        while await self.prune() == BATCH:
            pass

    async def prune(self) -> int:
        """Remove at most one batch of old entries from the beginning; return how many.

        Entries that are not as they were written stay, as evidence.
        """
        before = to_micros(self._clock.now() - self._keep)

        def write(tx: Transaction) -> int:
            head = store.lock_head(tx)
            entries = store.in_order(tx, BEFORE_ALL, BATCH)
            old = list(takewhile(lambda entry: entry.at < before, entries))
            if not old:
                return 0
            problem = self._key.problem_of_head(head) or _problem(self._key, head, old)
            if problem is not None:
                log.error("audit.broken", position=problem.position, kind=problem.kind)
                return 0
            last = old[-1]
            store.delete_up_to(tx, last.position)
            store.set_head(
                tx, self._key.sealed(last.position + 1, last.hash, head.last_position, head.last_hash)
            )
            return len(old)

        return await self._database.write(write)

    async def _walk(self, head: Head, checkpoints: Mapping[int, str]) -> Report:
        problem = self._key.problem_of_head(head)
        if problem is not None:
            return Report(0, head, problem)
        position, previous = head.first_position, head.anchor_hash
        async for entry in self.entries():
            if entry.position > head.last_position:
                break
            problem = self._key.problem_of_entry(entry, position, previous)
            if problem is None and checkpoints.get(position, entry.hash) != entry.hash:
                problem = ChainProblem(
                    position, said("changed"), said("the checkpoint in the log has another hash")
                )
            if problem is not None:
                return Report(position - head.first_position, head, problem)
            position, previous = position + 1, entry.hash
        checked = position - head.first_position
        return Report(checked, head, await self._problem_after(head, position, previous, checkpoints))

    async def _problem_after(
        self, head: Head, position: int, previous: str, checkpoints: Mapping[int, str]
    ) -> ChainProblem | None:
        """Return what is wrong with the end of the chain, if nothing is with the entries before `position`."""
        if position <= head.last_position:
            return ChainProblem(
                position,
                said("truncated"),
                said("the chain went on up to %(position)s", position=head.last_position),
            )
        if previous != head.last_hash:
            return ChainProblem(
                head.last_position, said("head"), said("the last entry is not the one that was sealed")
            )
        beyond = await self._database.read(store.first_beyond_head)
        if beyond is not None:
            return ChainProblem(beyond, said("inserted"), said("the entry was not written by the registry"))
        known = max(checkpoints, default=0)
        if known > head.last_position:
            return ChainProblem(
                position, said("truncated"), said("the log has a checkpoint at %(position)s", position=known)
            )
        return None


def _concerning(tx: Transaction, principal: Principal, wanted: EntryFilter) -> list[Range]:
    if may_audit(principal):
        return store.everywhere(wanted)
    own = store.of_actor(principal.account_id or "", wanted)
    owned = namespaces.owned(tx, principal)
    return [*own, *(each for name in owned for each in store.in_namespace(name, wanted))]


def _problem_of_last(head: Head, entries: list[Entry]) -> ChainProblem | None:
    """Return what is wrong with the entry that the head names as the last."""
    if head.last_position < head.first_position:  # everything was pruned, or nothing was ever written
        return None
    hashes = {entry.position: entry.hash for entry in entries}
    if head.last_position not in hashes:
        return ChainProblem(head.last_position, said("truncated"), said("the last entry is missing"))
    if hashes[head.last_position] != head.last_hash:
        return ChainProblem(
            head.last_position, said("head"), said("the last entry is not the one that was sealed")
        )
    return None


def _problem(key: ChainKey, head: Head, entries: list[Entry]) -> ChainProblem | None:
    """Return what is wrong with the first entries of the chain."""
    position, previous = head.first_position, head.anchor_hash
    for entry in entries:
        problem = key.problem_of_entry(entry, position, previous)
        if problem is not None:
            return problem
        position, previous = position + 1, entry.hash
    return None
