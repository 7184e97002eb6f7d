"""The robots room with a clock that stands still."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dtr.core.clock import FakeClock
from dtr.core.errors import Unauthorized
from dtr.core.permits import Permit
from dtr.core.principal import ANONYMOUS, Caller, Principal
from dtr.features.accounts.model import Account
from dtr.features.accounts.store import accounts as account_store
from dtr.features.accounts.throttle import AddressThrottle
from dtr.features.robots.model import (
    MAX_ROBOTS,
    NewRobot,
    ShownSecret,
)
from dtr.features.robots.service import Robots
from dtr.plumbing.db import Database, Transaction
from tests.support.accounts import QuickHasher

if TYPE_CHECKING:
    from dtr.core.facts import Fact


HOME = Caller(ANONYMOUS, "192.0.2.1")
ELSEWHERE = Caller(ANONYMOUS, "198.51.100.9")
ADMIN = Caller(Principal("id of admin", "admin", is_admin=True))
AUDITOR = Caller(Principal("id of eve", "eve", is_auditor=True))
ALICE = Caller(Principal("id of alice", "alice"))
BOB = Caller(Principal("id of bob", "bob"))
PULL = (Permit.parse("alice/**", ["pull"]),)
SECRET = "a secret that somebody chose"
DAY = 24 * 3600


class RobotsRoom:
    """The robots of a registry with the users admin, alice and bob."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.hasher = QuickHasher()
        self.revoked: list[str] = []
        self.facts: list[Fact] = []
        self.robots = self.another_process()

    def another_process(self, per_namespace: int = MAX_ROBOTS) -> Robots:
        """Make the service anew, on the same database."""
        return Robots(
            self.database,
            self.clock,
            hasher=self.hasher,
            throttle=AddressThrottle(self.database, self.clock),
            revoke=self._revoke,
            announce=lambda _tx, fact: self.facts.append(fact),
            per_namespace=per_namespace,
        )

    def _revoke(self, _tx: Transaction, robot_ids: Sequence[str]) -> None:
        self.revoked += robot_ids

    @staticmethod
    async def begin(database: Database) -> "RobotsRoom":
        """Make the users and the room."""
        room = RobotsRoom(database)
        await room._make_accounts()
        return room

    async def _make_accounts(self) -> None:
        def write(tx: Transaction) -> None:
            for name in ("admin", "alice", "bob"):
                account = Account(
                    f"id of {name}", name, "", is_admin=False, is_active=True, created_at=self.clock.now()
                )
                account_store.insert(tx, account, "hash")

        await self.database.write(write)

    async def make(
        self, name: str = "ci", *, secret: str | None = None, days: int | None = 30
    ) -> ShownSecret:
        """Make a robot of alice."""
        wanted = NewRobot(name=name, namespace="alice", permits=PULL, life_days=days, secret=secret)
        return await self.robots.create(ALICE, wanted)

    async def log_in(self, made: ShownSecret, caller: Caller = HOME, secret: str | None = None) -> Principal:
        """Log in with the secret that was shown, or another one."""
        return await self.robots.authenticate(made.robot.name, secret or made.secret, caller)

    async def is_let_in(self, made: ShownSecret, secret: str | None = None) -> bool:
        """Tell whether a secret is the right one."""
        try:
            await self.log_in(made, secret=secret)
        except Unauthorized as error:
            return error.message != "the user name or the password is wrong"
        return True
