"""Micro benchmarks of pure functions, in nanoseconds a call: `python -m bench.micro --help`."""

import argparse
import asyncio
import itertools
import sys
import tempfile
import timeit
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from bench.contents import new_image
from bench.works import ACCEPT
from dtr.core.actions import Action, parse_scopes
from dtr.core.clock import SystemClock
from dtr.core.principal import Principal, PrincipalKind, TokenSubject
from dtr.features.access.model import AccessPolicy, RepositoryFacts, Situation, decide
from dtr.features.images.model import StoredManifest
from dtr.features.images.service.pulls import PullCounter
from dtr.features.tokens.checker import TokenChecker
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules, access_claim
from dtr.features.tokens.revocations import Revocations
from dtr.oci.digest import Digest
from dtr.oci.headers import parse_accept
from dtr.oci.manifest import parse_manifest
from dtr.oci.mediatypes import OCI_MANIFEST
from dtr.oci.names import RepositoryName
from dtr.plumbing.announcements import announce_to_nobody
from dtr.plumbing.crypto import tokens
from dtr.plumbing.crypto.keyring import KeyRing, new_signing_key
from dtr.plumbing.db import Database, open_database
from dtr.plumbing.db.migrate import migrate

Call: TypeAlias = Callable[[], object]

_REPEATS: Final = 5
_MORE_THAN_REMEMBERED: Final = 10_000
"""So many different inputs in turn that no cache helps."""

_NAME: Final = "team/library/application"
_SCOPE: Final = f"repository:{_NAME}:pull,push"
_RULES: Final = TokenRules("https://registry", "registry", 3600, 5, 86_400)


class _OneKey(KeyRingStore):
    """Signing keys without a database."""

    def __init__(self, ring: KeyRing) -> None:
        self._one = ring

    async def ring(self) -> KeyRing:
        """Return the one key."""
        return self._one


def main(arguments: Sequence[str] | None = None) -> int:
    """Time every call, print its nanoseconds, return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.micro", description="Time our pure functions.")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the nanoseconds to FILE")
    options = parser.parse_args(arguments)
    found = {}
    for name, call in _calls():
        found[name] = nanoseconds(call)
        print(f"{name:44} {found[name]:12,.0f} ns", flush=True)
    if options.json:
        options.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    return 0


def nanoseconds(call: Call) -> float:
    """Return what a call takes in the best of several repeats: all others were disturbed."""
    timer = timeit.Timer(call)
    number, _ = timer.autorange()
    return min(timer.repeat(_REPEATS, max(number // 2, 1))) / max(number // 2, 1) * 1e9


def _calls() -> Iterator[tuple[str, Call]]:
    yield from _word_calls()
    yield from _document_calls()
    yield from _access_calls()
    yield from _token_calls()
    yield from _pull_calls()


def _word_calls() -> Iterator[tuple[str, Call]]:
    digests = [f"sha256:{number:064x}" for number in range(_MORE_THAN_REMEMBERED)]
    names = [f"team/application-{number}" for number in range(_MORE_THAN_REMEMBERED)]
    yield "digest parse, seen before", lambda: Digest.parse(digests[0])
    yield "digest parse, new", _in_turn(Digest.parse, digests)
    yield "name parse, seen before", lambda: RepositoryName.parse(_NAME)
    yield "name parse, new", _in_turn(RepositoryName.parse, names)


def _document_calls() -> Iterator[tuple[str, Call]]:
    manifest = new_image().manifest
    headers = tuple(value.encode() for _, value in ACCEPT)
    different = [(*headers, f"text/x-{number}".encode()) for number in range(_MORE_THAN_REMEMBERED)]
    yield "manifest parse, config and three layers", lambda: parse_manifest(manifest, OCI_MANIFEST)
    yield "accept negotiation, seen before", lambda: parse_accept(headers).allows(OCI_MANIFEST)
    yield "accept negotiation, new", _in_turn(parse_accept, different)


def _access_calls() -> Iterator[tuple[str, Call]]:
    name, policy = RepositoryName.parse(_NAME), AccessPolicy(create_on_push=True)
    owner, stranger = Principal("1", "team"), Principal("2", "other")
    public = Situation(name, RepositoryFacts(is_public=True), has_namespace=True)
    yield "access decision, owner", lambda: decide(owner, public, policy)
    yield "access decision, stranger", lambda: decide(stranger, public, policy)
    yield "scope parse", lambda: parse_scopes([_SCOPE])


def _token_calls() -> Iterator[tuple[str, Call]]:
    clock = SystemClock()
    ring = KeyRing([new_signing_key(clock)])
    claims = _claims(clock.now())
    token = tokens.sign(claims, ring.active)
    header = f"Bearer {token}".encode()
    with _opened_database() as database:
        checker = TokenChecker(_OneKey(ring), _RULES, clock, Revocations(database, clock, _RULES))
        grant = asyncio.run(checker.check(header))
        generation = database.generation()
        yield "token check, seen before", lambda: checker.peek(header, generation)
        yield "generation of the database", database.generation
    yield (
        "token check, new",
        lambda: tokens.verify(token, ring, _RULES.issuer, _RULES.service, clock.now()),
    )
    yield "token allows", lambda: grant.allows("repository", _NAME, Action.PULL)
    yield "token sign", lambda: tokens.sign(claims, ring.active)


@contextmanager
def _opened_database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/metadata.db"
        migrate(url)
        database = open_database(url)
        asyncio.run(database.open())
        try:
            yield database
        finally:
            asyncio.run(database.close())


def _pull_calls() -> Iterator[tuple[str, Call]]:
    database = open_database("sqlite:///never-opened.db")  # as its name says: nothing is flushed
    counter = PullCounter(database, SystemClock(), announce_to_nobody)
    found = StoredManifest(7, f"sha256:{7:064x}", OCI_MANIFEST, b"")
    holder = TokenSubject("team", str(uuid.uuid4()), PrincipalKind.USER)
    yield "pull count", lambda: counter.count(found, "latest", holder, "192.0.2.1", "docker/29")


def _claims(now: datetime) -> dict[str, Any]:
    issued_at = int(now.timestamp())
    return {
        "iss": _RULES.issuer,
        "aud": _RULES.service,
        "sub": "team",
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + _RULES.lifetime_seconds,
        "jti": str(uuid.uuid4()),
        "access": access_claim(parse_scopes([_SCOPE])),
    }


def _in_turn(function: Callable[[Any], object], inputs: Sequence[object]) -> Call:
    following = itertools.cycle(inputs).__next__
    return lambda: function(following())


if __name__ == "__main__":
    sys.exit(main())
