"""A small world for tests of who may do what: an organization with teams of every level, and every kind of caller."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import text

from dtr.core.ids import new_id
from dtr.core.permits import Permit
from dtr.core.principal import Principal
from dtr.features.repositories.model import RepositoryChanges, Visibility
from dtr.features.repositories.store import repositories
from dtr.features.robots import store as robots
from dtr.features.robots.model import Robot, fast_hash
from dtr.plumbing.crypto.passwords import PasswordHasher
from dtr.plumbing.db import Transaction, open_database
from tests.support.api import ApiClient
from tests.support.grants import (
    grant_namespace,
    grant_to_team,
    grant_to_user,
    organization_row,
    team_row,
    user_row,
)
from tests.support.rows import repository_row
from tests.support.server import ServerProcess

T = TypeVar("T")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
PASSWORD = "everybody has the same in this world"
ROBOT_SECRET = "dtr_robot_of-the-world-of-permissions"


class Kind(StrEnum):
    """A kind of caller, by what they are to the organization and its repositories."""

    ANONYMOUS = "anonymous"
    STRANGER = "stranger"
    MEMBER = "member"
    """Of the organization, in no team."""
    TEAM_RO = "team_ro"
    """In a team with this level on the repository."""
    TEAM_RW = "team_rw"
    TEAM_AD = "team_ad"
    SPACE_RO = "space_ro"
    """In a team with this level on the whole namespace."""
    SPACE_RW = "space_rw"
    SPACE_AD = "space_ad"
    OWNER = "owner"
    """Of the organization."""
    USER_RO = "user_ro"
    """Was granted this level on the repository in person, and is no member."""
    USER_RW = "user_rw"
    USER_AD = "user_ad"
    OWN = "own"
    """Acts in the namespace of their own name, on the account that is theirs."""
    ROBOT_PULL = "robot_pull"
    ROBOT_PUSH = "robot_push"
    ROBOT_ADMIN = "robot_admin"
    OTHER_ROBOT = "other_robot"
    """A robot with all permits in another namespace."""
    TOKEN = "token"
    """The owner of the organization, with an access token that is limited to pulling."""
    AUDITOR = "auditor"
    DISABLED = "disabled"
    """A user with the right password whose account is disabled."""
    ADMIN = "admin"


TEAMS = {
    Kind.TEAM_RO: "read-only",
    Kind.TEAM_RW: "read-write",
    Kind.TEAM_AD: "admin",
    Kind.SPACE_RO: "read-only",
    Kind.SPACE_RW: "read-write",
    Kind.SPACE_AD: "admin",
}
GRANTEES = {Kind.USER_RO: "read-only", Kind.USER_RW: "read-write", Kind.USER_AD: "admin"}
ROBOTS = {Kind.ROBOT_PULL: "pull", Kind.ROBOT_PUSH: "push", Kind.ROBOT_ADMIN: "admin"}
VICTIM = "victim"
"""A user that things are done to."""


@dataclass
class Place:
    """An organization, or a user, with one repository that is private and one that is public."""

    namespace: str
    private: str = "app"
    public: str = "open"
    robot: str = ""
    """The full name of a robot that belongs to it and may do nothing."""
    teams: dict[Kind, str] = field(default_factory=dict)
    """The ids of the teams of an organization, by the kind of who is in them; the names are the kinds'."""


class World:
    """Everybody, on a running server. Made once; what is to be destroyed is made anew by `organization` and others."""

    def __init__(self, server: ServerProcess, prefix: str = "world") -> None:
        self.server = server
        self.prefix = prefix
        self._numbers = itertools.count(1)
        self._runner = asyncio.Runner()
        self._database = open_database(server.database_url)
        self._runner.run(self._database.open())
        self._hash = PasswordHasher().hash(PASSWORD)
        self.people = {kind: self.user(kind.value.replace("_", "-")) for kind in self._users()}
        self.victim = self.user(VICTIM)
        self._rank(Kind.AUDITOR, "is_auditor = TRUE")
        self._rank(Kind.DISABLED, "is_active = FALSE")
        self._add_robots()
        self.home = self.organization()
        self.own = self._own_place()
        self._clients: dict[Kind, ApiClient] = {}
        self._token = ""

    def close(self) -> None:
        """Close all connections."""
        for each in self._clients.values():
            each.close()
        self._runner.run(self._database.close())
        self._runner.close()

    def number(self) -> int:
        """Return a number that was not given before, to make names of."""
        return next(self._numbers)

    def write(self, run: Callable[[Transaction], T]) -> T:
        """Change rows behind the server's back."""
        return self._runner.run(self._database.write(run))

    def name_of(self, kind: Kind) -> str:
        """Return the login name of a kind of caller."""
        if kind is Kind.ADMIN:
            return "admin"
        if kind in ROBOTS or kind is Kind.OTHER_ROBOT:
            return f"robot+{self.prefix}-{kind.value.replace('_', '-')}"
        if kind is Kind.TOKEN:
            return self.name_of(Kind.OWNER)
        return f"{self.prefix}-{kind.value.replace('_', '-')}"

    def client(self, kind: Kind) -> ApiClient:
        """Return a client that calls as somebody of this kind."""
        if kind not in self._clients:
            self._clients[kind] = ApiClient(self.server.url, *self.credentials(kind))
        return self._clients[kind]

    def credentials(self, kind: Kind) -> tuple[str | None, str]:
        """Return the name and password, or what serves as one, of a kind of caller."""
        if kind is Kind.ANONYMOUS:
            return None, ""
        if kind is Kind.ADMIN:
            return "admin", self.server.admin_password
        if kind is Kind.TOKEN:
            return self.name_of(kind), self._limited_token()
        is_robot = kind in ROBOTS or kind is Kind.OTHER_ROBOT
        return self.name_of(kind), ROBOT_SECRET if is_robot else PASSWORD

    def place(self, kind: Kind) -> Place:
        """Return where a kind of caller acts."""
        return self.own if kind is Kind.OWN else self.home

    def user(self, name: str) -> Principal:
        """Make a user with the password of all."""

        def write(tx: Transaction) -> Principal:
            made = user_row(tx, f"{self.prefix}-{name}")
            set_password = text("UPDATE account SET password_hash = :hash WHERE id = :id")
            tx.execute(set_password, {"hash": self._hash, "id": made.account_id})
            return made

        return self.write(write)

    def organization(self) -> Place:
        """Make an organization in which all kinds of callers have their teams and grants."""
        place = Place(f"{self.prefix}-org{self.number()}")

        def write(tx: Transaction) -> None:
            people = self.people
            members = tuple(people[kind] for kind in (Kind.MEMBER, *TEAMS))
            org_id = organization_row(tx, place.namespace, people[Kind.OWNER], members=members)
            for kind, level in TEAMS.items():
                place.teams[kind] = team_row(tx, org_id, kind.value, people[kind])
                if kind.value.startswith("space"):
                    grant_namespace(tx, place.teams[kind], level)
            self._add_repositories(tx, place)
            self.robot(tx, place)

        self.write(write)
        return place

    def repository(self, place: Place, *, public: bool = False) -> str:
        """Make another repository like the others of a place; return its name within the namespace."""
        name = f"fresh{self.number()}"
        self.write(lambda tx: self._add_repository(tx, place, name, public=public))
        return name

    def robot(self, tx: Transaction, place: Place) -> None:
        """Give a place a robot of its own."""
        place.robot = f"robot+{place.namespace}+ci{self.number()}"
        robots.insert(tx, _robot(place.robot, place.namespace, ()), fast_hash(ROBOT_SECRET))

    def restore(self, place: Place) -> None:
        """Make anew what somebody deleted."""

        def write(tx: Transaction) -> None:
            for name, public in ((place.private, False), (place.public, True)):
                if repositories.find(tx, f"{place.namespace}/{name}") is None:
                    self._add_repository(tx, place, name, public=public)
            if robots.find(tx, place.robot) is None:
                self.robot(tx, place)

        self.write(write)

    def forget_failed_logins(self) -> None:
        """Let nobody wait for the logins of others that failed."""
        self.write(lambda tx: tx.execute(text("DELETE FROM login_failure")))

    def _users(self) -> list[Kind]:
        nobody = {Kind.ANONYMOUS, Kind.ADMIN, Kind.TOKEN, Kind.OTHER_ROBOT, *ROBOTS}
        return [kind for kind in Kind if kind not in nobody]

    def _rank(self, kind: Kind, change: str) -> None:
        statement = text(f"UPDATE account SET {change} WHERE id = :id")  # noqa: S608 - constants of this module
        self.write(lambda tx: tx.execute(statement, {"id": self.people[kind].account_id}))

    def _own_place(self) -> Place:
        place = Place(self.name_of(Kind.OWN))
        self.restore(place)
        return place

    def _add_repositories(self, tx: Transaction, place: Place) -> None:
        self._add_repository(tx, place, place.private, public=False)
        self._add_repository(tx, place, place.public, public=True)

    def _add_repository(self, tx: Transaction, place: Place, name: str, *, public: bool) -> None:
        path = f"{place.namespace}/{name}"
        made = repository_row(tx, path)
        if public:
            repositories.change(tx, path, RepositoryChanges(visibility=Visibility.PUBLIC))
        for kind, team_id in place.teams.items():
            if kind.value.startswith("team"):
                grant_to_team(tx, team_id, made.id, TEAMS[kind])
        for kind, level in GRANTEES.items():
            grant_to_user(tx, self.people[kind], made.id, level)

    def _add_robots(self) -> None:
        for kind in (*ROBOTS, Kind.OTHER_ROBOT):
            pattern = "elsewhere/**" if kind is Kind.OTHER_ROBOT else f"{self.prefix}-*/**"
            robot = _robot(self.name_of(kind), "", (Permit.parse(pattern, [ROBOTS.get(kind, "admin")]),))
            self.write(lambda tx, robot=robot: robots.insert(tx, robot, fast_hash(ROBOT_SECRET)))  # type: ignore[misc]

    def _limited_token(self) -> str:
        if not self._token:
            wanted = {
                "tokenLabel": "pulls",
                "permits": [{"pattern": f"{self.prefix}-*/**", "actions": ["pull"]}],
            }
            answer = self.client(Kind.OWNER).post("/api/v0/api_tokens", wanted)
            assert answer.status_code == 201, answer.text
            self._token = answer.json()["token"]
        return self._token


def _robot(name: str, namespace: str, permits: tuple[Permit, ...]) -> Robot:
    return Robot(
        id=new_id(),
        name=name,
        namespace=namespace,
        description="",
        permits=permits,
        is_active=True,
        created_at=NOW,
        created_by="admin",
        expires_at=None,
        secret_set_at=NOW,
        previous_secret_expires_at=None,
    )
