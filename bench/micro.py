"""Micro benchmarks of pure functions, in nanoseconds a call: `python -m bench.micro --help`."""

import argparse
import asyncio
import itertools
import sys
import timeit
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from bench.contents import new_image
from bench.works import ACCEPT
from dtr.core.actions import Action, parse_scopes
from dtr.core.clock import SystemClock
from dtr.core.principal import Principal
from dtr.features.access.model import AccessPolicy, RepositoryFacts, decide
from dtr.features.tokens.checker import TokenChecker
from dtr.features.tokens.keys import KeyRingStore
from dtr.features.tokens.model import TokenRules, access_claim
from dtr.oci.digest import Digest
from dtr.oci.headers import parse_accept
from dtr.oci.manifest import parse_manifest
from dtr.oci.mediatypes import OCI_MANIFEST
from dtr.oci.names import RepositoryName
from dtr.plumbing.crypto import tokens
from dtr.plumbing.crypto.keyring import KeyRing, new_signing_key

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
    public = RepositoryFacts(is_public=True)
    yield "access decision, owner", lambda: decide(owner, name, public, policy)
    yield "access decision, stranger", lambda: decide(stranger, name, public, policy)
    yield "scope parse", lambda: parse_scopes([_SCOPE])


def _token_calls() -> Iterator[tuple[str, Call]]:
    clock = SystemClock()
    ring = KeyRing([new_signing_key(clock)])
    claims = _claims(clock.now())
    token = tokens.sign(claims, ring.active)
    checker = TokenChecker(_OneKey(ring), _RULES, clock)
    header = f"Bearer {token}".encode()
    grant = asyncio.run(checker.check(header))
    yield "token check, seen before", lambda: checker.peek(header)
    yield (
        "token check, new",
        lambda: tokens.verify(token, ring, _RULES.issuer, _RULES.service, clock.now()),
    )
    yield "token allows", lambda: grant.allows("repository", _NAME, Action.PULL)
    yield "token sign", lambda: tokens.sign(claims, ring.active)


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
