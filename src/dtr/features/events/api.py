"""The routes of the activity log and the audit chain."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from dtr.core.facts import FactObject, Outcome, Verb
from dtr.features.events.model import Entry, EntryFilter, Event, EventFilter, Period, parse_moment, parse_verb
from dtr.features.events.service import Activity, Audit
from dtr.plumbing.api import Moment, PagedList, RepositoryInPath, Shape, SignedIn, documented, paged

MAX_WORD = 200

PublishedBefore = Annotated[
    str,
    Query(
        alias="publishedBefore",
        max_length=MAX_WORD,
        description="Only what happened before this moment (RFC 3339).",
        examples=["2030-01-31T12:00:00Z"],
    ),
]
PublishedAfter = Annotated[
    str,
    Query(
        alias="publishedAfter",
        max_length=MAX_WORD,
        description="Only what happened at this moment or later (RFC 3339).",
        examples=["2030-01-01T00:00:00Z"],
    ),
]
ActorId = Annotated[
    str, Query(alias="actorId", max_length=MAX_WORD, description="Only what this account or robot did.")
]


class ObjectShape(Shape):
    """What an event is about."""

    id: str
    type: str = Field(examples=["tag"])
    name: str
    content: str = Field(description="Of a tag or manifest the digest.")


class EventShape(Shape):
    """One event of the activity log."""

    id: str
    published_at: Moment
    type: Verb
    actor: str = Field(description="The id of the account or robot; empty for anonymous callers.")
    actor_type: str = Field(examples=["user"])
    actor_name: str = Field(description="Its name at that time.")
    repository: str = Field(description="Its name at that time; empty for what concerns a whole namespace.")
    namespace: str
    object: ObjectShape
    target: ObjectShape | None = None
    name: str = Field(
        description="What happened, more exactly than `type` says.", examples=["ManifestPushed"]
    )
    count: int = Field(description="How many times, where many are told as one: pulls.")
    address: str = Field(description="The client's address; empty for those who only read the repository.")
    user_agent: str
    request_id: str = Field(serialization_alias="requestID")
    details: dict[str, Any]


class EventsDocument(Shape):
    """A page of events."""

    events: list[EventShape]


class ActorShape(Shape):
    """Who did it."""

    id: str
    name: str
    kind: str


class ClientShape(Shape):
    """Where it was done from."""

    address: str
    user_agent: str


class EntryShape(Shape):
    """One entry of the audit chain."""

    position: int
    at: str
    name: str = Field(examples=["LoginFailed"])
    outcome: Outcome
    actor: ActorShape
    client: ClientShape
    request_id: str = Field(alias="requestID")
    object: ObjectShape
    repository: str
    namespace: str
    details: dict[str, Any]
    hash: str


class EntriesDocument(Shape):
    """A page of the audit chain."""

    entries: list[EntryShape]


def _event_filter(
    published_before: PublishedBefore = "",
    published_after: PublishedAfter = "",
    actor_id: ActorId = "",
    event_type: Annotated[
        str, Query(alias="eventType", max_length=MAX_WORD, description=f"One of {', '.join(Verb)}.")
    ] = "",
    *,
    exclude_pull: Annotated[bool, Query(alias="excludePull", description="Leave out pulls.")] = False,
) -> EventFilter:
    verb = parse_verb(event_type)
    types = frozenset(Verb) if verb is None else frozenset({verb})
    return EventFilter(
        period=_period(published_before, published_after),
        actor_id=actor_id,
        types=types - {Verb.GET} if exclude_pull else types,
    )


def _entry_filter(  # noqa: PLR0913, PLR0917 - one parameter each
    published_before: PublishedBefore = "",
    published_after: PublishedAfter = "",
    actor_id: ActorId = "",
    name: Annotated[
        str, Query(max_length=MAX_WORD, description="Only entries of this name.", examples=["LoginFailed"])
    ] = "",
    outcome: Annotated[
        Literal["", "success", "denied"], Query(description="Only what succeeded, or was denied.")
    ] = "",
    object_type: Annotated[
        str, Query(alias="objectType", max_length=MAX_WORD, description="Only what is about such a thing.")
    ] = "",
) -> EntryFilter:
    return EntryFilter(
        period=_period(published_before, published_after),
        actor_id=actor_id,
        name=name,
        outcome=outcome,
        object_type=object_type,
    )


def _period(before: str, after: str) -> Period:
    return Period(since=parse_moment(after, "publishedAfter"), until=parse_moment(before, "publishedBefore"))


WantedEvents = Annotated[EventFilter, Depends(_event_filter)]
WantedEntries = Annotated[EntryFilter, Depends(_entry_filter)]


def activity_router(activity: Activity) -> APIRouter:
    """Return the routes of the activity log."""
    router = APIRouter(tags=["events"])

    @router.get("/events", operation_id="listEvents", responses=documented())
    async def list_events(
        caller: SignedIn, wanted: WantedEvents, page: PagedList, response: Response
    ) -> EventsDocument:
        """List what happened in the registry, newest first.

        Administrators and auditors see everything; others what they did themselves, and what happened in namespaces
        that they administer. `count=true` counts up to 10,000.
        """
        found = await activity.list_all(caller, wanted, page)
        return EventsDocument(events=[_event(each) for each in paged(response, found)])

    @router.get(
        "/repositories/{namespace}/{reponame}/events",
        operation_id="listRepositoryEvents",
        responses=documented(404),
    )
    async def list_repository_events(
        caller: SignedIn, name: RepositoryInPath, wanted: WantedEvents, page: PagedList, response: Response
    ) -> EventsDocument:
        """List what happened in a repository, newest first.

        Pulls, promotion and mirroring are shown to its administrators only. `count=true` counts up to 10,000.
        """
        found = await activity.list_in(caller, name, wanted, page)
        return EventsDocument(events=[_event(each) for each in paged(response, found)])

    return router


def audit_router(audit: Audit) -> APIRouter:
    """Return the routes of the audit chain."""
    router = APIRouter(tags=["audit"])

    @router.get("/audit", operation_id="listAuditEntries", responses=documented())
    async def list_audit_entries(
        caller: SignedIn, wanted: WantedEntries, page: PagedList, response: Response
    ) -> EntriesDocument:
        """List matters of security, newest first: logins, accounts, rights, settings, tokens.

        Administrators and auditors see everything; others what they did themselves, and what concerns namespaces that
        they own. `count=true` counts up to 10,000.
        """
        found = await audit.list_all(caller, wanted, page)
        return EntriesDocument(entries=[_entry(each) for each in paged(response, found)])

    return router


def _event(event: Event) -> EventShape:
    return EventShape(
        id=str(event.id),
        published_at=event.published_at,
        type=event.type,
        actor=event.actor_id,
        actor_type=event.actor_kind,
        actor_name=event.actor_name,
        repository=event.repository,
        namespace=event.namespace,
        object=_object(event.object),
        target=None if event.target is None else _object(event.target),
        name=event.name,
        count=event.count,
        address=event.address,
        user_agent=event.user_agent,
        request_id=event.request_id,
        details=dict(event.details),
    )


def _object(thing: FactObject) -> ObjectShape:
    return ObjectShape(id=thing.id, type=thing.type, name=thing.name, content=thing.content)


def _entry(entry: Entry) -> EntryShape:
    return EntryShape.model_validate({**entry.document(), "hash": entry.hash})
