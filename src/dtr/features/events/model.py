"""Events of the activity log, entries of the audit chain, and the rules for both."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from dtr.core.clock import rfc3339, to_micros
from dtr.core.errors import Invalid
from dtr.core.facts import Audience, Fact, FactObject, Verb
from dtr.core.messages import Message, said

MAX_COUNT: Final = 10_000
"""Entries are counted up to this many: counting a million would cost more than the page."""

LOGIN_FACTS: Final = frozenset(
    {"LoginSucceeded", "LoginFailed", "SessionStarted", "SessionEnded", "AccessTokenUsed"}
)
"""Logins are no activity; in the audit chain they are unless `auditAuthLogsEnabled` is turned off."""

LAST_NUMBER: Final = 2**62
LAST_MICROS: Final = 2**62

_MARKER = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class TimeInvalid(Invalid):
    """A moment is not written as RFC 3339 asks for."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the activity log."""

    id: int
    published_at: datetime
    name: str
    type: Verb
    audience: Audience
    actor_id: str
    actor_name: str
    actor_kind: str
    address: str
    user_agent: str
    request_id: str
    repository: str
    """Its path when it happened; empty where it concerns a whole namespace."""
    namespace: str
    object: FactObject
    target: FactObject | None
    count: int
    details: Mapping[str, Any]

    @property
    def marker(self) -> str:
        """What a page that starts here is called."""
        return f"{to_micros(self.published_at)}-{self.id}"


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a list that is ordered by moment (microseconds) and number, newest first."""

    micros: int = LAST_MICROS
    number: int = LAST_NUMBER

    @staticmethod
    def parse(marker: str) -> "Place":
        """Read the start of a page; empty for the newest entry. Raises Invalid for what no page is called."""
        if not marker:
            return Place()
        found = _MARKER.fullmatch(marker)
        if found is None:
            raise Invalid("pageStart names no place in this list: take it from the page before")
        return Place(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`; None leaves that side open."""

    since: datetime | None = None
    until: datetime | None = None

    def window(self, place: Place = Place()) -> "Window":
        """Return what of the period lies at `place` or before."""
        start = place
        if self.until is not None:
            limit = Place(to_micros(self.until) - 1)
            start = min(place, limit, key=lambda each: (each.micros, each.number))
        return Window(start, 0 if self.since is None else to_micros(self.since))


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a list, from its newest place back to a moment in microseconds."""

    start: Place
    since_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are wanted; everything given must hold."""

    period: Period = Period()
    actor_id: str = ""
    types: frozenset[Verb] = frozenset(Verb)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries of the audit chain are wanted; everything given must hold."""

    period: Period = Period()
    actor_id: str = ""
    name: str = ""
    outcome: str = ""
    object_type: str = ""

    @property
    def columns(self) -> dict[str, str]:
        """The wanted values by column."""
        wanted = {
            "actor_id": self.actor_id,
            "name": self.name,
            "outcome": self.outcome,
            "object_type": self.object_type,
        }
        return {column: value for column, value in wanted.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much of the activity log is kept; None keeps without limit."""

    is_enabled: bool = True
    age: timedelta | None = None
    pull_age: timedelta | None = None
    rows: int | None = None

    def age_of(self, verb: Verb) -> timedelta | None:
        """Return how long events of a type are kept. Pulls are many and soon tell nothing new."""
        ages = [each for each in (self.age, self.pull_age if verb is Verb.GET else None) if each is not None]
        return min(ages, default=None)


def parse_moment(text: str, parameter: str) -> datetime | None:
    """Read a query parameter with a moment (RFC 3339, with its zone); None if it is empty. Raises TimeInvalid."""
    if not text:
        return None
    message = said("%(field)s is no moment with its zone, such as 2030-01-31T12:00:00Z", field=parameter)
    # A plus sign that was not escaped arrives as a space.
    given = re.sub(r" (\d{2}:\d{2})$", r"+\1", text)
    if _ZONED.fullmatch(given) is None:
        raise TimeInvalid(message, field=parameter)
    try:
        moment = datetime.fromisoformat(given.upper())
        to_micros(moment)
    except (ValueError, OverflowError) as error:
        raise TimeInvalid(message, field=parameter) from error
    return moment


def parse_verb(text: str) -> Verb | None:
    """Read a query parameter with a type of events, in any case; None if it is empty. Raises Invalid."""
    if not text:
        return None
    try:
        return Verb(text.upper())
    except ValueError as error:
        raise Invalid(
            said("eventType is none of %(known)s", known=", ".join(Verb)), field="eventType"
        ) from error


def namespace_of(fact: Fact) -> str:
    """Return the account that a fact concerns: its own word, or that of the repository's path."""
    return fact.repository.path.partition("/")[0] if fact.repository is not None else fact.namespace


# -- the audit chain -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the audit chain as it is stored. `position` counts from 1 without gaps."""

    position: int
    at: int
    """Microseconds since the epoch."""
    name: str
    actor_id: str
    namespace: str
    outcome: str
    object_type: str
    content: str
    hash: str

    @property
    def marker(self) -> str:
        """What a page that starts here is called."""
        return f"{self.at}-{self.position}"

    def document(self) -> dict[str, Any]:
        """Return the content as plain values."""
        document: dict[str, Any] = json.loads(self.content)
        return document


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain begins and ends."""

    first_position: int
    anchor_hash: str
    """The hash of the entry before the first; empty if that never was."""
    last_position: int
    last_hash: str
    seal: str

    @property
    def is_new(self) -> bool:
        """True before the first entry."""
        return (self.first_position, self.anchor_hash, self.last_position, self.last_hash) == (1, "", 0, "")


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """What is wrong with the chain, and at which position it shows first."""

    position: int
    kind: Message
    """`changed`, `removed`, `inserted`, `reordered`, `truncated` or `head`."""
    explanation: Message

    def sentence(self) -> Message:
        """Say it to a person."""
        return said(
            "%(kind)s at %(position)s: %(problem)s",
            kind=self.kind,
            position=self.position,
            problem=self.explanation,
        )


@dataclass(frozen=True, slots=True)
class ChainKey:
    """The secret that makes hashes nobody can make who has the database only."""

    key: bytes = field(repr=False)

    HEAD_LABEL: ClassVar[str] = "head"

    def hash(self, previous: str, content: str) -> str:
        """Return the hash of an entry that follows the one with the hash `previous`."""
        return hmac.new(self.key, f"{previous}{content}".encode(), hashlib.sha256).hexdigest()

    def sealed(self, first_position: int, anchor_hash: str, last_position: int, last_hash: str) -> Head:
        """Return a head with its seal."""
        text = "\n".join((self.HEAD_LABEL, str(first_position), anchor_hash, str(last_position), last_hash))
        seal = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()
        return Head(first_position, anchor_hash, last_position, last_hash, seal)

    def problem_of_head(self, head: Head) -> ChainProblem | None:
        """Return what is wrong with a head; None if it was sealed with this key."""
        genuine = self.sealed(head.first_position, head.anchor_hash, head.last_position, head.last_hash)
        if (head.is_new and not head.seal) or _is_same(genuine.seal, head.seal):
            return None
        explanation = said(
            "the row audit_head was changed, or the master key is not the one it was sealed with"
        )
        return ChainProblem(head.last_position, said("head"), explanation)

    def problem_of_entry(self, entry: Entry, position: int, previous: str) -> ChainProblem | None:
        """Return what is wrong with the next entry; None if it was stored at `position` after the hash `previous`."""
        if entry.position < position:
            return ChainProblem(entry.position, said("inserted"), said("the chain begins later"))
        if entry.position > position:
            return ChainProblem(position, said("removed"), _missing(position, entry.position - 1))
        stated = _document_or_nothing(entry.content).get("position")
        if isinstance(stated, int) and stated != position:
            return ChainProblem(
                position, said("reordered"), said("the entry %(position)s stands here", position=stated)
            )
        if not _is_same(self.hash(previous, entry.content), entry.hash):
            return ChainProblem(position, said("changed"), said("content and hash do not belong together"))
        wrong = [name for name, value in _columns(entry.document()).items() if getattr(entry, name) != value]
        if wrong:
            return ChainProblem(
                position,
                said("changed"),
                said("not what the content says: %(fields)s", fields=", ".join(wrong)),
            )
        return None


def new_entry(key: ChainKey, fact: Fact, position: int, previous: str) -> Entry:
    """Return the entry that tells `fact` at `position`, after the entry with the hash `previous`."""
    document = {
        "position": position,
        "at": rfc3339(fact.at),
        "name": fact.name,
        "outcome": fact.outcome.value,
        "actor": {
            "id": fact.caller.principal.account_id or "",
            "name": fact.caller.principal.name or "",
            "kind": fact.caller.principal.kind.value,
        },
        "client": {"address": fact.caller.address, "userAgent": fact.caller.user_agent},
        "requestID": fact.caller.request_id,
        "object": object_document(fact.object),
        "repository": "" if fact.repository is None else fact.repository.path,
        "namespace": namespace_of(fact),
        "details": dict(fact.details),
    }
    content = canonical(document)
    return Entry(
        position=position,
        content=content,
        hash=key.hash(previous, content),
        **_columns(json.loads(content)),
    )


def canonical(document: Mapping[str, Any]) -> str:
    """Return JSON that is the same for the same values: sorted keys, no spaces, ASCII only."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def object_document(thing: FactObject) -> dict[str, str]:
    """Return what a fact is about as plain values."""
    return {"type": thing.type, "id": thing.id, "name": thing.name, "content": thing.content}


def _missing(first: int, last: int) -> Message:
    if first == last:
        return said("missing: %(position)s", position=first)
    return said("missing: %(first)s to %(last)s", first=first, last=last)


def _columns(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the columns beside the content repeat of it."""
    return {
        "at": to_micros(datetime.fromisoformat(document["at"])),
        "name": document["name"],
        "actor_id": document["actor"]["id"],
        "namespace": document["namespace"],
        "outcome": document["outcome"],
        "object_type": document["object"]["type"],
    }


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _document_or_nothing(content: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
