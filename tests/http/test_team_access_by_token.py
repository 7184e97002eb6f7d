"""What each kind of caller may do with images, asked of a real server with real tokens."""

from collections.abc import Iterator

import pytest

from tests.support.registry import RegistryClient, image_manifest
from tests.support.server import ServerProcess
from tests.support.world import Kind, World

# p: pull, w: push, d: delete, n: bring a repository into being by a push; on a private repository.
MAY = {
    Kind.ANONYMOUS: "",
    Kind.STRANGER: "",
    Kind.MEMBER: "",
    Kind.TEAM_RO: "p",
    Kind.TEAM_RW: "pwd",
    Kind.TEAM_AD: "pwd",
    Kind.SPACE_RO: "p",
    Kind.SPACE_RW: "pwd",
    Kind.SPACE_AD: "pwdn",
    Kind.OWNER: "pwdn",
    Kind.USER_RO: "p",
    Kind.USER_RW: "pwd",
    Kind.USER_AD: "pwd",
    Kind.ROBOT_PULL: "p",
    Kind.ROBOT_PUSH: "pwn",
    Kind.ROBOT_ADMIN: "pwdn",
    Kind.OTHER_ROBOT: "",
    Kind.TOKEN: "p",
    Kind.AUDITOR: "",
    Kind.ADMIN: "pwdn",
}
"""Kinds that are not here cannot log in, or act elsewhere. The permit to push includes pulling."""


@pytest.fixture(scope="module")
def world(server: ServerProcess) -> Iterator[World]:
    made = World(server, "ht")
    yield made
    made.close()


@pytest.fixture(scope="module")
def _image(world: World) -> None:
    """Push an image to both repositories of the organization."""
    owner = _client(world, Kind.OWNER)
    for name in (world.home.private, world.home.public):
        owner.push_image(f"{world.home.namespace}/{name}")
    owner.close()


@pytest.fixture(params=list(MAY))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
def client(world: World, kind: Kind) -> Iterator[RegistryClient]:
    made = _client(world, kind)
    yield made
    made.close()


def _client(world: World, kind: Kind) -> RegistryClient:
    return RegistryClient(world.server.url, *world.credentials(kind))


@pytest.mark.usefixtures("_image")
def test_on_a_private_repository(world: World, kind: Kind, client: RegistryClient) -> None:
    path = f"{world.home.namespace}/{world.home.private}"
    refused = 401 if kind is Kind.ANONYMOUS else 403

    pulled = client.request("GET", path, "manifests/latest")
    listed = client.request("GET", path, "tags/list")
    pushed = client.push_manifest(path, f"by-{kind}", _manifest_of(world, path))
    deleted = client.request("DELETE", path, f"manifests/by-{kind}")

    can = MAY[kind]
    assert pulled.status_code == listed.status_code == (200 if "p" in can else refused)
    assert pushed.status_code == (201 if "w" in can else refused)
    assert deleted.status_code == (202 if "d" in can else refused)


@pytest.mark.usefixtures("_image")
def test_on_a_public_repository_everybody_pulls_and_no_more_than_before(
    world: World, kind: Kind, client: RegistryClient
) -> None:
    path = f"{world.home.namespace}/{world.home.public}"
    refused = 401 if kind is Kind.ANONYMOUS else 403

    pulled = client.request("GET", path, "manifests/latest")
    pushed = client.push_manifest(path, f"by-{kind}", _manifest_of(world, path))

    assert pulled.status_code == 200
    assert pushed.status_code == (201 if "w" in MAY[kind] else refused)


def test_on_a_repository_that_is_not_there_yet(world: World, kind: Kind, client: RegistryClient) -> None:
    path = f"{world.home.namespace}/new-{kind.value.replace('_', '-')}"

    started = client.request("POST", path, "blobs/uploads/")

    refused = 401 if kind is Kind.ANONYMOUS else 403
    assert started.status_code == (202 if "n" in MAY[kind] else refused)


def test_a_namespace_without_an_account_takes_no_pushes(
    world: World, kind: Kind, client: RegistryClient
) -> None:
    started = client.request("POST", f"ht-nobody{world.number()}/app", "blobs/uploads/")

    assert started.status_code == (401 if kind is Kind.ANONYMOUS else 403)


@pytest.mark.usefixtures("_image")
def test_the_catalog_shows_what_may_be_seen(world: World, kind: Kind, client: RegistryClient) -> None:
    token = client.token("registry:catalog:*")

    answer = client.http.get("/v2/_catalog", headers={"authorization": f"Bearer {token}"})

    if kind is Kind.ANONYMOUS:
        assert answer.status_code == 401
        return
    shown = {each.partition("/")[2] for each in answer.json()["repositories"] if _is_in(world, each)}
    sees_private = "p" in MAY[kind] or kind is Kind.AUDITOR
    assert world.home.public in shown
    assert (world.home.private in shown) is sees_private


def test_a_disabled_user_gets_no_token(world: World) -> None:
    name, password = world.credentials(Kind.DISABLED)
    client = RegistryClient(world.server.url)
    answer = client.http.get("/auth/token", params={"service": "dtr"}, auth=(name or "", password))
    client.close()

    assert answer.status_code == 401


def _is_in(world: World, path: str) -> bool:
    return path.startswith(f"{world.home.namespace}/")


def _manifest_of(world: World, path: str) -> bytes:
    """Return a manifest whose blobs the repository has."""
    config = b'{"architecture":"amd64","os":"linux"}'
    owner = _client(world, Kind.OWNER)
    owner.push_blob(path, config)
    owner.close()
    return image_manifest(config)
