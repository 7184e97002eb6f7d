"""Accounts, teams, robots, access tokens and renamed repositories, as people with docker and skopeo meet them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.container_tools import ContainerTool
from tests.clients.docker_engine import DockerEngine
from tests.clients.programs import Outcome
from tests.clients.registries import PASSWORDS, Registry
from tests.clients.sample_images import Sample
from tests.support.api import ApiClient

pytestmark = pytest.mark.client

PASSWORD = "everybody of acme has this one"
MEMBERS = {"rita": "readers", "walt": "writers", "ada": "admins"}
"""Members of the organization acme, each in the team of one level."""
LEVELS = {"readers": "read-only", "writers": "read-write", "admins": "admin"}


@dataclass(frozen=True)
class World:
    """The organization acme, with its API for the administrator."""

    admin: ApiClient
    docker: DockerEngine
    registry: Registry

    def user(self, name: str) -> DockerEngine:
        """Return docker with a member of acme logged in."""
        engine = self.docker.as_user(name)
        if not engine.config_file.exists():
            outcome = engine.login(self.registry.host, PASSWORDS.get(name, PASSWORD))
            assert outcome.succeeded, outcome
        return engine

    def new_repository(self, name: str, **settings: object) -> str:
        """Make a repository of acme in which its three teams have their levels; return its path."""
        made = self.admin.post("/api/v0/repositories/acme", {"name": name, **settings})
        assert made.status_code == 201, made.text
        for team, level in LEVELS.items():
            granted = self.admin.put(
                f"/api/v0/repositories/acme/{name}/teamAccess/{team}", {"accessLevel": level}
            )
            assert granted.is_success, granted.text
        return f"acme/{name}"

    def push(self, who: DockerEngine, sample: Sample, path: str, tag: str = "1") -> Outcome:
        """Push a fresh image as somebody."""
        reference = self.registry.image(f"{path}:{tag}")
        who.load(sample.image(), reference)
        return who.run("push", reference)

    def pull(self, who: DockerEngine, path: str, tag: str = "1") -> Outcome:
        """Pull an image as somebody, whose engine has forgotten it."""
        reference = self.registry.image(f"{path}:{tag}")
        who.run("image", "rm", "--force", reference)
        return who.run("pull", reference)


@pytest.fixture(scope="session")
def world(docker_of_nobody: DockerEngine, registry: Registry) -> Iterator[World]:
    admin = ApiClient(registry.server.url, "admin", registry.server.admin_password)
    world = World(admin, docker_of_nobody, registry)
    made = [
        admin.post("/enzi/v0/accounts", {"name": "acme", "isOrg": True}),
        *(admin.post("/enzi/v0/accounts/acme/teams", {"name": team}) for team in LEVELS),
    ]
    for user, team in MEMBERS.items():
        made.append(admin.post("/enzi/v0/accounts", {"name": user, "password": PASSWORD}))
        made.append(admin.put(f"/enzi/v0/accounts/acme/members/{user}", {}))
        made.append(admin.put(f"/enzi/v0/accounts/acme/teams/{team}/members/{user}", {}))
    assert all(answer.is_success for answer in made), [answer.text for answer in made]
    yield world
    admin.close()


@pytest.fixture
def name(sample: Sample) -> str:
    """Give a repository name that no other test has."""
    return sample.repository().rsplit("/", 1)[-1]


def made_by(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    content: dict[str, Any] = answer.json()
    return content


def access_token(world: World, user: str, **fields: object) -> dict[str, Any]:
    own = ApiClient(world.registry.server.url, user, PASSWORDS.get(user, PASSWORD))
    token = made_by(own.post("/api/v0/api_tokens", {"tokenLabel": "for a machine", **fields}))
    own.close()
    return token


# -- teams --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "pushes"), [("rita", False), ("walt", True), ("ada", True)])
def test_members_of_teams_push_and_pull_as_their_level_says(
    world: World, sample: Sample, name: str, user: str, pushes: bool
) -> None:
    path = world.new_repository(name)
    seeded = world.push(world.user("walt"), sample, path, "seed")
    assert seeded.succeeded, seeded

    assert world.pull(world.user(user), path, "seed").succeeded
    outcome = world.push(world.user(user), sample, path, "mine")
    assert outcome.succeeded is pushes, outcome
    if not pushes:
        assert f"denied: {user} may not push" in outcome.text, outcome


def test_stranger_is_told_nothing_of_a_private_repository(world: World, sample: Sample, name: str) -> None:
    path = world.new_repository(name)
    assert world.push(world.user("walt"), sample, path).succeeded

    outcome = world.pull(world.user("bob"), path)
    absent = world.pull(world.user("bob"), f"acme/absent-{name}")

    assert not outcome.succeeded
    assert not absent.succeeded
    assert outcome.text.replace(path, "X") == absent.text.replace(f"acme/absent-{name}", "X")


def test_right_that_is_taken_away_ends_at_once(world: World, sample: Sample, name: str) -> None:
    path = world.new_repository(name)
    assert world.push(world.user("walt"), sample, path).succeeded
    assert world.pull(world.user("rita"), path).succeeded

    gone = world.admin.delete(f"/api/v0/repositories/{path}/teamAccess/readers")
    assert gone.status_code == 204
    assert not world.pull(world.user("rita"), path).succeeded


def test_nobody_pushes_into_a_namespace_that_does_not_exist(world: World, sample: Sample, name: str) -> None:
    outcome = world.push(world.user("ada"), sample, f"no-such-account/{name}")

    assert not outcome.succeeded
    assert "denied: " in outcome.text, outcome


# -- access tokens and robots ----------------------------------------------------------------------------------


def test_login_with_an_access_token_lasts_as_long_as_the_token(
    world: World, sample: Sample, name: str
) -> None:
    path = world.new_repository(name)
    assert world.push(world.user("walt"), sample, path).succeeded
    token = access_token(world, "rita")
    assert token["token"].startswith("dtr_pat_")
    folder = world.docker.as_user(f"rita-by-token-{name}")

    def by_token(*arguments: str, input_text: str = "") -> Outcome:
        return folder.run(*arguments, input_text=input_text)

    login = by_token(
        "login", "--username", "rita", "--password-stdin", world.registry.host, input_text=token["token"]
    )
    assert login.succeeded, login
    assert "Login Succeeded" in login.stdout
    assert world.pull(folder, path).succeeded

    own = ApiClient(world.registry.server.url, "rita", PASSWORD)
    assert own.delete(f"/api/v0/api_tokens/{token['hashedToken']}").is_success
    own.close()
    outcome = world.pull(folder, path)
    assert not outcome.succeeded
    assert "unauthorized" in outcome.text, outcome


def test_limited_access_token_pulls_and_does_not_push(world: World, sample: Sample, name: str) -> None:
    path = world.new_repository(name)
    token = access_token(world, "walt", permits=[{"pattern": "acme/*", "actions": ["pull"]}])
    assert world.push(world.user("walt"), sample, path).succeeded
    limited = world.docker.as_user(f"walt-limited-{name}")
    login = limited.run(
        "login", "--username", "walt", "--password-stdin", world.registry.host, input_text=token["token"]
    )
    assert login.succeeded, login

    assert world.pull(limited, path).succeeded
    outcome = world.push(limited, sample, path, "2")
    assert not outcome.succeeded
    assert "denied: " in outcome.text, outcome


def test_robot_logs_in_pushes_and_is_stopped(world: World, sample: Sample, name: str) -> None:
    path = world.new_repository(name)
    robot = made_by(
        world.admin.post(
            "/api/v0/robots",
            {"name": name, "namespace": "acme", "permits": [{"pattern": path, "actions": ["pull", "push"]}]},
        )
    )
    assert robot["name"] == f"robot+acme+{name}"
    engine = world.docker.as_user(robot["name"])
    login = engine.login(world.registry.host, robot["secret"])
    assert login.succeeded, login

    assert world.push(engine, sample, path).succeeded
    assert world.pull(engine, path).succeeded
    elsewhere = world.push(engine, sample, world.new_repository(f"{name}-other"))
    assert not elsewhere.succeeded
    assert "denied: " in elsewhere.text, elsewhere

    off = world.admin.patch(f"/api/v0/robots/{robot['id']}", {"isActive": False})
    assert off.is_success, off.text
    outcome = world.pull(engine, path)
    assert not outcome.succeeded
    assert "unauthorized" in outcome.text, outcome


def test_skopeo_logs_in_with_an_access_token_and_as_a_robot(
    world: World, skopeo: ContainerTool, sample: Sample, name: str
) -> None:
    path = world.new_repository(name)
    assert world.push(world.user("walt"), sample, path).succeeded
    robot = made_by(
        world.admin.post(
            "/api/v0/robots",
            {"name": f"{name}-s", "namespace": "acme", "permits": [{"pattern": path, "actions": ["pull"]}]},
        )
    )
    for user, secret in (("rita", access_token(world, "rita")["token"]), (robot["name"], robot["secret"])):
        tool = skopeo.as_user(user)
        login = tool.login(world.registry.host, secret)
        assert login.succeeded, login
        reference = f"docker://{world.registry.image(path)}:1"
        shown = tool.json("inspect", "--cert-dir", str(tool.cert_dir), reference)
        assert shown["Digest"].startswith("sha256:")


# -- search ------------------------------------------------------------------------------------------------------


def found(outcome: Outcome) -> set[str]:
    """Return the names in the table that `docker search` prints."""
    assert outcome.succeeded, outcome
    return {line.split()[0] for line in outcome.stdout.splitlines()[1:]}


def test_search_finds_what_the_caller_may_see(world: World, name: str) -> None:
    open_path = world.new_repository(f"{name}-open", visibility="public")
    closed_path = world.new_repository(f"{name}-closed")
    term = f"{world.registry.host}/{name}"

    assert found(world.docker.as_user("nobody-at-all").run("search", term)) == {open_path}
    assert found(world.user("bob").run("search", term)) == {open_path}
    assert found(world.user("rita").run("search", term)) == {open_path, closed_path}


def test_search_of_a_robot_finds_what_it_may_pull(world: World, name: str) -> None:
    path = world.new_repository(f"{name}-mine")
    world.new_repository(f"{name}-other")
    robot = made_by(
        world.admin.post(
            "/api/v0/robots",
            {"name": f"{name}-r", "namespace": "acme", "permits": [{"pattern": path, "actions": ["pull"]}]},
        )
    )
    engine = world.docker.as_user(robot["name"])
    assert engine.login(world.registry.host, robot["secret"]).succeeded

    assert found(engine.run("search", f"{world.registry.host}/{name}")) == {path}


# -- renamed repositories ----------------------------------------------------------------------------------------


def test_old_name_of_a_renamed_repository_serves_pulls_and_takes_no_push(
    world: World, sample: Sample, name: str
) -> None:
    path = world.new_repository(name)
    assert world.push(world.user("walt"), sample, path).succeeded
    renamed = world.admin.post(f"/api/v0/repositories/{path}/rename", {"name": f"{path}-new"})
    assert renamed.is_success, renamed.text

    old, new = world.pull(world.user("rita"), path), world.pull(world.user("rita"), f"{path}-new")
    assert old.succeeded, old
    assert new.succeeded, new
    outcome = world.push(world.user("walt"), sample, path, "2")
    assert not outcome.succeeded
    assert "denied: walt may not push" in outcome.text, outcome
    tags = world.admin.get(f"/api/v0/repositories/{path}-new/tags").json()
    assert [tag["name"] for tag in tags] == ["1"]


def test_password_is_not_kept_by_docker(world: World) -> None:
    stored = world.user("rita").config_file.read_text()

    assert PASSWORD not in stored
    assert json.loads(stored)["auths"][world.registry.host]["identitytoken"]
