"""Pulls are counted in memory and written in batches, with one fact for all that are alike; on both databases."""

import pytest

from dtr.core.clock import FakeClock
from dtr.core.errors import Unavailable
from dtr.core.facts import Audience, Fact, Verb
from dtr.core.principal import PrincipalKind, TokenSubject
from dtr.features.images.model import StoredManifest
from dtr.features.images.service import PullCounter
from dtr.features.images.service import pulls as pulls_service
from dtr.features.images.store import tags as tag_store
from dtr.features.repositories.store import repositories
from dtr.plumbing.db import Database, Transaction
from tests.support.registry import image_manifest
from tests.support.rows import manifest_row, repository_row

ALICE = TokenSubject("alice", "an id", PrincipalKind.USER)
NOBODY = TokenSubject()


class Pulling:
    """A repository with one manifest, and a counter that is listened to."""

    def __init__(self, database: Database, found: StoredManifest, *, record_pulls: bool = True) -> None:
        self.database = database
        self.found = found
        self.facts: list[Fact] = []
        self.broken = False
        self.counter = PullCounter(database, FakeClock(), self.hear, record_pulls=record_pulls)

    def hear(self, _tx: Transaction, fact: Fact) -> None:
        if self.broken:
            raise Unavailable("the log is full")
        self.facts.append(fact)

    def pull(
        self,
        times: int = 1,
        tag: str = "v1",
        holder: TokenSubject = ALICE,
        address: str = "192.0.2.1",
        agent: str = "docker/29",
    ) -> None:
        for _ in range(times):
            self.counter.count(self.found, tag, holder, address, agent)

    async def counted(self) -> tuple[int, int]:
        """Return the pulls of the repository and of the manifest."""

        def read(tx: Transaction) -> tuple[int, int]:
            repository = repositories.find(tx, "alice/app")
            assert repository is not None
            [manifest] = tag_store.manifests_from(tx, repository.id, "", 10)
            return repository.pulls, manifest.pulls

        return await self.database.read(read)


@pytest.fixture
async def found(database: Database) -> StoredManifest:
    def write(tx: Transaction) -> StoredManifest:
        repository = repository_row(tx)
        digest = manifest_row(tx, repository, image_manifest(b"config"), "v1")
        return StoredManifest(repository.id, str(digest), "a/b", b"")

    return await database.write(write)


@pytest.fixture
def pulling(database: Database, found: StoredManifest) -> Pulling:
    return Pulling(database, found)


async def test_pulls_that_are_alike_become_one_fact_with_their_number(pulling: Pulling) -> None:
    pulling.pull(3)
    pulling.pull(2, tag="")
    pulling.pull(1, holder=NOBODY)
    pulling.pull(1, agent="podman/6")
    await pulling.counter.flush()

    told = {
        (fact.object.type, fact.object.name, fact.caller.principal.name, fact.caller.user_agent): fact.count
        for fact in pulling.facts
    }
    assert told == {
        ("tag", "v1", "alice", "docker/29"): 3,
        ("manifest", "", "alice", "docker/29"): 2,
        ("tag", "v1", None, "docker/29"): 1,
        ("tag", "v1", "alice", "podman/6"): 1,
    }
    assert await pulling.counted() == (7, 7)


async def test_a_fact_about_pulls_is_for_who_administers_and_says_who_pulled_what(pulling: Pulling) -> None:
    pulling.pull()
    await pulling.counter.flush()

    [fact] = pulling.facts
    assert (fact.name, fact.verb, fact.audience) == ("ManifestPulled", Verb.GET, Audience.ADMINS)
    assert (fact.caller.principal.account_id, fact.caller.address) == ("an id", "192.0.2.1")
    assert fact.object.content == pulling.found.digest
    assert fact.repository is not None
    assert fact.repository.path == "alice/app"


async def test_a_second_flush_tells_nothing_twice(pulling: Pulling) -> None:
    pulling.pull()
    await pulling.counter.flush()
    await pulling.counter.flush()

    assert len(pulling.facts) == 1
    assert await pulling.counted() == (1, 1)


async def test_pulls_are_only_counted_where_nobody_wants_to_know_more(
    database: Database, found: StoredManifest
) -> None:
    pulling = Pulling(database, found, record_pulls=False)
    pulling.pull(5)
    await pulling.counter.flush()

    assert pulling.facts == []
    assert await pulling.counted() == (5, 5)


async def test_what_could_not_be_written_is_kept_for_the_next_time(pulling: Pulling) -> None:
    pulling.pull(2)
    pulling.broken = True
    with pytest.raises(Unavailable):
        await pulling.counter.flush()
    assert await pulling.counted() == (0, 0)

    pulling.broken = False
    pulling.pull(1)
    await pulling.counter.flush()

    assert [fact.count for fact in pulling.facts] == [3]
    assert await pulling.counted() == (3, 3)


async def test_too_many_different_pulls_lose_address_and_agent_and_then_all_but_their_number(
    pulling: Pulling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls_service, "MOST_KEYS", 2)
    for number in range(10):
        pulling.pull(agent=f"agent/{number}")
    for number in range(10):
        pulling.pull(holder=TokenSubject(f"user-{number}", f"id-{number}", PrincipalKind.USER))
    await pulling.counter.flush()

    told = [(fact.caller.principal.name, fact.caller.user_agent, fact.count) for fact in pulling.facts]
    assert sorted(told, key=str) == [
        ("alice", "", 8),
        ("alice", "agent/0", 1),
        ("alice", "agent/1", 1),
        ("user-0", "", 1),
    ]
    assert await pulling.counted() == (20, 20)


async def test_facts_are_written_in_several_small_transactions(
    pulling: Pulling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulls_service, "KEYS_PER_WRITE", 2)
    for number in range(5):
        pulling.pull(agent=f"agent/{number}")
    await pulling.counter.flush()

    assert len(pulling.facts) == 5
    assert await pulling.counted() == (5, 5)


async def test_pulls_of_a_repository_that_is_gone_are_nobodys_news(
    database: Database, found: StoredManifest
) -> None:
    pulling = Pulling(database, StoredManifest(found.repository_id + 1, found.digest, "a/b", b""))
    pulling.pull()
    await pulling.counter.flush()

    assert pulling.facts == []
