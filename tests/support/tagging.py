"""The services around tags on one database, with a clock that stands still and a listener to facts."""

from datetime import timedelta

from dtr.core.clock import FakeClock
from dtr.core.facts import Fact
from dtr.core.principal import Caller, Principal
from dtr.features.images.model import ImmutableTags, Preconditions, PushGate
from dtr.features.images.service import Manifests
from dtr.features.images.service.details import DetailsReader
from dtr.features.images.service.history import TagHistory
from dtr.features.images.service.tags import Tags
from dtr.features.repositories.model import Repository, RepositoryChanges
from dtr.features.repositories.store import repositories
from dtr.oci.digest import Digest
from dtr.oci.names import RepositoryName
from dtr.plumbing.blobs.memory import MemoryDriver
from dtr.plumbing.db import Database, Transaction
from tests.support.grants import user_row
from tests.support.registry import image_index

NAME = RepositoryName.parse("alice/app")
UNDELETE_DAYS = 14


def index_of(number: int) -> bytes:
    """Return a manifest that needs nothing, a different one for each number."""
    return image_index(annotations={"number": str(number)})


def digest_of(number: int) -> str:
    """Return the digest of `index_of(number)`."""
    return str(Digest.of(index_of(number)))


class Tagging:
    """A registry with the user alice, who calls."""

    def __init__(self, database: Database, principal: Principal, *more_gates: PushGate) -> None:
        self.database = database
        self.clock = FakeClock()
        self.facts: list[Fact] = []
        self.caller = Caller(principal, "192.0.2.1", "a test", "request-1")
        self.driver = MemoryDriver(self.clock)
        gates = [ImmutableTags(), *more_gates]
        self.manifests = Manifests(database, self.clock, gates, self.hear, answers_bytes=0)
        self.tags = Tags(database, self.clock, self.hear, DetailsReader(database, self.driver))
        self.history = TagHistory(
            database, self.clock, gates, self.hear, undelete_within=timedelta(days=UNDELETE_DAYS)
        )

    @staticmethod
    async def begin(database: Database, *more_gates: PushGate) -> "Tagging":
        """Make the user and the services."""
        return Tagging(database, await database.write(lambda tx: user_row(tx, "alice")), *more_gates)

    def hear(self, tx: Transaction, fact: Fact) -> None:
        """Listen, within the transaction: one that is rolled back is heard as well."""
        assert tx.in_transaction()
        self.facts.append(fact)

    def heard(self) -> list[tuple[str, str, str]]:
        """Return name, verb and object of the facts so far, and forget them."""
        told = [(fact.name, fact.verb.value, fact.object.name or fact.object.content) for fact in self.facts]
        self.facts.clear()
        return told

    async def push(self, number: int, *tags: str, name: RepositoryName = NAME) -> str:
        """Push a manifest; return its digest. A second passes."""
        self.clock.advance(1)
        pushed = await self.manifests.push(
            self.caller,
            name,
            index_of(number),
            content_type=None,
            digest=None,
            tags=tags,
            preconditions=Preconditions(),
        )
        return str(pushed.digest)

    async def change(self, *, tag_limit: int | None = None, immutable: bool | None = None) -> Repository:
        """Set a limit or the immutability of tags."""
        changes = RepositoryChanges(tag_limit=tag_limit, immutable_tags=immutable)
        found = await self.database.write(lambda tx: repositories.change(tx, NAME.path, changes))
        assert found is not None
        return found
