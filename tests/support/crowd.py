"""A registry with long lists: 10,000 of everything, with names and texts as long as they may be."""

import itertools
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, text

from dtr.core.clock import to_micros
from dtr.core.facts import Audience, Fact, FactObject, Outcome, RepositoryRef, Verb
from dtr.core.permits import MAX_PATTERN_LENGTH, MAX_PERMITS, Permit, permits_as_text
from dtr.core.principal import ANONYMOUS, MAX_USER_AGENT, Caller, Principal
from dtr.features.accounts.model.accounts import MAX_FULL_NAME_LENGTH, MAX_NAME_LENGTH
from dtr.features.accounts.model.organizations import MAX_DESCRIPTION_LENGTH, MAX_TEAM_NAME_LENGTH
from dtr.features.accounts.model.public_keys import MAX_KEYS, MAX_LABEL_LENGTH
from dtr.features.accounts.store.tables import (
    account_table,
    organization_member_table,
    public_key_table,
    session_table,
    team_member_table,
    team_table,
)
from dtr.features.events.tables import event_table
from dtr.features.images.model.details import MAX_TEXT, Child, Details
from dtr.features.images.store.tables import (
    blob,
    blob_link,
    manifest,
    manifest_details,
    manifest_reference,
    storage_snapshot,
    tag,
    tag_history,
)
from dtr.features.repositories.model import MAX_LONG_DESCRIPTION_LENGTH, MAX_SHORT_DESCRIPTION_LENGTH
from dtr.features.repositories.store.tables import (
    repository_table,
    repository_team_access_table,
    repository_user_access_table,
)
from dtr.features.robots import model as robot_model
from dtr.features.robots.tables import robot_table
from dtr.features.tokens import access_token_model as token_model
from dtr.features.tokens.store.tables import client_token_table
from dtr.oci.mediatypes import OCI_INDEX, OCI_MANIFEST

MANY: Final = 10_000
ORGANIZATIONS: Final = 1_000
TEAMS: Final = 2_000
SESSIONS: Final = 500
SHOWN_PERMITS: Final = 3
"""Lists show no more; few robots and tokens have more."""
SECURITY_FACTS: Final = 1_000
BATCH: Final = 2_000

NOW: Final = datetime.now(UTC).replace(microsecond=0)
NOW_MICROS: Final = to_micros(NOW)
SECOND_MICROS: Final = 1_000_000
LATER_MICROS: Final = to_micros(NOW + timedelta(days=30))

LONGEST_PATH: Final = 255
LONGEST_TAG: Final = 128


def _long(start: str, length: int) -> str:
    return start.ljust(length, "x")


def chinese(length: int) -> str:
    """Return a text that takes three bytes a character."""
    return ("镜像仓库的说明文字" * (length // 9 + 1))[:length]


def user_name(number: int) -> str:
    """Return the name of a user, from 0 on: as long as it may be, in the order of numbers."""
    return _long(f"u{number:05}-", MAX_NAME_LENGTH)


def organization_name(number: int) -> str:
    """Return the name of an organization, from 1 on."""
    return _long(f"org{number:04}-", MAX_NAME_LENGTH)


def team_name(number: int) -> str:
    """Return the name of a team of the large organization."""
    return _long(f"team{number:04}-", MAX_TEAM_NAME_LENGTH)


BIG: Final = _long("big-", MAX_NAME_LENGTH)
"""The organization with everybody in it."""


def path_of(number: int) -> str:
    """Return the path of a repository of the large organization, from 0 on."""
    return _long(f"{BIG}/r{number:05}-", LONGEST_PATH)


def spread_path(number: int) -> str:
    """Return the path of a repository of one of the other organizations."""
    return _long(
        f"{organization_name(number % ORGANIZATIONS + 1)}/s{number // ORGANIZATIONS:02}-", LONGEST_PATH
    )


def tag_name(number: int) -> str:
    """Return the name of a tag of the first repository."""
    return _long(f"v{number:05}-", LONGEST_TAG)


def robot_name(number: int) -> str:
    """Return the name of a robot of the large organization."""
    return f"robot+{BIG}+" + _long(f"bot{number:04}-", MAX_NAME_LENGTH)


def account_id(name: str) -> str:
    """Return the id of an account."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def digest_of(number: int) -> str:
    """Return a digest."""
    return f"sha256:{number:064x}"


def token_hash(number: int) -> str:
    """Return what names a token of the busy member, or a session of theirs, in the database."""
    return f"{number:064x}"


OWNER: Final = user_name(1)
MEMBER: Final = user_name(2)
"""In 500 teams, in all organizations; has all tokens and sessions."""
OUTSIDER: Final = "outsider"

PRINCIPALS: Final = {
    "admin": Principal(account_id("root"), "root", is_admin=True),
    "owner": Principal(account_id(OWNER), OWNER),
    "member": Principal(account_id(MEMBER), MEMBER),
    "outsider": Principal(account_id(OUTSIDER), OUTSIDER),
    "anonymous": ANONYMOUS,
}

FIRST_REPOSITORY: Final = 1
"""The number of `path_of(0)`, which has all tags and all grants."""
TEAMS_OF_MEMBER: Final = 500
MOVES: Final = 10_000
SHOWN_MANIFESTS: Final = 2
"""The first of each kind are as large as they may be; lists look at none of them."""
MAX_PLATFORM: Final = 20
"""Characters; lists show no more."""


def fill(tx: Connection, events: int) -> None:
    """Fill an empty database: 10,000 of everything, and so many events."""
    _accounts(tx)
    _teams(tx)
    _repositories(tx)
    _grants(tx)
    _images(tx)
    _programs(tx)
    _events(tx, events)


def _add(tx: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    source = iter(rows)
    while batch := list(itertools.islice(source, BATCH)):
        tx.execute(insert(table), batch)


def _account(name: str, **fields: Any) -> dict[str, Any]:
    plain = {
        "id": account_id(name),
        "name": name,
        "full_name": chinese(MAX_FULL_NAME_LENGTH),
        "password_hash": "",
        "is_admin": False,
        "is_active": True,
        "is_auditor": False,
        "is_org": False,
        "created_at": NOW_MICROS,
    }
    return {**plain, **fields}


def _accounts(tx: Connection) -> None:
    _add(tx, account_table, [_account("root", is_admin=True), _account(OUTSIDER), _account(BIG, is_org=True)])
    _add(
        tx,
        account_table,
        (
            _account(
                user_name(each),
                is_admin=each % 50 == 49,
                is_auditor=each % 40 == 39,
                is_active=each % 30 != 29,
            )
            for each in range(MANY)
        ),
    )
    others = [organization_name(each) for each in range(1, ORGANIZATIONS + 1)]
    _add(tx, account_table, (_account(each, is_org=True) for each in others))
    _add(
        tx,
        organization_member_table,
        (
            _membership("org_id", account_id(BIG), user_name(each), is_admin=each % 100 == 1)
            for each in range(MANY)
        ),
    )
    _add(
        tx,
        organization_member_table,
        (_membership("org_id", account_id(each), MEMBER, is_admin=True) for each in others),
    )


def _membership(of: str, group: str, user: str, *, is_admin: bool) -> dict[str, Any]:
    return {of: group, "account_id": account_id(user), "is_admin": is_admin, "created_at": NOW_MICROS}


def _teams(tx: Connection) -> None:
    _add(
        tx,
        team_table,
        (
            {
                "id": account_id(team_name(each)),
                "org_id": account_id(BIG),
                "name": team_name(each),
                "description": chinese(MAX_DESCRIPTION_LENGTH),
                "created_at": NOW_MICROS,
            }
            for each in range(TEAMS)
        ),
    )
    everybody = ((0, user_name(each)) for each in range(MANY))
    busy = ((each, MEMBER) for each in range(1, TEAMS_OF_MEMBER))
    _add(
        tx,
        team_member_table,
        (
            _membership("team_id", account_id(team_name(team)), user, is_admin=user == MEMBER)
            for team, user in itertools.chain(everybody, busy)
        ),
    )


def _repositories(tx: Connection) -> None:
    paths = itertools.chain(map(path_of, range(MANY)), map(spread_path, range(MANY)))
    _add(
        tx,
        repository_table,
        (
            {
                "id": number,
                "uuid": account_id(path),
                "path": path,
                "namespace": path.partition("/")[0],
                "visibility": "public" if number % 3 == 0 else "private",
                "created_at": NOW_MICROS,
                "pulls": 1_234_567,
                "last_pushed_at": NOW_MICROS,
                "short_description": chinese(MAX_SHORT_DESCRIPTION_LENGTH),
                "long_description": chinese(MAX_LONG_DESCRIPTION_LENGTH) if number < 10 else "",
            }
            for number, path in enumerate(paths, FIRST_REPOSITORY)
        ),
    )


def _grants(tx: Connection) -> None:
    of_first = ((FIRST_REPOSITORY, team) for team in range(TEAMS))
    of_member = ((2 + each, each % TEAMS_OF_MEMBER) for each in range(MANY - 2))
    _add(
        tx,
        repository_team_access_table,
        (
            {
                "repository_id": repository,
                "team_id": account_id(team_name(team)),
                "level": ("read-only", "read-write", "admin")[team % 3],
            }
            for repository, team in itertools.chain(of_first, of_member)
        ),
    )
    _add(
        tx,
        repository_user_access_table,
        (
            {
                "repository_id": FIRST_REPOSITORY,
                "account_id": account_id(user_name(each)),
                "level": "read-write",
            }
            for each in range(MANY)
        ),
    )


def _images(tx: Connection) -> None:
    numbers = range(1, MANY + 1)
    digests = [digest_of(each) for each in numbers]
    _add(
        tx,
        blob,
        ({"digest": each, "size_bytes": 10**9 + 1, "stored_at": NOW_MICROS} for each in digests),
    )
    links = itertools.chain(
        ((FIRST_REPOSITORY, each) for each in numbers),
        ((2 + each % (2 * MANY - 2), each % MANY + 1) for each in range(3 * MANY)),
    )
    _add(
        tx,
        blob_link,
        (
            {"repository_id": repository, "digest": digest_of(each), "linked_at": NOW_MICROS}
            for repository, each in dict.fromkeys(links)
        ),
    )
    _add(tx, manifest, map(_manifest, numbers))
    _add(
        tx,
        manifest_details,
        ({"digest": digest_of(each), "details": _details(each).to_json()} for each in numbers),
    )
    here = {"repository_id": FIRST_REPOSITORY}
    layers = ((each, (each + other) % MANY + 1) for each in numbers for other in range(10))
    _add(
        tx,
        manifest_reference,
        (
            {**here, "manifest_digest": digest_of(each), "digest": digest_of(layer), "kind": "layer"}
            for each, layer in layers
        ),
    )
    _add(
        tx,
        tag,
        (
            {
                **here,
                "name": tag_name(each),
                "digest": digest_of(each + 1),
                "tagged_at": NOW_MICROS,
                "tagged_by": MEMBER,
                "created_at": NOW_MICROS,
            }
            for each in range(MANY)
        ),
    )
    moved = {**here, "actor_id": account_id(MEMBER), "actor_name": MEMBER, "cause": "push"}
    moves = (
        {
            **moved,
            "name": tag_name(0),
            "digest": digest_of((each + 1) % MANY + 1),
            "previous_digest": digest_of(each % MANY + 1),
            "at": NOW_MICROS - MOVES + each,
        }
        for each in range(MOVES)
    )
    gone = (
        {
            **moved,
            "name": _long(f"gone{each:05}-", LONGEST_TAG),
            "digest": None,
            "previous_digest": digest_of(each + 1),
            "at": NOW_MICROS,
        }
        for each in range(MANY)
    )
    _add(tx, tag_history, itertools.chain(moves, gone))
    days = (NOW.date() - timedelta(days=each) for each in range(1, 1_000))
    _add(
        tx,
        storage_snapshot,
        ({"day": each.isoformat(), "size_bytes": 10**15, "blobs": MANY} for each in days),
    )


def _is_index(number: int) -> bool:
    return number % 4 == 1


def _manifest(number: int) -> dict[str, Any]:
    is_index = _is_index(number)
    annotations = {_long(f"org.example.{each}-", 200): chinese(400) for each in range(25)}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(number), "size": 9}
    children = [_child_document(each) for each in range(number + 1, number + 41)]
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX if is_index else OCI_MANIFEST,
        **({"manifests": children} if is_index else {"config": config, "layers": []}),
        **({"annotations": annotations} if number <= SHOWN_MANIFESTS else {}),
    }
    raw = json.dumps(content).encode()
    return {
        "repository_id": FIRST_REPOSITORY,
        "digest": digest_of(number),
        "media_type": content["mediaType"],
        "size_bytes": 10**10 + 1,
        "pushed_at": NOW_MICROS,
        "pushed_by": MEMBER,
        "pulls": 1_234_567,
        "annotations": "{}",
        "content": raw,
        # The first image has many that belong to it.
        "subject_digest": digest_of(2) if number % 100 == 3 else None,
    }


def _child_document(number: int) -> dict[str, Any]:
    word = chinese(MAX_TEXT) if number <= SHOWN_MANIFESTS + 41 else "linux"
    platform = {"os": word, "architecture": word, "variant": word}
    return {
        "mediaType": OCI_MANIFEST,
        "digest": digest_of((number - 1) % MANY + 1),
        "size": 99,
        "platform": platform,
    }


def _details(number: int) -> Details:
    if not _is_index(number):
        return Details(
            config_digest=digest_of(number),
            os=chinese(MAX_PLATFORM),
            architecture=chinese(MAX_PLATFORM),
            author=chinese(MAX_TEXT),
        )
    children = tuple(
        Child(
            digest_of((each - 1) % MANY + 1),
            OCI_MANIFEST,
            99,
            chinese(MAX_PLATFORM),
            "",
            chinese(MAX_PLATFORM),
        )
        for each in range(number + 1, number + 41)
    )
    return Details(children=children)


def _permits(count: int) -> str:
    patterns = (_long(f"{BIG}/p{each:03}", MAX_PATTERN_LENGTH) for each in range(count))
    return permits_as_text(Permit.parse(each, ["pull", "push", "delete", "admin"]) for each in patterns)


def _programs(tx: Connection) -> None:
    """Add what lets programs and browsers in: all of the busy member, and robots."""
    most, few, owner = _permits(MAX_PERMITS), _permits(SHOWN_PERMITS), account_id(MEMBER)
    agent = "Mozilla/5.0 <&" + "'" * (MAX_USER_AGENT - 14)
    _add(
        tx,
        client_token_table,
        (
            {
                "id": account_id(f"token{each}"),
                "account_id": owner,
                "token_hash": token_hash(each),
                "generated_by": "auto" if each % 2 else "manual",
                "label": chinese(token_model.MAX_LABEL_LENGTH),
                "created_at": NOW_MICROS + each,
                "last_used_at": NOW_MICROS,
                "permits": few if each % 100 else most,
                "expires_at": LATER_MICROS,
                "creator_user_agent": agent,
                "last_used_address": "2001:db8:1234:5678:9abc:def0:1234:5678",
            }
            for each in range(token_model.MAX_TOKENS)
        ),
    )
    _add(
        tx,
        session_table,
        (
            {
                "token_hash": token_hash(each * 16**48),
                "account_id": owner,
                "credentials_version": 1,
                "created_at": NOW_MICROS + each // 2,
                "last_used_at": NOW_MICROS,
                "expires_at": LATER_MICROS,
                "address": "2001:db8:1234:5678:9abc:def0:1234:5678",
                "user_agent": agent,
            }
            for each in range(1, SESSIONS + 1)
        ),
    )
    _add(
        tx,
        public_key_table,
        (
            {
                "account_id": owner,
                "id": token_hash(each),
                "label": chinese(MAX_LABEL_LENGTH),
                "public_key": "-----BEGIN PUBLIC KEY-----\n" + ("A" * 64 + "\n") * 12,
                "created_at": NOW_MICROS,
            }
            for each in range(MAX_KEYS)
        ),
    )
    of_big = ((robot_name(each), BIG) for each in range(robot_model.MAX_ROBOTS))
    spread = (
        (f"robot+{organization_name(each)}+" + _long("bot-", MAX_NAME_LENGTH), organization_name(each))
        for each in range(1, ORGANIZATIONS + 1)
    )
    _add(
        tx,
        robot_table,
        (
            {
                "id": account_id(name),
                "name": name,
                "namespace": namespace,
                "description": chinese(robot_model.MAX_DESCRIPTION_LENGTH),
                "permits": few if number % 100 else most,
                "created_at": NOW_MICROS,
                "created_by": MEMBER,
                "expires_at": LATER_MICROS,
                "secret_hash": "",
                "secret_set_at": NOW_MICROS,
                "last_used_at": NOW_MICROS,
                "last_used_address": "2001:db8:1234:5678:9abc:def0:1234:5678",
            }
            for number, (name, namespace) in enumerate(itertools.chain(of_big, spread))
        ),
    )


def _events(tx: Connection, count: int) -> None:
    """Add one event of each kind in each of the repositories, then as many copies of all as are wanted."""
    _add(tx, event_table, _first_events())
    columns = [
        each.name for each in event_table.columns if each.name not in {"id", "published_at", "details"}
    ]
    listed = ", ".join(f'"{each}"' for each in columns)
    done = len(FIRST_EVENTS)
    while done < count:
        copied = text(f"""
            INSERT INTO event (published_at, details, {listed})
            SELECT published_at - CAST({done * SECOND_MICROS} AS BIGINT), '{{}}', {listed}
              FROM event ORDER BY id LIMIT {min(done, count - done)}
        """)  # noqa: S608 - constants
        done += tx.execute(copied).rowcount


FIRST_EVENTS: Final[Sequence[tuple[str, Verb, Audience]]] = [
    (name, verb, audience)
    for name, verb, audience in (
        ("ManifestPulled", Verb.GET, Audience.ADMINS),
        ("TagPushed", Verb.CREATE, Audience.READERS),
        ("TagDeleted", Verb.DELETE, Audience.READERS),
        ("TeamAccessChanged", Verb.UPDATE, Audience.ADMINS),
    )
    for _ in range(250)
]


def security_facts() -> Iterator[Fact]:
    """Yield what goes into the audit chain: through the service, which seals it."""
    changes = {f"field{each}": {"old": chinese(200), "new": chinese(200)} for each in range(3)}
    for number in range(SECURITY_FACTS):
        name = user_name(number % 50)
        principal = Principal(account_id(name), name)
        agent = "docker/27 <&" + "'" * (MAX_USER_AGENT - 12)
        yield Fact(
            name="AccountChanged" if number % 2 else "TeamAccessChanged",
            at=NOW + timedelta(seconds=number),
            caller=Caller(principal, "2001:db8:1234:5678:9abc:def0:1234:5678", agent, "request"),
            verb=Verb.UPDATE,
            object=FactObject("teamAccess", name=team_name(0), id=account_id(name)),
            repository=RepositoryRef(FIRST_REPOSITORY, path_of(0)),
            is_security=True,
            outcome=Outcome.DENIED if number % 10 == 0 else Outcome.SUCCESS,
            details={"changes": changes},
        )


def _first_events() -> Iterator[dict[str, Any]]:
    changes = {f"field{each}": {"old": chinese(200), "new": chinese(200)} for each in range(3)}
    for number, (name, verb, audience) in enumerate(FIRST_EVENTS):
        repository = FIRST_REPOSITORY + number % 5
        actor = user_name(number % 50)
        thing = {"type": "tag", "id": "", "name": tag_name(number), "content": digest_of(number + 1)}
        yield {
            "published_at": NOW_MICROS - number * SECOND_MICROS,
            "name": name,
            "version": 1,
            "type": verb.value,
            "audience": audience.value,
            "actor_id": account_id(actor),
            "actor_name": actor,
            "actor_kind": "user",
            "address": "2001:db8:1234:5678:9abc:def0:1234:5678",
            "user_agent": "docker/27",
            "request_id": "",
            "repository_id": repository,
            "repository": path_of(number % 5),
            "namespace": BIG,
            "object": json.dumps(thing),
            "target": None,
            "count": 1_000,
            "details": json.dumps({"changes": changes, "newLevel": "admin", "previousDigest": digest_of(7)}),
        }
