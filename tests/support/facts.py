"""Facts for tests of those who listen to them."""

from datetime import UTC, datetime
from typing import Any

from dtr.core.facts import Fact, FactObject, RepositoryRef, Verb
from dtr.core.principal import Caller, Principal

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ALICE = Caller(Principal("id-of-alice", "alice"), "192.0.2.1", "docker/27", "r-1")
BOB = Caller(Principal("id-of-bob", "bob"), "192.0.2.2", "podman/5", "r-2")


def fact(name: str = "TagPushed", **fields: Any) -> Fact:
    """Make a fact: alice pushed a tag to alice/app, unless `fields` say otherwise."""
    plain: dict[str, Any] = {
        "at": NOW,
        "caller": ALICE,
        "verb": Verb.CREATE,
        "object": FactObject("tag", name="v1", content="sha256:1"),
        "repository": RepositoryRef(1, "alice/app"),
    }
    return Fact(name=name, **{**plain, **fields})


def security_fact(name: str = "AccountChanged", **fields: Any) -> Fact:
    """Make a fact for the audit chain: alice changed an account, unless `fields` say otherwise."""
    plain: dict[str, Any] = {
        "object": FactObject("user", name="carol", id="id-of-carol"),
        "verb": Verb.UPDATE,
        "repository": None,
        "namespace": "carol",
        "is_security": True,
    }
    return fact(name, **{**plain, **fields})
