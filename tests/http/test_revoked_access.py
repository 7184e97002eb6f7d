"""Tokens that are out when their holder loses a right: void at the next request, at whichever worker."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.api import ApiClient
from tests.support.registry import RegistryClient, error_codes
from tests.support.server import ServerProcess
from tests.support.world import PASSWORD, Kind, Place, World

POSTGRESQL_SECONDS = 1.0
"""How late a process may learn of a revocation on PostgreSQL."""
CONNECTIONS = 12
"""So many connections that both workers get some."""

Change = Callable[[ApiClient, Place, World], httpx.Response]


@pytest.fixture(scope="module")
def world(server: ServerProcess) -> Iterator[World]:
    made = World(server, "rv")
    yield made
    made.close()


class Watch:
    """An image of an organization, and a token for it that somebody holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.place = world.organization()
        self.path = f"{self.place.namespace}/{self.place.private}"
        self.admin = ApiClient(world.server.url, "admin", world.server.admin_password)
        owner = RegistryClient(world.server.url, *world.credentials(Kind.OWNER))
        owner.push_image(self.path)
        owner.close()

    def token(self, name: str | None, secret: str) -> str:
        client = RegistryClient(self.world.server.url, name, secret)
        token = client.repository_token(self.path, "pull")
        client.close()
        assert self.statuses(token) == {200}
        return token

    def statuses(self, token: str) -> set[int]:
        """Pull over many connections; return the statuses of the answers."""
        return {each.status_code for each in self.answers(token)}

    def answers(self, token: str) -> list[httpx.Response]:
        clients = [httpx.Client(base_url=self.world.server.url) for _ in range(CONNECTIONS)]
        headers = {"authorization": f"Bearer {token}"}
        found = [
            client.request(method, f"/v2/{self.path}/manifests/latest", headers=headers)
            for client in clients
            for method in ("GET", "HEAD", "GET")
        ]
        for client in clients:
            client.close()
        return found

    def wait(self) -> None:
        """Wait as long as the database keeps the workers in the dark: on SQLite not at all."""
        if self.world.server.database_url.startswith("postgresql"):
            time.sleep(POSTGRESQL_SECONDS)


@pytest.fixture
def watch(world: World) -> Iterator[Watch]:
    made = Watch(world)
    yield made
    made.admin.close()


def _team(kind: Kind) -> str:
    return kind.value


LOSSES: dict[str, tuple[Kind, Change]] = {
    "leaves the team": (
        Kind.TEAM_RO,
        lambda admin, place, world: admin.delete(
            f"/enzi/v0/accounts/{place.namespace}/teams/team_ro/members/{world.name_of(Kind.TEAM_RO)}"
        ),
    ),
    "leaves the organization": (
        Kind.TEAM_RO,
        lambda admin, place, world: admin.delete(
            f"/enzi/v0/accounts/{place.namespace}/members/{world.name_of(Kind.TEAM_RO)}"
        ),
    ),
    "the team is deleted": (
        Kind.TEAM_RO,
        lambda admin, place, _: admin.delete(f"/enzi/v0/accounts/{place.namespace}/teams/team_ro"),
    ),
    "the team loses the repository": (
        Kind.TEAM_RO,
        lambda admin, place, _: admin.delete(
            f"/api/v0/repositories/{place.namespace}/{place.private}/teamAccess/team_ro"
        ),
    ),
    "the team loses its level": (
        Kind.TEAM_RW,
        lambda admin, place, _: admin.put(
            f"/api/v0/repositories/{place.namespace}/{place.private}/teamAccess/team_rw",
            {"accessLevel": "read-only"},
        ),
    ),
    "the team loses the namespace": (
        Kind.SPACE_RO,
        lambda admin, place, _: admin.delete(
            f"/api/v0/repositoryNamespaces/{place.namespace}/teamAccess/space_ro"
        ),
    ),
    "the owner is demoted": (
        Kind.OWNER,
        lambda admin, place, world: admin.put(
            f"/enzi/v0/accounts/{place.namespace}/members/{world.name_of(Kind.OWNER)}", {"isAdmin": False}
        ),
    ),
}


@pytest.mark.parametrize(("kind", "lose"), LOSSES.values(), ids=LOSSES.keys())
def test_who_loses_a_right_loses_the_tokens_that_are_out(
    watch: Watch, world: World, kind: Kind, lose: Change
) -> None:
    token = watch.token(*world.credentials(kind))
    bystander = watch.token(*world.credentials(Kind.USER_RO))

    answer = lose(watch.admin, watch.place, world)
    assert answer.is_success, answer.text
    watch.wait()

    assert watch.statuses(token) == {401}
    assert watch.statuses(bystander) == {200}


def _user(world: World) -> tuple[str, str]:
    """Make a user who may pull from nothing of others."""
    made = world.user(f"u{world.number()}")
    return str(made.name), PASSWORD


@pytest.mark.parametrize("change", ["disable", "password", "delete"])
def test_an_account_that_is_closed_takes_its_tokens_with_it(watch: Watch, world: World, change: str) -> None:
    name, _ = _user(world)
    watch.admin.put(f"/enzi/v0/accounts/{watch.place.namespace}/members/{name}", {"isAdmin": True})
    token = watch.token(name, PASSWORD)
    path = f"/enzi/v0/accounts/{name}"

    answer = {
        "disable": lambda: watch.admin.patch(path, {"isActive": False}),
        "password": lambda: watch.admin.post(f"{path}/changePassword", {"newPassword": "another of hers 42"}),
        "delete": lambda: watch.admin.delete(path),
    }[change]()
    assert answer.is_success, answer.text
    watch.wait()

    assert watch.statuses(token) == {401}


def test_a_void_token_is_answered_like_an_invalid_one_so_that_clients_fetch_another(
    watch: Watch, world: World
) -> None:
    token = watch.token(*world.credentials(Kind.TEAM_RW))
    team = f"/api/v0/repositories/{watch.path}/teamAccess/team_rw"
    watch.admin.put(team, {"accessLevel": "read-only"})
    watch.wait()

    answer = next(each for each in watch.answers(token) if each.request.method == "GET")

    assert error_codes(answer) == ["UNAUTHORIZED"]
    assert answer.headers["www-authenticate"].endswith(',error="invalid_token"')
    watch.token(*world.credentials(Kind.TEAM_RW))  # a new one is good at once, with what is left


@pytest.fixture
def robot(watch: Watch) -> dict[str, str]:
    """Give a robot that may pull from the organization."""
    wanted = {
        "name": "ci",
        "namespace": watch.place.namespace,
        "permits": [{"pattern": f"{watch.place.namespace}/**", "actions": ["pull"]}],
    }
    answer = watch.admin.post("/api/v0/robots", wanted)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


ROBOT_LOSSES: dict[str, Callable[[ApiClient, str], httpx.Response]] = {
    "disabled": lambda admin, path: admin.patch(path, {"isActive": False}),
    "deleted": lambda admin, path: admin.delete(path),
    "rotated without an overlap": lambda admin, path: admin.post(f"{path}/secret", {"overlapHours": 0}),
}


@pytest.mark.parametrize("lose", ROBOT_LOSSES.values(), ids=ROBOT_LOSSES.keys())
def test_a_robots_tokens_end_with_what_they_were_issued_for(
    watch: Watch, robot: dict[str, str], lose: Callable[[ApiClient, str], httpx.Response]
) -> None:
    token = watch.token(robot["name"], robot["secret"])

    assert lose(watch.admin, f"/api/v0/robots/{robot['name']}").is_success
    watch.wait()

    assert watch.statuses(token) == {401}


def test_a_disabled_users_robots_end_with_them(watch: Watch, world: World) -> None:
    name, _ = _user(world)
    other = RegistryClient(world.server.url, name, PASSWORD)
    other.push_image(f"{name}/app")
    wanted = {"name": "ci", "namespace": name, "permits": [{"pattern": f"{name}/**", "actions": ["pull"]}]}
    made = watch.admin.post("/api/v0/robots", wanted).json()
    watch.path = f"{name}/app"
    token = watch.token(made["name"], made["secret"])

    assert watch.admin.patch(f"/enzi/v0/accounts/{name}", {"isActive": False}).is_success
    watch.wait()

    assert watch.statuses(token) == {401}
    answer = watch.admin.http.get("/auth/token", auth=(made["name"], made["secret"]))
    assert answer.status_code == 401
    watch.admin.patch(f"/enzi/v0/accounts/{name}", {"isActive": True})
    watch.token(made["name"], made["secret"])
    other.close()


def test_rotation_with_an_overlap_refuses_nothing(watch: Watch, robot: dict[str, str]) -> None:
    token = watch.token(robot["name"], robot["secret"])

    rotated = watch.admin.post(f"/api/v0/robots/{robot['name']}/secret", {}).json()
    watch.wait()

    assert watch.statuses(token) == {200}
    watch.token(robot["name"], robot["secret"])
    watch.token(robot["name"], rotated["secret"])


def test_a_disabled_access_token_takes_what_was_got_with_it(watch: Watch, world: World) -> None:
    name, _ = world.credentials(Kind.OWNER)
    owner = world.client(Kind.OWNER)
    made = owner.post("/api/v0/api_tokens", {"tokenLabel": f"of watch {world.number()}"}).json()
    token, by_password = watch.token(name, made["token"]), watch.token(name, PASSWORD)

    assert owner.patch(f"/api/v0/api_tokens/{made['hashedToken']}", {"isActive": False}).is_success
    watch.wait()

    assert watch.statuses(token) == {401}
    assert watch.statuses(by_password) == {200}
