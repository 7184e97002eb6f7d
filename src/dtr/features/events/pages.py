"""Pages of the activity log and the audit chain."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from dtr.core.clock import from_micros
from dtr.core.errors import Invalid
from dtr.core.facts import Outcome, Verb
from dtr.core.paging import Page
from dtr.features.access.model import may_audit
from dtr.features.events.model import Entry, EntryFilter, Event, EventFilter, Period, parse_verb
from dtr.features.events.service import Activity, Actors, Audit
from dtr.features.repositories.pages import REPOSITORY, present_address
from dtr.features.repositories.service import Repositories
from dtr.plumbing.api import RepositoryInPath
from dtr.plumbing.web.lists import ShownPage
from dtr.plumbing.web.pages import Web, reader_of

MAX_WORD: Final = 200

EVERYTHING: Final = "all"
"""Stands for all types of events in addresses; without any, pulls are left out."""

BUT_PULLS: Final = frozenset(Verb) - {Verb.GET}

FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
"""Nothing was recorded before, or will be after."""

Word = Annotated[str, Query(max_length=MAX_WORD)]
FromDay = Annotated[str, Query(alias="from", max_length=MAX_WORD)]
ToDay = Annotated[str, Query(alias="to", max_length=MAX_WORD)]


def pages(
    activity: Activity, audit: Audit, actors: Actors, repositories: Repositories, web: Web
) -> APIRouter:
    """Return all routes of the room."""
    router = APIRouter(include_in_schema=False)
    _add_activity(router, activity, actors, web)
    _add_repository(router, activity, actors, repositories, web)
    _add_audit(router, audit, actors, web)
    return router


def _add_activity(router: APIRouter, activity: Activity, actors: Actors, web: Web) -> None:
    @router.get("/activity")
    async def list_activity(  # noqa: PLR0913, PLR0917 - one parameter each
        request: Request,
        page: ShownPage,
        kind: Annotated[str, Query(alias="type", max_length=MAX_WORD)] = "",
        actor: Word = "",
        first: FromDay = "",
        last: ToDay = "",
    ) -> Response:
        wanted = await _wanted_events(actors, kind, actor, first, last)
        found = await activity.list_all(reader_of(request).caller, wanted, page)
        return web.page(
            request,
            "events/activity.html",
            found=found,
            page=page,
            kind=kind,
            actor=_shown_actor(found, wanted.actor_id, actor),
            first=first,
            last=last,
        )


def _add_repository(
    router: APIRouter, activity: Activity, actors: Actors, repositories: Repositories, web: Web
) -> None:
    @router.get(f"{REPOSITORY}/activity")
    async def list_in_repository(  # noqa: PLR0913, PLR0917 - one parameter each
        request: Request,
        name: RepositoryInPath,
        page: ShownPage,
        kind: Annotated[str, Query(alias="type", max_length=MAX_WORD)] = "",
        actor: Word = "",
        first: FromDay = "",
        last: ToDay = "",
    ) -> Response:
        caller = reader_of(request).caller
        view = await repositories.get(caller, name)
        moved = present_address(request, name, view)
        if moved is not None:
            return moved
        wanted = await _wanted_events(actors, kind, actor, first, last)
        found = await activity.list_in(caller, name, wanted, page)
        return web.page(
            request,
            "events/repository.html",
            view=view,
            found=found,
            page=page,
            kind=kind,
            actor=_shown_actor(found, wanted.actor_id, actor),
            first=first,
            last=last,
        )


def _add_audit(router: APIRouter, audit: Audit, actors: Actors, web: Web) -> None:
    @router.get("/system/audit")
    async def list_audit(  # noqa: PLR0913, PLR0917 - one parameter each
        request: Request,
        page: ShownPage,
        actor: Word = "",
        name: Word = "",
        outcome: Word = "",
        first: FromDay = "",
        last: ToDay = "",
    ) -> Response:
        caller = reader_of(request).caller
        if outcome not in {"", *Outcome}:
            raise Invalid("the outcome is neither success nor denied", field="outcome")
        wanted = EntryFilter(
            period=_period(first, last), actor_id=await actors.id_of(actor), name=name, outcome=outcome
        )
        found = await audit.list_all(caller, wanted, page)
        return web.page(
            request,
            "events/audit.html",
            found=found,
            documents=[(each.document(), each.hash, from_micros(each.at)) for each in found.items],
            page=page,
            wanted=wanted,
            actor=_shown_actor(found, wanted.actor_id, actor),
            first=first,
            last=last,
            state=await audit.state(caller) if may_audit(caller.principal) else None,
        )


async def _wanted_events(actors: Actors, kind: str, actor: str, first: str, last: str) -> EventFilter:
    """Return which events the address asks for. Raises Invalid."""
    verb = None if kind == EVERYTHING else parse_verb(kind)
    types = frozenset({verb}) if verb is not None else frozenset(Verb) if kind == EVERYTHING else BUT_PULLS
    return EventFilter(period=_period(first, last), actor_id=await actors.id_of(actor), types=types)


def _period(first: str, last: str) -> Period:
    """Return the days from `first` to `last`, both included, in UTC. Raises Invalid."""
    until = _day(last, "to")
    return Period(since=_day(first, "from"), until=until and until + timedelta(days=1))


def _day(text: str, field: str) -> datetime | None:
    """Return when a day begins; None for an empty text. Raises Invalid."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("write days as in 2030-01-31", field=field) from error
    return datetime.combine(min(max(day, FIRST_DAY), LAST_DAY), time(), UTC)


def _shown_actor(found: Page[Event] | Page[Entry], actor_id: str, asked: str) -> str:
    """Return the actor's name for the field of the filter: links name actors by their ids."""
    if not asked or not found.items or asked != actor_id:
        return asked
    newest = found.items[0]
    name: str = newest.actor_name if isinstance(newest, Event) else newest.document()["actor"]["name"]
    return name or asked
