"""The rows of the activity log."""

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text

from dtr.core.clock import from_micros, to_micros
from dtr.core.facts import Audience, Fact, FactObject, Verb
from dtr.features.events.model import Event, EventFilter, Place, canonical, namespace_of, object_document
from dtr.features.events.store import ranges
from dtr.features.events.store.ranges import Range, Source
from dtr.plumbing.db import Transaction

EVENTS: Final = Source("event", "published_at", "id")

INSERT = text("""
INSERT INTO event (published_at, name, version, type, audience, actor_id, actor_name, actor_kind, address, user_agent,
                   request_id, repository_id, repository, namespace, object, target, count, details)
VALUES (:published_at, :name, :version, :type, :audience, :actor_id, :actor_name, :actor_kind, :address, :user_agent,
        :request_id, :repository_id, :repository, :namespace, :object, :target, :count, :details)
""")

COUNT_ALL = text("SELECT count(*) FROM event")

# Index: event(type, published_at, id).
DELETE_OLDER = text("""
DELETE FROM event
 WHERE id IN (SELECT id FROM event WHERE type = :type AND published_at < :before
               ORDER BY published_at, id LIMIT :most)
""")

# Primary key.
DELETE_OLDEST = text("DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT :most)")


def insert(tx: Transaction, fact: Fact) -> None:
    """Add what a fact tells."""
    principal = fact.caller.principal
    tx.execute(
        INSERT,
        {
            "published_at": to_micros(fact.at),
            "name": fact.name,
            "version": fact.version,
            "type": fact.verb.value,
            "audience": fact.audience.value,
            "actor_id": principal.account_id or "",
            "actor_name": principal.name or "",
            "actor_kind": principal.kind.value,
            "address": fact.caller.address,
            "user_agent": fact.caller.user_agent,
            "request_id": fact.caller.request_id,
            "repository_id": None if fact.repository is None else fact.repository.id,
            "repository": "" if fact.repository is None else fact.repository.path,
            "namespace": namespace_of(fact),
            "object": canonical(object_document(fact.object)),
            "target": None if fact.target is None else canonical(object_document(fact.target)),
            "count": fact.count,
            "details": canonical(fact.details),
        },
    )


def everywhere(wanted: EventFilter) -> list[Range]:
    """Return the ranges of all events that are wanted."""
    if wanted.actor_id:
        return of_actor(wanted.actor_id, wanted)
    return [Range({"type": verb.value}) for verb in sorted(wanted.types)]


def of_actor(actor_id: str, wanted: EventFilter) -> list[Range]:
    """Return the ranges of what an actor did. Index: event(actor_id, type, published_at, id)."""
    return [Range({"actor_id": actor_id, "type": verb.value}) for verb in sorted(wanted.types)]


def in_namespace(namespace: str, wanted: EventFilter) -> list[Range]:
    """Return the ranges of what happened in a namespace.

    Indexes: event(namespace, type, published_at, id), and the same with actor_id.
    """
    actor = {"actor_id": wanted.actor_id} if wanted.actor_id else {}
    return [Range({"namespace": namespace, **actor, "type": verb.value}) for verb in sorted(wanted.types)]


def in_repository(repository_id: int, audiences: frozenset[Audience], wanted: EventFilter) -> list[Range]:
    """Return the ranges of what happened in a repository, for these audiences.

    Indexes: event(repository_id, audience, type, published_at, id), and the same with actor_id.
    """
    actor = {"actor_id": wanted.actor_id} if wanted.actor_id else {}
    return [
        Range({"repository_id": repository_id, **actor, "audience": audience.value, "type": verb.value})
        for audience in sorted(audiences)
        for verb in sorted(wanted.types)
    ]


def page(
    tx: Transaction, found_in: list[Range], wanted: EventFilter, place: Place, limit: int
) -> list[Event]:
    """Return the newest `limit` events in these ranges, from `place` on."""
    return [_event(row) for row in ranges.page(tx, EVENTS, found_in, wanted.period.window(place), limit)]


def count(tx: Transaction, found_in: list[Range], wanted: EventFilter, most: int) -> int:
    """Return how many events these ranges hold; `most` if there are as many or more."""
    return ranges.count(tx, EVENTS, found_in, wanted.period.window(), most)


def count_all(tx: Transaction) -> int:
    """Return how many events there are."""
    number: int = tx.execute(COUNT_ALL).scalar_one()
    return number


def delete_older(tx: Transaction, verb: Verb, before: datetime, most: int) -> int:
    """Remove at most `most` events of a type that were published before a moment; return how many."""
    values = {"type": verb.value, "before": to_micros(before), "most": most}
    return tx.execute(DELETE_OLDER, values).rowcount


def delete_oldest(tx: Transaction, most: int) -> int:
    """Remove the `most` events that were recorded first; return how many."""
    return tx.execute(DELETE_OLDEST, {"most": most}).rowcount


def _event(row: Row[Any]) -> Event:
    return Event(
        id=row.id,
        published_at=from_micros(row.published_at),
        name=row.name,
        type=Verb(row.type),
        audience=Audience(row.audience),
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        actor_kind=row.actor_kind,
        address=row.address,
        user_agent=row.user_agent,
        request_id=row.request_id,
        repository=row.repository,
        namespace=row.namespace,
        object=FactObject(**json.loads(row.object)),
        target=None if row.target is None else FactObject(**json.loads(row.target)),
        # `count` is a method of rows as well.
        count=row._mapping["count"],  # noqa: SLF001 - SQLAlchemy's public name
        details=json.loads(row.details),
    )
